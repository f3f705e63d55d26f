"""Runs of sentiment models (paper D): models x protocols x folds x seeds."""

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
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.evaluation.efficiency import INFERENCE_BATCH, latencies
from crm_pipelines.models.registry import text_code_of, text_model
from crm_pipelines.models.text.base import TextModel
from crm_pipelines.runs import PendingRun, code_version
from crm_pipelines.text.normalise import forget

PAPER_D: Final = "D"
FEEDBACK: Final = "feedback"
SLICES: Final = (SLICE_ALL,)
COMPARED: Final = ("macro_f1", "accuracy")

_CODE: Final = (
    *("documents/inputs.py", "documents/words.py", "text/normalise.py", "text/ngrams.py", "text/word_vectors.py"),
    *("benchmark/sentiment.py", "benchmark/running.py"),
)


def plan_runs(
    name: str,
    variants: Mapping[str, Parameters],
    source: str,
    views: Mapping[str, Callable[[], TextInputs]],
    data_fingerprint: str,
    parameters: RunParameters,
) -> dict[str, PendingRun]:
    """Every run of one model that the parameters ask for; see `running.plan_runs`."""
    benchmark = running.Benchmark(
        paper=PAPER_D,
        pipeline=FEEDBACK,
        protocol=PROTOCOL_STRATIFIED,
        model=text_model,
        predict=predict,
        measure=_latencies,
    )
    code = code_version(*_CODE, *text_code_of(name))
    return running.plan_runs(benchmark, name, variants, source, views, data_fingerprint, code, parameters)


def predict(model: TextModel, inputs: TextInputs) -> pd.DataFrame:
    """The predictions table of validation and test; ``event_id`` is the document's place among the labelled.

    What a cross-fitted model says of training documents counts as validation, too.
    """
    classes = np.asarray(inputs.classes, dtype=object)
    unseen = np.sort(np.concatenate([inputs.train, inputs.validation])) if model.cross_fitted else inputs.validation
    parts = []
    for name, rows in ((SLICE_VALIDATION, unseen), (SLICE_ALL, inputs.test)):
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


def _latencies(model: TextModel, inputs: TextInputs, calls: int) -> dict[str, float]:
    """Inference latency of one batch: the words alone, the model alone, and both, from texts to probabilities."""
    batch = np.resize(inputs.test, min(INFERENCE_BATCH, max(len(inputs.test), 1)))
    summary, text = [str(s) for s in inputs.summary[batch]], [str(t) for t in inputs.text[batch]]
    everything = np.arange(len(batch))

    def features() -> TextInputs:
        forget()
        return TextInputs.of_texts(summary, text, inputs.classes, model.reads_words)

    ready = features()

    def forward() -> object:
        return model.predict_proba(ready, everything)

    def end_to_end() -> object:
        return model.predict_proba(features(), everything)

    return latencies({"features": features, "forward": forward, "end_to_end": end_to_end}, len(batch), repeats=calls)
