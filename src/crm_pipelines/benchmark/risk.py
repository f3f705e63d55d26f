"""Runs of risk models (paper C): models x protocols x folds x seeds, and the rows that show what a leak would fake."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd

from crm_pipelines.benchmark import running
from crm_pipelines.columns import (
    CUSTOMER,
    EVENT_ID,
    GROUP_PREFIX,
    PROTOCOL_STRATIFIED,
    SLICE,
    SLICE_ALL,
    SLICE_VALIDATION,
    Y_TRUE,
    probability,
)
from crm_pipelines.config import Parameters, RunParameters
from crm_pipelines.evaluation.efficiency import INFERENCE_BATCH, latencies
from crm_pipelines.models.registry import LEAKY_ROWS, risk_code_of, risk_model
from crm_pipelines.models.risk.base import NotApplicableError, RiskModel
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.records.splits import LEAK_COLUMN, LEAK_OVERSAMPLING, LEAK_PROTOCOLS
from crm_pipelines.runs import PendingRun, code_version

PAPER_C: Final = "C"
RISK: Final = "risk"
SLICES: Final = (SLICE_ALL,)
COMPARED: Final = ("macro_f1", "accuracy", "roc_auc", "log_loss")

LEAK_OF: Final = {"lightgbm_leaky": LEAK_COLUMN, "random_forest_leaky": LEAK_OVERSAMPLING}
"""Row -> its protocol: trees boosted on what is known only afterwards, a forest on records repeated before the split.
"""

_CODE: Final = ("records", "benchmark/risk.py", "benchmark/running.py")


def base_of(name: str) -> str:
    """The model behind a row's name."""
    return LEAKY_ROWS.get(name, name)


def views_of(name: str, views: Mapping[str, Callable[[], RecordInputs]]) -> dict[str, Callable[[], RecordInputs]]:
    """The views that a row runs on: those of its leak, or all honest ones."""
    wanted = LEAK_OF.get(name)
    protocols = {view: view.partition("/")[0] for view in views}
    return {
        view: load
        for view, load in views.items()
        if (protocols[view] == wanted if wanted else protocols[view] not in LEAK_PROTOCOLS)
    }


def plan_runs(
    name: str,
    variants: Mapping[str, Parameters],
    source: str,
    views: Mapping[str, Callable[[], RecordInputs]],
    data_fingerprint: str,
    parameters: RunParameters,
    paper: str = PAPER_C,
    pipeline: str = RISK,
    protocol: str = PROTOCOL_STRATIFIED,
) -> dict[str, PendingRun]:
    """Every run of one model that the parameters ask for; see `running.plan_runs`.

    Args:
        name: the model, or a row of `LEAK_OF`.
        variants: name of a variant (``main``, or an ablation) -> its hyper-parameters.
        source: name of the source.
        views: ``<protocol>/fold=<f>`` -> loads the prepared inputs.
        data_fingerprint: of all prepared data.
        parameters: seeds and threads.
        paper, pipeline: under which results are filed.
        protocol: the one that all seeds run on.
    """
    benchmark = running.Benchmark(
        paper=paper,
        pipeline=pipeline,
        protocol=protocol,
        model=lambda row: risk_model(base_of(row)),
        predict=predict,
        measure=_latencies,
        not_applicable=NotApplicableError,
    )
    code = code_version(*_CODE, *risk_code_of(base_of(name)))
    mine = views_of(name, views)
    return running.plan_runs(benchmark, name, variants, source, mine, data_fingerprint, code, parameters)


def predict(model: RiskModel, inputs: RecordInputs) -> pd.DataFrame:
    """The predictions table of validation and test; ``event_id`` is the record's place in the inputs."""
    classes = np.asarray(inputs.classes, dtype=object)
    parts = []
    for name, rows in ((SLICE_VALIDATION, inputs.validation), (SLICE_ALL, inputs.test)):
        probabilities = np.asarray(model.predict_proba(inputs, rows), dtype=np.float64)
        part = pd.DataFrame(
            {EVENT_ID: rows, CUSTOMER: inputs.customer[rows], SLICE: name, Y_TRUE: classes[inputs.labels[rows]]}
        )
        for column, label in enumerate(inputs.classes):
            part[probability(label)] = probabilities[:, column]
        for axis, groups in inputs.groups.items():
            part[f"{GROUP_PREFIX}{axis}"] = np.asarray(groups)[rows].astype(object)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _latencies(model: RiskModel, inputs: RecordInputs, calls: int) -> dict[str, float]:
    """Inference latency of one batch; its features lie ready in the table, so that is end to end too."""
    batch = np.resize(inputs.test, min(INFERENCE_BATCH, max(len(inputs.test), 1)))

    def forward() -> object:
        return model.predict_proba(inputs, batch)

    return latencies({"forward": forward, "end_to_end": forward}, len(batch), repeats=calls)
