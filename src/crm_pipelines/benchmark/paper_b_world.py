"""Paper B's own experiment: 100 simulated users, five ratings each of 50 items, random labels of churn.

The paper gives no generator, no split and no batch. Its accuracies tell of them: 0.0167 is 1 of 60 and 0.4000 is 8 of
20, so 20 users were tested, each with three steps; and losses that fall by 0.03 an epoch are those of one step of Adam
at 1e-3 an epoch. So here: 80 users are learnt from in one batch, two items are given and three predicted, ten epochs.
Items and labels are drawn independently of everything, so that no model can do better than chance, and none should.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve
from torch.nn import functional

from crm_pipelines.models.layers.causal_transformer import CausalTransformer
from crm_pipelines.models.layers.record_log import RecordLog, RecordSizes
from crm_pipelines.models.layers.record_tokens import RecordTokens
from crm_pipelines.models.layers.sequence_log import Rows
from crm_pipelines.models.risk.churn_transformer import ChurnTransformerConfig, ChurnTransformerNetwork
from crm_pipelines.models.sequence.sequence_transformer import PAPER
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.training.parameters import TrainingParameters
from crm_pipelines.training.seeds import seed_everything
from crm_pipelines.training.trainer import train

USERS: Final = 100
RATINGS: Final = 5
ITEMS: Final = 50
CATEGORIES: Final = 5
TESTED: Final = 20
GIVEN: Final = 2
TRAINING: Final = TrainingParameters(
    epochs=10, batch_size=USERS, learning_rate=1e-3, weight_decay=1e-4, patience=10, clip=1e9, annealed=False
)


class PaperWorld(NamedTuple):
    """What the paper describes, drawn at random.

    Attributes:
        items: (100, 5) different items of each user, in order. ratings: (100, 5), 1 to 5.
        rating, category, sentiment: (50,) of each item. age: (100,). churned: (100,).
    """

    items: NDArray[np.int64]
    ratings: NDArray[np.int64]
    rating: NDArray[np.float64]
    category: NDArray[np.int64]
    sentiment: NDArray[np.float64]
    age: NDArray[np.int64]
    churned: NDArray[np.int64]


class WorldResults(NamedTuple):
    """What was measured, as tidy tables.

    Attributes:
        losses: ``seed, model, epoch, loss``, of the training users, before each epoch's step.
        scores: ``seed, model, metric, value``: accuracy of single steps and of whole plans, of churn, and its AUC.
        attention: ``model, from, to, weight``, mean over test users and heads, first seed.
        roc: ``threshold, true_positive_rate, false_positive_rate``, first seed.
        plans: ``user, step, action``, of the first five test users, first seed.
        data: ``data_set, users, features`` as drawn.
    """

    losses: pd.DataFrame
    scores: pd.DataFrame
    attention: pd.DataFrame
    roc: pd.DataFrame
    plans: pd.DataFrame
    data: pd.DataFrame


def draw_world(seed: int) -> PaperWorld:
    """The paper's world; the same seed gives the same."""
    draw = np.random.default_rng(seed)
    return PaperWorld(
        items=np.stack([draw.choice(ITEMS, RATINGS, replace=False) for _ in range(USERS)]),
        ratings=draw.integers(1, 6, (USERS, RATINGS)),
        rating=draw.uniform(1, 5, ITEMS),
        category=draw.integers(0, CATEGORIES, ITEMS),
        sentiment=draw.uniform(-1, 1, ITEMS),
        age=draw.integers(18, 70, USERS),
        churned=draw.permutation(np.arange(USERS) % 2),
    )


def run_world(seeds: tuple[int, ...]) -> WorldResults:
    """Train both models on a world of each seed."""
    losses, scores = [], []
    shown: dict[str, Any] = {}
    for seed in seeds:
        seed_everything(seed)
        world = draw_world(seed)
        users = np.random.default_rng(seed).permutation(USERS)
        learnt, tested = np.sort(users[TESTED:]), np.sort(users[:TESTED])
        for model, run in (("sequence_transformer", _sequence), ("churn_transformer", _churn)):
            history, values, pictures = run(world, learnt, tested, seed)
            losses += [{"seed": seed, "model": model, "epoch": epoch, "loss": loss} for epoch, loss in history]
            scores += [{"seed": seed, "model": model, "metric": name, "value": v} for name, v in values.items()]
            if seed == seeds[0]:
                shown |= pictures
    data = pd.DataFrame(
        [
            ("MovieLens", USERS, f"{RATINGS} ratings a user of {ITEMS} items"),
            ("Amazon Product Data", USERS, f"{ITEMS} products x 3 features (rating, category, sentiment)"),
            ("Kaggle Customer Churn", USERS, "both, age, and random labels of churn"),
        ],
        columns=["data_set", "users", "features"],
    )
    attention = pd.concat([shown["sequence_attention"], shown["churn_attention"]], ignore_index=True)
    return WorldResults(pd.DataFrame(losses), pd.DataFrame(scores), attention, shown["roc"], shown["plans"], data)


def _sequence(world: PaperWorld, learnt: Any, tested: Any, seed: int) -> tuple[Any, dict[str, float], dict[str, Any]]:
    sizes = PAPER.model_copy(update={"length": RATINGS, "dropout": 0.0, "embedding_dropout": 0.0})
    network = CausalTransformer(sizes, ITEMS)
    items = torch.from_numpy(world.items)

    def rows(ids: torch.Tensor) -> Rows:
        codes = items[ids]
        place = torch.arange(RATINGS - 1).expand(len(ids), -1)
        nothing = torch.zeros_like(place)
        return Rows(codes[:, :-1], codes[:, 1:], nothing, place, nothing)

    def scores(ids: torch.Tensor) -> torch.Tensor:
        """(B, 3, I) of each step, given the true ones before it."""
        states: torch.Tensor = network.states(rows(ids))[:, GIVEN - 1 :]
        return network.scores(states)

    def loss(ids: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(scores(ids).flatten(0, 1), items[ids][:, GIVEN:].flatten())

    history = train(network, loss, learnt, learnt, TRAINING, seed)
    ids = torch.from_numpy(tested)
    with torch.no_grad():
        found = _decoded(network, items[ids][:, :GIVEN])
        attention = network.attention(rows(ids))[0].mean(dim=(0, 1))
    right = (found == items[ids][:, GIVEN:]).numpy()
    place = [f"item {number + 1}" for number in range(RATINGS - 1)]
    pictures = {
        "sequence_attention": _long(attention.numpy(), place, "sequence_transformer"),
        "plans": pd.DataFrame(
            [
                {"user": int(user), "step": step + 1, "action": f"Recommend movie {int(found[row, step])}"}
                for row, user in enumerate(tested[:5])
                for step in range(RATINGS - GIVEN)
            ]
        ),
    }
    values = {"step_accuracy": float(right.mean()), "plan_accuracy": float(right.all(axis=1).mean())}
    return [(row["epoch"] + 1, row["train_loss"]) for row in history], values, pictures


def _decoded(network: CausalTransformer, given: torch.Tensor) -> torch.Tensor:
    """(B, 3) the most probable item at each step, without repeats, after ``given`` (B, 2)."""
    codes = given
    for _ in range(RATINGS - GIVEN):
        place = torch.arange(codes.shape[1]).expand(len(codes), -1)
        nothing = torch.zeros_like(place)
        states = network.states(Rows(codes, codes, nothing, place, nothing))[:, -1]
        scores = network.scores(states).scatter(1, codes, -torch.inf)
        codes = torch.cat([codes, scores.argmax(dim=1, keepdim=True)], dim=1)
    return codes[:, GIVEN:]


def _churn(world: PaperWorld, learnt: Any, tested: Any, seed: int) -> tuple[Any, dict[str, float], dict[str, Any]]:
    inputs = _records(world, learnt, tested)
    log, sizes = RecordLog(inputs), RecordSizes.of(inputs)
    network = ChurnTransformerNetwork(ChurnTransformerConfig(dropout=0.0, profile=False), sizes)
    assert isinstance(network.tokens, RecordTokens)
    network.tokens.fit(log, torch.from_numpy(learnt))

    def loss(ids: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(network(log, ids), log.label[ids])

    history = train(network, loss, learnt, learnt, TRAINING, seed)
    ids = torch.from_numpy(tested)
    with torch.no_grad():
        risk = torch.softmax(network(log, ids), dim=1)[:, 1].numpy()
        attention = network.attention(log, ids)[0].mean(dim=0)
    true = world.churned[tested]
    low, high, threshold = roc_curve(true, risk)
    names = ["whole", *inputs.numeric_names, *(f"rating {number + 1}" for number in range(RATINGS))]
    pictures = {
        "churn_attention": _long(attention.numpy(), names, "churn_transformer"),
        "roc": pd.DataFrame(
            {"threshold": np.minimum(threshold, 1.0), "true_positive_rate": high, "false_positive_rate": low}
        ),
    }
    values = {"churn_accuracy": float(((risk > 0.5) == true).mean()), "churn_auc": float(roc_auc_score(true, risk))}
    return [(row["epoch"] + 1, row["train_loss"]) for row in history], values, pictures


def _records(world: PaperWorld, learnt: NDArray[np.int64], tested: NDArray[np.int64]) -> RecordInputs:
    """Users as records: five steps of rating, sentiment and the item's mean rating; age and the mean rating given."""
    steps = np.stack([world.ratings, world.sentiment[world.items], world.rating[world.items]], axis=2)
    numeric = np.column_stack([world.age, world.ratings.mean(axis=1)])
    nothing = np.empty(0, dtype=np.int64)
    return RecordInputs(
        protocol="paper",
        fold=0,
        record_id=np.arange(USERS).astype(str),
        classes=("stays", "leaves"),
        labels=world.churned.astype(np.int64),
        numeric=numeric.astype(np.float32),
        numeric_names=("age", "mean rating"),
        codes=np.empty((USERS, 0), dtype=np.int32),
        cardinalities=(),
        categorical_names=(),
        sequence=steps.astype(np.float32),
        sequence_mask=np.ones((USERS, RATINGS), dtype=bool),
        channel_names=("rating", "sentiment", "item rating"),
        step_names=tuple(str(number + 1) for number in range(RATINGS)),
        amount=np.full(USERS, np.nan, dtype=np.float32),
        customer=np.arange(USERS),
        train=learnt,
        validation=nothing,
        test=tested,
        groups={},
    )


def _long(weights: NDArray[np.float32], names: list[str], model: str) -> pd.DataFrame:
    """A square of attention weights, row by row."""
    n = len(names)
    return pd.DataFrame(
        {"model": model, "from": np.repeat(names, n), "to": np.tile(names, n), "weight": weights.astype(float).ravel()}
    )
