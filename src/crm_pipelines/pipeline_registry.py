"""Names of the pipelines that ``kedro run --pipelines=`` accepts."""

from importlib import import_module

from kedro.pipeline import Pipeline

STAGES = (
    "simulate",
    "ingestion",
    "preprocessing",
    "coldstart",
    "records",
    "risk",
    "sequences",
    "engagement",
    "products",
    "recommendation",
    "reporting",
)
"""Packages below ``crm_pipelines.pipelines``, each with a ``pipeline`` module that offers ``create_pipeline``."""

CHAINS = {
    "coldstart": ("ingestion", "preprocessing", "coldstart", "reporting"),
    "risk": ("records", "risk", "reporting"),
    "engagement": ("sequences", "engagement", "reporting"),
    "recommendation": ("products", "recommendation", "reporting"),
}
"""Pipelines run by the name of a paper's stage, with everything that comes before and after it."""

ALONE = "{}_models"
"""Name under which the stage that gave its name to a chain can be run by itself."""

REPORTING = "reporting"
"""The stage that is built for the chain it ends; alone it is that of the default chain, others are
``<chain>_reporting``."""

DEFAULT = "coldstart"


def register_pipelines() -> dict[str, Pipeline]:
    """Build every pipeline.

    Returns:
        Pipeline by name: each stage alone, each chain, and ``__default__``.

    Raises:
        ImportError: naming the stage that cannot be imported; the others are not registered without it.
    """
    stages = {stage: _create(stage) for stage in STAGES if stage != REPORTING}
    reports = {chain: _create(REPORTING, chain) for chain in CHAINS}
    chains = {
        name: sum((reports[name] if stage == REPORTING else stages[stage] for stage in parts), Pipeline([]))
        for name, parts in CHAINS.items()
    }
    alone = {ALONE.format(name) if name in CHAINS else name: stage for name, stage in stages.items()}
    alone |= {f"{name}_{REPORTING}": report for name, report in reports.items() if name != DEFAULT}
    return {**alone, REPORTING: reports[DEFAULT], **chains, "__default__": chains[DEFAULT]}


def _create(stage: str, *arguments: str) -> Pipeline:
    pipeline: Pipeline = import_module(f"crm_pipelines.pipelines.{stage}.pipeline").create_pipeline(*arguments)
    return pipeline
