"""How good the risk models are on the published tables, on the folds of the report.

    python benchmarks/risk_quality.py ../shared/data --sources credit telco --models lightgbm qrcnn_lstm

Every model is fitted on each fold of StratifiedKFold(5, shuffle=True, random_state=42) as the pipeline makes them.
Probabilities are scaled by a temperature fitted on the fold's validation part; accuracy, recall, F1 and macro-F1 are
at one half, the area under the ROC curve (AUC) and the expected calibration error (ECE, equal-mass bins) need no
threshold. Printed: mean and standard deviation over folds; seconds of a fit (CPU time of one thread); milliseconds
for 2,048 records (median of calls, CPU time, since a busy machine tells nothing else); and, for models named by
`--against`, the paired difference in AUC with its 95 % interval, bootstrapped over the records of all folds together,
each fold ranked for itself. What is already in `--out` is not fitted again.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score, recall_score, roc_auc_score

from crm_pipelines.evaluation.calibration import apply_temperature, expected_calibration_error, fit_temperature
from crm_pipelines.models.registry import RISK_MODELS, risk_code_of, risk_model
from crm_pipelines.models.risk.base import NotApplicableError
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.runs import code_version, fingerprint
from crm_pipelines.training.seeds import seed_everything
from records_read import folds_of

SOURCES = ("credit", "telco", "bank", "retail")
BATCH = 2_048
RESAMPLES = 1_000


def fitted(name: str, source: str, inputs: RecordInputs, seed: int, out: Path) -> dict[str, np.ndarray]:
    """Probabilities of validation and test, seconds and milliseconds, from disk if they are there."""
    model = risk_model(name)
    config = model.Config()
    identity = {
        "model": name,
        "config": config.model_dump(mode="json"),
        "source": source,
        "rows": [fingerprint({"rows": rows.tolist()}) for rows in (inputs.train, inputs.validation, inputs.test)],
        "seed": seed,
        "code": code_version("records", *risk_code_of(name)),
    }
    path = out / f"{fingerprint(identity)[:16]}.npz"
    if not path.exists():
        seed_everything(seed, threads=1)
        fit = model(config, seed)
        started = time.process_time()
        fit.fit(inputs)
        seconds = time.process_time() - started
        rows = np.resize(inputs.test, BATCH)
        calls = []
        for _ in range(7):
            started = time.process_time()
            fit.predict_proba(inputs, rows)
            calls.append(time.process_time() - started)
        out.mkdir(parents=True, exist_ok=True)
        np.savez(
            path,
            validation=fit.predict_proba(inputs, inputs.validation),
            test=fit.predict_proba(inputs, inputs.test),
            seconds=seconds,
            milliseconds=1e3 * np.median(calls),
            parameters=fit.n_parameters,
        )
    with np.load(path) as stored:
        return dict(stored)


def scores(inputs: RecordInputs, found: dict[str, np.ndarray]) -> dict[str, float]:
    """Metrics of one fold."""
    true = inputs.labels[inputs.test]
    temperature = fit_temperature(found["validation"], inputs.labels[inputs.validation])
    scaled = apply_temperature(found["test"], temperature)
    decided = scaled.argmax(axis=1)
    return {
        "accuracy": float((decided == true).mean()),
        "recall": float(recall_score(true, decided)),
        "F1": float(f1_score(true, decided)),
        "macro-F1": float(f1_score(true, decided, average="macro")),
        "AUC": float(roc_auc_score(true, found["test"][:, 1])),
        "ECE": float(expected_calibration_error(scaled, true)),
        "fit s": float(found["seconds"]),
        "2048 ms": float(found["milliseconds"]),
        "parameters": float(found["parameters"]),
    }


def weighted_auc(score: np.ndarray, true: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC (R,) of scores (N,) under each of R weights of the rows (N, R); tied scores count half."""
    order = np.argsort(score, kind="stable")
    _, tie = np.unique(score[order], return_inverse=True)
    positive = weights[order] * true[order, None]
    negative = weights[order] * (1 - true[order, None])
    last = np.append(np.flatnonzero(np.diff(tie)), len(tie) - 1)  # last row of each tie
    up_to = np.cumsum(negative, axis=0)[last]  # (ties, R)
    of_tie = np.diff(up_to, axis=0, prepend=0)
    hits = np.diff(np.cumsum(positive, axis=0)[last], axis=0, prepend=0)
    area: np.ndarray = (hits * (up_to - of_tie / 2)).sum(axis=0) / (positive.sum(axis=0) * negative.sum(axis=0))
    return area


def difference(folds: list[RecordInputs], one: list[np.ndarray], other: list[np.ndarray]) -> tuple[float, float, float]:
    """Mean difference in AUC over folds, and its 95 % interval over records drawn anew in every fold."""
    draw = np.random.default_rng(0)
    plain, resampled = [], []
    for inputs, first, second in zip(folds, one, other, strict=True):
        true = inputs.labels[inputs.test]
        n = len(true)
        weights = draw.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).T.astype(float)  # (N, R)
        resampled.append(weighted_auc(first, true, weights) - weighted_auc(second, true, weights))
        plain.append(roc_auc_score(true, first) - roc_auc_score(true, second))
    low, high = np.percentile(np.mean(resampled, axis=0), [2.5, 97.5])
    return float(np.mean(plain)), float(low), float(high)


def main() -> None:
    """Print one table a source."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("--sources", nargs="+", default=list(SOURCES), choices=SOURCES)
    parser.add_argument("--models", nargs="+", default=list(RISK_MODELS), choices=RISK_MODELS)
    parser.add_argument("--against", nargs="*", default=[], choices=RISK_MODELS, help="compare each of these with all")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--out", type=Path, default=Path("build/risk_quality"))
    options = parser.parse_args()
    for source in options.sources:
        folds = [inputs for inputs in folds_of(options.raw, source, options.seed) if inputs.fold in options.folds]
        print(f"\n{source}: {len(folds[0]):,} records, {folds[0].labels.mean():.3f} positive", flush=True)
        tests: dict[str, list[np.ndarray]] = {}
        for name in options.models:
            try:
                found = [fitted(name, source, inputs, options.seed, options.out) for inputs in folds]
            except NotApplicableError as reason:
                print(f"{name:20} not applicable: {reason}")
                continue
            tests[name] = [fold["test"][:, 1] for fold in found]
            table = pd.DataFrame([scores(inputs, fold) for inputs, fold in zip(folds, found, strict=True)])
            cells = [f"{key} {table[key].mean():.4f}±{table[key].std(ddof=0):.4f}" for key in table.columns[:6]]
            cells += [f"{key} {table[key].mean():,.1f}" for key in table.columns[6:8]]
            print(f"{name:20} " + "  ".join(cells) + f"  {table['parameters'].mean():,.0f} parameters", flush=True)
        for name in options.against:
            for peer in tests:
                if name in tests and peer != name:
                    mean, low, high = difference(folds, tests[name], tests[peer])
                    print(f"AUC of {name} less {peer}: {mean:+.4f} [{low:+.4f}, {high:+.4f}]", flush=True)


if __name__ == "__main__":
    main()
