"""Reading the results folder: what is absent is left out, what is broken is told in one line."""

import json
from pathlib import Path

import pytest

from crm_pipelines.errors import UserError
from crm_pipelines.reporting.results import TABLE_COLUMNS, Results

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
    for name, columns in TABLE_COLUMNS.items():
        table = getattr(pipeline, name)
        assert len(table)
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


def test_text_in_a_number_column_is_named_with_file_line_and_column(results: Results) -> None:
    path = results.root / "taobao" / "coldstart" / "metrics.csv"
    lines = path.read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 2)[0] + ",good,900"
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"metrics\.csv: line 4, column 'value' holds 'good', not a number"):
        Results.read(results.root)


def test_a_missing_column_is_named(results: Results) -> None:
    path = results.root / "taobao" / "coldstart" / "fairness.csv"
    path.write_text(path.read_text().replace("macro_f1", "f1_macro", 1))
    with pytest.raises(UserError, match=r"fairness\.csv: column 'macro_f1' is missing"):
        Results.read(results.root)


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
    with pytest.raises(UserError, match=f"{name}: .*{message}"):
        Results.read(results.root)
