"""What a run tells MLflow: one MLflow run per model, with its parameters and the means of its metrics.

MLflow is imported only by `write`, so nothing changes where it is not installed or not asked for.
"""

import re
import time
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import pandas as pd

from crm_pipelines.columns import (
    MAIN_VARIANT,
    METRIC,
    MODEL,
    PIPELINE,
    PROTOCOL,
    SLICE,
    SLICE_ALL,
    SOURCE,
    VARIANT,
)
from crm_pipelines.errors import UserError
from crm_pipelines.evaluation.tables import summarise

MISSING: Final = "tracking needs MLflow: pip install -e '.[mlflow]', or leave out 'tracking'"
DATABASE: Final = "mlflow.db"
_MOST_METRICS: Final = 1000
_MOST_PARAMETERS: Final = 100
"""How many of them MLflow takes at once."""
_LONGEST: Final = 6000
"""Characters of a parameter that MLflow takes."""
_REFUSED: Final = re.compile(r"[^\w. :/-]+")
"""Signs that MLflow does not take in the name of a metric."""


class Tracked(NamedTuple):
    """One model of one pipeline and source.

    Attributes:
        pipeline: which becomes the experiment. model: name of the MLflow run.
        tags, parameters: texts by name.
        metrics: by name, means over folds and seeds: ``<protocol>/<metric>`` of all test cases,
            ``<protocol>/<slice>/<metric>`` of a part of them.
    """

    pipeline: str
    model: str
    tags: dict[str, str]
    parameters: dict[str, str]
    metrics: dict[str, float]


def tracked(
    metrics: pd.DataFrame, parameters: Mapping[str, Mapping[str, object]], environment: str = ""
) -> list[Tracked]:
    """What there is to tell of a pipeline's results.

    Args:
        metrics: ``RESULT_COLUMNS``; variants of studies are left out, and so are numbers that are missing.
        parameters: model -> its parameters, nested ones too.
        environment: Kedro's.
    """
    summary = summarise(metrics[metrics[VARIANT] == MAIN_VARIANT])
    summary = summary[summary["mean"].notna()]
    found = []
    for (pipeline, source, model), rows in summary.groupby([PIPELINE, SOURCE, MODEL], sort=False):
        part = rows[SLICE].map(lambda name: "" if name == SLICE_ALL else f"{name}/")
        names = [_REFUSED.sub("-", name) for name in rows[PROTOCOL] + "/" + part + rows[METRIC]]
        values = dict(zip(names, rows["mean"].astype(float), strict=True))
        tags = {"source": str(source), "model": str(model), "environment": environment}
        found.append(Tracked(str(pipeline), str(model), tags, flat(parameters.get(str(model), {})), values))
    return found


def flat(parameters: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Nested parameters by dotted name, as texts."""
    found: dict[str, str] = {}
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = str(value)[:_LONGEST]
    return found


def check_installed() -> None:
    """Stop before anything is computed.

    Raises:
        UserError: MLflow is not installed.
    """
    if find_spec("mlflow") is None:
        raise UserError(MISSING)


def write(several: Iterable[Tracked], folder: Path) -> int:
    """Write them into MLflow's database in a local folder, made where it is missing; earlier runs stay.

    Returns:
        How many were written.
    """
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    folder.mkdir(parents=True, exist_ok=True)
    client = MlflowClient(tracking_uri=f"sqlite:///{(folder / DATABASE).resolve()}")
    written = 0
    for each in several:
        experiment = client.get_experiment_by_name(each.pipeline)
        number = (
            experiment.experiment_id
            if experiment is not None
            else client.create_experiment(each.pipeline, artifact_location=(folder / "artifacts").resolve().as_uri())
        )
        run = client.create_run(number, run_name=each.model).info.run_id
        now = round(time.time() * 1000)
        metrics = [Metric(name, value, now, 0) for name, value in each.metrics.items()]
        parameters = [Param(name, value) for name, value in each.parameters.items()]
        client.log_batch(run, tags=[RunTag(name, value) for name, value in each.tags.items()])
        for start in range(0, len(parameters), _MOST_PARAMETERS):
            client.log_batch(run, params=parameters[start : start + _MOST_PARAMETERS])
        for start in range(0, len(metrics), _MOST_METRICS):
            client.log_batch(run, metrics=metrics[start : start + _MOST_METRICS])
        client.set_terminated(run)
        written += 1
    return written
