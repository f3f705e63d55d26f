"""Parameters as frozen, typed models: a misspelt key or a wrong type stops a run before its first node.

Each pipeline's parameter file under ``conf/base/parameters`` is read into one of these. A model's own
hyper-parameters are declared beside the model.
"""

from crm_pipelines.config.base import Labels, Parameters, RelativePath, Words, parse
from crm_pipelines.config.documents import AnnotatedSpec, Channel, DocumentColumn, DocumentsSpec, Sentiment
from crm_pipelines.config.log import ONLY_CLASS, ContactsSpec, EntitySpec, InteractionsSpec, TimeWindow
from crm_pipelines.config.offers import EligibilityRule, OfferSpec
from crm_pipelines.config.outcomes import AudienceSpec, ChurnSpec, OutcomeSpec, PurchaseSpec
from crm_pipelines.config.protocol import (
    EncodingParameters,
    FeatureParameters,
    FoldParameters,
    RunParameters,
    SequenceParameters,
    SplitParameters,
)
from crm_pipelines.config.records import RecordsSpec
from crm_pipelines.config.source import SourceSpec
from crm_pipelines.config.use import ActionSpec, PlanParameters, PolicyParameters, ScoringParameters

__all__ = [
    "ONLY_CLASS",
    "ActionSpec",
    "AnnotatedSpec",
    "AudienceSpec",
    "Channel",
    "ChurnSpec",
    "ContactsSpec",
    "DocumentColumn",
    "DocumentsSpec",
    "EligibilityRule",
    "EncodingParameters",
    "EntitySpec",
    "FeatureParameters",
    "FoldParameters",
    "InteractionsSpec",
    "Labels",
    "OfferSpec",
    "OutcomeSpec",
    "Parameters",
    "PlanParameters",
    "PolicyParameters",
    "PurchaseSpec",
    "RecordsSpec",
    "RelativePath",
    "RunParameters",
    "ScoringParameters",
    "Sentiment",
    "SequenceParameters",
    "SourceSpec",
    "SplitParameters",
    "TimeWindow",
    "Words",
    "parse",
]
