"""Names of the pipelines that ``kedro run --pipelines=`` accepts."""

from collections.abc import Mapping
from importlib import import_module

from kedro.pipeline import Pipeline

STAGES = (
    "simulate",
    "check",
    "ingestion",
    "preprocessing",
    "coldstart",
    "records",
    "risk",
    "sequences",
    "engagement",
    "documents",
    "feedback",
    "purchases",
    "profile",
    "products",
    "recommendation",
    "scoring",
    "reporting",
)
"""Packages below ``crm_pipelines.pipelines``, each with a ``pipeline`` module that offers ``create_pipeline``."""

CHAINS = {
    "coldstart": ("ingestion", "preprocessing", "coldstart", "reporting"),
    "risk": ("records", "risk", "reporting"),
    "engagement": ("sequences", "engagement", "reporting"),
    "feedback": ("documents", "feedback", "purchases", "profile", "reporting"),
    "recommendation": ("products", "recommendation", "reporting"),
}
"""Pipelines run by the name of a paper's stage, with everything that comes before and after it."""

WHOLE = ("coldstart", "risk", "engagement", "feedback", "recommendation", "check", "scoring")
"""What ``kedro run`` without a pipeline's name is made of: chains, then stages that use what they keep."""

ALSO_OF_OTHERS = frozenset({"read_log", "clean_log", "read_purchase_log", "clean_purchase_log"})
"""Nodes of one chain whose outputs another's nodes of the whole give as well."""

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
    scored = stages["scoring"] + _create(REPORTING, "scoring")
    return {**alone, REPORTING: reports[DEFAULT], **chains, "scoring": scored, "__default__": _whole(stages)}


def _whole(stages: Mapping[str, Pipeline]) -> Pipeline:
    """Every chain and the stages after them, with one report at the end."""
    parts = dict.fromkeys(part for name in WHOLE for part in CHAINS.get(name, (name,)) if part != REPORTING)
    nodes = {node.name: node for part in parts for node in stages[part].nodes if node.name not in ALSO_OF_OTHERS}
    return Pipeline(list(nodes.values())) + _create(REPORTING, *WHOLE)


def _create(stage: str, *arguments: str) -> Pipeline:
    pipeline: Pipeline = import_module(f"crm_pipelines.pipelines.{stage}.pipeline").create_pipeline(*arguments)
    return pipeline
