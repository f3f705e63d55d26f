"""Recent popularity: what was taken of late when the customer comes, beside what is popular at all times.

Events count less the longer they are past (exponential forgetting; Cormode et al. 2009, "Forward decay", ICDE). Only
events before the moment count. Shares are kept at some moments of the log, the last of which before a query answers it,
so that a log of any length costs one small table. It is a member of Product Transformer+ and no peer of the paper.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.count_member import CountMember
from crm_pipelines.models.layers.following import shares
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.sequences.inputs import Histories


class RecentPopularityConfig(Parameters):
    """What is tried.

    Attributes:
        memory: shares of the log's span after which an event counts for 1 / e. prior: weights of popularity, in events.
        moments: at which shares are kept, with about as many events between any two.
    """

    memory: tuple[float, ...] = (0.05, 0.15, 0.5)
    prior: tuple[float, ...] = (100.0, 300.0, 1000.0)
    moments: int = Field(default=100, ge=1)


class RecentPopularity(CountMember):
    """The shares as the contract has them."""

    name: ClassVar[str] = "recent_popularity"
    Config: ClassVar[type[Parameters]] = RecentPopularityConfig

    def __init__(self, config: RecentPopularityConfig, seed: int = 42) -> None:
        super().__init__(config, seed)
        self.moments = np.zeros(0, dtype=np.int64)
        self.logarithms = np.empty((0, 0), dtype=np.float32)

    def tried(self, inputs: ProductInputs) -> tuple[tuple[float, ...], ...]:
        """One choice where no time is known."""
        if not inputs.timed:
            return self.config.memory[:1], self.config.prior[:1]
        return self.config.memory, self.config.prior

    def count(self, inputs: ProductInputs) -> None:
        """Forget and add, from moment to moment."""
        memory, prior = self.chosen
        popularity = shares(inputs.known, inputs.n_items)
        table = [np.log(popularity)]  # of all times: before the first moment, and where no time is known
        learnt = np.arange(len(inputs.items)) < inputs.known_until[inputs.customer]
        if inputs.timed and learnt.any():
            order = np.argsort(inputs.times[learnt], kind="stable")
            times, items = inputs.times[learnt][order], inputs.items[learnt][order]
            scale = max(memory * float(times[-1] - times[0]), 1.0)
            cuts = times[np.linspace(0, len(times), self.config.moments, endpoint=False, dtype=np.int64)[1:]]
            self.moments = np.unique(np.append(cuts, times[-1:] + 1))
            counts, since, begin = np.zeros(inputs.n_items), float(times[0]), 0
            for moment in self.moments:
                end = int(np.searchsorted(times, moment))  # events of the moment itself are left to the next
                added = np.exp((times[begin:end] - moment) / scale)
                counts = counts * np.exp((since - moment) / scale)
                counts += np.bincount(items[begin:end], weights=added, minlength=inputs.n_items)
                table.append(np.log((counts + prior * popularity) / (counts.sum() + prior)))
                since, begin = float(moment), end
        self.logarithms = np.stack(table).astype(np.float32)

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        if histories.moments is None or not len(self.moments):
            return np.tile(self.logarithms[0], (len(histories), 1))
        return np.asarray(self.logarithms[np.searchsorted(self.moments, histories.moments, side="right")])

    def tensors(self) -> dict[str, torch.Tensor]:
        """Moments and shares."""
        return {"moments": torch.from_numpy(self.moments), "logarithms": torch.from_numpy(self.logarithms)}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """What `tensors` gave."""
        self.moments, self.logarithms = state["moments"].numpy(), state["logarithms"].numpy()
