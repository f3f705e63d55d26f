"""Outcomes looked for in a log: churn and purchases."""

from typing import ClassVar

from pydantic import Field

from crm_pipelines.config.base import Parameters


class AudienceSpec(Parameters):
    """Of whom churn is asked.

    Attributes:
        min_events: fewest events before the reference date.
        active_within_days: the latest event is at most so long ago; whoever was silent longer has left already.
        attributes: customer attribute -> values of which it must have one.
    """

    min_events: int = Field(default=1, ge=1)
    active_within_days: float | None = Field(default=None, gt=0)
    attributes: dict[str, tuple[str, ...]] = {}


class OutcomeSpec(Parameters):
    """An outcome looked for in a log: whether ``behaviours`` occur within ``within_days`` after a reference date.

    Attributes:
        behaviours: raw labels or classes that count; any event where empty.
        within_days: length of the period of the outcome.
        steps, step_days: the history before the reference date, as so many steps of so many days.
        snapshots: reference dates, the last ``within_days`` before the end of the log.
        audience: of whom it is asked.
    """

    block: ClassVar[str]
    """Name in the source block, for messages."""
    classes: ClassVar[tuple[str, str]]
    """Name of the negative and of the positive class."""
    positive_if_silent: ClassVar[bool]
    """Whether the positive class is that nothing occurs."""

    behaviours: tuple[str, ...] = ()
    within_days: float = Field(default=30.0, gt=0)
    steps: int = Field(default=12, ge=1, le=520)
    step_days: float = Field(default=7.0, gt=0)
    snapshots: int = Field(default=3, ge=1, le=60)
    audience: AudienceSpec = AudienceSpec()

    @property
    def days_apart(self) -> float:
        """Days from one reference date to the next."""
        return self.within_days


class ChurnSpec(OutcomeSpec):
    """Churn as one defines it: no ``behaviours`` within ``within_days``; reference dates lie as many days apart."""

    block = "churn"
    classes = ("stays", "leaves")
    positive_if_silent = True

    snapshots: int = Field(default=3, ge=1, le=12)


class PurchaseSpec(OutcomeSpec):
    """A purchase as one defines it: any of ``behaviours`` within ``within_days``.

    Attributes:
        every_days: from one reference date to the next; ``within_days`` where empty. Where it is less, outcomes of
            neighbouring dates overlap, and a fold leaves out of training whatever reaches into its later parts.
        events: latest moments of a history that a recurrent network reads.
        value: numeric item attribute that says what a purchase was worth, where the log has no value.
        most_customers: customers that models learn from and are tested on, drawn at random where there are more; all
            get a score.
    """

    block = "purchase"
    classes = ("waits", "buys")
    positive_if_silent = False

    snapshots: int = Field(default=12, ge=2, le=60)
    every_days: float | None = Field(default=None, gt=0)
    events: int = Field(default=24, ge=1, le=500)
    value: str | None = None
    most_customers: int = Field(default=100_000, ge=100)

    @property
    def days_apart(self) -> float:
        """Days from one reference date to the next."""
        return self.every_days or self.within_days
