"""Thin nodes of ``recommendation``; the work is done in ``benchmark`` and ``recommendation``."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import ibis.expr.types as ir
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.config import RunParameters, SourceSpec, parse
from crm_pipelines.recommendation.config import CurveParameters, ListParameters, OfferParameters
from crm_pipelines.recommendation.preparation import protocols
from crm_pipelines.recommendation.views import prepared_of, view
from crm_pipelines.runs import PendingRun, StoredRun, fingerprint
from crm_pipelines.runtime_parameters import KEDRO_ENVIRONMENT

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]


def training_of(model: str) -> Callable[..., dict[str, PendingRun]]:
    """The training node's function for one recommender."""

    def train(
        arrays: Arrays,
        customers: ir.Table,
        items: ir.Table,
        general_arrays: Arrays,
        general_customers: pd.DataFrame,
        general_items: pd.DataFrame,
        source_spec: SourceSpec,
        sources: dict[str, Any],
        source: str,
        runs: RunParameters,
        offers: OfferParameters,
        config: dict[str, Any],
    ) -> dict[str, PendingRun]:
        """The runs of the model, none if it is not asked for."""
        from crm_pipelines.benchmark.products import RECOMMENDATION, plan_runs  # torch takes seconds to import
        from crm_pipelines.benchmark.running import variants_of
        from crm_pipelines.models.registry import product_model

        if runs.models and model not in runs.models:
            return {}
        found = (arrays, customers, items, general_arrays, general_customers, general_items)
        prepared = prepared_of(found, source_spec, sources)
        spec = prepared.spec
        views = {f"{name}/fold=0": partial(view, prepared, name, offers) for name in protocols(spec)}
        main = parse(product_model(model).Config, config, f"{RECOMMENDATION}.{model}.config")
        main = _within_budget(main, spec.offers.most_events or spec.sequence_events)
        runs = runs.model_copy(update={"seeds": runs.seeds[: spec.most_seeds]})
        variants = variants_of(product_model(model), main, runs.studies)
        data = fingerprint({"data": prepared.fingerprint, "split": offers, "offers": spec.offers})
        return plan_runs(model, variants, source, views, data, runs)

    return train


def _within_budget(main: Any, most_events: int | None) -> Any:
    """Hyper-parameters bounded by the source's budget, those of a pool's networks too."""
    from crm_pipelines.benchmark.running import within_budget

    main = within_budget(main, most_events)
    if hasattr(main, "far_network"):
        networks = {name: _within_budget(getattr(main, name), most_events) for name in ("network", "far_network")}
        return main.model_copy(update=networks)
    if most_events is not None and hasattr(main, "pretraining"):
        most_events = max(most_events // 2, 1)  # each product is predicted twice there
        less = main.pretraining.model_copy(update={"most_events": min(main.pretraining.most_events, most_events)})
        return main.model_copy(update={"pretraining": less})
    return main


def evaluate(
    runs: RunParameters, challengers: list[str], kedro_environment: str, *models: list[StoredRun]
) -> tuple[pd.DataFrame | dict[str, Any], ...]:
    """Every result table, from the runs of all models, marked with the configuration environment."""
    from crm_pipelines.benchmark.products import tabulate

    tables = tabulate([run for model in models for run in model], challengers, runs.resamples)
    *most, environment = tables
    return (*most, {**environment, KEDRO_ENVIRONMENT: kedro_environment})


def learning_curves(
    arrays: Arrays,
    customers: ir.Table,
    items: ir.Table,
    general_arrays: Arrays,
    general_customers: pd.DataFrame,
    general_items: pd.DataFrame,
    source_spec: SourceSpec,
    sources: dict[str, Any],
    runs: RunParameters,
    offers: OfferParameters,
    curves: CurveParameters,
    config: dict[str, Any],
) -> pd.DataFrame:
    """NDCG@10 by the share of training customers, with and without pre-training; no rows where none is asked for."""
    from crm_pipelines.benchmark.product_curves import transfer_curves
    from crm_pipelines.models.recommendation.product_transformer import ProductTransformerConfig

    if runs.models and "product_transformer" not in runs.models:
        curves = curves.model_copy(update={"shares": ()})
    main = parse(ProductTransformerConfig, config, "recommendation.product_transformer.config")
    found = (arrays, customers, items, general_arrays, general_customers, general_items)
    prepared = prepared_of(found, source_spec, sources)
    main = _within_budget(main, prepared.spec.offers.most_events or prepared.spec.sequence_events)
    return transfer_curves(prepared, main, offers, curves, runs)


def recommend(
    arrays: Arrays,
    customers: ir.Table,
    items: ir.Table,
    general_arrays: Arrays,
    general_customers: pd.DataFrame,
    general_items: pd.DataFrame,
    source_spec: SourceSpec,
    sources: dict[str, Any],
    runs: RunParameters,
    offers: OfferParameters,
    lists: ListParameters,
    *models: list[StoredRun],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row per customer and recommended product, and how often what was promised came true on the test."""
    from crm_pipelines.benchmark.product_lists import recommendations
    from crm_pipelines.models.registry import PRODUCT_MODELS
    from crm_pipelines.training.seeds import seed_everything

    seed_everything(runs.seeds[0], runs.threads)
    found = (arrays, customers, items, general_arrays, general_customers, general_items)
    prepared = prepared_of(found, source_spec, sources)
    return recommendations(prepared, dict(zip(PRODUCT_MODELS, models, strict=True)), offers, lists)
