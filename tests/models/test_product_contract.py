"""What every recommender must do; models are discovered in the registry."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from banks import PRODUCTS, bank
from crm_pipelines.benchmark.products import offered_scores, predict
from crm_pipelines.errors import UserError
from crm_pipelines.evaluation.lists import per_query
from crm_pipelines.models.registry import PRODUCT_MODELS, product_model
from crm_pipelines.sequences.inputs import Histories

TRAINING = {"epochs": 20, "batch_size": 16, "learning_rate": 1e-2, "patience": 20}
NETWORK = {
    "longest": 8,
    "width": 8,
    "layers": 1,
    "inner": 16,
    "dropout": 0.0,
    "training": TRAINING,
    "pretraining": {**TRAINING, "epochs": 3},
}
SMALL = {
    "sasrec": {"longest": 8, "width": 16, "layers": 1, "dropout": 0.0, "training": {**TRAINING, "epochs": 40}},
    "dlrm": {"longest": 8, "width": 8, "inner": 16, "dropout": 0.0, "training": TRAINING},
    "lightgcn": {"width": 8, "layers": 2, "training": {**TRAINING, "batch_size": 256}},
    "product_transformer": NETWORK,
    "product_transformer_plus": {"network": NETWORK, "members": 1, "far": 0},
}
KNOWS_ORDER = {"sasrec", "dlrm", "product_transformer", "product_transformer_plus"}
KNOWS_PROFILES = {"segment_popularity", "dlrm", "product_transformer", "product_transformer_plus"}
"""Models that answer a customer without a history by his attributes."""

models = pytest.mark.parametrize("name", PRODUCT_MODELS)


@cache
def fitted(name: str, protocol: str = "leave_last_out", planted: bool = True):
    model = product_model(name)
    made = model(model.Config(**SMALL.get(name, {})), 1)
    made.fit(bank(protocol, planted))
    return made


def quality(name: str, slice_name: str = "all", protocol: str = "leave_last_out", planted: bool = True) -> float:
    lists = predict(fitted(name, protocol, planted), bank(protocol, planted))
    return float(per_query(lists[lists["slice"] == slice_name])["ndcg@10"].mean())


@models
@pytest.mark.parametrize("size", [0, 1, 7])
def test_probabilities_of_any_batch_sum_to_one(name, size):
    inputs = bank()
    found = fitted(name).log_probabilities(inputs.before(inputs.asked["all"].of(np.arange(size))))
    assert found.shape == (size, PRODUCTS)
    np.testing.assert_allclose(np.exp(found.astype(float)).sum(axis=1), 1, atol=1e-4)


@models
def test_whoever_holds_nothing_or_everything_is_answered(name):
    found = fitted(name).log_probabilities(Histories.of([[], [3], list(range(PRODUCTS)) * 3]))
    assert np.isfinite(found).all()


@models
def test_a_customer_is_answered_the_same_alone_as_beside_others(name):
    inputs = bank()
    histories = inputs.before(inputs.asked["all"].of(np.arange(9)))
    together = fitted(name).log_probabilities(histories)
    alone = np.vstack([fitted(name).log_probabilities(histories.part(slice(i, i + 1))) for i in range(9)])
    np.testing.assert_allclose(alone, together, atol=1e-4)


@models
def test_a_saved_model_says_the_same_and_holds_no_pickle(name, tmp_path):
    inputs = bank()
    histories = inputs.before(inputs.asked["all"])
    fitted(name).save(tmp_path / "model")
    loaded = product_model(name).load(tmp_path / "model")
    np.testing.assert_allclose(
        loaded.log_probabilities(histories), fitted(name).log_probabilities(histories), atol=1e-5
    )
    assert loaded.n_parameters == fitted(name).n_parameters > 0
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".safetensors"}


@models
def test_a_folder_without_a_model_is_named(name, tmp_path):
    with pytest.raises(UserError, match="train it again"):
        product_model(name).load(tmp_path / "nothing")


@models
def test_what_is_to_be_predicted_does_not_reach_the_fit(name):
    """The same seed gives the same bytes, whatever the customers took afterwards."""
    inputs = bank()
    items = inputs.items.copy()
    items[inputs.test] = 0
    model = product_model(name)
    other = model(model.Config(**SMALL.get(name, {})), 1)
    other.fit(replace(inputs, items=items))
    histories = inputs.before(inputs.asked["all"])
    assert other.log_probabilities(histories).tobytes() == fitted(name).log_probabilities(histories).tobytes()


@models
def test_a_planted_order_is_found_by_those_who_know_order(name):
    found = quality(name)
    assert found > (0.75 if name in KNOWS_ORDER else 0.2)


@models
def test_random_choices_stay_at_chance(name):
    lists = predict(fitted(name, planted=False), bank(planted=False))
    queries = per_query(lists[lists["slice"] == "all"])
    assert abs(queries["ndcg@10"].mean() - queries["ndcg@10_chance"].mean()) < 0.12


@pytest.mark.parametrize("name", sorted(KNOWS_PROFILES))
def test_a_customer_without_products_is_known_by_his_attributes(name):
    chance = quality("popularity", "cold_customer@0", "held_out")
    assert quality(name, "cold_customer@0", "held_out") > chance + 0.05


@models
def test_only_products_that_are_not_held_are_ranked(name):
    inputs = bank()
    queries = inputs.asked["all"]
    scores, offered = offered_scores(fitted(name), inputs, queries)
    held = inputs.before(queries)
    assert not offered[held.owner, held.items].any()
    assert not np.isfinite(scores[~offered]).any()
    np.testing.assert_allclose(np.exp(scores[offered.any(axis=1)]).sum(axis=1), 1, atol=1e-6)


class TestProductTransformer:
    def test_with_and_without_its_parts_it_has_as_many_parameters(self):
        model = product_model("product_transformer")
        sizes = fitted("product_transformer").sizes
        counts = []
        for changes in ({}, *model.studies["ablation"].values()):
            made = model(model.Config(**{**NETWORK, "width": 32, "inner": 64, **changes}), 1)
            counts.append(sum(p.numel() for p in made.build(sizes).parameters()))
        assert max(counts) < 1.02 * min(counts)

    def test_the_graph_leaves_out_whoever_is_predicted(self):
        from crm_pipelines.models.layers.product_graph import GraphEdges

        inputs = bank()
        edges = GraphEdges.of(inputs, neighbours=100)
        known = inputs.known
        pairs = set(zip(known.owner.tolist(), known.items.tolist(), strict=True))
        assert set(zip(edges.customer.tolist(), edges.item.tolist(), strict=True)) == pairs
        import torch

        assert 3 not in edges.without(torch.tensor([3])).customer.tolist()

    def test_each_product_keeps_the_latest_of_its_customers_only(self):
        from crm_pipelines.models.layers.product_graph import GraphEdges

        edges = GraphEdges.of(bank(), neighbours=4)
        assert np.bincount(edges.item.numpy()).max() == 4

    def test_what_is_carried_over_goes_by_the_names_of_attributes(self):
        import torch

        from crm_pipelines.models.recommendation.neural import ProductSizes
        from crm_pipelines.models.recommendation.product_transformer import ProductNetwork, carry

        config = product_model("product_transformer").Config(**NETWORK)
        before, after = ProductSizes(5, 3, ("popularity", "risk", "term")), ProductSizes(7, 2, ("term", "popularity"))
        source, target = ProductNetwork(config, before), ProductNetwork(config, after)
        own = target.profile.weight.detach().clone()
        carry(source, target, before, after, same_log=False)
        assert torch.equal(target.described.weight[:, 0], source.described.weight[:, 2])
        assert torch.equal(target.described.weight[:, 1], source.described.weight[:, 0])
        assert torch.equal(target.items.weight[-2:], source.items.weight[-2:])
        assert torch.equal(target.decoder.query.weight, source.decoder.query.weight)
        assert torch.equal(target.profile.weight, own)


def test_an_unknown_model_is_answered_with_the_known_ones():
    with pytest.raises(UserError, match="lightgcn"):
        product_model("lightgcnn")
