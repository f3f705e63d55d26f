"""Reading the results folder: what is absent is left out, what is broken is told in one line."""

import json
import logging
import re
from pathlib import Path

import pytest

from crm_pipelines.errors import UserError
from crm_pipelines.reporting.results import TABLE_COLUMNS, Results, environment_mark

from .conftest import write_source


def test_every_file_of_a_source_is_collected(results: Results) -> None:
    source = results.source("taobao")
    assert source.title == "Taobao head users"
    assert [fold["protocol"] for fold in source.splits] == ["time", "held_out"]
    assert source.cleaning is not None
    assert source.imputation is not None
    assert source.imputation["value"].tolist() == ["41.5", "silver"]
    (pipeline,) = source.pipelines
    assert pipeline.name == "coldstart"
    assert pipeline.environment["device"] == "cpu"
    of_risk = {"curves", "attention", "importance", "intervals"}
    of_engagement = {"world_losses", "world_scores", "policy", "effects"}
    of_feedback = {"tests", "classes", "confusion", "words", "entity_scores", "entity_counts", "themes", "pain_points"}
    of_profile = {"forecasts", "value_bands", "segments", "segment_quality", "bands"}
    for name, columns in TABLE_COLUMNS.items():
        table = getattr(pipeline, name)
        assert len(table) or name in of_risk | of_engagement | of_feedback | of_profile | {"acceptance", "transfer"}
        assert set(columns) <= set(table.columns)


@pytest.mark.parametrize("folder", ["missing", "."])
def test_a_folder_without_results_has_no_sources(tmp_path: Path, folder: str) -> None:
    assert Results.read(tmp_path / folder).sources == ()


def test_a_missing_file_is_an_empty_table(results: Results) -> None:
    (results.root / "taobao" / "coldstart" / "fairness.csv").unlink()
    (pipeline,) = Results.read(results.root).source("taobao").pipelines
    assert pipeline.fairness.empty
    assert len(pipeline.metrics)


def test_a_table_without_rows_may_lack_columns_for_a_single_model_has_nothing_to_compare(results: Results) -> None:
    (results.root / "taobao" / "coldstart" / "comparisons.csv").write_text("model,fold\n")
    (pipeline,) = Results.read(results.root).source("taobao").pipelines
    assert list(pipeline.comparisons.columns) == list(TABLE_COLUMNS["comparisons"])


def test_sources_have_a_fixed_order_with_ones_own_at_the_end(tmp_path: Path) -> None:
    for name in ("my_shop", "movielens", "demo", "a_shop"):
        write_source(tmp_path, name, name)
    assert [source.name for source in Results.read(tmp_path).sources] == ["demo", "movielens", "a_shop", "my_shop"]


def test_names_that_look_like_missing_values_stay_names(tmp_path: Path) -> None:
    write_source(tmp_path, "nan", "Not a number", models=("NA", "tfpnet"))
    (pipeline,) = Results.read(tmp_path).source("nan").pipelines
    assert set(pipeline.metrics["model"]) == {"NA", "tfpnet"}
    assert set(pipeline.metrics["source"]) == {"nan"}


def left_out(results: Results) -> str:
    """Why the source was left out of a fresh reading, in which it must not appear."""
    found = Results.read(results.root)
    assert found.sources == ()
    ((source, message),) = found.left_out
    assert source == "taobao"
    return message


def test_text_in_a_number_column_is_named_with_file_line_and_column(results: Results) -> None:
    path = results.root / "taobao" / "coldstart" / "metrics.csv"
    lines = path.read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 2)[0] + ",good,900"
    path.write_text("\n".join(lines))
    assert re.search(r"metrics\.csv: line 4, column 'value' holds 'good', not a number", left_out(results))


def test_a_missing_column_is_named(results: Results) -> None:
    path = results.root / "taobao" / "coldstart" / "fairness.csv"
    path.write_text(path.read_text().replace("macro_f1", "f1_macro", 1))
    assert re.search(r"fairness\.csv: column 'macro_f1' is missing", left_out(results))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("overview.json", "{", "not valid JSON"),
        ("overview.json", "[1]", "must hold a JSON object"),
        ("splits.json", '{"fold": 0}', "must hold a JSON list"),
        ("splits.json", json.dumps([{"fold": 0}]), "every fold must be an object with the keys"),
    ],
)
def test_broken_json_is_named(results: Results, name: str, content: str, message: str) -> None:
    (results.root / "taobao" / "preprocessing" / name).write_text(content)
    assert re.search(f"{name}: .*{message}", left_out(results))


def test_one_sources_stale_files_do_not_hide_the_others(results: Results, caplog: pytest.LogCaptureFixture) -> None:
    write_source(results.root, "movielens", "MovieLens")
    (results.root / "taobao" / "coldstart" / "metrics.csv").write_text("model,value\ntfpnet,0.5\n")
    with caplog.at_level(logging.WARNING, logger="crm_pipelines"):
        found = Results.read(results.root)
    assert [source.name for source in found.sources] == ["movielens"]
    assert "the report leaves out 'taobao'" in caplog.text
    assert "metrics.csv" in caplog.text
    found.check("movielens")
    with pytest.raises(UserError, match=r"metrics\.csv: column 'paper' is missing"):
        found.check("taobao")


def test_what_was_counted_while_reading_is_collected_but_is_no_source_by_itself(results: Results) -> None:
    assert results.source("taobao").notes["customers_only_in_log"] == 7
    (results.root / "half_read" / "preprocessing").mkdir(parents=True)
    (results.root / "half_read" / "preprocessing" / "ingestion_notes.json").write_text('{"interactions": 3}')
    assert [source.name for source in Results.read(results.root).sources] == ["taobao"]


@pytest.mark.parametrize(("name", "marked"), [("local", False), ("base", False), (None, False), ("test", True)])
def test_only_an_unusual_environment_is_marked(name: str | None, marked: bool) -> None:
    assert bool(environment_mark({} if name is None else {"kedro_environment": name})) == marked


def test_the_mark_names_the_environment() -> None:
    assert "--env=paper" in environment_mark({"kedro_environment": "paper"})
    assert "mean nothing" in environment_mark({"kedro_environment": "test"})
