"""What is made of scores: bands and reasons, plans and the policy."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crm_pipelines.config.base import Parameters


class ScoringParameters(Parameters):
    """What is written for use about each record.

    Attributes:
        model: the model that scores; empty takes the one of lowest log-loss on validation.
        bands: name -> risk below which a record belongs to it, ascending, the last 1; absolute, not shares of records.
        reasons: how many reasons are given.
        explained: share of the records, those of highest risk, that get reasons: each costs a prediction per column.
        columns: asked of every record that is explained; of a wider table those that matter most to a sample of them.
        budget: share of records that can be contacted, for the "who to contact" cut.
    """

    model: str = ""
    bands: dict[str, float] = {"low": 0.1, "moderate": 0.25, "raised": 0.5, "high": 1.0}
    reasons: int = Field(default=3, ge=1, le=10)
    explained: float = Field(default=0.3, gt=0, le=1)
    columns: int = Field(default=50, ge=1)
    budget: float = Field(default=0.1, gt=0, le=1)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        bounds = list(self.bands.values())
        if bounds != sorted(set(bounds)) or not bounds or bounds[-1] != 1 or bounds[0] <= 0:
            raise ValueError("'bands' must name rising bounds above 0, the last of them 1")
        return self


class ActionSpec(Parameters):
    """One action of the catalogue.

    Attributes:
        kind: ``recommend`` carries the items of the plan, ``retention`` may take their place where churn is near.
        cost: of one contact, in the unit of values and of the budget; a discount's is the margin given away.
        effect: share of the customers about to leave whom it keeps; of retention actions, until a log of contacts
            says more.
        attributes: customer attribute -> values of which a customer must have one to get it.
    """

    kind: Literal["recommend", "retention"]
    cost: float = Field(ge=0)
    effect: float = Field(default=0.1, ge=0, le=1)
    attributes: dict[str, tuple[str, ...]] = {}


class PolicyParameters(Parameters):
    """How churn changes a plan (paper B, equations 8 to 10), and the rules that bind it.

    Attributes:
        threshold: probability of churn from which retention actions enter the plan; ``expected_value`` asks instead
            whether value x probability x effect exceeds the cost.
        strength: alpha of equation 10; 0 leaves every plan as it was.
        mode: ``replace`` puts retention actions in the place of the plan's first steps, ``precede`` before them all.
        actions: the catalogue.
        value: worth of a customer who stays. value_column: numeric customer attribute that says it better.
        most_contacts, within_days: contacts a customer may have in so many days, the plan's among them.
        budget: most that retention actions may cost in all; none where empty.
        hold_out: share of customers, drawn at random, who get nothing, so that the others' uplift can be measured.
        learn_effects: take effects from the log of contacts where the source has one.
        seed: draws the hold-out group and the halves of the log of contacts.
    """

    threshold: Annotated[float, Field(ge=0, le=1)] | Literal["expected_value"] = 0.5
    strength: float = Field(default=1.0, ge=0)
    mode: Literal["replace", "precede"] = "replace"
    actions: dict[str, ActionSpec]
    value: float = Field(default=50.0, ge=0)
    value_column: str | None = None
    most_contacts: int = Field(default=4, ge=0)
    within_days: float = Field(default=14.0, gt=0)
    budget: float | None = Field(default=None, ge=0)
    hold_out: float = Field(default=0.1, ge=0, lt=1)
    learn_effects: bool = True
    seed: int = 42

    @model_validator(mode="after")
    def _complete(self) -> Self:
        kinds = [action.kind for action in self.actions.values()]
        if kinds.count("recommend") != 1:
            raise ValueError("'actions' needs exactly one of kind 'recommend'")
        if "retention" not in kinds:
            raise ValueError("'actions' needs at least one of kind 'retention'")
        return self


class PlanParameters(Parameters):
    """How plans are made for use.

    Attributes:
        model: of the next item; empty takes the one that makes validation targets most likely.
        churn_model: of churn; empty takes the one of lowest log-loss on validation.
        beam: beginnings kept by the search.
        customers: most customers planned for, the latest active first; all where 0.
        looked_back: last events of a history among which reasons are sought.
        reasons: given for each step.
        bands: name -> probability of churn below which a customer belongs to it.
    """

    model: str = ""
    churn_model: str = ""
    beam: int = Field(default=5, ge=1)
    customers: int = Field(default=0, ge=0)
    looked_back: int = Field(default=5, ge=1, le=50)
    reasons: int = Field(default=2, ge=1, le=5)
    bands: dict[str, float] = {"low": 0.1, "moderate": 0.25, "raised": 0.5, "high": 1.0}
