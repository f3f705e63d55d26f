"""Try hyper-parameters on development windows, which end before any test part of the last two folds begins.

    kedro run --pipelines=ingestion,preprocessing --params=source=taobao,raw_root=DIR,data_root=DEV,split.folds=5
    python benchmarks/tune.py DEV taobao benchmarks/trials/tfpnet.yml --out=DEV/tuning

Of five rolling folds the second and third are tested on 50-60 % and 60-70 % of the log. Choices made there have seen
nothing of the test parts of a benchmark with one or two folds (80-100 % and 70-80 %). The trials file maps a name to
`{model: name, config: {...}}`; every trial is fitted for each fold and seed, decided by the rule of the protocol
(chosen on the window's own validation part), and compared with the first trial by the paired bootstrap over
customers. A fit that is already in `--out`, of the same data and code, is not repeated. `average: [a, b]` instead of
a model averages the probabilities of other trials; `members: true` averages a trial's own seeds.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from crm_pipelines.benchmark.behaviour import predict
from crm_pipelines.benchmark.results import data_fingerprint
from crm_pipelines.columns import METRIC, RESULT_VALUE, SLICE, SLICE_VALIDATION
from crm_pipelines.config import parse
from crm_pipelines.evaluation.calibration import log_loss
from crm_pipelines.evaluation.metrics import evaluate_run
from crm_pipelines.evaluation.predictions import probability_matrix, true_codes
from crm_pipelines.evaluation.rules import fit_rules, with_decisions
from crm_pipelines.evaluation.significance import compare
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.registry import behaviour_model, code_of
from crm_pipelines.runs import code_version, fingerprint
from crm_pipelines.training.seeds import seed_everything
from prepared import load

SLICES = ("all", "cold_item@0", "cold_item@1", "cold_customer@0", "cold_customer@1")


def fitted(trial: dict[str, Any], name: str, inputs: EventInputs, data: str, seed: int, out: Path) -> pd.DataFrame:
    """Predictions of one fit, from disk if it was done before on the same data by the same code."""
    model = behaviour_model(trial["model"])
    config = parse(model.Config, trial.get("config", {}), name)
    mark = fingerprint(
        {
            "model": trial["model"],
            "config": config.model_dump(mode="json"),
            "data": data,
            "fold": inputs.fold,
            "seed": seed,
            "code": code_version("events", "preparation", *code_of(trial["model"])),
        }
    )
    path = out / f"{mark[:16]}.parquet"
    if not path.exists():
        started = time.perf_counter()
        seed_everything(seed, threads=1)
        fit = model(config, seed)
        history = fit.fit(inputs)
        predict(fit, inputs).to_parquet(path)
        seconds = time.perf_counter() - started
        print(f"{name}: fold {inputs.fold}, seed {seed}, {len(history)} rows of history, {seconds:.0f} s", flush=True)
    return pd.read_parquet(path)


def averaged(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The first table with the mean probabilities of all."""
    columns = [c for c in tables[0].columns if c.startswith("p_")]
    mean = tables[0].copy()
    mean[columns] = np.mean([table[columns].to_numpy() for table in tables], axis=0)
    return mean


def validation_loss(table: pd.DataFrame) -> float:
    """Log-loss on the validation part."""
    rows = table[table[SLICE] == SLICE_VALIDATION]
    return log_loss(probability_matrix(rows), true_codes(rows))


def main() -> None:
    """Print one line a trial."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("source")
    parser.add_argument("trials", type=Path)
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43])
    parser.add_argument("--out", type=Path, default=Path("build/tuning"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    trials: dict[str, dict[str, Any]] = yaml.safe_load(options.trials.read_text())
    inputs = {fold: load(options.data_root, options.source, fold) for fold in options.folds}
    data = data_fingerprint({"features": {"values": next(iter(inputs.values())).event_features}})
    probabilities: dict[str, dict[tuple[int, int], pd.DataFrame]] = {}
    for name, trial in trials.items():
        if "average" in trial:
            parts = [probabilities[other] for other in trial["average"]]
            probabilities[name] = {key: averaged([part[key] for part in parts]) for key in parts[0]}
        else:
            probabilities[name] = {
                (fold, seed): fitted(trial, name, inputs[fold], data, seed, options.out)
                for fold in options.folds
                for seed in options.seeds
            }
        if trial.get("members"):
            mean = {
                fold: averaged([probabilities[name][fold, seed] for seed in options.seeds]) for fold in options.folds
            }
            probabilities[name] = {(fold, seed): mean[fold] for fold in options.folds for seed in options.seeds[:1]}
    decided, rows = {}, {}
    for name, tables in probabilities.items():
        metrics, loss = [], []
        decided[name] = []
        for (fold, seed), table in tables.items():
            rules = fit_rules(table)
            decided[name].append(with_decisions(table, rules))
            identity = dict.fromkeys(("paper", "pipeline", "source", "variant", "protocol"), "-") | {
                "model": name,
                "fold": fold,
                "seed": seed,
            }
            metrics.append(evaluate_run(table, identity, SLICES))
            loss.append(validation_loss(table))
        table = pd.concat(metrics)
        macro = table[table[METRIC] == "macro_f1"].groupby(SLICE)[RESULT_VALUE].mean()
        calibrated = table[table[METRIC] == "log_loss"].groupby(SLICE)[RESULT_VALUE].mean()
        rows[name] = {
            "validation loss": np.mean(loss),
            "log-loss": calibrated["all"],
            **{s: macro[s] for s in SLICES if s in macro},
        }
    first = next(iter(trials))
    slices = [s for s in SLICES if s in rows[first] and not np.isnan(rows[first][s])]
    differences = (
        compare(decided, [name for name in trials if name != first], slices, resamples=500, metrics=("macro_f1",))
        if len(trials) > 1
        else pd.DataFrame()
    )
    for name in rows:
        for s in slices:
            if name != first:
                d = differences[
                    (differences["model"] == name) & (differences["peer"] == first) & (differences[SLICE] == s)
                ].iloc[0]
                rows[name][f"{s} less {first}"] = f"{d['difference']:+.3f} [{d['low']:+.3f}, {d['high']:+.3f}]"
    print(pd.DataFrame(rows).T.to_string(float_format="{:.4f}".format))


if __name__ == "__main__":
    main()
