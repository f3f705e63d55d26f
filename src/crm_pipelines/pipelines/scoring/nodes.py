"""Thin nodes of ``scoring``; the work is done in ``crm_pipelines.scoring``.

A system of which nothing was kept leaves a table without rows.
"""

import logging
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines import sources
from crm_pipelines.cleaning import clean_interactions, summarise_cleaning
from crm_pipelines.config import (
    FeatureParameters,
    PlanParameters,
    PolicyParameters,
    ScoringParameters,
    SourceSpec,
    parse,
)
from crm_pipelines.errors import UserError
from crm_pipelines.pipelines.sequences.nodes import EVENTS, RECORDS, empty, with_lines
from crm_pipelines.policy.plans import RECORDS_ONLY
from crm_pipelines.processes import side_by_side
from crm_pipelines.records import snapshots
from crm_pipelines.records.cleaning import clean_records
from crm_pipelines.records.layout import Layout
from crm_pipelines.scoring import drift, extras
from crm_pipelines.scoring.config import CustomerParameters
from crm_pipelines.scoring.kept import BEHAVIOUR, CHURN, ITEMS, RISK, Kept
from crm_pipelines.scoring.pseudonyms import key_of
from crm_pipelines.sources import RawFolder

logger = logging.getLogger(__name__)

DAY: Final = 86_400
Layouts = dict[str, Any]


def read_log(
    raw_files: RawFolder, source_spec: SourceSpec, scoring: CustomerParameters
) -> tuple[ir.Table, ir.Table, ir.Table]:
    """Today's clean log and the attributes of customers and items; empty for a source without a log.

    Raises:
        UserError: a mistake in the raw files or in the source block, or the key of ids is missing.
    """
    if scoring.id_key:
        key_of(scoring.id_key)  # asked for at the end: better to stop before anything is computed
    if source_spec.log is None:
        return empty(EVENTS), empty({c.CUSTOMER_ID: EVENTS[c.CUSTOMER_ID]}), empty({c.ITEM_ID: EVENTS[c.ITEM_ID]})
    found = sources.read(raw_files, source_spec)
    table, report = clean_interactions(found.interactions, source_spec.interactions)
    logger.info("%s", summarise_cleaning(report))
    return table, found.customers, found.items


def read_records(raw_files: RawFolder, source_spec: SourceSpec) -> tuple[ir.Table, Layouts]:
    """Today's records, also those without an outcome; empty for a source without records.

    Raises:
        UserError: a mistake in the raw files or in the source block.
    """
    if source_spec.table is None:
        return empty(RECORDS), {}
    block = source_spec.table.model_copy(update={"outcome_due": False})
    table, layout, _ = with_lines(sources.read_records(raw_files, source_spec.model_copy(update={"table": block})))
    clean, report = clean_records(table, block.file, outcome_due=False)
    logger.info("%s", summarise_cleaning(report))
    return clean, layout


def read_churn(
    today_events: ir.Table,
    today_customers: ir.Table,
    today_records: ir.Table,
    today_layout: Layouts,
    source_spec: SourceSpec,
) -> tuple[ir.Table, Layouts]:
    """Records of churn as of the end of the log, whose outcome lies ahead; or the source's own where they are of churn.

    Raises:
        UserError: nobody belongs to the audience.
    """
    if source_spec.churn is not None:
        attributes = today_customers.to_pandas()
        found = snapshots.today_records(today_events, attributes, source_spec.churn, source_spec.customers)
        table, layout, notes = with_lines(found)
        logger.info("%s customers are outside the audience of churn", f"{notes['outside_the_audience']:,}")
        return table, layout
    if source_spec.table is not None and source_spec.table.churn:
        return today_records, today_layout
    return empty(RECORDS), {}


def plan(
    kept_items: Kept | None,
    today_events: ir.Table,
    today_customers: ir.Table,
    today_records: ir.Table,
    source_spec: SourceSpec,
    plans: PlanParameters,
    scoring: CustomerParameters,
) -> pd.DataFrame:
    """The next three items of each customer, by the kept model; a row for everybody in any case."""
    from crm_pipelines.benchmark.plans import item_plans  # torch takes seconds to import
    from crm_pipelines.models.registry import sequence_model
    from crm_pipelines.scoring.plans import recoded
    from crm_pipelines.sequences.preparation import build

    ids = set(today_customers.select(c.CUSTOMER_ID).to_pandas()[c.CUSTOMER_ID].astype(str))
    ids |= set(today_records.select(c.CUSTOMER_ID).distinct().to_pandas()[c.CUSTOMER_ID].astype(str))
    arrays: dict[str, NDArray[Any]] = {}
    if source_spec.log is not None:
        context = list(source_spec.log.context)
        events = today_events.filter(~today_events[c.BEHAVIOUR].isin(context)) if context else today_events
        log = events.order_by(c.TIMESTAMP, c.ROW).select(c.CUSTOMER_ID, c.ITEM_ID, c.TIMESTAMP).to_pandas()
        arrays = build(log, pd.Series(sorted(ids), dtype="str"), source_spec.log.file, alone=True).arrays
    kept = kept_items if kept_items is not None and kept_items.usable(ITEMS) else None
    codes, unknown = recoded(arrays, kept.array("item_ids")) if kept is not None and arrays else (arrays, 0)
    if unknown:
        logger.warning("%s events of items that the kept model does not know are left out of plans", f"{unknown:,}")
    if kept is None or not codes or not len(codes["items"]):
        table = item_plans(None, False, arrays, sorted(ids), plans).assign(**{c.MODEL: ""})
        # Without a log nobody lacks a history: what the records say of their data counts.
        return table if source_spec.log is not None else table.assign(data=RECORDS_ONLY)
    _seed(kept)
    mine = plans.model_copy(update={"customers": scoring.planned})
    table = item_plans(
        lambda: sequence_model(kept.name).load(kept.model), bool(kept.manifest["no_repeats"]), codes, sorted(ids), mine
    )
    return table.assign(**{c.MODEL: kept.name})


def score_behaviour(
    kept_behaviour: Kept | None,
    today_events: ir.Table,
    today_customers: ir.Table,
    today_items: ir.Table,
    source_spec: SourceSpec,
    features: FeatureParameters,
    scoring: CustomerParameters,
    processes: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Probability of each behaviour of each customer as of now, and how its inputs drifted."""
    from crm_pipelines.scoring.actions import empty_behaviour

    if kept_behaviour is None or not kept_behaviour.usable(BEHAVIOUR) or source_spec.log is None:
        return empty_behaviour(), pd.DataFrame(columns=list(drift.COLUMNS))
    from crm_pipelines.models.registry import behaviour_model, reads_past_features  # torch takes seconds to import
    from crm_pipelines.preparation.encoders import Encoders
    from crm_pipelines.scoring import behaviour

    kept = kept_behaviour
    log = behaviour.Log(today_events, today_customers.to_pandas(), today_items.to_pandas())
    past = reads_past_features(kept.name)
    low, deviation = kept.manifest["value_scale"]
    with TemporaryDirectory(prefix="crm_pipelines-") as folder:
        today = behaviour.build_today(
            log,
            log.customer_ids(),
            Encoders.load(kept.folder / "encoders"),
            source_spec,
            behaviour.Limits(features.everything_up_to, features.training_events, past),
            Path(folder),
            (float(low), float(deviation)),
        )
        behaviour.check_schema(kept, today)
        n = len(today.customer_ids)
        table = behaviour.score(
            kept,
            today,
            lambda: behaviour_model(kept.name).load(kept.model),
            _blocks(n, scoring.block),
            _runner(kept, scoring, processes),
        )
        some = np.sort(np.random.default_rng(0).permutation(n)[: scoring.sample])
        names = [name for name in table.columns if name.startswith(c.PROBABILITY_PREFIX)]
        now = {"numbers": today.numbers(some), "scores": {name: table[name].to_numpy()[some] for name in names}}
        moved = drift.compare(BEHAVIOUR, kept.manifest["reference"], now, scoring.drift)
        del today
    return table, moved


def score_churn(
    kept_churn: Kept | None,
    today_churn: ir.Table,
    today_churn_layout: Layouts,
    source_spec: SourceSpec,
    scoring: CustomerParameters,
    processes: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Probability of churn of each customer's latest record, and how inputs drifted."""
    file = source_spec.interactions.file if source_spec.churn is not None else ""
    return _score(CHURN, kept_churn, today_churn, today_churn_layout, source_spec, scoring, processes, file)


def score_risk(
    kept_risk: Kept | None,
    today_records: ir.Table,
    today_layout: Layouts,
    source_spec: SourceSpec,
    scoring: CustomerParameters,
    processes: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Risk of each customer's latest record, and how inputs drifted."""
    return _score(RISK, kept_risk, today_records, today_layout, source_spec, scoring, processes, "")


def _score(
    system: str,
    kept: Kept | None,
    table: ir.Table,
    layout: Layouts,
    spec: SourceSpec,
    scoring: CustomerParameters,
    processes: int,
    file: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    from crm_pipelines.scoring.actions import empty_records

    if kept is None or not kept.usable(system) or not layout:
        return empty_records(), pd.DataFrame(columns=list(drift.COLUMNS))
    from crm_pipelines.models.registry import risk_model  # torch takes seconds to import
    from crm_pipelines.scoring import records
    from crm_pipelines.scoring.words import Phrases

    roles = parse(Layout, {key: value for key, value in layout.items() if key != "lines"}, "today's layout")
    frame = records.latest_of(table.order_by(c.ROW).to_pandas())
    inputs = records.inputs_of(kept, frame, roles, file or spec.records.file)
    found = records.score(
        kept,
        frame,
        inputs,
        lambda: risk_model(kept.name).load(kept.model),
        _blocks(len(frame), scoring.block),
        _runner(kept, scoring, processes),
        scoring.explained,
        Phrases(spec.churn if system == CHURN else None),
        scoring.reasons,
    )
    some = np.sort(np.random.default_rng(0).permutation(len(frame))[: scoring.sample])
    part = records.inputs_of(kept, frame.iloc[some], roles, file)
    now = records.today_of(part, frame.iloc[some], found["risk"].to_numpy(dtype=np.float64)[some])
    return found, drift.compare(system, kept.manifest["reference"], now, scoring.drift)


def act(
    today_plans: pd.DataFrame,
    today_behaviour: pd.DataFrame,
    today_churn_scores: pd.DataFrame,
    today_risk_scores: pd.DataFrame,
    today_events: ir.Table,
    today_customers: ir.Table,
    raw_files: RawFolder,
    source_spec: SourceSpec,
    plans: PlanParameters,
    policy: PolicyParameters,
    bands: ScoringParameters,
    scoring: CustomerParameters,
    *others: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """One row per customer, as parquet and for spreadsheets, and whom to contact first.

    Raises:
        UserError: a rule of the policy names an attribute that customers do not have, or ids shall be replaced and
            there is no key.
    """
    from crm_pipelines.policy.contacts import check_known, read_contacts
    from crm_pipelines.policy.plans import engagement_plans
    from crm_pipelines.scoring.actions import contact_list, customer_actions
    from crm_pipelines.scoring.pseudonyms import pseudonyms

    key = key_of(scoring.id_key) if scoring.id_key else b""
    timed = source_spec.log is not None and not source_spec.log.in_order
    now = int(today_events[c.TIMESTAMP].max().to_pyarrow().as_py() or 0) + 1 if timed else 0
    log = today_events.select(c.CUSTOMER_ID, c.TIMESTAMP, c.BEHAVIOUR).to_pandas()
    contacts = read_contacts(raw_files.written_as(source_spec), source_spec.contacts)
    if source_spec.contacts is not None:
        check_known(contacts, set(today_plans[c.CUSTOMER_ID]), source_spec.contacts.file)
    churn = today_churn_scores.rename(columns={"risk": "churn_probability"})
    decided = engagement_plans(
        today_plans,
        churn[[c.CUSTOMER_ID, "churn_probability"]].assign(churn_model=""),
        contacts,
        today_customers.to_pandas(),
        log if timed else log.iloc[:0],
        source_spec.customers,
        now,
        plans.bands,
        policy,
        source_spec.do_not_contact,
    ).plans
    last_seen = pd.Series(dtype="float64")
    if timed:
        grouped = today_events.group_by(c.CUSTOMER_ID).aggregate(last=today_events[c.TIMESTAMP].max()).to_pandas()
        last_seen = (now - 1 - grouped.set_index(c.CUSTOMER_ID)["last"]) / DAY
    table = customer_actions(
        decided,
        today_behaviour,
        churn.drop(columns="churn_probability"),
        today_risk_scores,
        last_seen,
        extras.joined(others),
        bands.bands,
        scoring.reasons,
    )
    if key:
        table[c.CUSTOMER_ID] = pseudonyms(table[c.CUSTOMER_ID], key)
        table = table.sort_values(c.CUSTOMER_ID, kind="stable", ignore_index=True)
    return table, table, contact_list(table)


def conclude(
    customer_actions: pd.DataFrame, source: str, scoring: CustomerParameters, *drifts: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The drift of every system, and an overview of what was scored."""
    filled = [table for table in drifts if len(table)]
    table = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(drift.COLUMNS))
    counts = table["severity"].value_counts()
    overview = {
        "customers": len(customer_actions),
        "with_churn": int(customer_actions["churn_probability"].notna().sum()),
        "with_risk": int(customer_actions["risk"].notna().sum()),
        "with_plan": int((customer_actions["action_1"].fillna("") != "").sum()),
        "hold_out": int(customer_actions["hold_out"].sum()),
        "confidence": {level: int(n) for level, n in customer_actions["confidence"].value_counts().items()},
        "decisions": {why: int(n) for why, n in customer_actions["decision"].value_counts().items()},
        "drift": {level: int(counts.get(level, 0)) for level in drift.SEVERITIES},
        "ids": "pseudonyms" if scoring.id_key else "as in the source",
    }
    logger.info("%s customers scored; drift: %s", f"{len(customer_actions):,}", drift.summary(table))
    for row in table[table["severity"] == drift.MAJOR].head(10).itertuples(index=False):
        logger.warning("drift: %s '%s' %s %.2f", row.system, row.name, row.measure, row.value)
    return table, overview


def stop_at_drift(scoring_drift: pd.DataFrame, scoring: CustomerParameters) -> None:
    """End with an error at a major drift where that is asked for; everything has been written by then.

    Raises:
        UserError: naming the worst.
    """
    major = scoring_drift[scoring_drift["severity"] == drift.MAJOR]
    if scoring.drift.stop and len(major):
        raise UserError(
            f"major drift ('scoring.drift.stop'): {drift.summary(scoring_drift)}; look at drift.csv, and fit the "
            "models again where the data have changed for good"
        )


def _seed(kept: Kept) -> None:
    from crm_pipelines.training.seeds import seed_everything

    seed_everything(int(kept.manifest["seed"]), 1)


def _blocks(n: int, size: int) -> list[NDArray[np.int64]]:
    return [np.arange(first, min(first + size, n)) for first in range(0, n, size)]


Block = NDArray[np.int64]


def _runner(
    kept: Kept, scoring: CustomerParameters, processes: int
) -> Callable[[Callable[[Block], pd.DataFrame], Sequence[Block]], list[pd.DataFrame]]:
    """Applies a function to every block, in as many shards as asked for; a block is computed the same in any."""

    def run(one: Callable[[Block], pd.DataFrame], blocks: Sequence[Block]) -> list[pd.DataFrame]:
        from joblib import delayed

        def shard(mine: Sequence[Block]) -> list[pd.DataFrame]:
            _seed(kept)
            return [one(block) for block in mine]

        shards = [list(part) for part in _split(blocks, scoring.shards) if len(part)]
        at_once = min(processes, len(shards)) if len(shards) > 1 else 1
        calls = (delayed(shard)(part) for part in shards)
        return [table for part in side_by_side(calls, at_once) for table in part]

    return run


def _split(blocks: Sequence[Block], shards: int) -> list[Sequence[Block]]:
    edges = np.linspace(0, len(blocks), shards + 1).round().astype(int)
    return [blocks[a:b] for a, b in pairwise(edges)]
