"""A small results folder, fabricated: every number follows from its model's rank, none is measured."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.columns import RESULT_COLUMNS
from crm_pipelines.reporting.results import Results

from .explained import write_explanations

RUN = {"paper": "A", "pipeline": "coldstart"}
N_BY_SLICE = {"all": 900, "warm": 640, "cold_customer@0": 12, "cold_item@0": 150, "cold_item@1": 60}
"""Twelve queries of new customers: too few for a number."""

DAY = 86_400
START = 1_511_539_200
"""2017-11-24 16:00 UTC."""


def metric_rows(source: str, models: Sequence[str], seeds: Sequence[int] = (42, 100)) -> pd.DataFrame:
    """Metrics in which the first model is best and each further one 0.05 worse; seeds differ by 0.01."""
    rows = []
    for rank, model in enumerate(models):
        for position, seed in enumerate(seeds):
            for slice_name, n in N_BY_SLICE.items():
                value = 0.6 - 0.05 * rank + 0.01 * position
                values = {
                    "macro_f1": value, "accuracy": value + 0.2, "majority_accuracy": 0.75, "balanced_accuracy": value,
                    "roc_auc": value + 0.15,
                    "log_loss": 1 - value, "brier": 0.9 - value, "ece": 0.05 + 0.01 * rank, "group_fairness": 90 - rank,
                    "group_fairness[activity]": 90 - rank, "precision": value, "recall": value, "f1": value,
                    "average_precision": value,
                }  # fmt: skip
                for metric, number in values.items():
                    shown = number if n >= 30 else None
                    rows.append((*RUN.values(), source, model, "main", "time", 0, seed, slice_name, metric, shown, n))
    return pd.DataFrame(rows, columns=list(RESULT_COLUMNS))


def comparison_rows(source: str, model: str, intervals: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    """``model`` less each peer in macro-F1, on all events and on new items."""
    rows = [
        {**RUN, "source": source, "protocol": "time", "slice": name, "model": model, "peer": peer, "metric": metric,
         "difference": (low + high) / 2, "low": low, "high": high, "n": N_BY_SLICE[name], "customers": 80}
        for peer, (low, high) in intervals.items()
        for name in ("all", "cold_item@0", "cold_customer@0")
        for metric in ("macro_f1", "log_loss")
    ]  # fmt: skip
    return pd.DataFrame(rows)


VARIANTS = {"no_tgat": -0.03, "no_fm": -0.01, "decay_base=0.5": -0.02, "decay_base=1": 0.0, "factors=8": -0.04}
"""Change in macro-F1 and accuracy by each variant of TFP-Net; ``decay_base=1`` is what it has anyway."""


def variant_rows(source: str, main: pd.DataFrame, seeds: Sequence[int] = (42,)) -> pd.DataFrame:
    """Variants of TFP-Net, for fewer seeds than its main variant."""
    whole = main[(main["source"] == source) & (main["model"] == "tfpnet") & main["seed"].isin(seeds)]
    parts = [whole.assign(variant=name, value=whole["value"] + change) for name, change in VARIANTS.items()]
    return pd.concat(parts, ignore_index=True)


def variant_comparisons(source: str) -> pd.DataFrame:
    """TFP-Net less each of its variants, as evaluation stores them."""
    rows = [
        {**RUN, "source": source, "protocol": "time", "slice": "all", "model": "tfpnet", "peer": f"tfpnet:{name}",
         "metric": "macro_f1", "difference": -change, "low": -change - abs(change) / 2,
         "high": -change + abs(change) / 2, "n": 900, "customers": 80}
        for name, change in VARIANTS.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def add_studies(root: Path, source: str) -> None:
    """Variants and their comparisons beside what ``write_source`` wrote."""
    folder = root / source / "coldstart"
    metrics, pairs = pd.read_csv(folder / "metrics.csv"), pd.read_csv(folder / "comparisons.csv")
    pd.concat([metrics, variant_rows(source, metrics)]).to_csv(folder / "metrics.csv", index=False)
    pd.concat([pairs, variant_comparisons(source)]).to_csv(folder / "comparisons.csv", index=False)


def reliability_rows(source: str, models: Sequence[str], classes: Sequence[str]) -> pd.DataFrame:
    """Five bins per class, more overconfident with the rank of the model."""
    bins = np.linspace(0.1, 0.9, 5)
    rows = [
        {**RUN, "source": source, "protocol": "time", "model": model, "class": label, "bin": position,
         "confidence": confidence, "frequency": confidence ** (1 + 0.15 * rank), "n": 180}
        for rank, model in enumerate(models)
        for label in classes
        for position, confidence in enumerate(bins)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def fairness_rows(source: str, models: Sequence[str]) -> pd.DataFrame:
    """Two groups that differ by 0.1, and one too small."""
    groups = {"low": (300, 0.4), "high": (588, 0.5), "none": (12, 0.1)}
    rows = [
        {**RUN, "source": source, "protocol": "time", "model": model, "axis": "activity", "group": group, "n": n,
         "macro_f1": value, "low": value - 0.03, "high": value + 0.03}
        for model in models
        for group, (n, value) in groups.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def efficiency_rows(source: str, models: Sequence[str]) -> pd.DataFrame:
    """Costs that grow with the rank of the model."""
    values = {
        "parameters": 48_000,
        "flops_per_event": 2.4e6,
        "seconds_per_epoch": 1.5,
        "latency_end_to_end_p50_ms": 21,
        "peak_memory_mb": 310,
    }
    rows = [
        (*RUN.values(), source, model, "main", "time", 0, 42, "all", metric, value * (1 + rank), 20)
        for rank, model in enumerate(models)
        for metric, value in values.items()
    ]
    return pd.DataFrame(rows, columns=list(RESULT_COLUMNS))


def write_source(
    root: Path,
    source: str,
    title: str,
    classes: Sequence[str] = ("pv", "buy"),
    models: Sequence[str] = ("lightgbm", "tfpnet", "majority"),
) -> None:
    """Every file the stages before reporting write for one source."""
    pipeline, before = root / source / "coldstart", root / source / "preprocessing"
    pipeline.mkdir(parents=True)
    before.mkdir()
    metric_rows(source, models).to_csv(pipeline / "metrics.csv", index=False)
    peers = [model for model in models if model != "tfpnet"]
    intervals = dict(zip(peers, [(-0.06, -0.02), (0.03, 0.08), *[(-0.01, 0.02)] * len(peers)], strict=False))
    comparison_rows(source, "tfpnet", intervals).to_csv(pipeline / "comparisons.csv", index=False)
    reliability_rows(source, models, classes).to_csv(pipeline / "reliability.csv", index=False)
    fairness_rows(source, models).to_csv(pipeline / "fairness.csv", index=False)
    efficiency_rows(source, models).to_csv(pipeline / "efficiency.csv", index=False)
    write_explanations(pipeline, classes)
    (pipeline / "environment.json").write_text(
        json.dumps(
            {
                "device": "cpu",
                "threads": 2,
                "versions": {"torch": "2.13.0"},
                "uncounted_operations": {"tfpnet": ["aten::exp"], "lightgbm": []},
                "kedro_environment": "local",
            }
        )
    )
    overview = {
        "title": title, "events": 84_287, "customers": 970, "items": 60_000, "start": START, "end": START + 9 * DAY,
        "class_counts": {label: 800 // (rank + 1) ** 3 for rank, label in enumerate(classes)},
    }  # fmt: skip
    (before / "overview.json").write_text(json.dumps(overview))
    fold = {"protocol": "time", "fold": 0, "validation_start": START + 6 * DAY, "test_start": START + 7 * DAY,
            "test_end": None, "train": 6000, "validation": 700, "test": 900}  # fmt: skip
    (before / "splits.json").write_text(json.dumps([fold, {**fold, "protocol": "held_out", "train": 4800}]))
    steps = [("read", "rows_in", 84_400), ("duplicates", "dropped", 113), ("write", "rows_out", 84_287)]
    pd.DataFrame(steps, columns=["step", "reason", "rows"]).to_csv(before / "cleaning_report.csv", index=False)
    (before / "ingestion_notes.json").write_text(json.dumps({"interactions": 84_400, "customers_only_in_log": 7}))
    filled = [("customers", "age", "mean", 41.5, 12), ("customers", "loyalty_level", "mode", "silver", 3)]
    columns = ["table", "column", "method", "value", "rows"]
    pd.DataFrame(filled, columns=columns).to_csv(before / "imputation_report.csv", index=False)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """One source, ``taobao``, on which LightGBM leads, TFP-Net follows and the majority class is last."""
    write_source(tmp_path, "taobao", "Taobao head users")
    return Results.read(tmp_path)
