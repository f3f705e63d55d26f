"""Paper E's recommender: a transformer over products held, pre-trained elsewhere, joined with graph attention.

Li and Song 2024, "Deep learning-powered financial product recommendation system in banks: integration of transformer
and transfer learning", Journal of Organizational and End User Computing 36(1) (doi 10.4018/JOEUC.343257). Its three
parts: an encoder and decoder over the sequence of products with sinusoidal places; pre-training on a general log, then
fine-tuning; graph attention over the heterogeneous graph of customers and products; and one score from both.

How the text is read here (docs/papers/E.md): a product's vector is its own plus that of its attributes and words, which
is what a pre-trained network carries to another catalogue; a sequence opens with the customer's profile, so that who
holds nothing is answered too; the decoder's query is the profile at the next place, and reads the encoder's tokens
before it. Pre-training masks products and predicts them from both sides (Devlin et al. 2019, BERT), and predicts them
in a random order (Yang et al. 2019, XLNet). The graph sees known events only, and in training never those of the
customers that are about to be predicted. With a part switched off the feed-forward layers are widened until the number
of parameters is that of the whole.
"""

import math
from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.causal_transformer import Block, TransformerSizes
from crm_pipelines.models.layers.product_graph import GraphEdges, ProductGraph
from crm_pipelines.models.layers.sequence_log import Rows, SequenceLog, SequenceSizes
from crm_pipelines.models.recommendation.neural import (
    ProductConfig,
    ProductLog,
    ProductSizes,
    ProfiledNetwork,
    softmax_loss,
)
from crm_pipelines.models.sequence.neural import SequenceTraining
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.sequences.inputs import SequenceInputs
from crm_pipelines.training.seeds import seed_everything, smallest_as_zero

MASKED = 0.3
"""Share of the products masked in pre-training."""
SPECIAL = 2
"""Tokens that are no products: the opening, and the mask."""
FIRST_SCALE = 0.2
"""Of the scores before training, beside the logarithm of popularity."""


class ProductTransformerConfig(ProductConfig):
    """Sizes, and which parts are there; the paper names none of the sizes.

    Attributes:
        longest: most tokens of a history that are read. width: of a token. heads, layers: of the encoder; the decoder
            has one layer. inner: width of the feed-forward parts. dropout: everywhere.
        transfer: pre-train. graph: join graph attention.
        pretraining: how it is pre-trained.
        neighbours: customers of a product that the graph looks at, the latest of the log.
    """

    training: SequenceTraining = SequenceTraining(learning_rate=2e-3)
    longest: int = Field(default=50, ge=2)
    width: int = Field(default=48, ge=2)
    heads: int = Field(default=2, ge=1)
    layers: int = Field(default=2, ge=1)
    inner: int = Field(default=96, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    transfer: bool = True
    graph: bool = True
    pretraining: SequenceTraining = SequenceTraining(epochs=15, most_events=1_500_000, patience=3)
    neighbours: int = Field(default=32, ge=1)


class Decoder(nn.Module):
    """Attention of a query to the encoder's tokens and to nothing at all, then a feed-forward part."""

    def __init__(self, sizes: TransformerSizes) -> None:
        super().__init__()
        d = sizes.width
        self.heads = sizes.heads
        self.query, self.memory, self.out = nn.Linear(d, d), nn.Linear(d, 2 * d), nn.Linear(d, d)
        self.nothing = nn.Parameter(torch.zeros(d))
        self.attend_norm, self.feed_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.feed = nn.Sequential(nn.Linear(d, sizes.inner), nn.GELU(), nn.Linear(sizes.inner, d))
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, query: Tensor, memory: Tensor, seen: Tensor) -> Tensor:
        """(R, Q, d) of queries (R, Q, d) over tokens (R, T, d), of which ``seen`` (R, Q, T) may be read."""
        rows, asking, d = query.shape
        nothing = self.nothing.expand(rows, 1, d)
        k, v = self.memory(torch.cat([nothing, memory], dim=1)).view(rows, -1, 2, self.heads, d // self.heads).unbind(2)
        q = self.query(query).view(rows, asking, self.heads, -1).transpose(1, 2)
        blank = torch.zeros(rows, asking, memory.shape[1] + 1)
        blank[:, :, 1:].masked_fill_(~seen, -torch.inf)
        read = functional.scaled_dot_product_attention(
            q, k.transpose(1, 2), v.transpose(1, 2), attn_mask=blank.unsqueeze(1)
        )
        x = self.attend_norm(query + self.dropout(self.out(read.transpose(1, 2).reshape(rows, asking, d))))
        out: Tensor = self.feed_norm(x + self.dropout(self.feed(x)))
        return out


class ProductNetwork(nn.Module):
    """Rows of products in, scores of all I products out."""

    products: Tensor
    popularity: Tensor
    places: Tensor
    final: Tensor

    def __init__(self, config: ProductTransformerConfig, sizes: ProductSizes, inner: int | None = None) -> None:
        super().__init__()
        d, self.width = config.width, config.width
        block = TransformerSizes(
            length=config.longest,
            width=d,
            heads=config.heads,
            layers=config.layers,
            inner=inner or config.inner,
            norm="after",
            dropout=config.dropout,
        )
        self.items = nn.Embedding(sizes.items + SPECIAL, d)
        nn.init.normal_(self.items.weight, std=d**-0.5)
        self.described = nn.Linear(len(sizes.names), d, bias=False)
        self.profile = nn.Linear(sizes.profile, d)
        self.encoder = nn.ModuleList(Block(block) for _ in range(config.layers))
        self.decoder = Decoder(block)
        self.graph = ProductGraph(d, config.heads) if config.graph else None
        self.join = nn.Linear(2 * d, d) if config.graph else None
        self.dropout = nn.Dropout(config.dropout)
        self.scale = nn.Parameter(torch.tensor(FIRST_SCALE))
        self.prior = nn.Parameter(torch.tensor(1.0))
        self.offset = nn.Parameter(torch.zeros(sizes.items))
        self.register_buffer("products", torch.zeros(sizes.items, len(sizes.names)))
        self.register_buffer("popularity", torch.zeros(sizes.items))
        self.register_buffer("places", sinusoids(config.longest + 1, d))
        self.register_buffer("final", torch.zeros(sizes.items, d))

    def describe(self, products: Tensor, popularity: Tensor) -> None:
        """Attributes (I, G) and logarithms of popularity (I,) of the products."""
        self.products.copy_(products)
        self.popularity.copy_(popularity)

    def vectors(self, profiles: Tensor | None = None, edges: GraphEdges | None = None) -> Tensor:
        """(I, d) of all products; what the graph says of them is added where it is there."""
        given: Tensor = self.items.weight[:-SPECIAL] + self.described(self.products)
        if self.graph is None or edges is None:
            return given
        return given + self.graph.products(given, self.profile(profiles), edges)

    def encode(self, rows: Rows, items: Tensor, profile: Tensor, vectors: Tensor, seen: Tensor) -> Tensor:
        """(R, T, d) tokens of ``items`` (R, T), each after those it may have ``seen`` (R, T, T)."""
        opening = items == len(vectors)
        x: Tensor = torch.cat([vectors, self.items.weight[-SPECIAL:]])[items] * math.sqrt(self.width)
        x = x + self.places[rows.place] + profile * opening.unsqueeze(-1)
        x = self.dropout(x)
        bias = torch.zeros(seen.shape).masked_fill_(~seen, -torch.inf).unsqueeze(1)
        for block in self.encoder:
            x = block(x, bias)
        out: Tensor = x
        return out

    def decode(
        self, place: Tensor, profile: Tensor, memory: Tensor, items: Tensor, vectors: Tensor, seen: Tensor
    ) -> Tensor:
        """(R, Q, d) what comes at ``place`` (R, Q), by the tokens that may be ``seen`` (R, Q, T)."""
        query = profile + self.places[place]
        state: Tensor = self.decoder(query, memory, seen)
        if self.graph is None or self.join is None:
            return state
        held = vectors[items.clamp(max=len(vectors) - 1)]
        real = seen & (items < len(vectors)).unsqueeze(1)
        joined: Tensor = self.join(torch.cat([state, self.graph.customers(held, profile, real)], dim=-1))
        return joined + state

    def states(self, rows: Rows, profiles: Tensor, vectors: Tensor, last: Tensor | None = None) -> Tensor:
        """(R, T, d) what is known of each token's successor, or (R, d) that of the ``last`` token of each row."""
        seen = rows.mask()
        profile = self.profile(profiles)[rows.customer]
        memory = self.encode(rows, rows.items, profile, vectors, seen)
        if last is None:
            return self.decode(rows.place + 1, profile, memory, rows.items, vectors, seen)
        at = (torch.arange(len(last)), last)
        asked = (rows.place[at] + 1).unsqueeze(1), profile[at].unsqueeze(1)
        return self.decode(*asked, memory, rows.items, vectors, seen[at].unsqueeze(1)).squeeze(1)

    def scores(self, states: Tensor, vectors: Tensor, some: Tensor | None = None) -> Tensor:
        """(N, I), or (N, C) of ``some`` products (C,): how well both match, beside how popular the product is."""
        beside = self.prior * self.popularity + self.offset
        if some is not None:
            vectors, beside = vectors[some], beside[some]
        return functional.linear(self.scale * states, vectors, beside)

    def rehearse(self, rows: Rows, profiles: Tensor, vectors: Tensor, compared: int) -> Tensor:
        """The loss of pre-training on some rows: masked products, and all products in a random order.

        ``compared`` is that of `softmax_loss`.
        """
        n = len(vectors)
        same = (rows.piece.unsqueeze(2) == rows.piece.unsqueeze(1)) & (rows.piece >= 0).unsqueeze(1)
        same = same | torch.eye(same.shape[1], dtype=torch.bool)
        real = (rows.items < n) & (rows.piece >= 0)
        profile = self.profile(profiles)[rows.customer]
        chosen = real & (torch.rand(rows.items.shape) < MASKED)
        covered = torch.where(chosen, n + 1, rows.items)
        states = self.encode(rows, covered, profile, vectors, same)[chosen]
        loss = vectors.sum() * 0.0
        if chosen.any():
            loss = loss + softmax_loss(self, states, vectors, rows.items[chosen], compared)
        turn = torch.where(rows.items < n, torch.rand(rows.items.shape), -1.0)
        before = same & (turn.unsqueeze(1) < turn.unsqueeze(2))  # (R, T, T): the second comes before the first
        memory = self.encode(rows, rows.items, profile, vectors, before | torch.eye(before.shape[1], dtype=torch.bool))
        states = self.decode(rows.place, profile, memory, rows.items, vectors, before)[real]
        if real.any():
            loss = loss + softmax_loss(self, states, vectors, rows.items[real], compared)
        return loss / 2


class Rehearsed(NamedTuple):
    """A pre-trained network, what it was built for, and whether that was the log it is fitted on."""

    network: nn.Module
    sizes: ProductSizes
    same_log: bool


class ProductTransformer(ProfiledNetwork):
    """The network as the model contract has it."""

    name: ClassVar[str] = "product_transformer"
    Config: ClassVar[type[Parameters]] = ProductTransformerConfig
    config: ProductTransformerConfig
    studies: ClassVar[dict[str, dict[str, dict[str, Any]]]] = {
        "ablation": {
            "baseline": {"transfer": False, "graph": False},
            "tl": {"graph": False},
            "gnn": {"transfer": False},
        }
    }

    def __init__(self, config: ProductTransformerConfig, seed: int = 42) -> None:
        super().__init__(config, seed)
        self.edges: GraphEdges | None = None
        self.rehearsed: Rehearsed | None = None

    @property
    def length(self) -> int:  # type: ignore[override]
        """Most tokens of a history that are read."""
        return self.config.longest

    def build(self, sizes: SequenceSizes) -> nn.Module:
        """The network, untrained; of as many parameters with and without its parts."""
        assert isinstance(sizes, ProductSizes)
        if self.config.graph:
            return ProductNetwork(self.config, sizes)
        inner = self.config.inner
        whole = _parameters(ProductNetwork(self.config.model_copy(update={"graph": True}), sizes))
        each = (self.config.layers + 1) * (2 * self.config.width + 1)  # of one unit more in every feed-forward part
        missing = whole - _parameters(ProductNetwork(self.config, sizes))
        return ProductNetwork(self.config, sizes, inner + round(missing / each))

    def start(self, inputs: SequenceInputs, log: SequenceLog) -> None:
        """Draw the graph, pre-train, and carry over what was learnt."""
        assert isinstance(inputs, ProductInputs)
        if self.config.transfer:
            general = inputs.general if inputs.general is not None else inputs
            if self.rehearsed is None:
                self.rehearsed = self.rehearse(general, same_log=general is inputs)
            network, sizes, same_log = self.rehearsed
            seed_everything(self.seed)
            carry(network, self.network, sizes, self.measure(inputs), same_log)
        super().start(inputs, log)
        self.edges = GraphEdges.of(inputs, self.config.neighbours) if self.config.graph else None

    def rehearse(self, general: ProductInputs, same_log: bool) -> "Rehearsed":
        """A network pre-trained on a log; given to ``rehearsed`` before a fit, it is not pre-trained again.

        Args:
            general: the log, all that is known of it. same_log: customers and products are those of the fit.
        """
        from crm_pipelines.training.trainer import train  # Lightning takes seconds to import

        sizes: Any = self.measure(general)
        other = ProductTransformer(self.config.model_copy(update={"transfer": False}), self.seed)
        other.network = other.build(sizes)
        log = other.open(general)
        other.start(general, log)
        learnt, _ = log.ids
        cut = max(1, len(learnt) // 10)  # of training rows: the general log's later events are not looked at
        parameters = self.config.pretraining
        epochs = parameters.passes(max(len(general.train), 1))
        parameters = parameters.model_copy(update={"epochs": epochs, "most_events": epochs * max(1, len(learnt))})

        def loss(ids: Tensor) -> Tensor:
            rows = log.training.of(ids)
            with torch.random.fork_rng(enabled=not other.network.training):  # the same masks in every validation
                if not other.network.training:
                    torch.manual_seed(self.seed)
                vectors = other.table(log, rows)
                return other.network.rehearse(  # type: ignore[no-any-return]
                    rows, log.profiles, vectors, self.config.compared
                )

        if len(learnt) > 1:
            train(other.network, loss, learnt[cut:], learnt[:cut], parameters, self.seed)
        return Rehearsed(other.network, sizes, same_log)

    def table(self, log: ProductLog, rows: Rows) -> Tensor:
        """(I, d) of all products; the graph leaves out the customers of these rows."""
        edges = self.edges
        if edges is not None and self.network.training:
            edges = edges.without(torch.unique(rows.customer))
        found: Tensor = self.network.vectors(log.profiles, edges)
        return found

    def finish(self, inputs: SequenceInputs, log: SequenceLog) -> None:
        """Keep the products' vectors, which need the graph no more."""
        assert isinstance(log, ProductLog)
        with torch.no_grad(), smallest_as_zero():
            self.network.final.copy_(self.network.vectors(log.profiles, self.edges))
        self.edges = None

    def final(self) -> Tensor:
        """(I, d) of all products after training."""
        found: Tensor = self.network.final
        return found


def carry(source: nn.Module, target: nn.Module, before: ProductSizes, after: ProductSizes, same_log: bool) -> None:
    """Copy a pre-trained network into one for another catalogue and other customers.

    Encoder, decoder, graph and special tokens are the same everywhere. Columns that describe products are copied by
    their names. Products' own vectors and customers' profiles are of their log alone, and copied only within it.
    """
    state, own = source.state_dict(), target.state_dict()
    kept = {"products", "popularity", "final", "offset"}
    for name, value in own.items():
        if name in kept:
            continue
        if name == "items.weight":
            value[-SPECIAL:] = state[name][-SPECIAL:]
            if same_log:
                value[:-SPECIAL] = state[name][:-SPECIAL]
            else:
                value[:-SPECIAL] *= 0.1  # what is known of a product are its attributes
        elif name == "described.weight":
            at = {column: place for place, column in enumerate(before.names)}
            for place, column in enumerate(after.names):
                if column in at:
                    value[:, place] = state[name][:, at[column]]
        elif name.startswith("profile.") and not same_log:
            continue
        elif value.shape == state[name].shape:
            value.copy_(state[name])


def sinusoids(length: int, width: int) -> Tensor:
    """(length, width) sines and cosines of places (Vaswani et al. 2017; the paper's formula for PE)."""
    place = torch.arange(length).unsqueeze(1)
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    found = torch.zeros(length, width)
    found[:, 0::2] = torch.sin(place * rate)
    found[:, 1::2] = torch.cos(place * rate)[:, : width // 2]
    return found


def _parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())
