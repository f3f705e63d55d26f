"""What every model of the next item must do; models are discovered in the registry."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.config import SequenceParameters
from crm_pipelines.errors import UserError
from crm_pipelines.models.registry import SEQUENCE_MODELS, sequence_model
from crm_pipelines.sequences.inputs import Histories, SequenceInputs
from crm_pipelines.sequences.preparation import LEAVE_LAST_OUT, build, split

ITEMS = 12
TRAINING = {"epochs": 25, "batch_size": 8, "learning_rate": 1e-2, "patience": 25}
SIZES = {"length": 10, "width": 16, "layers": 1, "inner": 16, "dropout": 0.0, "embedding_dropout": 0.0}
SMALL = {
    "sasrec": {"longest": 10, "width": 16, "layers": 1, "dropout": 0.0, "training": TRAINING},
    "sequence_transformer": {"sizes": SIZES, "training": TRAINING},
    "sequence_transformer_plus": {"sizes": SIZES, "training": TRAINING, "members": 1},
}
NETWORKS = tuple(name for name in SMALL)
IN_ORDER = {"markov", *NETWORKS}
"""Models that know the order of items."""

models = pytest.mark.parametrize("name", SEQUENCE_MODELS)


@cache
def shop(planted: bool = True) -> SequenceInputs:
    """Customers who walk round a ring of items, each after the one before it, or choose at random."""
    draw = np.random.default_rng(5)
    rows = []
    for customer in range(60):
        items = (np.arange(10) + draw.integers(ITEMS)) % ITEMS if planted else draw.integers(0, ITEMS, 10)
        rows += [(f"c{customer:02d}", f"i{item:02d}", second) for second, item in enumerate(items)]
    frame = pd.DataFrame(rows, columns=["customer_id", "item_id", "timestamp"])
    return split(build(frame, pd.Series([], dtype=str), "log").arrays, LEAVE_LAST_OUT, SequenceParameters())


@cache
def fitted(name: str, planted: bool = True):
    model = sequence_model(name)
    made = model(model.Config(**SMALL.get(name, {})), 1)
    return made, made.fit(shop(planted))


def first_hits(name: str, planted: bool) -> float:
    inputs = shop(planted)
    histories = inputs.histories(inputs.test)
    best = fitted(name, planted)[0].log_probabilities(histories).argmax(axis=1)
    return float((best == inputs.items[inputs.test]).mean())


@models
@pytest.mark.parametrize("size", [0, 1, 7])
def test_probabilities_of_any_batch_sum_to_one(name, size):
    inputs = shop()
    found = fitted(name)[0].log_probabilities(inputs.histories(inputs.test[:size]))
    assert found.shape == (size, inputs.n_items)
    np.testing.assert_allclose(np.exp(found.astype(float)).sum(axis=1), 1, atol=1e-4)


@models
def test_an_empty_history_and_a_loop_are_answered(name):
    found = fitted(name)[0].log_probabilities(Histories.of([[], [3], [4] * 10_000]))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.exp(found.astype(float)).sum(axis=1), 1, atol=1e-4)


@models
def test_a_history_is_read_the_same_alone_as_beside_others(name):
    inputs = shop()
    model = fitted(name)[0]
    together = model.log_probabilities(inputs.histories(inputs.train[:9]))
    alone = np.vstack([model.log_probabilities(inputs.histories(inputs.train[i : i + 1])) for i in range(9)])
    np.testing.assert_allclose(alone, together, atol=1e-4)


@models
def test_the_same_seed_gives_the_same_bytes(name):
    inputs = shop()
    model = sequence_model(name)
    again = model(model.Config(**SMALL.get(name, {})), 1)
    again.fit(inputs)
    histories = inputs.histories(inputs.test)
    assert again.log_probabilities(histories).tobytes() == fitted(name)[0].log_probabilities(histories).tobytes()


@models
def test_a_saved_model_predicts_the_same_and_holds_no_pickle(name, tmp_path):
    inputs = shop()
    model = fitted(name)[0]
    model.save(tmp_path / "model")
    loaded = sequence_model(name).load(tmp_path / "model")
    histories = inputs.histories(inputs.test)
    np.testing.assert_allclose(loaded.log_probabilities(histories), model.log_probabilities(histories), rtol=1e-5)
    assert loaded.n_parameters == model.n_parameters > 0
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".safetensors"}


@models
def test_a_folder_without_a_model_is_named(name, tmp_path):
    with pytest.raises(UserError, match="train it again"):
        sequence_model(name).load(tmp_path / "nothing")


@models
def test_a_planted_order_is_learned_by_those_who_know_order(name):
    if name in IN_ORDER:
        assert first_hits(name, planted=True) > 0.9
    else:
        assert first_hits(name, planted=True) < 0.9


@models
def test_random_choices_stay_at_chance(name):
    assert first_hits(name, planted=False) < 0.3


@pytest.mark.parametrize("name", NETWORKS)
def test_too_few_events_to_stop_by_are_explained(name):
    model = sequence_model(name)
    with pytest.raises(UserError, match="too few for a network"):
        model(model.Config(), 1).fit(replace(shop(), validation=np.empty(0, dtype=np.int64)))


@models
def test_the_items_to_be_predicted_do_not_reach_the_fit(name):
    inputs = shop()
    items = inputs.items.copy()
    items[inputs.test] = 0
    model = sequence_model(name)
    other = model(model.Config(**SMALL.get(name, {})), 1)
    other.fit(replace(inputs, items=items))
    histories = inputs.histories(inputs.test)
    assert other.log_probabilities(histories).tobytes() == fitted(name)[0].log_probabilities(histories).tobytes()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_loss_falls(name):
    history = fitted(name)[1]
    assert history[-1]["train_loss"] < 0.9 * history[0]["train_loss"]


def test_the_pool_leans_on_whoever_knows(tmp_path):
    from crm_pipelines.models.layers.pooling import pool_weights

    draw = np.random.default_rng(0)
    chosen = draw.integers(0, 5, 200)
    knows = np.full((200, 5), -3.0)
    knows[np.arange(200), chosen] = 0.0
    guesses = draw.normal(size=(200, 5))
    weights = pool_weights([guesses, knows], chosen)
    assert weights[1] > 10 * weights[0] >= 0


def test_an_unknown_model_is_answered_with_the_known_ones():
    with pytest.raises(UserError, match="sasrec"):
        sequence_model("sasrecc")


def test_passes_are_bounded_by_the_scores_they_take():
    model = sequence_model("sequence_transformer")
    inputs = shop()
    scores = len(inputs.train) * inputs.n_items
    for most, expected in ((1.0, 1), (3.2 * scores, 3), (1e12, 25)):
        made = model(model.Config(training={**TRAINING, "most_scores": most}), 1)
        assert made.training(inputs).epochs == expected


def test_a_large_catalogue_gets_one_network_and_no_ease(tmp_path):
    inputs, model = shop(), sequence_model("sequence_transformer_plus")
    quick = {**SMALL["sequence_transformer_plus"], "training": {**TRAINING, "epochs": 2}, "members": 2}
    made = model(model.Config(**quick, large_items=ITEMS - 1, large_dropout=0.4), 1)
    made.fit(inputs)
    assert [network.config.sizes.dropout for network in made.networks] == [0.4]
    assert list(made.others) == ["markov", "followers"]
    made.save(tmp_path / "model")
    again = model.load(tmp_path / "model")
    histories = inputs.histories(inputs.test)
    np.testing.assert_allclose(again.log_probabilities(histories), made.log_probabilities(histories), rtol=1e-5)
