"""Thin nodes of ``feedback``; the work is done in ``benchmark``, ``entities`` and ``text``."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.benchmark.results import data_fingerprint, tabulate
from crm_pipelines.columns import FOLD, MODEL, PROTOCOL, PROTOCOL_STRATIFIED
from crm_pipelines.config import RunParameters, SourceSpec, parse
from crm_pipelines.documents.preparation import assemble, fingerprint_arrays
from crm_pipelines.entities.spans import Sentence
from crm_pipelines.evaluation.resampled_t import compare_over_folds
from crm_pipelines.runs import PendingRun, StoredRun
from crm_pipelines.runtime_parameters import KEDRO_ENVIRONMENT
from crm_pipelines.text.config import EntityParameters, ProfileParameters, ThemeParameters
from crm_pipelines.text.theme_tables import pain_points, theme_table

Arrays = dict[str, NDArray[Any]]
_NUMBERS: Final = (*(c.probability(name) for name in c.SENTIMENTS), *c.EMBEDDING_COLUMNS)
NO_PROFILES: Final = pa.schema(
    {
        **{name: pa.string() for name in (c.DOCUMENT_ID, c.CUSTOMER_ID, c.ITEM_ID)},
        c.TIMESTAMP: pa.int64(),
        **{name: pa.string() for name in (c.CHANNEL, c.LANGUAGE)},
        **{name: pa.float64() for name in _NUMBERS[:3]},
        **{name: pa.string() for name in (c.SENTIMENT, c.FITTED)},
        "fitted_before": pa.int64(),
        **{name: pa.string() for name in (c.THEME, c.ENTITIES)},
        **{name: pa.float64() for name in _NUMBERS[3:]},
    }
).empty_table()
"""Profiles of no documents."""


def training_of(model: str) -> Callable[..., dict[str, PendingRun]]:
    """The training node's function for one model."""

    def train(
        document_words: pd.DataFrame,
        sentiment_arrays: Arrays,
        sentiment_splits: list[dict[str, Any]],
        source_spec: SourceSpec,
        source: str,
        runs: RunParameters,
        config: dict[str, Any],
    ) -> dict[str, PendingRun]:
        """The runs of the model, none if it is not asked for; those of the same data, parameters and code are kept."""
        from crm_pipelines.benchmark.running import variants_of, within_budget
        from crm_pipelines.benchmark.sentiment import FEEDBACK, plan_runs  # torch takes seconds to import
        from crm_pipelines.models.registry import text_model

        if (runs.models and model not in runs.models) or not sentiment_splits:
            return {}
        views = {
            f"{split[PROTOCOL]}/fold={split[FOLD]}": partial(assemble, split, sentiment_arrays, document_words)
            for split in sentiment_splits
        }
        main = parse(text_model(model).Config, config, f"{FEEDBACK}.{model}.config")
        main = within_budget(main, source_spec.training_events)
        runs = runs.model_copy(update={"seeds": runs.seeds[: source_spec.most_seeds]})
        texts = fingerprint_arrays(document_words, sentiment_arrays["rows"])
        mark = data_fingerprint({"documents": texts, "splits": sentiment_arrays})
        return plan_runs(model, variants_of(text_model(model), main, runs.studies), source, views, mark, runs)

    return train


def evaluate(
    runs: RunParameters,
    challengers: list[str],
    kedro_environment: str,
    sentiment_splits: list[dict[str, Any]],
    *models: list[StoredRun],
) -> tuple[pd.DataFrame | dict[str, Any], ...]:
    """Every result table from the runs of all models; tests over folds, classes and confusion."""
    from crm_pipelines.benchmark.sentiment import COMPARED, SLICES
    from crm_pipelines.benchmark.sentiment_tables import class_tables

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
    tables = tables._replace(environment={**tables.environment, KEDRO_ENVIRONMENT: kedro_environment})
    sizes = {s[FOLD]: (s["train"], s["test"]) for s in sentiment_splits if s[PROTOCOL] == PROTOCOL_STRATIFIED}
    tests = compare_over_folds(tables.metrics, challengers, PROTOCOL_STRATIFIED, sizes) if stored else pd.DataFrame()
    return (*tables, tests if len(tests) else pd.DataFrame({MODEL: [], "peer": []}), *class_tables(stored))


def explain(
    document_words: pd.DataFrame,
    sentiment_arrays: Arrays,
    sentiment_splits: list[dict[str, Any]],
    profiles: ProfileParameters,
    runs: RunParameters,
    *models: list[StoredRun],
) -> pd.DataFrame:
    """Words behind the decisions of the model of lowest log-loss on validation, on test documents of the last fold."""
    from crm_pipelines.benchmark.risk_scores import chosen_model  # torch takes seconds to import
    from crm_pipelines.benchmark.sentiment_tables import WORD_COLUMNS, word_table
    from crm_pipelines.models.registry import TEXT_MODELS, text_model
    from crm_pipelines.training.seeds import seed_everything

    nothing = pd.DataFrame({name: [] for name in WORD_COLUMNS})
    found = {name: several for name, several in zip(TEXT_MODELS, models, strict=True) if several}
    folds = [split for split in sentiment_splits if split[PROTOCOL] == PROTOCOL_STRATIFIED]
    name = chosen_model(found, "") if found else None
    if name is None or not profiles.explained:
        return nothing
    last = folds[-1]
    run = next(r for r in found[name] if (r.manifest[PROTOCOL], r.manifest[FOLD]) == (PROTOCOL_STRATIFIED, last[FOLD]))
    if run.model_path is None:
        return nothing
    seed_everything(runs.seeds[0], runs.threads)
    inputs = assemble(last, sentiment_arrays, document_words)
    return word_table(text_model(name).load(run.model_path), name, inputs, profiles.explained, runs.seeds[0])


def train_tagger(
    annotated_sentences: dict[str, list[tuple[list[str], list[str]]]],
    config: dict[str, Any],
    entities: EntityParameters,
    runs: RunParameters,
) -> tuple[list[Any], pd.DataFrame]:
    """A tagger of entities, in a list, with its scores beside the rule's; nothing without annotated sentences."""
    from crm_pipelines.benchmark.entity_search import SCORE_COLUMNS, train_tagger  # torch takes seconds to import
    from crm_pipelines.models.tagging.bilstm_crf import BiLSTMCRFConfig
    from crm_pipelines.training.seeds import seed_everything

    if not annotated_sentences:
        return [], pd.DataFrame({name: [] for name in SCORE_COLUMNS})
    seed_everything(entities.seed, runs.threads)
    parts = {
        part: [Sentence(tuple(tokens), tuple(tags)) for tokens, tags in several]
        for part, several in annotated_sentences.items()
    }
    tagger, scores = train_tagger(parts, parse(BiLSTMCRFConfig, config, "feedback.tagger"), entities.seed)
    return [tagger], scores


def find_entities(
    document_words: pd.DataFrame, catalogue_names: pd.DataFrame, tagger: list[Any], entities: EntityParameters
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Entities of every document, and which are named most often."""
    from crm_pipelines.benchmark.entity_search import ENTITY_COLUMNS, entity_counts, find_entities

    if document_words.empty:
        nothing = pd.DataFrame({name: pd.Series(dtype="str") for name in ENTITY_COLUMNS})
        return nothing, entity_counts(nothing)
    found = find_entities(document_words, catalogue_names, next(iter(tagger), None), entities)
    return found, entity_counts(found)


def profile(
    document_words: pd.DataFrame,
    sentiment_arrays: Arrays,
    document_entities: pd.DataFrame,
    source_spec: SourceSpec,
    themes: ThemeParameters,
    profiles: ProfileParameters,
    runs: RunParameters,
    parameters: dict[str, Any],
) -> ir.Table:
    """One row per document: sentiment, theme, language, entities, embedding."""
    from crm_pipelines.benchmark.document_profiles import SentimentModel, document_profiles
    from crm_pipelines.benchmark.running import within_budget
    from crm_pipelines.models.registry import text_model
    from crm_pipelines.training.seeds import seed_everything

    if document_words.empty:
        return ibis.memtable(NO_PROFILES)
    kind = text_model(profiles.model)
    config = parse(kind.Config, parameters[profiles.model]["config"], f"feedback.{profiles.model}.config")
    seed_everything(runs.seeds[0], runs.threads)
    table = document_profiles(
        document_words,
        sentiment_arrays["rows"],
        [str(name) for name in sentiment_arrays["names/classes"]],
        document_entities,
        SentimentModel(kind, within_budget(config, source_spec.training_events), runs.seeds[0]),
        themes,
        profiles,
        source_spec.horizon_days,
    )
    return ibis.memtable(table)


def describe(document_profiles: ir.Table) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Themes over time, and pain points."""
    columns = ["theme", "timestamp", "p_negative"]
    rows = document_profiles.select(*columns).to_pandas()
    return theme_table(rows), pain_points(rows)
