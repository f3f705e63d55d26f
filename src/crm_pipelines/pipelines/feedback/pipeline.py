"""Wiring of ``feedback``: one train template per sentiment model, one evaluation, entities, themes, profiles."""

from typing import Final

from kedro.pipeline import Pipeline, node

from crm_pipelines.models.registry import TEXT_MODELS
from crm_pipelines.pipelines.feedback import nodes
from crm_pipelines.pipelines.templates import runs_of, training

PREPARED: Final = ("document_words", "sentiment_arrays", "sentiment_splits")
SHARED: Final = ("source_spec", "source", "feedback.runs")
TABLES: Final = (
    *("metrics", "efficiency", "comparisons", "fairness", "reliability", "training", "environment"),
    *("tests", "classes", "confusion"),
)


def _model(name: str) -> Pipeline:
    """Train one model; a namespace of its own."""
    return training("feedback", name, nodes.training_of(name), PREPARED, SHARED)


def create_pipeline(**_: object) -> Pipeline:
    """Words and folds -> runs of every model -> result tables; entities, themes, and one row per document."""
    everything = Pipeline(
        [
            node(
                nodes.evaluate,
                [
                    "params:feedback.runs",
                    "params:feedback.challengers",
                    "params:kedro_environment",
                    "sentiment_splits",
                    *(runs_of("feedback", name) for name in TEXT_MODELS),
                ],
                [f"feedback_{table}" for table in TABLES],
                name="evaluate_feedback_runs",
            ),
            node(
                nodes.explain,
                [
                    *PREPARED,
                    "params:feedback.profiles",
                    "params:feedback.runs",
                    *(runs_of("feedback", name) for name in TEXT_MODELS),
                ],
                "feedback_words",
                name="explain_sentiment",
            ),
            node(
                nodes.train_tagger,
                ["annotated_sentences", "params:feedback.tagger", "params:feedback.entities", "params:feedback.runs"],
                ["tagger", "feedback_entity_scores"],
                name="train_tagger",
            ),
            node(
                nodes.find_entities,
                ["document_words", "catalogue_names", "tagger", "params:feedback.entities"],
                ["document_entities", "feedback_entity_counts"],
                name="find_entities",
            ),
            node(
                nodes.profile,
                [
                    "document_words",
                    "sentiment_arrays",
                    "document_entities",
                    "params:source_spec",
                    "params:feedback.themes",
                    "params:feedback.profiles",
                    "params:feedback.runs",
                    "params:feedback",
                ],
                "document_profiles",
                name="profile_documents",
            ),
            node(
                nodes.describe, "document_profiles", ["feedback_themes", "feedback_pain_points"], name="describe_themes"
            ),
        ]
    )
    return sum((_model(name) for name in TEXT_MODELS), start=everything)
