"""Parameters of scoring."""

from typing import Self

from pydantic import Field, model_validator

from crm_pipelines.config import Parameters


class DriftParameters(Parameters):
    """From when on a difference to what a model was fitted on is worth a word.

    Attributes:
        bins: of the population stability index, of equal mass in the reference.
        moderate, major: of the index; 0.1 and 0.25 are customary (Siddiqi 2006, "Credit risk scorecards").
        missing_moderate, missing_major: of the share of missing values, as a difference.
        unseen_moderate, unseen_major: share of values of a category that training never held.
        stop: end with an error at a major drift, once everything is written.
    """

    bins: int = Field(default=10, ge=2)
    moderate: float = Field(default=0.1, gt=0)
    major: float = Field(default=0.25, gt=0)
    missing_moderate: float = Field(default=0.05, gt=0, le=1)
    missing_major: float = Field(default=0.2, gt=0, le=1)
    unseen_moderate: float = Field(default=0.01, gt=0, le=1)
    unseen_major: float = Field(default=0.1, gt=0, le=1)
    stop: bool = False

    @model_validator(mode="after")
    def _rising(self) -> Self:
        for name in ("", "missing_", "unseen_"):
            low, high = (getattr(self, f"{name}{level}") for level in ("moderate", "major"))
            if low > high:
                raise ValueError(f"'{name}moderate' must not exceed '{name}major'")
        return self


class CustomerParameters(Parameters):
    """How today's customers are scored.

    Attributes:
        behaviour_model, risk_model: which of the benchmark's models is kept; empty takes the one of lowest log-loss on
            validation. Those of the next item and of churn are chosen in ``engagement.plans``.
        shards: parts in which customers are scored; side by side where ``processes`` allows it.
        block: customers predicted together; rows do not depend on ``shards``, but in their last digits on this.
        planned: customers who get a plan of three steps, the latest active first; all where 0.
        explained: customers of highest risk whose reasons are sought in the model, which takes many predictions each.
        reasons: given for a customer.
        sample: customers whose inputs are described in the manifest, and compared with it.
        id_key: name of the environment variable that holds the key by which ids are replaced; empty leaves them.
        drift: from when on a difference is told.
    """

    behaviour_model: str = ""
    risk_model: str = ""
    shards: int = Field(default=1, ge=1, le=256)
    block: int = Field(default=4096, ge=1)
    planned: int = Field(default=2000, ge=0)
    explained: int = Field(default=2000, ge=0)
    reasons: int = Field(default=3, ge=1, le=5)
    sample: int = Field(default=20_000, ge=100)
    id_key: str = ""
    drift: DriftParameters = DriftParameters()
