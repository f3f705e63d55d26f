"""Risk from raw files to scores and report with one command, and what a signal, and none, look like."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.benchmark import risk
from crm_pipelines.benchmark.curves import risk_curves
from crm_pipelines.benchmark.results import tabulate
from crm_pipelines.columns import LABEL, RESULT_COLUMNS
from crm_pipelines.config import FoldParameters, RunParameters
from crm_pipelines.datasets import RunsDataset
from crm_pipelines.models.registry import LEAKY_ROWS, RISK_MODELS, risk_model
from crm_pipelines.records.assembly import assemble
from crm_pipelines.records.preparation import prepare
from crm_pipelines.runs import StoredRun
from records.record_cases import LAYOUT, records

RUNS = RunParameters(seeds=(1,), threads=1, resamples=100, timed_calls=1)


@pytest.fixture(scope="module")
def finished(kedro_run: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("risk")
    ran = kedro_run("--env=test", "--pipelines=risk", f"--params=data_root={root},processes=1")
    assert ran.exit_code == 0, ran.stderr
    assert "Report:" in ran.everything
    return root


def table(root: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(root / f"08_reporting/demo/risk/{name}.csv")


@pytest.mark.slow
class TestWholeRun:
    def test_every_model_that_applies_is_measured_on_every_fold(self, finished):
        metrics = table(finished, "metrics")
        assert tuple(metrics.columns) == RESULT_COLUMNS
        honest = metrics[metrics["protocol"] == "stratified"]
        assert set(honest["model"]) == set(RISK_MODELS) - {"bgnbd"}
        assert (honest.groupby("model")["fold"].nunique() == 2).all()
        assert set(metrics["model"]) - set(honest["model"]) == {"random_forest_leaky"}  # bills hold no leaky column

    def test_every_record_has_one_row_for_use(self, finished):
        scores = table(finished, "risk_scores")
        assert len(scores) == scores["record_id"].nunique() == 480
        assert scores["risk"].between(0, 1).all()
        assert scores["risk"].is_monotonic_decreasing
        assert set(scores["band"]) <= {"low", "moderate", "raised", "high"}
        assert set(scores["data"]) <= {"enough", "short history", "many blanks"}
        assert scores["model"].nunique() == 1
        assert scores["reason_1"].notna().any()

    def test_the_report_shows_the_tables_and_why_a_model_is_missing(self, finished):
        page = (finished / "08_reporting/index.html").read_text(encoding="utf-8")
        for text in ("Table 1: performance", "Table 2: efficiency", "Who to contact", "Attention by step", "leaky"):
            assert text in page
        assert "BG/NBD was not run" in page
        assert "Records by outcome" in page
        assert "Folds and columns of the records" in page

    def test_the_cleaning_report_adds_up(self, finished):
        rows = pd.read_csv(finished / "08_reporting/demo/records/cleaning_report.csv").groupby("step")["rows"].sum()
        assert rows["rows_in"] == rows["dropped"] + rows["rows_out"]

    def test_a_second_run_keeps_all_runs(self, finished, kedro_run):
        before = (finished / "08_reporting/demo/risk/metrics.csv").read_bytes()
        again = kedro_run("--env=test", "--pipelines=risk", f"--params=data_root={finished},processes=1")
        assert again.exit_code == 0
        assert "main/stratified/fold=0/seed=42 ..." not in again.everything
        assert (finished / "08_reporting/demo/risk/metrics.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--pipelines=risk", "--params=source=taobao"), "has no 'records'"),
        (("--pipelines=coldstart", "--params=source=credit"), "has no 'interactions'"),
        (("--pipelines=risk", "--params=risk.scoring.modle=x"), "did you mean 'model'?"),
        (("--pipelines=risk", "--params=risk.runs.models=lightgbmm"), "did you mean 'lightgbm'?"),
        (("--pipelines=risk", "--params=folds.folds=1"), "'folds.folds'"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_asked_wrongly_ends_in_one_line(kedro_run, tmp_path, arguments, says):
    ran = kedro_run(*arguments[:-1], f"{arguments[-1]},data_root={tmp_path}")
    assert ran.exit_code == 1
    assert says in ran.last_line
    assert not list(tmp_path.rglob("*.csv"))


def runs_of(frame: pd.DataFrame, folder: Path, names: tuple[str, ...]) -> list[StoredRun]:
    """Stored runs of some models on a table."""
    prepared = prepare(frame, LAYOUT, FoldParameters(folds=2), "Test", "file.csv")
    views = {
        f"{split['protocol']}/fold={split['fold']}": (lambda split=split: assemble(split, prepared.arrays))
        for split in prepared.splits
    }
    found: list[StoredRun] = []
    for name in names:
        config = risk_model(risk.base_of(name)).Config()
        dataset = RunsDataset(filepath=str(folder / name))
        dataset.save(risk.plan_runs(name, {"main": config}, "test", views, "d", RUNS))
        found += dataset.load()
    return found


def auc(runs: list[StoredRun], **wanted: str) -> float:
    metrics = tabulate(runs, [], 100, slices=risk.SLICES, protocol="stratified").metrics
    rows = metrics[metrics["metric"] == "roc_auc"]
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return float(rows["value"].mean())


class TestSignal:
    def test_a_planted_signal_is_found(self, tmp_path):
        assert auc(runs_of(records(800), tmp_path, ("logistic_regression",))) > 0.75

    def test_a_shuffled_outcome_leaves_chance(self, tmp_path):
        table = records(1500)
        table[LABEL] = np.random.default_rng(3).permutation(table[LABEL])
        runs = runs_of(table.drop(columns="afterwards").assign(afterwards=0.5), tmp_path, ("logistic_regression",))
        assert auc(runs) == pytest.approx(0.5, abs=0.06)

    def test_a_leaky_row_is_better_than_can_be_and_is_never_the_main_one(self, tmp_path):
        names = ("lightgbm", *LEAKY_ROWS)
        runs = runs_of(records(400, strength=1.0), tmp_path, names)
        assert auc(runs, model="lightgbm_leaky") > 0.97
        assert auc(runs, model="lightgbm") < 0.9
        assert auc(runs, model="random_forest_leaky") > auc(runs, model="lightgbm")
        metrics = tabulate(runs, [], 100, slices=risk.SLICES, protocol="stratified").metrics
        protocols = metrics.groupby("model")["protocol"].unique().map(set).to_dict()
        assert protocols["lightgbm"] == {"stratified"}
        assert protocols["lightgbm_leaky"] == {"leak_column"}

    def test_models_that_do_not_apply_are_left_out_with_the_reason(self, tmp_path):
        tables = tabulate(runs_of(records(200), tmp_path, ("majority", "bgnbd")), [], 100, slices=risk.SLICES)
        assert set(tables.metrics["model"]) == {"majority"}
        assert "BG/NBD needs" in tables.environment["not_applicable"]["bgnbd"]

    def test_curves_rise_and_end_with_everything(self, tmp_path):
        curves = risk_curves(runs_of(records(400), tmp_path, ("logistic_regression",)))
        assert curves["true_positive_rate"].is_monotonic_increasing
        assert curves[["share", "true_positive_rate", "false_positive_rate"]].iloc[-1].tolist() == [1, 1, 1]
        assert curves["lift"].iloc[-1] == pytest.approx(1)
        assert curves["n"].iloc[0] == 400
