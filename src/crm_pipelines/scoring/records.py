"""Risk and churn of records whose outcome nobody knows yet, by the kept model.

A record with a known outcome that the benchmark scored keeps that score, which comes from the fold that did not learn
from it, as long as its inputs are the same: an id, a row number above all, may stand for another record in newer files.
All others, those without an outcome above all, are scored by the kept model.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.benchmark.occlusion import Feature, Typical, added, features_of, take
from crm_pipelines.benchmark.risk_scores import amounts, intervals, out_of_fold, sufficiency
from crm_pipelines.columns import MODEL, PROTOCOL_STRATIFIED
from crm_pipelines.errors import UserError
from crm_pipelines.evaluation.calibration import apply_temperature
from crm_pipelines.evaluation.rules import fit_rules
from crm_pipelines.models.registry import risk_model
from crm_pipelines.records.assembly import assemble
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.records.layout import Layout
from crm_pipelines.runs import StoredRun
from crm_pipelines.scoring.drift import describe_categories, describe_numbers
from crm_pipelines.scoring.kept import Keeping, Kept, nothing

Arrays = Mapping[str, NDArray[Any]]
Runner = Callable[[Callable[[NDArray[np.int64]], pd.DataFrame], Sequence[NDArray[np.int64]]], list[pd.DataFrame]]

TELLING: Final = 0.05
"""Log-odds that a reason must add."""
MOST_COLUMNS: Final = 50
"""Columns asked of every record that is explained; of a wider table those that matter most to a sample of them."""
COLUMNS: Final = (
    *(c.CUSTOMER_ID, c.RECORD_ID, "risk", "low", "high", "amount_low", "amount_median", "amount_high"),
    *("data", "unusual", "contradicted", "reasons"),
)
"""``contradicted``: 1 where what came of the records scored alike is not what was stated of them, beyond chance."""


def keep(
    system: str,
    runs: Mapping[str, Sequence[StoredRun]],
    wanted: StoredRun | None,
    arrays: Arrays,
    bins: int,
    sample: int,
    now: tuple[pd.DataFrame, Layout] | None = None,
) -> Keeping:
    """What is kept of a model of risk or churn.

    Args:
        system: which of the two.
        runs: of every model. wanted: the run whose model is kept; None where nothing was run.
        arrays: of ``records.preparation.prepare``.
        bins: of the description of inputs. sample: records described.
        now: records as scoring would make them of the same data, with their layout, which are then described in place
            of the training part; for records of one moment, which those of an earlier one are not like.
    """
    if wanted is None or wanted.model_path is None:
        return nothing(system)
    name, fold = str(wanted.manifest[MODEL]), int(wanted.manifest[c.FOLD])
    inputs = assemble({c.PROTOCOL: PROTOCOL_STRATIFIED, c.FOLD: fold}, arrays)
    typical = Typical.of(inputs)
    rows = np.asarray(arrays[f"{PROTOCOL_STRATIFIED}/fold={fold}/records"])
    train = rows[inputs.train]
    categories = np.asarray(arrays["categories"])
    values = [np.asarray(arrays[f"values/{at}"]) for at in range(categories.shape[1])]
    vocabularies = {}
    for at, column in enumerate(inputs.categorical_names):
        seen = np.unique(categories[train, at])
        vocabularies[column] = [str(values[at][code]) for code in seen if code >= 0]
    known = out_of_fold(runs[name], arrays)
    truth = pd.DataFrame({"record_id": np.asarray(arrays["record_id"]), "y": np.asarray(arrays["labels"])})
    joined = known.merge(truth, on="record_id")
    stated = joined[["risk"]].assign(amount_low=np.nan, amount_high=np.nan)
    bands = intervals(stated, joined[["y"]].assign(amount=np.nan))
    highest = joined.sort_values("risk", kind="stable")["risk"].to_numpy()
    upto = [float(part[-1]) for part in np.array_split(highest, 10) if len(part)]
    draw = np.sort(np.random.default_rng(0).permutation(inputs.train)[:sample])
    flat = inputs.features(draw)
    reference = {
        "numbers": {each: describe_numbers(flat[:, at], bins) for at, each in enumerate(inputs.all_feature_names)},
        "categories": {
            column: describe_categories([_value(values[at], code) for code in categories[rows[draw], at]])
            for at, column in enumerate(inputs.categorical_names)
        },
        "scores": {"risk": describe_numbers(known["risk"].to_numpy(), bins)},
    }
    known_rows = inputs.features(inputs.train)
    low, high = _extent(known_rows)
    manifest = {
        "pipeline": wanted.manifest[c.PIPELINE],
        "source": wanted.manifest[c.SOURCE],
        "model": name,
        "protocol": PROTOCOL_STRATIFIED,
        "fold": fold,
        "seed": wanted.manifest[c.SEED],
        "run": wanted.manifest["fingerprint"],
        "records": len(inputs.train),
        "classes": list(inputs.classes),
        "temperature": fit_rules(wanted.predictions(), wanted.manifest["majority"]).temperature,
        "numeric": list(inputs.numeric_names),
        "categorical": vocabularies,
        "channels": list(inputs.channel_names),
        "steps": list(inputs.step_names),
        "range": {"low": low, "high": high},
        "intervals": [
            {"upto": edge, "stated": float(stated), "low": float(low_end), "high": float(high_end)}
            for edge, stated, low_end, high_end in zip(upto, bands["risk"], bands["low"], bands["high"], strict=True)
        ],
        "reference": reference,
    }
    if now is not None:
        manifest["reference"] = _reference_of(*now, manifest, wanted.model_path, bins)
    words = {name: pd.Series(values[at]).reindex(categories[:, at]).to_numpy() for at, name in enumerate(vocabularies)}
    contents = _contents(np.asarray(arrays["numeric"]), np.asarray(arrays["sequence"]), pd.DataFrame(words))
    parts = {"typical_numeric": typical.numeric, "typical_sequence": typical.sequence, "typical_codes": typical.codes}
    scored = {
        "scored_record": known["record_id"].to_numpy(dtype=str),
        "scored_risk": known["risk"].to_numpy(np.float64),
        "scored_content": contents[pd.Index(np.asarray(arrays["record_id"])).get_indexer(known["record_id"])],
    }
    return Keeping(system, manifest, wanted.model_path, {**parts, **scored})


def _reference_of(
    records: pd.DataFrame, layout: Layout, manifest: Mapping[str, Any], model: Path, bins: int
) -> dict[str, Any]:
    """Description of today's records and of what the model says of them."""
    inputs = inputs_of(Kept(model, manifest), records, layout, "records of churn")
    rows = np.arange(len(inputs))
    fitted: Any = risk_model(str(manifest["model"])).load(model)
    chances = np.asarray(fitted.predict_proba(inputs, rows), dtype=np.float64)
    now = today_of(inputs, records, apply_temperature(chances, float(manifest["temperature"]))[:, 1])
    return {
        "numbers": {name: describe_numbers(values, bins) for name, values in now["numbers"].items()},
        "categories": {name: describe_categories(values) for name, values in now["categories"].items()},
        "scores": {name: describe_numbers(values, bins) for name, values in now["scores"].items()},
    }


def _value(values: NDArray[Any], code: int) -> str | None:
    return str(values[code]) if code >= 0 else None


def _contents(numeric: NDArray[Any], sequence: NDArray[Any], words: pd.DataFrame) -> NDArray[np.uint64]:
    """(n) hash of each record's inputs: (n, Fn) numbers, (n, T, C) steps and its categories, a column each."""
    numbers = pd.DataFrame(np.concatenate([numeric, sequence.reshape(len(sequence), -1)], axis=1))
    table = pd.concat([numbers, words.reset_index(drop=True).astype("object")], axis=1)
    return np.asarray(pd.util.hash_pandas_object(table, index=False), dtype=np.uint64)


def _extent(rows: NDArray[np.float32]) -> tuple[list[float | None], list[float | None]]:
    """Lowest and highest value of each column; None for one without any."""
    known = ~np.isnan(rows).all(axis=0)
    ends = []
    for function in (np.nanmin, np.nanmax):
        found: list[float | None] = [None] * rows.shape[1]
        for at in np.flatnonzero(known):
            found[at] = float(function(rows[:, at]))
        ends.append(found)
    return ends[0], ends[1]


def inputs_of(kept: Kept, records: pd.DataFrame, layout: Layout, where: str) -> RecordInputs:
    """Today's records as inputs of the kept model, all of them in the test part.

    Args:
        records: ``schemas.Records`` with attributes; outcomes may be missing.
        layout: which column is what. where: the file, for messages.

    Raises:
        UserError: the model was given a column that the records lack, other steps, or numbers where words are now.
    """
    manifest = kept.manifest
    numeric, categorical = list(manifest["numeric"]), dict(manifest["categorical"])
    channels, steps = list(manifest["channels"]), list(manifest["steps"])
    cells = [c.step_column(channel, step) for step in steps for channel in channels]
    again = f"run --pipelines={manifest['pipeline']} again, so that a model of today's columns is kept"
    if list(layout.classes) != list(manifest["classes"]):
        raise UserError(
            f"{kept.folder}: the kept model knows the outcomes {', '.join(manifest['classes'])}, the source block now "
            f"names {', '.join(layout.classes)}; {again}"
        )
    if layout.snapshots:
        records = _with_silent_channels(records, layout, channels, steps)
    for column in (*numeric, *categorical, *cells):
        if column not in records.columns:
            raise UserError(
                f"{where}: column '{column}' is missing, which the kept model in {kept.folder} reads; {again}"
            )
    for column in (*numeric, *categorical):
        if (column in numeric) != (column in layout.numeric):
            then, now = ("numbers", "words") if column in numeric else ("words", "numbers")
            raise UserError(
                f"{where}: column '{column}' now holds {now}, the kept model in {kept.folder} reads {then}: correct "
                f"the file and declare the column as what it is in place of having it guessed, or {again}"
            )
    n = len(records)
    codes = np.zeros((n, len(categorical)), dtype=np.int32)
    for at, (column, words) in enumerate(categorical.items()):
        codes[:, at] = pd.Index(words, dtype="object").get_indexer(pd.Index(records[column].astype("object"))) + 1
    sequence = _floats(records, cells).reshape(n, len(steps), len(channels))
    negative, positive = (str(name) for name in manifest["classes"])
    nobody = np.empty(0, dtype=np.int64)
    return RecordInputs(
        protocol=PROTOCOL_STRATIFIED,
        fold=int(manifest["fold"]),
        record_id=records[c.RECORD_ID].to_numpy(dtype=str),
        classes=(negative, positive),
        labels=np.asarray(records[c.LABEL] == positive, dtype=np.int64),
        numeric=_floats(records, numeric),
        numeric_names=tuple(numeric),
        codes=codes,
        cardinalities=tuple(len(words) + 1 for words in categorical.values()),
        categorical_names=tuple(categorical),
        sequence=sequence,
        sequence_mask=np.asarray(~np.isnan(sequence).all(axis=2)) if channels else np.zeros((n, len(steps)), bool),
        channel_names=tuple(channels),
        step_names=tuple(steps),
        amount=np.zeros(n, dtype=np.float32) if layout.has_amount else np.full(n, np.nan, dtype=np.float32),
        customer=np.arange(n),
        train=nobody,
        validation=nobody,
        test=np.arange(n),
        groups={},
    )


def _with_silent_channels(
    records: pd.DataFrame, layout: Layout, channels: Sequence[str], steps: Sequence[str]
) -> pd.DataFrame:
    """Records of a log in which a behaviour of training never happens: 0 of it, as in any step without, is no gap."""
    silent = [channel for channel in channels if channel not in layout.channels]
    if not silent or not layout.channels or list(layout.steps) != list(steps):
        return records
    known = layout.channels[0]
    zeros = {
        c.step_column(channel, step): records[c.step_column(known, step)] * 0.0 for channel in silent for step in steps
    }
    return records.assign(**zeros)


def _floats(records: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float32]:
    if not names:
        return np.empty((len(records), 0), dtype=np.float32)
    return records[list(names)].to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)


def today_of(inputs: RecordInputs, records: pd.DataFrame, scores: NDArray[Any]) -> dict[str, dict[str, Any]]:
    """What drift compares with the manifest."""
    flat = inputs.features(np.arange(len(inputs)))
    return {
        "numbers": {name: flat[:, at] for at, name in enumerate(inputs.all_feature_names)},
        "categories": {column: records[column].tolist() for column in inputs.categorical_names},
        "scores": {"risk": scores},
    }


def latest_of(records: pd.DataFrame) -> pd.DataFrame:
    """One record of each customer: one without an outcome before one with, the latest by date, then by row."""
    waiting = records[c.LABEL].isna()
    order = records.assign(_waiting=waiting, _position=pd.to_numeric(records[c.POSITION], errors="coerce").fillna(0))
    kept = order.sort_values(["_waiting", "_position", c.ROW], kind="stable").drop_duplicates(
        c.CUSTOMER_ID, keep="last"
    )
    return kept.drop(columns=["_waiting", "_position"]).sort_values(c.CUSTOMER_ID, kind="stable", ignore_index=True)


def score(
    kept: Kept,
    records: pd.DataFrame,
    inputs: RecordInputs,
    open_model: Callable[[], Any],
    blocks: Sequence[NDArray[np.int64]],
    run: Runner,
    explained: int,
    phrase: Callable[[Feature, int, int, RecordInputs, pd.DataFrame], str],
    reasons: int,
) -> pd.DataFrame:
    """`COLUMNS`, one row per record in their order.

    Args:
        kept: the model. records: today's. inputs: of `inputs_of`.
        open_model: loads the model. blocks: positions of records predicted together. run: applies a function to each.
        explained: records of highest risk whose reasons are sought.
        phrase: feature, record, its most telling step, inputs and records -> a reason in words.
        reasons: most reasons of a record.
    """
    temperature = float(kept.manifest["temperature"])
    low, high = (
        np.asarray([np.nan if v is None else v for v in kept.manifest["range"][end]]) for end in ("low", "high")
    )
    model: list[Any] = []

    def opened() -> Any:
        if not model:
            model.append(open_model())
        return model[0]

    def one(rows: NDArray[np.int64]) -> pd.DataFrame:
        some = take(inputs, rows)
        ids = np.arange(len(some))
        risk = apply_temperature(np.asarray(opened().predict_proba(some, ids), dtype=np.float64), temperature)[:, 1]
        quantiles = amounts(opened(), some, ids)
        flat = some.features(ids)
        unusual = ((flat < low) | (flat > high)).sum(axis=1) + (some.codes == 0).sum(axis=1)
        return pd.DataFrame(
            {
                "risk": risk,
                "amount_low": quantiles[:, 0],
                "amount_median": quantiles[:, 1],
                "amount_high": quantiles[:, 2],
                "data": sufficiency(some),
                "unusual": unusual / max(1, flat.shape[1] + some.codes.shape[1]),
            }
        )

    table = pd.concat(run(one, blocks), ignore_index=True) if len(blocks) else _empty()
    at = pd.Index(kept.array("scored_record")).get_indexer(pd.Index(inputs.record_id))
    contents = _contents(inputs.numeric, inputs.sequence, records[list(inputs.categorical_names)])
    keeps = records[c.LABEL].notna().to_numpy() & (at >= 0)
    keeps[keeps] = kept.array("scored_content")[at[keeps]] == contents[keeps]
    table.loc[keeps, "risk"] = kept.array("scored_risk")[at[keeps]]
    edges = kept.manifest["intervals"]
    if edges:
        place = np.searchsorted([each["upto"] for each in edges], table["risk"].to_numpy(), side="left")
        place = np.minimum(place, len(edges) - 1)
        for end in ("low", "high"):
            table[end] = np.asarray([each[end] for each in edges])[place]
        alike = np.asarray([not each["low"] <= each["stated"] <= each["high"] for each in edges], dtype=np.float64)
        table["contradicted"] = alike[place]
    table[c.CUSTOMER_ID], table[c.RECORD_ID] = records[c.CUSTOMER_ID].to_numpy(), inputs.record_id
    found: list[list[str]] = [[] for _ in range(len(table))]
    # By risk and then by place, so that the same records are explained whatever the shards.
    chosen = np.sort(np.argsort(-table["risk"].to_numpy(), kind="stable")[:explained])
    if len(chosen):
        for row, words in zip(
            chosen, _explained(opened(), kept, inputs, records, chosen, phrase, reasons), strict=True
        ):
            found[int(row)] = words
    table["reasons"] = [" | ".join(words) for words in found]
    return table[list(COLUMNS)]


def _empty() -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: pd.Series(dtype="float64")
            for name in ("risk", "amount_low", "amount_median", "amount_high", "unusual", "contradicted")
        }
        | {"data": pd.Series(dtype="str")}
    )


def _explained(
    model: Any,
    kept: Kept,
    inputs: RecordInputs,
    records: pd.DataFrame,
    rows: NDArray[np.int64],
    phrase: Callable[[Feature, int, int, RecordInputs, pd.DataFrame], str],
    most: int,
) -> list[list[str]]:
    """For each of some records what raises its risk most, strongest first, by occlusion; see `benchmark.occlusion`."""
    some, table = take(inputs, rows), records.iloc[rows]
    typical = Typical(*(kept.array(f"typical_{name}") for name in ("numeric", "sequence", "codes")))
    temperature = float(kept.manifest["temperature"])
    ids = np.arange(len(some))
    risk = apply_temperature(np.asarray(model.predict_proba(some, ids), dtype=np.float64), temperature)[:, 1]
    features = features_of(inputs)
    if not features:
        return [[] for _ in rows]
    effects = added(model, some, risk, features, typical, temperature, MOST_COLUMNS)
    order = np.argsort(-effects, axis=1, kind="stable")[:, :most]
    last = some.sequence.shape[1] - 1
    return [
        [phrase(features[at], record, last, some, table) for at in places if effects[record, at] > TELLING]
        for record, places in enumerate(order)
    ]
