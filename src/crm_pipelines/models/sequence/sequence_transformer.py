"""Paper B's Sequence Transformer: a small causal transformer whose next three items are decoded together.

Amirthavalli, Brijet, Murugeswari and Gunasundari 2025, "Transformer networks for context-aware customer relationship
management: generating personalized engagement sequences". Embedding of width 32, two heads of attention, a feed-forward
part of 32 units, layer normalisation, a distribution over actions at each step; mean cross-entropy over the steps
(equation 1) and an L2 penalty (equation 9).

Idea: what comes next is read off the whole history, each step knowing the ones before it.
"""

from typing import ClassVar

from torch import nn

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.causal_transformer import CausalTransformer, TransformerSizes
from crm_pipelines.models.layers.sequence_log import SequenceSizes
from crm_pipelines.models.sequence.neural import SequenceConfig, SequenceNetwork

PAPER = TransformerSizes(
    length=50,
    width=32,
    heads=2,
    layers=1,
    inner=32,
    positions="absolute",
    norm="after",
    tied=False,
    dropout=0.1,
    embedding_dropout=0.1,
)
"""The paper's sizes; it names neither the number of layers, nor the longest history, nor dropout."""


class SequenceTransformerConfig(SequenceConfig):
    """Sizes.

    Attributes:
        sizes: of the network.
    """

    sizes: TransformerSizes = PAPER


class SequenceTransformer(SequenceNetwork):
    """The network as the model contract has it."""

    name: ClassVar[str] = "sequence_transformer"
    Config: ClassVar[type[Parameters]] = SequenceTransformerConfig
    config: SequenceTransformerConfig

    @property
    def length(self) -> int:  # type: ignore[override]
        """Most items of a history that are read."""
        return self.config.sizes.length

    def build(self, sizes: SequenceSizes) -> nn.Module:
        """The network, untrained."""
        return CausalTransformer(self.config.sizes, sizes.items)
