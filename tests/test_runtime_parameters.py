"""A user's own source goes with every environment."""

from crm_pipelines.runtime_parameters import own_sources


def test_sources_of_an_environment_that_does_not_take_part_are_found(tmp_path):
    folder = tmp_path / "local" / "parameters"
    folder.mkdir(parents=True)
    (folder / "sources.yml").write_text("sources:\n  mine: {title: Mine}\n")
    (folder / "other.yml").write_text("split: {folds: 2}\n")
    (tmp_path / "local" / "globals.yml").write_text("sources:\n  not_a_parameter: {}\n")
    assert own_sources(tmp_path, "local") == {"mine": {"title": "Mine"}}


def test_a_file_that_cannot_be_read_is_left_to_kedro(tmp_path):
    folder = tmp_path / "local" / "parameters"
    folder.mkdir(parents=True)
    (folder / "sources.yml").write_text("sources: [unclosed\n")
    assert own_sources(tmp_path, "local") == {}
