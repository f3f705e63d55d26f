"""What is told to MLflow, and that nothing is where nobody asks."""

import sys
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node

from crm_pipelines import hooks, tracking
from crm_pipelines.columns import RESULT_COLUMNS
from crm_pipelines.errors import UserError

PARAMETERS = {"lightgbm": {"rounds": 20, "training": {"epochs": 2, "sizes": [8, 4]}}}


def metrics(**columns: object) -> pd.DataFrame:
    """Result rows of two folds of one model; columns can be replaced."""
    row = {
        "paper": "A",
        "pipeline": "coldstart",
        "source": "demo",
        "model": "lightgbm",
        "variant": "main",
        "protocol": "time",
        "fold": [0, 1],
        "seed": 42,
        "slice": "all",
        "metric": "macro_f1",
        "value": [0.4, 0.6],
        "n": 100,
    }
    return pd.DataFrame({**row, **columns})[list(RESULT_COLUMNS)]


def test_a_model_is_a_run_with_the_means_of_its_metrics():
    (run,) = tracking.tracked(metrics(), PARAMETERS, "test")
    assert (run.pipeline, run.model) == ("coldstart", "lightgbm")
    assert run.metrics == {"time/macro_f1": pytest.approx(0.5)}
    assert run.parameters == {"rounds": "20", "training.epochs": "2", "training.sizes": "[8, 4]"}
    assert run.tags == {"source": "demo", "model": "lightgbm", "environment": "test"}


def test_slices_and_classes_get_names_that_mlflow_takes():
    (run,) = tracking.tracked(metrics(slice="cold_item@1", metric="roc_auc[buy]"), {})
    assert set(run.metrics) == {"time/cold_item-1/roc_auc-buy-"}


def test_variants_of_studies_and_missing_numbers_are_left_out():
    rows = pd.concat([metrics(), metrics(variant="no_tgat"), metrics(metric="ece", value=float("nan"))])
    (run,) = tracking.tracked(rows, {})
    assert set(run.metrics) == {"time/macro_f1"}
    assert tracking.tracked(metrics(variant="no_tgat"), {}) == []


def run_with(catalog: DataCatalog) -> None:
    """What the hook does around a pipeline that gives ``coldstart_metrics``."""
    pipeline = Pipeline([node(metrics, None, "coldstart_metrics", name="evaluate")])
    hook = hooks.TrackRuns()
    hook.before_pipeline_run(catalog=catalog)
    hook.after_pipeline_run(pipeline=pipeline, catalog=catalog)


def catalog_with(folder: Path, **parameters: object) -> DataCatalog:
    given = {"tracking_folder": str(folder), "kedro_environment": "test", **parameters}
    entries = {f"params:{name}": MemoryDataset(value) for name, value in given.items()}
    return DataCatalog({**entries, "coldstart_metrics": MemoryDataset(metrics())})


@pytest.mark.parametrize("parameters", [{}, {"tracking": False}])
def test_without_the_parameter_nothing_is_written(tmp_path, monkeypatch, parameters):
    monkeypatch.setitem(sys.modules, "mlflow", None)  # importing it now fails
    run_with(catalog_with(tmp_path / "tracked", **parameters))
    assert not list(tmp_path.iterdir())


def test_where_mlflow_is_missing_the_run_stops_before_its_first_node(tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install -e '.\[mlflow\]'"):
        run_with(catalog_with(tmp_path, tracking=True))


def test_anything_but_true_or_false_is_told(tmp_path):
    with pytest.raises(UserError, match="must be true or false, not 'perhaps'"):
        run_with(catalog_with(tmp_path, tracking="perhaps"))


def test_what_a_run_tells_is_handed_on_with_the_models_parameters(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(tracking, "find_spec", lambda name: object())
    monkeypatch.setattr(hooks, "write", lambda several, folder: told.extend([*several, folder]) or 1)
    catalog = catalog_with(tmp_path, tracking=True)
    catalog["params:coldstart.lightgbm.config"] = {"rounds": 7}
    catalog["params:coldstart.runs"] = {"seeds": [1, 2]}
    run_with(catalog)
    run, folder = told
    assert folder == tmp_path
    assert run.parameters["rounds"] == "7"
    assert run.parameters["runs.seeds"] == "[1, 2]"
    assert run.parameters["leaves"]  # a default


def test_the_real_one_keeps_every_run(tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="the extra 'mlflow' is not installed")
    for _ in range(2):
        assert tracking.write(tracking.tracked(metrics(), PARAMETERS), tmp_path / "tracked") == 1
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'tracked' / tracking.DATABASE}")
    runs = client.search_runs([client.get_experiment_by_name("coldstart").experiment_id])
    assert len(runs) == 2
    assert runs[0].data.metrics == {"time/macro_f1": pytest.approx(0.5)}
    assert runs[0].data.params["training.epochs"] == "2"
