"""The pipeline ``reporting``, run on fabricated results."""

import logging

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner

from crm_pipelines.errors import UserError
from crm_pipelines.pipelines.reporting import create_pipeline, nodes
from crm_pipelines.pipelines.reporting.pipeline import WRITTEN_BEFORE
from crm_pipelines.reporting.results import Results


@pytest.mark.parametrize("models", sorted(WRITTEN_BEFORE))
def test_the_page_is_built_after_the_current_runs_results_are_written(models: str) -> None:
    names = WRITTEN_BEFORE[models]
    evaluate = node(lambda: [0] * len(names), None, list(names), name="evaluate")
    order = [[each.name for each in group] for group in (Pipeline([evaluate]) + create_pipeline(models)).grouped_nodes]
    assert order[0] == ["evaluate"]
    assert "build_report" in order[1]
    assert order[2] == ["report_summary"]


def test_it_writes_the_page_tables_and_figures_and_prints_the_comparison(
    results: Results, caplog: pytest.LogCaptureFixture
) -> None:
    (pipeline,) = results.source("taobao").pipelines
    inputs: dict[str, object] = {
        name: getattr(pipeline, name.removeprefix("coldstart_")) for name in WRITTEN_BEFORE["coldstart"]
    }
    catalog = DataCatalog({name: MemoryDataset(value) for name, value in inputs.items()})
    catalog["results"] = MemoryDataset(results)
    catalog["params:source"] = MemoryDataset("taobao")
    catalog["params:sources"] = MemoryDataset({"taobao": {"title": "Taobao"}})
    with caplog.at_level(logging.INFO, logger="crm_pipelines"):
        outputs = SequentialRunner().run(create_pipeline(), catalog)
    written = {name: dataset.load() for name, dataset in outputs.items()}
    papers = {f"paper_a_table_{number}" for number in range(1, 6)}
    figures = {"coldstart_performance_figure", "coldstart_calibration_figure", "attention_figure", "embedding_figure"}
    assert set(written) >= {*papers, *figures}
    assert all(len(written[name]) for name in papers)
    assert {"published", "mean", "peer", "difference", "low", "high"} <= set(written["paper_a_table_1"])
    assert len(written["coldstart_calibration_figure"].data)
    assert "TFP-Net beats Majority class" in caplog.text


def test_the_page_is_built_before_a_run_stops_at_its_own_sources_unreadable_files(results: Results) -> None:
    (results.root / "taobao" / "coldstart" / "fairness.csv").write_text("axis\nactivity\n")
    broken = Results.read(results.root)
    assert "is left out" in nodes.build_report(broken, {})
    with pytest.raises(UserError, match=r"fairness\.csv"):
        nodes.report_summary(broken, "taobao", {}, "")
