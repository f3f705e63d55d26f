"""Products taken, and who may be offered which."""

from typing import Literal

from pydantic import Field

from crm_pipelines.config.base import Parameters


class EligibilityRule(Parameters):
    """Who may be offered a product; a customer must satisfy every line, and one without the attribute satisfies none.

    Attributes:
        values: categorical customer attribute -> values of which it must have one.
        at_least, at_most: numeric customer attribute -> its bound, inclusive.
    """

    values: dict[str, tuple[str, ...]] = {}
    at_least: dict[str, float] = {}
    at_most: dict[str, float] = {}

    @property
    def attributes(self) -> tuple[str, ...]:
        """Every attribute that the rule reads."""
        return (*self.values, *self.at_least, *self.at_most)


class OfferSpec(Parameters):
    """What a log says about products taken, for recommendation.

    Attributes:
        takes: classes that count as taking a product; all but ``ends`` where empty.
        ends: classes that end the holding of one.
        predicted: classes among ``takes`` that are predicted after the cut in time; all of them where empty. What
            was held from the beginning is known, but nobody chose it then.
        repeats: a product that is held may be taken again, as goods of a shop are.
        period: what is predicted at once after the cut in time: the ``rest`` of the log, or each calendar ``month``.
        eligible: product -> who may be offered it; products not named are for everybody.
        withdrawn: products that are no longer offered.
        fewest_relevant: products that a customer of the protocol ``held_out`` must take beside those shown.
        protocols: of `recommendation`, the first of them that of the ablation; those that the log allows where empty.
        pretrain: name of another block, whose log the model is pre-trained on; the part to learn from where empty.
        most_events: most products that a network reads in training; the block's ``sequence_events`` where not given.
    """

    takes: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ()
    repeats: bool = False
    period: Literal["rest", "month"] = "rest"
    eligible: dict[str, EligibilityRule] = {}
    withdrawn: tuple[str, ...] = ()
    fewest_relevant: int = Field(default=1, ge=1)
    protocols: tuple[Literal["time", "leave_last_out", "held_out"], ...] = ()
    pretrain: str = ""
    most_events: int | None = Field(default=None, ge=1)
