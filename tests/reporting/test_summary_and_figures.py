"""What a run prints at its end, and the figures for the catalog."""

from pathlib import Path

from crm_pipelines.reporting.figures import calibration_figure, colour, performance_figure
from crm_pipelines.reporting.results import Results, empty_table
from crm_pipelines.reporting.summary import summary_text

from .conftest import metric_rows, reliability_rows, write_source

MODELS = ("lightgbm", "tfpnet", "majority")


def test_summary_shows_models_verdict_and_report(results: Results) -> None:
    text = summary_text(results, "taobao")
    lines = text.splitlines()
    heading = next(line for line in lines if line.startswith("model"))
    assert heading.split() == [
        "model", "accuracy", "majority", "macro-F1", "AUC", "log-loss", "ECE", "customer@0", "item@0", "item@1",
    ]  # fmt: skip
    tfpnet = next(line for line in lines if line.startswith("TFP-Net  "))
    assert tfpnet.split() == ["TFP-Net", "0.755", "0.750", "0.555", "0.705", "0.445", "0.060", "n<30", "0.555", "0.555"]
    assert "TFP-Net beats Majority class and is beaten by LightGBM in macro-F1." in lines
    assert lines[-1] == f"Report: {results.root / 'index.html'}"
    assert max(map(len, lines)) <= 120


def test_summary_of_a_source_that_was_not_run_says_so(tmp_path: Path) -> None:
    assert "no model has been run" in summary_text(Results.read(tmp_path), "demo")


def test_summary_calls_a_source_by_its_title_and_promises_no_column_that_is_not_there(tmp_path: Path) -> None:
    write_source(tmp_path, "shop", "")
    (tmp_path / "shop/coldstart").rename(tmp_path / "shop/engagement")
    rows = metric_rows("shop", ["markov"]).replace({"recall": "hr@10", "precision": "ndcg@10"})
    rows = rows[(rows["slice"] == "all") & rows["metric"].isin(["hr@10", "ndcg@10"])].assign(pipeline="engagement")
    rows.to_csv(tmp_path / "shop/engagement/metrics.csv", index=False)
    lines = summary_text(Results.read(tmp_path), "shop", "My shop").splitlines()
    assert lines[0].startswith("My shop, engagement: ")
    assert next(line for line in lines if line.startswith("model")).split() == ["model", "HR@10", "NDCG@10"]
    assert "cold-start" not in lines[0]


def test_performance_figure_has_a_bar_per_model_in_the_colours_of_the_page() -> None:
    (bar,) = performance_figure(metric_rows("demo", MODELS)).data
    assert list(bar.y) == ["Majority class", "TFP-Net", "LightGBM"]
    assert list(bar.marker.color) == [colour(model) for model in reversed(MODELS)]
    assert bar.x[-1] == max(bar.x)


def test_calibration_figure_has_a_panel_per_model() -> None:
    figure = calibration_figure(reliability_rows("demo", MODELS, ["pv", "<b>buy</b>"]))
    assert {note.text for note in figure.layout.annotations} == {"LightGBM", "TFP-Net", "Majority class"}
    assert len(figure.data) == len(MODELS) * 3  # the diagonal and two classes
    assert {trace.name for trace in figure.data if trace.name} == {"pv", "&lt;b&gt;buy&lt;/b&gt;"}


def test_figures_of_nothing_are_empty() -> None:
    assert not performance_figure(empty_table("metrics")).data
    assert not calibration_figure(empty_table("reliability")).data
