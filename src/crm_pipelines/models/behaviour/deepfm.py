"""DeepFM alone: interactions of the shared features and both entities, no sequence and no prototypes.

Guo, Tang, Ye, Li and He 2017, "DeepFM: A factorization-machine based neural network for CTR prediction", IJCAI,
arXiv:1703.04247.

Idea: a linear term, all pairwise products through latent vectors, and a network for interactions of higher order,
on one and the same input. Read here on the dense vector [shared event features | customer | item], every entry of
which has a latent vector of its own. It is TFP-Net without TGAT and ProtoNet, as a model in its own right: what the
sequence and the prototypes add must show against it.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from crm_pipelines.config import Parameters
from crm_pipelines.models.behaviour.neural import NeuralConfig, NeuralModel
from crm_pipelines.models.layers.deepfm import DeepFM
from crm_pipelines.models.layers.entities import EntityEmbedding
from crm_pipelines.models.layers.event_log import EventLog
from crm_pipelines.models.layers.scaling import FeatureScaling
from crm_pipelines.models.layers.sizes import Sizes


class DeepFMConfig(NeuralConfig):
    """Sizes of DeepFM.

    Attributes:
        entity_width: of the embeddings of customer and item.
        factors: width of the latent vectors.
        hidden: hidden layers of the deep part.
        dropout: on hidden layers; a quarter of it is the share of entity codes treated as unknown in training.
    """

    entity_width: int = Field(default=16, ge=1)
    factors: int = Field(default=16, ge=1)
    hidden: tuple[int, ...] = Field(default=(128, 64), min_length=1)
    dropout: float = Field(default=0.4, ge=0, lt=1)


class DeepFMNetwork(nn.Module):
    """Logits of DeepFM on [features | customer | item]."""

    def __init__(self, config: DeepFMConfig, sizes: Sizes) -> None:
        super().__init__()
        c = config
        self.scaling = FeatureScaling(sizes.features)
        self.customers = EntityEmbedding(sizes.customer_static, sizes.customer_codes, c.entity_width, c.dropout / 4)
        self.items = EntityEmbedding(sizes.item_static, sizes.item_codes, c.entity_width, c.dropout / 4)
        inputs = self.scaling.width + 2 * c.entity_width
        self.deepfm = DeepFM(inputs, sizes.classes, c.factors, c.hidden, 1, c.dropout, fm=True)
        self.deepfm.add_module("refine", nn.Identity())  # nothing reads a refined vector here: no weights for it

    def forward(self, log: EventLog, events: Tensor) -> Tensor:
        """Logits (B, C) of events (B,)."""
        customer, item = log.customer[events], log.item[events]
        x_u = self.customers(log.customer_static, log.customer_codes, customer)  # (B, entity)
        x_i = self.items(log.item_static, log.item_codes, item)
        logits: Tensor = self.deepfm(torch.cat([x_u, x_i], dim=1), self.scaling(log.features(events))).logits
        return logits


class DeepFMModel(NeuralModel):
    """DeepFM as the model contract has it."""

    name: ClassVar[str] = "deepfm"
    Config: ClassVar[type[Parameters]] = DeepFMConfig

    def build(self, sizes: Sizes) -> nn.Module:
        """The network, untrained."""
        return DeepFMNetwork(self.config, sizes)
