"""Thin nodes of ``profile``; the work is done in ``benchmark`` and ``crm_pipelines.profile``."""

import logging
from collections.abc import Callable
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.benchmark.curves import risk_curves
from crm_pipelines.benchmark.results import data_fingerprint, tabulate
from crm_pipelines.config import RunParameters, SourceSpec, parse
from crm_pipelines.errors import UserError
from crm_pipelines.evaluation.resampled_t import compare_over_folds
from crm_pipelines.models.registry import PURCHASE_MODELS
from crm_pipelines.pipelines.purchases.nodes import past_of
from crm_pipelines.profile.config import SegmentParameters, VoiceParameters
from crm_pipelines.records.assembly import assemble
from crm_pipelines.records.layout import Layout
from crm_pipelines.runs import PendingRun, StoredRun
from crm_pipelines.runtime_parameters import KEDRO_ENVIRONMENT

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]


def training_of(model: str) -> Callable[..., dict[str, PendingRun]]:
    """The training node's function for one model of purchases."""

    def train(
        purchase_arrays: Arrays,
        purchase_splits: list[dict[str, Any]],
        source_spec: SourceSpec,
        source: str,
        runs: RunParameters,
        config: dict[str, Any],
    ) -> dict[str, PendingRun]:
        """The runs of the model, none if it is not asked for or the source knows no purchases."""
        from crm_pipelines.benchmark.purchases import PAPER_D, PROFILE, views_of  # torch takes seconds to import
        from crm_pipelines.benchmark.risk import plan_runs
        from crm_pipelines.benchmark.running import variants_of, within_budget
        from crm_pipelines.models.registry import risk_model

        if (runs.models and model not in runs.models) or not purchase_splits or source_spec.purchase is None:
            return {}
        if model == "bgnbd":  # the period that is asked about, and the columns of purchases
            config = {
                "horizon_days": source_spec.purchase.within_days,
                "positive": "purchase",
                "recency": "purchase_recency_days",
                "age": "purchase_tenure_days",
                "purchases": "purchase_days",
                **config,
            }
        main = parse(risk_model(model).Config, config, f"{PROFILE}.{model}.config")
        main = within_budget(main, source_spec.training_events)
        runs = runs.model_copy(update={"seeds": runs.seeds[: source_spec.most_seeds]})
        variants = variants_of(risk_model(model), main, runs.studies)
        views = views_of(purchase_splits, purchase_arrays)
        data = data_fingerprint({"records": purchase_arrays})
        return plan_runs(model, variants, source, views, data, runs, PAPER_D, PROFILE, c.PROTOCOL_TIME)

    return train


def evaluate(
    purchase_splits: list[dict[str, Any]],
    runs: RunParameters,
    challengers: list[str],
    kedro_environment: str,
    *models: list[StoredRun],
) -> tuple[pd.DataFrame | dict[str, Any], ...]:
    """Every result table, from the runs of all models, marked with the configuration environment; and t-tests."""
    from crm_pipelines.benchmark.purchases import TABLE_1
    from crm_pipelines.benchmark.risk import COMPARED, SLICES

    stored = [run for several in models for run in several]
    tables = tabulate(
        stored,
        challengers,
        runs.resamples,
        processes=runs.processes,
        slices=SLICES,
        protocol=c.PROTOCOL_TIME,
        compared=COMPARED,
    )
    tables = tables._replace(environment={**tables.environment, KEDRO_ENVIRONMENT: kedro_environment})
    sizes = {int(split[c.FOLD]): (int(split["train"]), int(split["test"])) for split in purchase_splits}
    metrics = tables.metrics if len(tables.metrics) else pd.DataFrame(columns=list(c.RESULT_COLUMNS))
    tests = compare_over_folds(metrics, challengers, c.PROTOCOL_TIME, sizes, TABLE_1)
    return (*tables, risk_curves(stored), tests)


def forecast(
    purchase_arrays: Arrays,
    purchase_splits: list[dict[str, Any]],
    runs: RunParameters,
    boosting: dict[str, Any],
    *models: list[StoredRun],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Purchases predicted and observed date by date; and how well value bands are named."""
    from crm_pipelines.benchmark.purchases import forecasts, value_bands, views_of
    from crm_pipelines.models.layers.boosting import TableBoostingParameters
    from crm_pipelines.training.seeds import seed_everything

    seed_everything(runs.seeds[0], runs.threads)
    by_model = dict(zip(PURCHASE_MODELS, models, strict=True))
    banded = {name: by_model[name] for name in ("hybrid", "hybrid_plus")}
    trees = parse(TableBoostingParameters, boosting, "profile.lightgbm.config")
    views = views_of(purchase_splits, purchase_arrays)
    return forecasts(by_model, purchase_arrays), value_bands(banded, views, _open, trees)


def _open(run: StoredRun) -> Any:
    from crm_pipelines.models.registry import risk_model

    if run.model_path is None:
        raise UserError(f"no fitted model is stored in {run.path}; delete that folder and run the model again")
    return risk_model(run.manifest[c.MODEL]).load(run.model_path)


def describe_customers(
    purchase_log: ir.Table,
    purchase_customers: ir.Table,
    document_profiles: ir.Table,
    clean_documents: ir.Table,
    purchase_arrays: Arrays,
    purchase_splits: list[dict[str, Any]],
    purchase_layout: dict[str, Any],
    source_spec: SourceSpec,
    runs: RunParameters,
    segments: SegmentParameters,
    voice: VoiceParameters,
    *models: list[StoredRun],
) -> tuple[pd.DataFrame, ...]:
    """One row per customer for use, segments, the cells of their heat map, their quality, and observed bands."""
    from crm_pipelines.benchmark import customer_voice as of_customers  # torch takes seconds to import
    from crm_pipelines.benchmark.purchases import main_runs
    from crm_pipelines.benchmark.risk_scores import chosen_model
    from crm_pipelines.training.seeds import seed_everything

    seed_everything(runs.seeds[0], runs.threads)
    by_model = dict(zip(PURCHASE_MODELS, models, strict=True))
    chosen = chosen_model(by_model, voice.model, c.PROTOCOL_TIME, "profile.voice.model")
    if chosen is None or not main_runs(by_model[of_customers.PROFILER]):
        return of_customers.nothing()
    folds = {int(split[c.FOLD]): split for split in purchase_splits}
    fitted, quality, observed, bands = of_customers.describe(
        by_model, chosen, lambda fold: assemble(folds[fold], purchase_arrays), _open, segments, voice
    )
    layout = parse(Layout, {key: value for key, value in purchase_layout.items() if key != "lines"}, "purchase_layout")
    moment = int(purchase_log[c.TIMESTAMP].max().to_pyarrow().as_py()) + 1
    behaviours = tuple(sorted(purchase_log.select(c.BEHAVIOUR).distinct().to_pandas()[c.BEHAVIOUR]))
    written = bool(document_profiles[c.CUSTOMER_ID].notnull().any().to_pyarrow().as_py())
    people = purchase_customers.select(c.CUSTOMER_ID).distinct()
    if written:
        authors = document_profiles.filter(document_profiles[c.CUSTOMER_ID].notnull()).select(c.CUSTOMER_ID)
        people = people.union(authors.distinct(), distinct=True)
    everybody = np.sort(people.to_pandas()[c.CUSTOMER_ID].astype(str).to_numpy())
    tables, facts = [], []
    for first in range(0, len(everybody), voice.chunk):
        chunk = pd.Index(everybody[first : first + voice.chunk])
        past = past_of(
            purchase_log,
            purchase_customers,
            document_profiles,
            source_spec,
            chunk,
            behaviours=behaviours,
            documents_present="documents_total" in layout.numeric,
        )
        table, known = of_customers.score_chunk(
            past, layout, moment, purchase_arrays, folds[fitted.inputs.fold], fitted, voice
        )
        tables.append(table)
        facts.append(known)
        if len(everybody) > voice.chunk:
            logger.info("%s of %s customers scored", f"{first + len(chunk):,}", f"{len(everybody):,}")
    table = _with_quotes(pd.concat(tables, ignore_index=True), clean_documents, voice.quote)
    summary, heat = of_customers.summarise(pd.concat(facts, ignore_index=True), fitted.segments, observed)
    logger.info("%s customers described, probabilities by %s", f"{len(table):,}", chosen)
    return table, summary, heat, quality, bands


def _with_quotes(table: pd.DataFrame, documents: ir.Table, characters: int) -> pd.DataFrame:
    """The table with the beginning of the last negative document of each customer."""
    import ibis

    wanted = table["last_negative_document"].dropna().astype(str)
    if not len(wanted) or not characters:
        return table
    ids = ibis.memtable(pd.DataFrame({c.DOCUMENT_ID: wanted.unique()}))
    texts = documents.semi_join(ids, c.DOCUMENT_ID).select(c.DOCUMENT_ID, c.TEXT).to_pandas()
    text = texts.set_index(c.DOCUMENT_ID)[c.TEXT].str.slice(0, characters)
    return table.assign(last_negative_text=table["last_negative_document"].map(text))
