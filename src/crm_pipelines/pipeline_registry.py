"""Names of the pipelines that ``kedro run --pipelines=`` accepts."""

from importlib import import_module

from kedro.pipeline import Pipeline

STAGES = ("simulate", "ingestion", "preprocessing", "coldstart", "reporting")
"""Packages below ``crm_pipelines.pipelines``, each with a ``pipeline`` module that offers ``create_pipeline``."""

CHAINS = {"coldstart": ("ingestion", "preprocessing", "coldstart", "reporting")}
"""Pipelines run by the name of a paper's stage, with everything that comes before and after it."""

ALONE = "{}_models"
"""Name under which the stage that gave its name to a chain can be run by itself."""

DEFAULT = "coldstart"


def register_pipelines() -> dict[str, Pipeline]:
    """Build every pipeline.

    Returns:
        Pipeline by name: each stage alone, each chain, and ``__default__``.

    Raises:
        ImportError: naming the stage that cannot be imported; the others are not registered without it.
    """
    stages = {stage: _create(stage) for stage in STAGES}
    chains = {name: sum((stages[stage] for stage in parts), Pipeline([])) for name, parts in CHAINS.items()}
    alone = {ALONE.format(name) if name in CHAINS else name: stage for name, stage in stages.items()}
    return {**alone, **chains, "__default__": chains[DEFAULT]}


def _create(stage: str) -> Pipeline:
    pipeline: Pipeline = import_module(f"crm_pipelines.pipelines.{stage}.pipeline").create_pipeline()
    return pipeline
