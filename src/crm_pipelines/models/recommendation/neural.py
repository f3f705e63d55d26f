"""What all networks of which product next share: rows that open with the customer's profile, and described products."""

import math
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from crm_pipelines.models.layers.sequence_log import NOTHING, Rows, SequenceLog, history_rows
from crm_pipelines.models.sequence.neural import PREDICTED, SequenceConfig, SequenceNetwork
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.sequences.inputs import Histories, SequenceInputs


class ProductSizes(NamedTuple):
    """What a network must know before it is built.

    Attributes:
        items: I. profile: F. names: of the G columns that describe products.
    """

    items: int
    profile: int
    names: tuple[str, ...]

    @property
    def classes(self) -> int:
        """I: the products are what is predicted."""
        return self.items

    @classmethod
    def parse(cls, stored: dict[str, Any]) -> Self:
        """From what JSON kept of `_asdict`."""
        return cls(stored["items"], stored["profile"], tuple(stored["names"]))


class ProductLog(SequenceLog):
    """Rows of tokens, each sequence opened by a token for the customer, and the profiles of all customers."""

    inputs: ProductInputs

    def __init__(self, inputs: ProductInputs, width: int, seed: int, rest: bool) -> None:
        super().__init__(inputs, width, seed, begin=inputs.n_items, rest=rest)
        self.profiles = torch.from_numpy(inputs.profiles)


class ProductConfig(SequenceConfig):
    """Every network has these beside its own parameters.

    Attributes:
        rest: any later product of a customer is a training target of each earlier place, not the next one only.
        compared: most products drawn for a training step to be told from what was taken; a catalogue of no more than
            twice as many is compared as a whole.
    """

    rest: bool = False
    compared: int = Field(default=1500, ge=1)


class ProfiledNetwork(SequenceNetwork):
    """A model around a network with ``describe(products, popularity)``, ``vectors()`` (I, d) of all products,
    ``states(rows, profiles, vectors, last)`` (N, d) and ``scores(states, vectors, some)`` (N, I), or of some products.
    """

    config: ProductConfig

    def open(self, inputs: SequenceInputs) -> ProductLog:
        """The sequences as rows of tokens."""
        assert isinstance(inputs, ProductInputs)
        return ProductLog(inputs, self.length, self.seed, self.config.rest)

    def measure(self, inputs: SequenceInputs) -> ProductSizes:  # type: ignore[override]
        """Products, and the widths of what describes both sides."""
        assert isinstance(inputs, ProductInputs)
        return ProductSizes(inputs.n_items, inputs.profiles.shape[1], inputs.product_names)

    @classmethod
    def parse_sizes(cls, stored: dict[str, Any]) -> ProductSizes:  # type: ignore[override]
        """Sizes from what JSON kept of them."""
        return ProductSizes.parse(stored)

    def start(self, inputs: SequenceInputs, log: SequenceLog) -> None:
        """Tell the network what the products are."""
        assert isinstance(inputs, ProductInputs)
        self.network.describe(torch.from_numpy(inputs.products), torch.from_numpy(log_popularity(inputs)))

    def table(self, log: ProductLog, rows: Rows) -> Tensor:
        """(I, d) of all products, as these rows may see them."""
        found: Tensor = self.network.vectors()
        return found

    def loss(self, log: SequenceLog, ids: Tensor) -> Tensor:
        """Mean cross-entropy over all products, of every token with a target."""
        assert isinstance(log, ProductLog)
        rows = log.rows(ids)
        asked = rows.targets != NOTHING
        vectors = self.table(log, rows)
        states = self.network.states(rows, log.profiles, vectors)[asked]  # (N, d)
        return softmax_loss(self.network, states, vectors, rows.targets[asked], self.config.compared)

    def final(self) -> Tensor:
        """(I, d) of all products after training."""
        found: Tensor = self.network.vectors()
        return found

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I); an empty history is answered by the profile alone."""
        sizes: Any = self.sizes
        out = np.empty((len(histories), sizes.items), dtype=np.float32)
        # Histories of a length together: a short one is not padded to the longest of all.
        order = np.argsort(np.diff(histories.start), kind="stable")
        self.network.eval()
        with torch.no_grad():
            vectors = self.final()
            for first in range(0, len(order), PREDICTED):
                chosen = order[first : first + PREDICTED]
                some = histories.extended(chosen, np.empty((len(chosen), 0), dtype=np.int64))
                rows, last = history_rows(some, self.length, begin=sizes.items)
                known = some.profiles
                if known is None:  # only the column of ones is known of everybody
                    known = np.zeros((len(some), sizes.profile), dtype=np.float32)
                    known[:, 0] = 1.0
                states = self.network.states(rows, torch.from_numpy(np.ascontiguousarray(known)), vectors, last)
                scores = self.network.scores(states, vectors)
                out[chosen] = torch.log_softmax(scores, dim=1).numpy()
        return out


def softmax_loss(network: Any, states: Tensor, vectors: Tensor, targets: Tensor, most: int) -> Tensor:
    """Mean cross-entropy of ``targets`` (N,) over all products, or in training over some of a large catalogue.

    Compared are the targets of the batch and ``most`` of the other products drawn uniformly, each of which stands for
    as many as were not drawn, so that the sum of the softmax is right on average (Bengio and Senecal 2008, "Adaptive
    importance sampling to accelerate training of a neural probabilistic language model").
    """
    if not network.training or len(vectors) <= 2 * most:
        return functional.cross_entropy(network.scores(states, vectors), targets)
    taken, place = torch.unique(targets, return_inverse=True)
    other = torch.ones(len(vectors), dtype=torch.bool)
    other[taken] = False
    others = torch.nonzero(other).squeeze(1)
    drawn = others[torch.randperm(len(others))[:most]]
    standing_for = torch.zeros(len(taken) + len(drawn))
    standing_for[len(taken) :] = math.log(max(len(others), 1) / max(len(drawn), 1))
    scores = network.scores(states, vectors, torch.cat([taken, drawn])) + standing_for
    return functional.cross_entropy(scores, place)


def log_popularity(inputs: ProductInputs) -> np.ndarray:
    """(I,) float32 logarithm of each product's share of the known events, counted once more than it occurs."""
    counts = np.bincount(inputs.known.items, minlength=inputs.n_items) + 1.0
    return np.asarray(np.log(counts / counts.sum()), dtype=np.float32)
