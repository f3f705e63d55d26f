"""What a run chooses on its validation rows, and then applies unchanged to every test slice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, overload

import numpy as np
import pandas as pd

from crm_pipelines.columns import EVENT_ID, SLICE, SLICE_VALIDATION
from crm_pipelines.evaluation.calibration import fit_temperature
from crm_pipelines.evaluation.decision import DecisionRule, fit_decision_rule
from crm_pipelines.evaluation.predictions import (
    DECIDED,
    Predictions,
    Shards,
    classes_of,
    probability_matrix,
    shards_of,
    true_codes,
)


@dataclass(frozen=True)
class ValidationRules:
    """Choices made on validation rows.

    Attributes:
        classes: class names in the order of the probability columns.
        temperature: of the calibration; used for Brier score, log-loss, ECE and shown probabilities.
        decision: class offsets for macro-F1; applied to the probabilities as the model gave them.
        majority: the most frequent class of the training part (the earlier of equals).
    """

    classes: tuple[str, ...]
    temperature: float
    decision: DecisionRule
    majority: str

    def to_dict(self) -> dict[str, Any]:
        """A form that JSON can hold; ``from_dict`` reads it back."""
        return {
            "classes": list(self.classes),
            "temperature": self.temperature,
            "majority": self.majority,
            **self.decision.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Inverse of ``to_dict``; ValueError names a missing key."""
        missing = {"classes", "temperature", "majority", "offsets"} - set(content)
        if missing:
            raise ValueError(f"validation rules lack the keys {', '.join(sorted(missing))}")
        return cls(
            classes=tuple(content["classes"]),
            temperature=float(content["temperature"]),
            decision=DecisionRule.from_dict({"offsets": content["offsets"]}),
            majority=str(content["majority"]),
        )


def fit_rules(predictions: Predictions, majority: str | None = None) -> ValidationRules:
    """Choose temperature and offsets on the rows of slice ``validation``.

    The majority class is the given one of the training part, or where that is not known the one of validation.

    ValueError when the table has no such rows.
    """
    parts = [shard[shard[SLICE] == SLICE_VALIDATION] for shard in shards_of(predictions)]
    rows = pd.concat(parts).sort_values(EVENT_ID)  # resamples draw by position
    if rows.empty:
        raise ValueError(
            f"predictions have no rows of slice '{SLICE_VALIDATION}', on which the decision rule is chosen"
        )
    classes, p, true = classes_of(rows), probability_matrix(rows), true_codes(rows)
    return ValidationRules(
        classes=classes,
        temperature=fit_temperature(p, true),
        decision=fit_decision_rule(p, true),
        majority=majority or classes[int(np.bincount(true, minlength=len(classes)).argmax())],
    )


@overload
def with_decisions(predictions: pd.DataFrame, rules: ValidationRules | None = None) -> pd.DataFrame: ...
@overload
def with_decisions(predictions: Predictions, rules: ValidationRules | None = None) -> Predictions: ...
def with_decisions(predictions: Predictions, rules: ValidationRules | None = None) -> Predictions:
    """The table, or each shard, with a categorical column ``decided``.

    It follows ``rules``, or those of the predictions' own validation rows.
    """
    chosen = fit_rules(predictions) if rules is None else rules
    if not isinstance(predictions, pd.DataFrame):
        return Shards(len(predictions), lambda number: _decided(predictions[number], chosen))
    return _decided(predictions, chosen)


def _decided(predictions: pd.DataFrame, rules: ValidationRules) -> pd.DataFrame:
    if classes_of(predictions) != rules.classes:
        raise ValueError(f"rules for classes {rules.classes} do not fit predictions of {classes_of(predictions)}")
    decided = rules.decision.apply(probability_matrix(predictions))
    return predictions.assign(**{DECIDED: pd.Categorical.from_codes(decided, categories=pd.Index(rules.classes))})
