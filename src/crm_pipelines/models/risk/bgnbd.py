"""BG/NBD: the probability that a customer does not buy again, from recency, frequency and age alone.

Fader, Hardie and Lee 2005, "Counting your customers the easy way: an alternative to the Pareto/NBD model", Marketing
Science 24(2).

Idea: while active a customer buys at a rate of their own, gamma-distributed over customers (r, alpha), and after each
purchase leaves for good with a probability of their own, beta-distributed (a, b). Four numbers are fitted by maximum
likelihood on histories; no label is read but to choose the penalty on them.

With x repeat purchases, the last at age t_x, and age T, the customer is still active with probability
P = 1 / (1 + [x > 0] a / (b + x - 1) ((alpha + T) / (alpha + t_x))^(r + x)), and an active one buys nothing within h
with probability ((alpha + T) / (alpha + T + h))^(r + x). So the risk is 1 - P (1 - that).
"""

from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field
from scipy.optimize import minimize
from scipy.special import betaln, expit, gammaln

from crm_pipelines.config import Parameters
from crm_pipelines.models.risk.base import NotApplicableError
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.training.weights import load_weights, save_weights

UNIT_DAYS = 7.0
"""Ages are counted in weeks, so that the four numbers are near one."""


class BGNBDConfig(Parameters):
    """Where the history stands, and how it is fitted.

    Attributes:
        recency, age: numeric columns with the days since the last and since the first purchase.
        purchases: numeric column with the number of days with a purchase, the first included.
        horizon_days: the period within which no purchase is the positive class; the pipeline gives the source's
            ``label_days`` unless one stands here.
        positive: what the positive class is: that nothing is bought in that period, or that something is.
        penalties: L2 penalties tried on the logarithms of the four numbers; validation log-loss decides.
    """

    recency: str = "recency_days"
    age: str = "tenure_days"
    purchases: str = "days_active"
    horizon_days: float = Field(default=90.0, gt=0)
    positive: Literal["silence", "purchase"] = "silence"
    penalties: tuple[float, ...] = Field(default=(0.0, 0.001, 0.01, 0.1), min_length=1)


class BGNBD:
    """The model as the contract has it."""

    name: ClassVar[str] = "bgnbd"
    Config: ClassVar[type[Parameters]] = BGNBDConfig

    def __init__(self, config: BGNBDConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.logarithms = np.zeros(4)
        """Of r, alpha, a and b."""

    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Maximise the penalised likelihood of the training histories, once for each penalty."""
        history = self._history(inputs, inputs.train)
        truth = inputs.labels[inputs.validation]
        rows = []
        best = np.inf
        for penalty in self.config.penalties:
            found = minimize(
                lambda logs, penalty=penalty: (
                    penalty * float(logs @ logs) - float(np.mean(log_likelihood(np.exp(logs), *history)))
                ),
                np.zeros(4),
                method="L-BFGS-B",
                bounds=[(-9.0, 9.0)] * 4,
            )
            risk = self._risk(found.x, *self._history(inputs, inputs.validation))
            hit = np.where(truth == 1, risk, 1 - risk)
            loss = float(-np.log(np.clip(hit, 1e-15, None)).mean()) if len(truth) else float(found.fun)
            rows.append({"penalty": penalty, "validation_loss": loss})
            if loss < best:
                best, self.logarithms = loss, np.asarray(found.x)
        return rows

    def _history(self, inputs: RecordInputs, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Repeat purchases x, age at the last one t_x and age T in weeks, (B,) each; a missing one counts as new."""
        c = self.config
        names = inputs.numeric_names
        missing = [name for name in (c.recency, c.age, c.purchases) if name not in names]
        if missing:
            raise NotApplicableError(
                f"BG/NBD needs the days since a customer's first and last purchase and their number; there is no "
                f"numeric column '{missing[0]}'"
            )
        recency, age, purchases = (
            np.nan_to_num(inputs.numeric[np.asarray(rows, dtype=np.int64), names.index(name)].astype(np.float64))
            for name in (c.recency, c.age, c.purchases)
        )
        age = np.maximum(age, 0.0)
        return np.maximum(purchases - 1, 0.0), np.clip(age - recency, 0.0, age) / UNIT_DAYS, age / UNIT_DAYS

    def _risk(self, logarithms: np.ndarray, x: np.ndarray, last: np.ndarray, age: np.ndarray) -> np.ndarray:
        r, alpha, a, b = np.exp(logarithms)
        odds = np.log(a / (b + np.maximum(x - 1, 0.0))) + (r + x) * np.log((alpha + age) / (alpha + last))
        active = np.where(x > 0, expit(-odds), 1.0)
        quiet = np.exp((r + x) * np.log((alpha + age) / (alpha + age + self.config.horizon_days / UNIT_DAYS)))
        buys: np.ndarray = active * (1 - quiet)
        return buys if self.config.positive == "purchase" else 1 - buys

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, 2) of the negative and the positive class."""
        risk = self._risk(self.logarithms, *self._history(inputs, rows))
        return np.stack([1 - risk, risk], axis=1)

    def save(self, directory: Path) -> None:
        """Write the four numbers."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, {"logarithms": torch.from_numpy(self.logarithms)})

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(BGNBDConfig(**stored["config"]), stored["seed"])
        model.logarithms = state["logarithms"].numpy()
        return model

    @property
    def n_parameters(self) -> int:
        """r, alpha, a and b."""
        return len(self.logarithms)


def log_likelihood(parameters: np.ndarray, x: np.ndarray, last: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Log-likelihood (B,) of histories with x repeat purchases, the last at age ``last``, seen up to ``age``.

    Args:
        parameters: r, alpha, a, b, all positive. x, last, age: (B,); ``last`` is 0 where x is.
    """
    r, alpha, a, b = parameters
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)
    stays = -(r + x) * np.log(alpha + age)
    leaves = np.log(a) - np.log(b + np.maximum(x - 1, 0.0)) - (r + x) * np.log(alpha + last)
    out: np.ndarray = common + np.where(x > 0, np.logaddexp(stays, leaves), stays)
    return out
