"""Segments of fused profiles, and the score of every customer today, from stored runs.

The hybrid network of the last fold, first seed, makes the profiles; the model of lowest log-loss on validation states
the probability. Customers are scored in chunks, each read from the log when it is its turn, so that memory does not
grow with their number.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from crm_pipelines import columns as c
from crm_pipelines.benchmark.purchases import BANDS, calibrated, main_runs
from crm_pipelines.evaluation.calibration import apply_temperature
from crm_pipelines.evaluation.rules import fit_rules
from crm_pipelines.profile.config import SegmentParameters, VoiceParameters
from crm_pipelines.profile.segments import (
    SHOWN,
    Segments,
    distinctions,
    facts_of,
    fit_segments,
    rfm_groups,
    worth_of_groups,
)
from crm_pipelines.profile.voice import (
    NO_HISTORY,
    ONE_EVENT,
    OUTSIDE,
    SUFFICIENT,
    UNKNOWN,
    VOICE_COLUMNS,
    bands,
    observed_bands,
    said,
)
from crm_pipelines.records.assembly import assemble_new
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.records.layout import Layout
from crm_pipelines.records.preparation import prepare_new
from crm_pipelines.records.purchases import Past, today
from crm_pipelines.records.snapshots import in_audience
from crm_pipelines.runs import StoredRun

PROFILER: Final = "hybrid"
SEGMENT_COLUMNS: Final = (
    *("segment", "name", "customers", "share", "purchase_probability", "observed", "observed_n", "next_spend"),
    *SHOWN,
)
QUALITY_COLUMNS: Final = ("grouping", "groups", "purchase_auc", "spend_r2", "spread", "agreement", "low", "high")
HEAT_COLUMNS: Final = ("segment", "name", "fact", "value")
OBSERVED_COLUMNS: Final = (c.MODEL, "band", "n", "stated", "observed", "low", "high")

Arrays = dict[str, NDArray[Any]]
Opens = Callable[[StoredRun], Any]


class Profiles(NamedTuple):
    """What is written about segments and customers.

    Attributes:
        voice: `VOICE_COLUMNS`, one row per customer. segments: `SEGMENT_COLUMNS`. heat: `HEAT_COLUMNS`, the figure's
            cells from -1 to 1. quality: `QUALITY_COLUMNS`. bands: `OBSERVED_COLUMNS`.
    """

    voice: pd.DataFrame
    segments: pd.DataFrame
    heat: pd.DataFrame
    quality: pd.DataFrame
    bands: pd.DataFrame


def nothing() -> Profiles:
    """Of a source without purchases."""
    columns = (VOICE_COLUMNS, SEGMENT_COLUMNS, HEAT_COLUMNS, QUALITY_COLUMNS, OBSERVED_COLUMNS)
    return Profiles(*(pd.DataFrame(columns=list(names)) for names in columns))


class Fitted(NamedTuple):
    """Segments and the models behind a score."""

    segments: Segments
    profiler: Any
    scorer: Any
    temperature: float
    inputs: RecordInputs


def describe(
    models: Mapping[str, Sequence[StoredRun]],
    chosen: str,
    load: Callable[[int], RecordInputs],
    open_model: Opens,
    segmentation: SegmentParameters,
    parameters: VoiceParameters,
) -> tuple[Fitted, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Fit segments on the training records of the last fold and look what became of its test records.

    Args:
        models: name -> runs. chosen: the model that states probabilities.
        load: fold -> inputs. open_model: a run -> its fitted model.
        segmentation, parameters: how.

    Returns:
        What scores customers; quality of the segments; observed outcomes of segments (``segment, observed, observed_n,
        next_spend``); and of bands.
    """
    profile_run, score_run = main_runs(models[PROFILER])[-1], main_runs(models[chosen])[-1]
    inputs = load(int(score_run.manifest[c.FOLD]))
    profiler, scorer = open_model(profile_run), open_model(score_run)
    rules = fit_rules(score_run.predictions(), score_run.manifest["majority"])
    known, rows = inputs.train, inputs.test
    of_known, of_rows = (profiler.fused(inputs, part)[0] for part in (known, rows))
    segments = fit_segments(of_known, facts_of(inputs, known), segmentation)
    mine, theirs = segments.assign(of_rows), segments.assign(of_known)
    facts, known_facts = facts_of(inputs, rows), facts_of(inputs, known)
    count = len(segments.names)
    rfm, known_rfm = rfm_groups(facts, known_facts, count), rfm_groups(known_facts, known_facts, count)
    table = []
    for name, of_test, of_train in (("fused profiles", mine, theirs), ("RFM quintiles", rfm, known_rfm)):
        worth = worth_of_groups(of_test, of_train, inputs, rows, known)
        own = name == "fused profiles"
        stability = (segments.stability, segments.stability_low, segments.stability_high)
        agreement = stability if own else (float(adjusted_rand_score(mine, rfm)), np.nan, np.nan)
        table.append((name, len(np.unique(of_train)), *worth.values(), *agreement))
    spent = np.nan_to_num(inputs.amount[rows].astype(np.float64))
    outcome = pd.DataFrame({"segment": mine, "observed": inputs.labels[rows], "next_spend": spent})
    by = outcome.groupby("segment")
    observed = by.mean().assign(observed_n=by.size()).reset_index()
    test, buys = calibrated(score_run)
    bought = (test[c.Y_TRUE] == score_run.manifest["classes"][1]).to_numpy()
    of_bands = observed_bands(buys, bought, parameters.bands).assign(**{c.MODEL: chosen})[list(OBSERVED_COLUMNS)]
    fitted = Fitted(segments, profiler, scorer, rules.temperature, inputs)
    return fitted, pd.DataFrame(table, columns=list(QUALITY_COLUMNS)), observed, of_bands


def score_chunk(
    past: Past,
    layout: Layout,
    moment: int,
    arrays: Arrays,
    split: Mapping[str, Any],
    fitted: Fitted,
    parameters: VoiceParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of `VOICE_COLUMNS` for some customers but ``last_negative_text``, and their facts with the segment.

    Args:
        past: their log and documents up to ``moment`` (UTC seconds).
        layout, arrays, split: of the records that the models learnt from.
        fitted: segments and models.
        parameters: bands and how much is named.
    """
    table, facts = _scores(past, layout, moment, arrays, split, fitted, parameters)
    people = pd.Index(past.customers[c.CUSTOMER_ID].astype(str)).union(table.index)
    table = table.reindex(people.union(past.voices.ids.astype(str)) if past.voices.present else people)
    table["data"] = table["data"].fillna(NO_HISTORY)
    if past.voices.present and len(past.voices.ids):
        spoken = said(past.documents, past.voices, moment, parameters.themes, parameters.entities)
        table = table.join(spoken)
    for name in VOICE_COLUMNS[1:]:
        if name not in table:
            table[name] = None
    table["documents"] = table["documents"].fillna(0).astype("int64")
    table["segment"] = table["segment"].astype("Int64")
    return table.rename_axis(c.CUSTOMER_ID).reset_index()[list(VOICE_COLUMNS)], facts


def _scores(
    past: Past,
    layout: Layout,
    moment: int,
    arrays: Arrays,
    split: Mapping[str, Any],
    fitted: Fitted,
    parameters: VoiceParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores of everybody with an event, by customer, and their facts; nothing where nobody has one."""
    if past.log.empty:
        columns = ["segment", "segment_name", "purchase_probability", "band", "value_band", "data"]
        return pd.DataFrame(columns=columns, index=pd.Index([], name=c.CUSTOMER_ID, dtype=object)), pd.DataFrame()
    known = today(past, layout, moment)
    ids = pd.Index(known[c.CUSTOMER_ID], dtype=object)
    new = prepare_new(known, arrays) | past.modalities(ids, np.full(len(ids), moment, dtype=np.int64))
    inputs = assemble_new(split, arrays, new)
    rows = np.arange(len(inputs), dtype=np.int64)
    profiles, value_bands = fitted.profiler.fused(inputs, rows)
    raw = np.asarray(fitted.scorer.predict_proba(inputs, rows), dtype=np.float64)
    buys = apply_temperature(raw, fitted.temperature)[:, 1]
    segment = fitted.segments.assign(profiles)
    has_value = not np.isnan(fitted.inputs.amount).all()
    single = (known["events_total"] <= 1).to_numpy()
    inside = in_audience(known, past.spec).to_numpy()
    table = pd.DataFrame(
        {
            c.CUSTOMER_ID: ids.astype(str),
            "segment": segment,
            "segment_name": [fitted.segments.names[each] for each in segment],
            "purchase_probability": buys,
            "band": bands(buys, parameters.bands),
            "value_band": [BANDS[each] if has_value else UNKNOWN for each in value_bands.argmax(axis=1)],
            "data": np.where(~inside, OUTSIDE, np.where(single, ONE_EVENT, SUFFICIENT)),
        }
    ).set_index(c.CUSTOMER_ID)
    facts = facts_of(inputs, rows).assign(segment=segment, purchase_probability=buys)
    return table, facts


def summarise(facts: pd.DataFrame, segments: Segments, observed: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`SEGMENT_COLUMNS` and `HEAT_COLUMNS` of customers today.

    Args:
        facts: one row per scored customer: facts, ``segment``, ``purchase_probability``.
        segments: their names. observed: of `describe`.
    """
    count = len(segments.names)
    by = facts.groupby("segment")
    table = by.mean().reindex(range(count))
    table["customers"] = by.size().reindex(range(count)).fillna(0).astype("int64")
    table["share"] = table["customers"] / max(len(facts), 1)
    table["name"] = list(segments.names)
    table = table.join(observed.set_index("segment"))
    table = table.rename_axis("segment").reset_index().reindex(columns=list(SEGMENT_COLUMNS))
    order = table["purchase_probability"].sort_values(ascending=False, kind="stable").index
    columns = [name for name in facts.columns if name != "segment"]
    apart = distinctions(facts[columns], facts["segment"].to_numpy(), count)
    cells = [
        (segment, segments.names[segment], fact, float(apart.loc[segment, fact]))
        for segment in table.loc[order, "segment"]
        for fact in columns
    ]
    return table.loc[order].reset_index(drop=True), pd.DataFrame(cells, columns=list(HEAT_COLUMNS))
