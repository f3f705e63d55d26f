"""The overview: every paper's model beside its strongest peer, and what the results themselves say of leaks."""

import json

import pandas as pd

from crm_pipelines.reporting.html import render_report
from crm_pipelines.reporting.overview import audits, runs_table, standing_plot, standings, worth_tables
from crm_pipelines.reporting.results import Results


def test_the_strongest_peer_is_the_one_that_is_hardest_to_beat(results: Results) -> None:
    (standing,) = standings(results)
    assert (standing.model, standing.peer, standing.metric) == ("TFP-Net", "LightGBM", "Macro-F1")
    assert (standing.ours, standing.theirs) == ("0.555", "0.605")
    assert standing.verdict.rows["difference"].iloc[0] < 0


def test_the_stretched_axis_keeps_sides_and_order(results: Results) -> None:
    plot = standing_plot(standings(results))
    assert plot is not None
    (row,) = plot.rows
    assert row.point is not None
    assert 0 <= row.low < row.point < row.high < plot.zero == 50
    assert [tick.at for tick in plot.ticks if tick.text == "0"] == [50]
    places = sorted(plot.ticks, key=lambda tick: tick.at)
    values = [float(tick.text.replace("\u2212", "-")) for tick in places]
    assert values == sorted(values)


def test_what_was_run_says_when_and_with_what_settings(results: Results) -> None:
    path = results.root / "taobao/coldstart/environment.json"
    path.write_text(json.dumps({"measured": "2026-11-21", "kedro_environment": "test"}))
    table = runs_table(Results.read(results.root))
    assert table is not None
    (row,) = table.rows
    texts = [cell.text for cell in row.cells]
    assert texts == ["Taobao head users", "900 events", "3", "1 × 2", "2026-11-21", "for tests only"]


def test_fairness_calibration_and_cost_stand_for_the_model_and_its_peer(results: Results) -> None:
    (table,) = worth_tables(results)
    assert [row.label.text.split(" · ")[0] for row in table.rows] == ["TFP-Net", "LightGBM"]
    assert all(cell.text for row in table.rows for cell in row.cells)


def test_folds_out_of_order_and_a_coin_that_knows_too_much_are_told(results: Results) -> None:
    def verdicts() -> list[str]:
        return [row.cells[-1].text for table in audits(Results.read(results.root)) for row in table.rows]

    folder = results.root / "taobao"
    metrics = pd.read_csv(folder / "coldstart/metrics.csv")
    coin = (metrics["model"] == "majority") & (metrics["metric"] == "roc_auc")
    metrics.loc[coin, "value"] = 0.5
    metrics.to_csv(folder / "coldstart/metrics.csv", index=False)
    assert verdicts() == ["holds", "holds"]
    metrics.loc[coin, "value"] = 0.8
    metrics.to_csv(folder / "coldstart/metrics.csv", index=False)
    splits = json.loads((folder / "preprocessing/splits.json").read_text())
    splits[0]["validation_start"] = splits[0]["test_start"] + 1
    (folder / "preprocessing/splits.json").write_text(json.dumps(splits))
    assert verdicts() == ["does not hold", "does not hold"]


def test_a_title_from_the_configuration_stands_in_where_results_hold_none(results: Results) -> None:
    (results.root / "taobao/preprocessing/overview.json").unlink()
    assert "Head users of a shop" in render_report(Results.read(results.root), {"taobao": "Head users of a shop"})
