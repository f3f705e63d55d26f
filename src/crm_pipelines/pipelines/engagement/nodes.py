"""Thin nodes of ``engagement``; the work is done in ``benchmark``, ``sequences`` and ``policy``."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import ibis.expr.types as ir
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.benchmark.curves import risk_curves
from crm_pipelines.benchmark.results import data_fingerprint, stack
from crm_pipelines.columns import (
    BEHAVIOUR,
    CUSTOMER_ID,
    FOLD,
    MODEL,
    POSITION,
    PROTOCOL,
    PROTOCOL_STRATIFIED,
    RECORD_ID,
    TIMESTAMP,
)
from crm_pipelines.config import (
    PlanParameters,
    PolicyParameters,
    RunParameters,
    SequenceParameters,
    SourceSpec,
    parse,
)
from crm_pipelines.errors import UserError
from crm_pipelines.models.registry import CHURN_MODELS, SEQUENCE_MODELS
from crm_pipelines.records.assembly import assemble
from crm_pipelines.runs import PendingRun, StoredRun, fingerprint
from crm_pipelines.runtime_parameters import KEDRO_ENVIRONMENT
from crm_pipelines.scoring.config import CustomerParameters
from crm_pipelines.scoring.kept import Keeping
from crm_pipelines.sequences.preparation import protocols, split
from crm_pipelines.sources import RawFolder

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]


def sequence_training_of(model: str) -> Callable[..., dict[str, PendingRun]]:
    """The training node's function for one model of the next item."""

    def train(
        sequence_arrays: Arrays,
        source_spec: SourceSpec,
        source: str,
        runs: RunParameters,
        sequences: SequenceParameters,
        config: dict[str, Any],
    ) -> dict[str, PendingRun]:
        """The runs of the model, none if it is not asked for or the source has no log."""
        from crm_pipelines.benchmark.next_item import ENGAGEMENT, plan_runs  # torch takes seconds to import
        from crm_pipelines.benchmark.running import within_budget
        from crm_pipelines.models.registry import sequence_model

        if (runs.models and model not in runs.models) or not sequence_arrays:
            return {}
        views = {
            f"{protocol}/fold=0": partial(split, sequence_arrays, protocol, sequences)
            for protocol in protocols(source_spec.interactions.in_order)
        }
        main = parse(sequence_model(model).Config, config, f"{ENGAGEMENT}.{model}.config")
        main = within_budget(main, source_spec.sequence_events)
        runs = runs.model_copy(update={"seeds": runs.seeds[: source_spec.most_seeds]})
        data = fingerprint({"log": data_fingerprint({"sequences": sequence_arrays}), "split": sequences})
        return plan_runs(model, main, source, views, data, runs)

    return train


def churn_training_of(model: str) -> Callable[..., dict[str, PendingRun]]:
    """The training node's function for one model of churn."""

    def train(
        churn_arrays: Arrays,
        churn_splits: list[dict[str, Any]],
        source_spec: SourceSpec,
        source: str,
        runs: RunParameters,
        config: dict[str, Any],
    ) -> dict[str, PendingRun]:
        """The runs of the model, none if it is not asked for or the source knows no churn."""
        from crm_pipelines.benchmark.next_item import ENGAGEMENT, PAPER_B
        from crm_pipelines.benchmark.risk import plan_runs
        from crm_pipelines.benchmark.running import variants_of, within_budget
        from crm_pipelines.models.registry import risk_model

        if (runs.models and model not in runs.models) or not churn_splits:
            return {}
        views = {f"{part[PROTOCOL]}/fold={part[FOLD]}": partial(assemble, part, churn_arrays) for part in churn_splits}
        if "horizon_days" in risk_model(model).Config.model_fields:  # the silence that is asked about
            config = {"horizon_days": source_spec.churn_days, **config}
        main = parse(risk_model(model).Config, config, f"{ENGAGEMENT}.{model}.config")
        main = within_budget(main, source_spec.training_events)
        runs = runs.model_copy(update={"seeds": runs.seeds[: source_spec.most_seeds]})
        variants = variants_of(risk_model(model), main, ())
        data = data_fingerprint({"records": churn_arrays})
        return plan_runs(model, variants, source, views, data, runs, PAPER_B, ENGAGEMENT)

    return train


def run_paper_world(seeds: list[int]) -> tuple[pd.DataFrame, ...]:
    """The paper's own experiment on its simulated world, once a seed."""
    from crm_pipelines.benchmark.paper_b_world import run_world  # torch takes seconds to import
    from crm_pipelines.training.seeds import seed_everything

    seed_everything(seeds[0], 1)
    return run_world(tuple(seeds))


def evaluate(
    runs: RunParameters, challengers: list[str], kedro_environment: str, *models: list[StoredRun]
) -> tuple[pd.DataFrame | dict[str, Any], ...]:
    """Every result table, from the runs of all models, marked with the configuration environment."""
    from crm_pipelines.benchmark import next_item
    from crm_pipelines.benchmark.results import tabulate
    from crm_pipelines.benchmark.risk import COMPARED, SLICES

    several = [run for model in models[: len(SEQUENCE_MODELS)] for run in model]
    churn = [run for model in models[len(SEQUENCE_MODELS) :] for run in model]
    of_items = next_item.tabulate(several, challengers, runs.resamples)
    of_churn = tabulate(
        churn,
        challengers,
        runs.resamples,
        processes=runs.processes,
        slices=SLICES,
        protocol=PROTOCOL_STRATIFIED,
        compared=COMPARED,
    )
    pairs = zip(of_items[:-1], of_churn[:-1], strict=True)  # the environment is the last
    tables = [stack([mine, theirs]) for mine, theirs in pairs]
    uncounted = {
        **of_items.environment.get("uncounted_operations", {}),
        **of_churn.environment.get("uncounted_operations", {}),
    }
    environment = {**of_items.environment, **of_churn.environment, KEDRO_ENVIRONMENT: kedro_environment}
    return (*tables, {**environment, "uncounted_operations": uncounted}, risk_curves(churn))


def plan_items(
    sequence_arrays: Arrays,
    customers: ir.Table,
    runs: RunParameters,
    plans: PlanParameters,
    *models: list[StoredRun],
) -> pd.DataFrame:
    """The next three items of every customer, with scores and reasons."""
    from crm_pipelines.benchmark.plans import chosen_run, item_plans  # torch takes seconds to import
    from crm_pipelines.models.registry import sequence_model
    from crm_pipelines.training.seeds import seed_everything

    seed_everything(runs.seeds[0], runs.threads)
    run = chosen_run(dict(zip(SEQUENCE_MODELS, models, strict=True)), plans.model)

    def open_model() -> Any:
        if run is None or run.model_path is None:
            raise UserError("no fitted model of the next item is stored; delete its folder and run it again")
        return sequence_model(run.manifest[MODEL]).load(run.model_path)

    ids = customers.select(CUSTOMER_ID).to_pandas()[CUSTOMER_ID].astype(str).tolist()
    no_repeats = bool(run.manifest["no_repeats"]) if run is not None else False
    table = item_plans(open_model if run is not None else None, no_repeats, sequence_arrays, ids, plans)
    table[MODEL] = run.manifest[MODEL] if run is not None else ""
    return table


def score_churn(
    churn_arrays: Arrays, clean_churn_records: ir.Table, plans: PlanParameters, *models: list[StoredRun]
) -> pd.DataFrame:
    """``customer_id, churn_probability, churn_model``: each customer's latest record, by a fold that did not see it."""
    from crm_pipelines.benchmark.risk_scores import chosen_model, out_of_fold

    by_model = dict(zip(CHURN_MODELS, models, strict=True))
    name = chosen_model(by_model, plans.churn_model)
    empty = pd.DataFrame({CUSTOMER_ID: pd.Series(dtype=str), "churn_probability": [], "churn_model": []})
    if name is None:
        return empty
    risk = out_of_fold(by_model[name], churn_arrays)
    known = clean_churn_records.select(RECORD_ID, CUSTOMER_ID, POSITION).to_pandas()
    joined = risk.merge(known, on=RECORD_ID).sort_values(POSITION, kind="stable")
    latest = joined.drop_duplicates(CUSTOMER_ID, keep="last").sort_values(CUSTOMER_ID, kind="stable")
    return pd.DataFrame(
        {CUSTOMER_ID: latest[CUSTOMER_ID], "churn_probability": latest["risk"], "churn_model": name}
    ).reset_index(drop=True)


def keep_items(sequence_arrays: Arrays, plans: PlanParameters, *models: list[StoredRun]) -> Keeping:
    """The model that plans for today's customers."""
    from crm_pipelines.benchmark.plans import chosen_run
    from crm_pipelines.scoring.plans import keep

    return keep(chosen_run(dict(zip(SEQUENCE_MODELS, models, strict=True)), plans.model), sequence_arrays)


def keep_churn(
    churn_arrays: Arrays,
    clean_interactions: ir.Table,
    customers: ir.Table,
    source_spec: SourceSpec,
    plans: PlanParameters,
    scoring: CustomerParameters,
    *models: list[StoredRun],
) -> Keeping:
    """The model that says who of today's customers may leave: of the last fold and the first seed."""
    from crm_pipelines.benchmark.kept import best_run
    from crm_pipelines.records.snapshots import today_records
    from crm_pipelines.scoring.kept import CHURN
    from crm_pipelines.scoring.records import keep

    by_model = dict(zip(CHURN_MODELS, models, strict=True))
    chosen = best_run(by_model, plans.churn_model, "engagement.plans.churn_model", PROTOCOL_STRATIFIED)
    now = None
    if chosen is not None and source_spec.churn is not None:
        found = today_records(clean_interactions, customers.to_pandas(), source_spec.churn, source_spec.customers)
        now = (found.records.execute(), found.layout)
    return keep(CHURN, by_model, chosen, churn_arrays, scoring.drift.bins, scoring.sample, now)


def read_contacts(raw_files: RawFolder, source_spec: SourceSpec) -> pd.DataFrame:
    """The log of contacts; no rows for a source without one."""
    from crm_pipelines.policy.contacts import read_contacts as read

    return read(raw_files.written_as(source_spec), source_spec.contacts)


def decide(
    item_plans: pd.DataFrame,
    churn_scores: pd.DataFrame,
    contacts: pd.DataFrame,
    customers: ir.Table,
    clean_interactions: ir.Table,
    source_spec: SourceSpec,
    plans: PlanParameters,
    policy: PolicyParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """One row per customer with the plan before and after adjustment; what the policy is worth; what actions do."""
    from crm_pipelines.policy.contacts import check_known
    from crm_pipelines.policy.plans import engagement_plans

    if source_spec.contacts is not None:
        known = {*item_plans[CUSTOMER_ID], *churn_scores[CUSTOMER_ID]}
        check_known(contacts, known, source_spec.contacts.file)
    log = clean_interactions.select(CUSTOMER_ID, TIMESTAMP, BEHAVIOUR).to_pandas()
    if source_spec.log is None or source_spec.log.in_order:
        log = log.iloc[:0]  # without times
    end = int(log[TIMESTAMP].max()) + 1 if len(log) else 0
    found = engagement_plans(
        item_plans,
        churn_scores,
        contacts,
        customers.to_pandas(),
        log,
        source_spec.customers,
        end,
        plans.bands,
        policy,
        source_spec.do_not_contact,
    )
    changed = int((found.plans["decision"] == "adjusted").sum())
    logger.info("%s plans, %s of them adjusted to the risk of churn", f"{len(found.plans):,}", f"{changed:,}")
    return found
