"""LightGCN: customers and products are the averages of their neighbours, again and again, and nothing else.

He et al. 2020, "LightGCN: simplifying and powering graph convolution network for recommendation", SIGIR
(arXiv:2002.02126): embeddings are propagated along the customer-product graph with symmetric normalisation, layers are
averaged, and the loss is BPR against one product drawn at random. The layers are `torch_geometric.nn.LightGCN`.

A customer without a node of his own (new, or with a longer history than the graph knows) is what his products'
embeddings make of him: his own first layer is nought. That way all are scored, so that a history is read as it is now.
"""

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.item_scores import fit_temperature, history_matrix, log_probabilities
from crm_pipelines.models.layers.sequence_log import SequenceSizes
from crm_pipelines.models.sequence.neural import SequenceConfig, SequenceTraining
from crm_pipelines.sequences.inputs import Histories, SequenceInputs
from crm_pipelines.training.neural import NeuralFrame
from crm_pipelines.training.parameters import TrainingParameters


class LightGCNConfig(SequenceConfig):
    """Sizes; the paper's three layers and width 64.

    Attributes:
        width, layers: of the network.
    """

    training: SequenceTraining = SequenceTraining(
        epochs=60, most_events=3_000_000, batch_size=2048, learning_rate=5e-3, weight_decay=0.0
    )
    width: int = Field(default=64, ge=1)
    layers: int = Field(default=3, ge=1)


class Edges:
    """Known events as edges of the graph, customers first, then products; validation targets behind them."""

    def __init__(self, inputs: SequenceInputs) -> None:
        self.inputs = inputs
        known = inputs.known
        self.customers = len(inputs.start) - 1
        pairs = np.unique(known.owner * np.int64(inputs.n_items) + known.items)
        customer, item = np.divmod(pairs, inputs.n_items)
        self.pairs = torch.from_numpy(np.stack([customer, item + self.customers]))
        self.both = torch.cat([self.pairs, self.pairs.flip(0)], dim=1)
        owner = np.searchsorted(inputs.start, inputs.validation, side="right") - 1
        linked = np.bincount(customer, minlength=self.customers)[owner] > 0  # others have no node that was learnt
        self.validation = torch.from_numpy(
            np.stack([owner, inputs.items[inputs.validation] + self.customers])[:, linked]
        )

    @property
    def label(self) -> Tensor:
        """Not numbered: an edge has no class."""
        raise NotImplementedError("an edge has no label")

    def of(self, ids: Tensor) -> Tensor:
        """(2, B) edges by number; those of validation follow those of training."""
        n = self.pairs.shape[1]
        return self.pairs[:, ids] if int(ids[0]) < n else self.validation[:, ids - n]


class Propagation(nn.Module):
    """The layers of the library, and what is kept of the products for scoring."""

    products: Tensor
    scale: Tensor

    def __init__(self, config: LightGCNConfig, items: int, customers: int) -> None:
        super().__init__()
        from torch_geometric.nn import LightGCN as Layers

        self.layers = Layers(customers + items, config.width, config.layers)
        self.register_buffer("products", torch.zeros(config.layers + 1, items, config.width))
        self.register_buffer("scale", torch.zeros(items))


class LightGCN(NeuralFrame[SequenceInputs, Any, SequenceSizes]):
    """The network as the model contract has it."""

    name: ClassVar[str] = "lightgcn"
    Config: ClassVar[type[Parameters]] = LightGCNConfig
    config: LightGCNConfig

    def __init__(self, config: LightGCNConfig, seed: int = 42) -> None:
        super().__init__(config, seed)
        self.customers, self.temperature = 1, 1.0

    def open(self, inputs: SequenceInputs) -> Edges:
        """The known events as edges."""
        return Edges(inputs)

    def measure(self, inputs: SequenceInputs) -> SequenceSizes:
        """The number of products."""
        self.customers = len(inputs.start) - 1
        return SequenceSizes(inputs.n_items)

    @classmethod
    def parse_sizes(cls, stored: dict[str, Any]) -> SequenceSizes:
        """Sizes from what JSON kept of them."""
        return SequenceSizes.parse(stored)

    def extra(self) -> dict[str, Any]:
        """The number of customers, which sizes the table, and the temperature."""
        return {"customers": self.customers, "temperature": self.temperature}

    def build(self, sizes: SequenceSizes) -> nn.Module:
        """The network, untrained."""
        return Propagation(self.config, sizes.items, self.customers)

    def parts(self, inputs: SequenceInputs, log: Edges) -> tuple[np.ndarray, np.ndarray]:
        """Edges to learn from and to stop on; without validation of known customers the first edges stop it."""
        n = log.pairs.shape[1]
        validation = np.arange(n, n + log.validation.shape[1])
        return np.arange(n), validation if len(validation) else np.arange(min(n, 1000))

    def training(self, inputs: SequenceInputs) -> TrainingParameters:
        """Epochs bounded by edges."""
        given: TrainingParameters = self.config.training
        return given.model_copy(update={"epochs": given.passes(max(len(inputs.known.items), 1))})

    def loss(self, log: Edges, ids: Tensor) -> Tensor:
        """BPR of each edge against a product drawn at random."""
        pair = log.of(ids)
        found = self.network.layers.get_embedding(log.both)
        other = torch.randint(log.customers, len(found), (pair.shape[1],))
        customer = found[pair[0]]
        margin = (customer * (found[pair[1]] - found[other])).sum(dim=1)
        return functional.softplus(-margin).mean()

    def finish(self, inputs: SequenceInputs, log: Edges) -> None:
        """Keep the products' embedding of each layer, and choose the temperature."""
        network = self.network
        with torch.no_grad():
            x = network.layers.embedding.weight
            layers = [x]
            for conv in network.layers.convs:
                x = conv(x, log.both)
                layers.append(x)
            network.products.copy_(torch.stack([layer[log.customers :] for layer in layers]))
            degree = torch.bincount(log.pairs[1] - log.customers, minlength=inputs.n_items).float()
            network.scale.copy_(torch.where(degree > 0, degree.clamp(min=1).rsqrt(), 0.0))
        self.temperature = fit_temperature(self._scores, inputs)

    def _scores(self, histories: Histories) -> np.ndarray:
        layers, scale = self.network.products.numpy(), self.network.scale.numpy()
        held = history_matrix(histories, len(scale))
        own = np.maximum(np.diff(held.indptr), 1.0)[:, None] ** -0.5
        # The customer's layer k is made of the products' layer k - 1; his own first layer is not known.
        below = (layers[:-1].sum(axis=0) * scale[:, None]) / len(layers)
        customer = np.asarray(held @ below) * own
        return np.asarray(customer @ layers.mean(axis=0).T, dtype=np.float32)

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        return log_probabilities(self._scores(histories), self.temperature)
