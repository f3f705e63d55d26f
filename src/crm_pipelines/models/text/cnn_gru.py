"""CNN-GRU: convolutions find phrases, a gated recurrent unit reads them in order.

Paper D joins "the feature extraction capabilities of Convolutional Neural Network (CNN)" with recurrent networks and
gives no sizes. Read here as one network on text: Word2Vec vectors -> convolution of width 3 -> max-pooling in pairs ->
bidirectional GRU (Cho et al. 2014) -> maximum and mean over time of both, as Kim 2014 ("Convolutional neural networks
for sentence classification") pools phrases. See decision 032.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.token_log import PAD, TokenLog, TokenSizes
from crm_pipelines.models.text.neural import TextNetwork, TextNetworkConfig


class CNNGRUConfig(TextNetworkConfig):
    """Sizes.

    Attributes:
        channels: of the convolution. kernel: words it sees at once. pool: neighbours of which the GRU gets the maximum.
        state: width of the GRU in each direction. dropout: of word vectors and of the pooled features.
    """

    channels: int = Field(default=48, ge=2)
    kernel: int = Field(default=3, ge=1)
    pool: int = Field(default=2, ge=1)
    state: int = Field(default=24, ge=1)
    dropout: float = Field(default=0.3, ge=0, lt=1)


class CNNGRUNetwork(nn.Module):
    """The plain network: document rows in, logits out."""

    def __init__(self, config: CNNGRUConfig, sizes: TokenSizes) -> None:
        super().__init__()
        c = config
        self.embedding = nn.Embedding(sizes.vocabulary, sizes.width, padding_idx=PAD)
        self.convolution = nn.Conv1d(sizes.width, c.channels, c.kernel, padding=c.kernel // 2)
        self.pool = c.pool
        self.gru = nn.GRU(c.channels, c.state, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(c.dropout)
        self.head = nn.Linear(2 * c.channels + 4 * c.state, sizes.classes)

    def forward(self, log: TokenLog, rows: Tensor) -> Tensor:
        """Logits (B, C) of documents (B,)."""
        words, length = log.words(rows), log.length[rows]
        found = self.phrases(words) if self.training else self.known_phrases(words)
        return self.read(found, length)

    def phrases(self, words: Tensor) -> Tensor:
        """What the convolution finds at each word (B, T, channels) of documents (B, T)."""
        vectors = self.dropout(self.embedding(words))
        found: Tensor = self.convolution(vectors.transpose(1, 2))[:, :, : words.shape[1]].transpose(1, 2)
        return torch.relu(found)

    def known_phrases(self, words: Tensor) -> Tensor:
        """The same without dropout: each distinct word meets the convolution once, at each place of its kernel."""
        (batch, steps), kernel = words.shape, self.convolution.kernel_size[0]
        distinct, place = torch.unique(words, return_inverse=True)
        table = torch.einsum("dw,cwk->dkc", self.embedding(distinct), self.convolution.weight)
        table = torch.cat([table.flatten(0, 1), table.new_zeros(1, table.shape[2])])  # the last: no word
        around = nn.functional.pad(place * kernel, (kernel // 2, kernel // 2), value=len(table) - 1)
        at = around.unfold(1, kernel, 1)[:, :steps] + torch.arange(kernel)
        found = nn.functional.embedding_bag(at.clamp(max=len(table) - 1).reshape(-1, kernel), table, mode="sum")
        assert self.convolution.bias is not None
        return torch.relu(found + self.convolution.bias).view(batch, steps, -1)

    def read(self, found: Tensor, length: Tensor) -> Tensor:
        """Logits (B, C) of what was found (B, T, channels) in documents of ``length`` (B,) words."""
        present = torch.arange(found.shape[1]) < length[:, None]  # (B, T)
        found = found * present[:, :, None]
        phrases = nn.functional.max_pool1d(found.transpose(1, 2), self.pool, ceil_mode=True).transpose(1, 2)
        steps = torch.div(length + self.pool - 1, self.pool, rounding_mode="floor")
        packed = nn.utils.rnn.pack_padded_sequence(phrases, steps, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True)  # (B, T/pool, 2 state)
        read = torch.arange(states.shape[1]) < steps[:, None]
        highest = states.masked_fill(~read[:, :, None], -1.0).amax(dim=1)
        both = [
            found.amax(dim=1),
            found.sum(dim=1) / length[:, None],
            highest,
            states.sum(dim=1) / steps[:, None],
        ]
        logits: Tensor = self.head(self.dropout(torch.cat(both, dim=1)))
        return logits


class CNNGRU(TextNetwork):
    """The network as the model contract has it."""

    name: ClassVar[str] = "cnn_gru"
    Config: ClassVar[type[Parameters]] = CNNGRUConfig
    config: CNNGRUConfig

    def build(self, sizes: TokenSizes) -> nn.Module:
        """The network, untrained."""
        return CNNGRUNetwork(self.config, sizes)
