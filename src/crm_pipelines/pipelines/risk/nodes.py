"""Thin nodes of ``risk``; the work is done in ``benchmark``."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.benchmark.curves import risk_curves
from crm_pipelines.benchmark.results import data_fingerprint, tabulate
from crm_pipelines.columns import FOLD, MODEL, PROTOCOL, PROTOCOL_STRATIFIED
from crm_pipelines.config import FoldParameters, RunParameters, ScoringParameters, SourceSpec, parse
from crm_pipelines.errors import UserError
from crm_pipelines.records.assembly import assemble
from crm_pipelines.records.leaks import too_good
from crm_pipelines.reporting.results import CONTACT_BUDGET
from crm_pipelines.runs import PendingRun, StoredRun
from crm_pipelines.runtime_parameters import KEDRO_ENVIRONMENT
from crm_pipelines.scoring.config import CustomerParameters
from crm_pipelines.scoring.kept import Keeping

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]


def training_of(row: str) -> Callable[..., dict[str, PendingRun]]:
    """The training node's function for one model, or for a row that shows what a leak would fake."""

    def train(
        record_arrays: Arrays,
        record_splits: list[dict[str, Any]],
        source_spec: SourceSpec,
        source: str,
        runs: RunParameters,
        config: dict[str, Any],
    ) -> dict[str, PendingRun]:
        """The runs of the model, none if it is not asked for; those of the same data, parameters and code are kept."""
        from crm_pipelines.benchmark.risk import RISK, base_of, plan_runs  # torch takes seconds to import
        from crm_pipelines.benchmark.running import variants_of, within_budget
        from crm_pipelines.models.registry import risk_model

        model = base_of(row)
        if runs.models and row not in runs.models:
            return {}
        views = {
            f"{split[PROTOCOL]}/fold={split[FOLD]}": partial(assemble, split, record_arrays) for split in record_splits
        }
        if "horizon_days" in risk_model(model).Config.model_fields:  # the silence that is asked about
            config = {"horizon_days": source_spec.records.label_days, **config}
        main = parse(risk_model(model).Config, config, f"{RISK}.{row}.config")
        main = within_budget(main, source_spec.training_events)
        runs = runs.model_copy(update={"seeds": runs.seeds[: source_spec.most_seeds]})
        variants = variants_of(risk_model(model), main, runs.studies if row == model else ())
        return plan_runs(row, variants, source, views, data_fingerprint({"records": record_arrays}), runs)

    return train


def evaluate(
    runs: RunParameters,
    challengers: list[str],
    scoring: ScoringParameters,
    folds: FoldParameters,
    kedro_environment: str,
    *models: list[StoredRun],
) -> tuple[pd.DataFrame | dict[str, Any], ...]:
    """Every result table, from the runs of all models, marked with the configuration environment."""
    from crm_pipelines.benchmark.risk import COMPARED, SLICES

    stored = [run for several in models for run in several]
    tables = tabulate(
        stored,
        challengers,
        runs.resamples,
        processes=runs.processes,
        slices=SLICES,
        protocol=PROTOCOL_STRATIFIED,
        compared=COMPARED,
    )
    if warning := too_good(tables.metrics, folds.leak_auc):
        logger.warning("%s", warning)
    marks = {KEDRO_ENVIRONMENT: kedro_environment, CONTACT_BUDGET: scoring.budget}
    tables = tables._replace(environment={**tables.environment, **marks})
    return (*tables, risk_curves(stored))


def keep(record_arrays: Arrays, scoring: CustomerParameters, runs: RunParameters, *models: list[StoredRun]) -> Keeping:
    """The model that scores records whose outcome is not known yet: of the last fold and the first seed."""
    from crm_pipelines.benchmark.kept import best_run
    from crm_pipelines.models.registry import RISK_MODELS
    from crm_pipelines.scoring.kept import RISK
    from crm_pipelines.scoring.records import keep as keep_records

    by_model = dict(zip(RISK_MODELS, models, strict=True))
    chosen = best_run(by_model, scoring.risk_model, "scoring.risk_model", PROTOCOL_STRATIFIED)
    return keep_records(RISK, by_model, chosen, record_arrays, scoring.drift.bins, scoring.sample)


def score(
    record_arrays: Arrays,
    record_splits: list[dict[str, Any]],
    runs: RunParameters,
    scoring: ScoringParameters,
    *models: list[StoredRun],
) -> tuple[pd.DataFrame, ...]:
    """One row per record for use, with attention, importance and intervals of the model behind it."""
    from crm_pipelines.benchmark import risk_scores  # torch takes seconds to import
    from crm_pipelines.models.registry import RISK_MODELS, risk_model
    from crm_pipelines.training.seeds import seed_everything

    seed_everything(runs.seeds[0], runs.threads)
    folds = {split[FOLD]: split for split in record_splits if split[PROTOCOL] == PROTOCOL_STRATIFIED}

    def open_model(run: StoredRun) -> Any:
        if run.model_path is None:
            raise UserError(f"no fitted model is stored in {run.path}; delete that folder and run the model again")
        return risk_model(run.manifest[MODEL]).load(run.model_path)

    return risk_scores.score(
        dict(zip(RISK_MODELS, models, strict=True)),
        lambda fold: assemble(folds[fold], record_arrays),
        open_model,
        record_arrays,
        scoring,
    )
