"""BiLSTM-CRF: a recurrent network and a table of hand-made features score the tags, a CRF puts them in order.

Huang, Xu and Yu 2015, "Bidirectional LSTM-CRF models for sequence tagging", who also join spelling and context features
directly to the CRF. Idea for emerging entities: the name itself is new, so what carries over is its shape, its endings
and what stands around it; words and features are dropped at random in training, so that the tagger does not lean on
names it knows.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from crm_pipelines.config import Parameters
from crm_pipelines.entities.features import BITS, token_features
from crm_pipelines.entities.spans import OUTSIDE, Sentence, Span, span_scores, spans_of
from crm_pipelines.models.layers.crf import ConditionalRandomField
from crm_pipelines.models.layers.token_log import PAD, RESERVED, UNKNOWN, vocabulary_of
from crm_pipelines.text.word_vectors import WordVectorParameters, word_vectors
from crm_pipelines.training.seeds import seed_everything
from crm_pipelines.training.weights import load_weights, save_weights

BATCH = 256
"""Sentences tagged at once."""
COARSER = 2
"""Bits by which the dense features have fewer buckets than the others."""
OFFSETS = tuple(step / 4 for step in range(17))
"""Tried for ``offset``."""


class BiLSTMCRFConfig(Parameters):
    """Hyper-parameters.

    Attributes:
        width: of a token's dense features. state: of the LSTM in each direction. vectors: of words.
        dropout: of dense layers. forgotten: share of words and features left out in training.
        epochs: most passes; their number is that of the best span F1 on validation. patience: passes without a better
            one.
        batch_size: sentences per step. learning_rate: Adam's. decay: L2 penalty of the dense layers.
    """

    width: int = Field(default=24, ge=1)
    state: int = Field(default=48, ge=1)
    vectors: WordVectorParameters = WordVectorParameters(width=48, epochs=10)
    dropout: float = Field(default=0.4, ge=0, lt=1)
    forgotten: float = Field(default=0.3, ge=0, lt=1)
    epochs: int = Field(default=10, ge=1)
    patience: int = Field(default=3, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=3e-3, gt=0)
    decay: float = Field(default=1e-5, ge=0)


class _Network(nn.Module):
    """Scores of the tags of tokens."""

    def __init__(self, config: BiLSTMCRFConfig, words: int, width: int, tags: Sequence[str]) -> None:
        super().__init__()
        k = len(tags)
        self.wide = nn.EmbeddingBag(1 << BITS, k, mode="sum")
        self.dense = nn.EmbeddingBag(1 << (BITS - COARSER), config.width, mode="mean")
        self.words = nn.Embedding(words, width, padding_idx=PAD)
        self.lstm = nn.LSTM(width + config.width, config.state, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(2 * config.state, k)
        self.crf = ConditionalRandomField(k, *_grammar(tags))
        nn.init.zeros_(self.wide.weight)

    def forward(self, ids: Tensor, features: Tensor, offsets: Tensor, length: Tensor) -> Tensor:
        """Scores (B, T, K) of word ids (B, T) and the buckets of all tokens, whose offsets are (sum of lengths,)."""
        here = torch.arange(ids.shape[1]) < length[:, None]
        dense = self.dense.weight.new_zeros(*ids.shape, self.dense.weight.shape[1])
        wide = dense.new_zeros(*ids.shape, self.wide.weight.shape[1])
        dense[here] = self.dense(features >> COARSER, offsets)
        wide[here] = self.wide(features, offsets)
        tokens = self.dropout(torch.cat([self.words(ids), dense], dim=2))
        packed = nn.utils.rnn.pack_padded_sequence(tokens, length, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        scores: Tensor = wide + self.head(self.dropout(states))
        return scores


class BiLSTMCRF:
    """The tagger: sentences in, spans out."""

    name = "bilstm_crf"
    Config = BiLSTMCRFConfig

    def __init__(self, config: BiLSTMCRFConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.tags: list[str] = []
        self.vocabulary: list[str] = []
        self.network: _Network | None = None
        self.offset = 0.0
        self._numbers: dict[str, int] = {}

    def fit(self, train: Sequence[Sentence], validation: Sequence[Sentence]) -> list[dict[str, float]]:
        """Learn from ``train``; choose passes and ``offset`` on ``validation``. Returns one row a pass.

        The offset is taken from the score of "no entity": F1 of rare spans asks for more of them than likelihood does.
        """
        history = []
        true = [sentence.spans for sentence in validation]
        best, kept, since = -1.0, {}, 0
        for row in self._passes(train, self.config.epochs):
            scores = self._by_offset(validation)
            found = [self._f1(true, self._decoded(scores, offset)) for offset in OFFSETS]
            at = int(np.argmax(found))
            history.append({**row, "validation_f1": found[at], "offset": OFFSETS[at]})
            since += 1
            if found[at] > best:
                best, since, self.offset = found[at], 0, OFFSETS[at]
                kept = {name: tensor.clone() for name, tensor in self._known().state_dict().items()}
            if since >= self.config.patience:
                break
        self._known().load_state_dict(kept)
        return history

    def refit(self, sentences: Sequence[Sentence], passes: int) -> None:
        """Learn anew from all annotated sentences, in as many passes as validation has found best; the offset stays."""
        for _ in self._passes(sentences, passes):
            pass

    def _passes(self, train: Sequence[Sentence], passes: int) -> Iterator[dict[str, float]]:
        """Train a new network, pass by pass."""
        config = self.config
        seed_everything(self.seed)
        kinds = sorted({tag[2:] for sentence in train for tag in sentence.tags if tag != OUTSIDE})
        self.tags = [OUTSIDE, *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI")]
        corpus = [[token.lower() for token in sentence.tokens] for sentence in train]
        self.vocabulary = vocabulary_of(corpus, 1, 50_000)
        vectors = word_vectors(corpus, self.vocabulary, config.vectors, self.seed)
        self._build(vectors.shape[1])
        network = self._known()
        with torch.no_grad():
            network.words.weight[RESERVED:] = torch.from_numpy(vectors / (float(vectors.std()) or 1.0)) * 0.3
        features = [token_features(sentence.tokens) for sentence in train]
        code = {tag: number for number, tag in enumerate(self.tags)}
        answers = [[code[tag] for tag in sentence.tags] for sentence in train]
        optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.decay)
        order = torch.Generator().manual_seed(self.seed)
        length_of = np.array([len(sentence.tokens) for sentence in train])
        for number in range(1, passes + 1):
            network.train()
            total = 0.0
            for chosen in self._batches(length_of, order):
                ids, flat, offsets, length = self._batch(
                    [train[i].tokens for i in chosen], [features[i] for i in chosen]
                )
                tags = torch.zeros_like(ids)
                for row, i in enumerate(chosen):
                    tags[row, : len(answers[i])] = torch.tensor(answers[i])
                ids, flat, offsets = self._forget(ids, flat, offsets, order)
                loss = network.crf.loss(network(ids, flat, offsets, length), tags, length).mean()
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                optimiser.step()
                total += float(loss.detach()) * len(chosen)
            yield {"epoch": number, "loss": total / len(train)}

    def _batches(self, length: np.ndarray, order: torch.Generator) -> list[list[int]]:
        """Sentences in batches of about the same length, in random order."""
        noise = torch.rand(len(length), generator=order).numpy()
        ranked = np.argsort(length + 4 * noise, kind="stable")
        batches = [
            ranked[a : a + self.config.batch_size].tolist() for a in range(0, len(ranked), self.config.batch_size)
        ]
        return [batches[i] for i in torch.randperm(len(batches), generator=order).tolist()]

    def _by_offset(self, sentences: Sequence[Sentence]) -> list[tuple[list[int], Tensor, Tensor]]:
        return list(self._scored([sentence.tokens for sentence in sentences]))

    def _decoded(self, scored: Iterable[tuple[list[int], Tensor, Tensor]], offset: float) -> list[tuple[Span, ...]]:
        """Spans by sentence, from scores of batches."""
        found: dict[int, tuple[Span, ...]] = {}
        for rows, scores, length in scored:
            moved = scores.clone()
            moved[:, :, 0] -= offset
            for i, path in zip(rows, self._known().crf.best(moved, length), strict=True):
                found[i] = spans_of([self.tags[tag] for tag in path])
        return [found.get(i, ()) for i in range(max(found, default=-1) + 1)]

    @staticmethod
    def _f1(true: Sequence[Sequence[Span]], found: Sequence[Sequence[Span]]) -> float:
        scores = span_scores(true, found)
        return float(scores.loc[scores["type"] == "all", "f1"].iloc[0])

    def _scored(self, sentences: Sequence[Sequence[str]]) -> Iterator[tuple[list[int], Tensor, Tensor]]:
        """Positions, scores (B, T, K) and lengths of batches of equally long sentences; empty ones are left out."""
        network = self._known()
        network.eval()
        order = [int(i) for i in np.argsort([len(tokens) for tokens in sentences], kind="stable") if sentences[i]]
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            chosen = [sentences[i] for i in rows]
            ids, flat, offsets, length = self._batch(chosen, [token_features(tokens) for tokens in chosen])
            with torch.no_grad():
                yield rows, network(ids, flat, offsets, length), length

    def find(self, sentences: Sequence[Sequence[str]]) -> list[tuple[Span, ...]]:
        """Entities of each tokenised sentence."""
        found = self._decoded(self._scored(sentences), self.offset)
        return found + [()] * (len(sentences) - len(found))

    def _build(self, width: int) -> None:
        self.network = _Network(self.config, len(self.vocabulary) + RESERVED, width, self.tags)
        self._numbers = {word: number for number, word in enumerate(self.vocabulary, start=RESERVED)}

    def _known(self) -> _Network:
        assert self.network is not None, "fit or load the tagger first"
        return self.network

    def _batch(
        self, sentences: Sequence[Sequence[str]], features: Sequence[list[list[int]]]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Word ids (B, T), flat buckets, their offsets per token, and lengths (B,)."""
        length = torch.tensor([len(tokens) for tokens in sentences])
        ids = torch.full((len(sentences), int(length.max())), PAD)
        for row, tokens in enumerate(sentences):
            ids[row, : len(tokens)] = torch.tensor([self._numbers.get(t.lower(), UNKNOWN) for t in tokens])
        sizes = [len(buckets) for several in features for buckets in several]
        flat = torch.tensor([bucket for several in features for buckets in several for bucket in buckets])
        offsets = torch.tensor([0, *np.cumsum(sizes)[:-1].tolist()])
        return ids, flat, offsets, length

    def _forget(
        self, ids: Tensor, flat: Tensor, offsets: Tensor, order: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Leave out words and features at random."""
        share = self.config.forgotten
        gone = (torch.rand(ids.shape, generator=order) < share) & (ids != PAD)
        kept = torch.rand(len(flat), generator=order) >= share
        kept[offsets] = True  # the constant feature comes first
        before = torch.cumsum(kept, 0) - kept.long()
        return ids.masked_fill(gone, UNKNOWN), flat[kept], before[offsets]

    def save(self, directory: Path) -> None:
        """Write weights, tags and vocabulary."""
        network = self._known()
        config: dict[str, Any] = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "tags": self.tags,
            "vocabulary": self.vocabulary,
            "width": network.words.weight.shape[1],
            "offset": self.offset,
        }
        save_weights(directory, config, network.state_dict())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(BiLSTMCRFConfig(**stored["config"]), stored["seed"])
        model.tags, model.vocabulary, model.offset = stored["tags"], stored["vocabulary"], stored["offset"]
        model._build(stored["width"])
        model._known().load_state_dict(state)
        return model

    @property
    def n_parameters(self) -> int:
        """Trainable numbers."""
        return sum(p.numel() for p in self.network.parameters()) if self.network is not None else 0


def _grammar(tags: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Which tag may follow which, and which may begin a sentence: ``I-x`` follows ``B-x`` or ``I-x`` only."""
    allowed = [[not b.startswith("I-") or a[2:] == b[2:] for b in tags] for a in tags]
    return torch.tensor(allowed), torch.tensor([not tag.startswith("I-") for tag in tags])
