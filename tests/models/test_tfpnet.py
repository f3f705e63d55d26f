"""TFP-Net: its parts do what the paper says, and each can be switched off."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from shops import prepare, shop_columns

from crm_pipelines.benchmark.running import variants_of
from crm_pipelines.models.behaviour.tfpnet import TFPNet, TFPNetConfig
from crm_pipelines.models.layers.deepfm import DeepFM
from crm_pipelines.models.layers.event_log import EventLog
from crm_pipelines.models.layers.prototypes import Prototypes
from crm_pipelines.models.layers.support import SupportBank
from crm_pipelines.models.layers.temporal_attention import TemporalAttention
from crm_pipelines.training.parameters import TrainingParameters

SWITCHES = ("tgat", "time_encoding", "decay", "gate", "deepfm", "fm", "protonet", "seeding", "shrinkage")
QUICK = {"width": 8, "neighbours": 4, "hidden": (16,), "training": TrainingParameters(epochs=2, batch_size=256)}


@pytest.fixture(scope="module")
def inputs():
    return prepare(shop_columns(n=900))


@pytest.mark.parametrize("part", SWITCHES)
def test_every_part_can_be_switched_off(part, inputs):
    whole, without = TFPNet(TFPNetConfig(**QUICK), 1), TFPNet(TFPNetConfig(**QUICK, **{part: False}), 1)
    whole.fit(inputs)
    without.fit(inputs)
    both = [model.predict_proba(inputs, inputs.test) for model in (whole, without)]
    assert np.isfinite(both[1]).all()
    assert not np.allclose(*both, atol=1e-6)


def test_events_without_features_give_no_support(inputs):
    """Of a log too long for features of all events, those without any are left out of the support."""
    model = TFPNet(TFPNetConfig(**QUICK, mixture=1.0), 1)
    model.fit(inputs)
    long = replace(inputs, featured=inputs.test, event_features=inputs.event_features[inputs.test])
    found = model.predict_proba(long, inputs.test)
    assert np.isfinite(found).all()
    assert not np.allclose(found, model.predict_proba(inputs, inputs.test))


class TestTwoLayers:
    @pytest.fixture(scope="class")
    def network(self, inputs):
        model = TFPNet(TFPNetConfig(**QUICK, layers=2), 1)
        model.fit(inputs)
        model.network.eval()
        return model.network

    def test_an_event_that_many_histories_hold_is_embedded_as_it_is_alone(self, network, inputs):
        log = EventLog(inputs)
        events = torch.from_numpy(inputs.test[:64])
        with torch.no_grad():
            together = network(log, events)[0].logits
            alone = torch.cat([network(log, event)[0].logits for event in events.split(1)])
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)

    def test_the_neighbours_own_past_matters(self, network, inputs):
        """A customer whose one item was met before by others is not one whose item was not."""
        log, events = EventLog(inputs), torch.from_numpy(inputs.test[:64])
        with torch.no_grad():
            deep = network(log, events)[0].logits
            network.config, before = network.config.model_copy(update={"layers": 1}), network.config
            flat = network(log, events)[0].logits
            network.config = before
        assert not torch.allclose(deep, flat, atol=1e-4)

    def test_events_of_the_same_moment_or_later_say_nothing(self, network, inputs):
        """The embedding of an entity at an event is the same whatever behaviour comes with the event and after it."""
        log, event = EventLog(inputs), torch.from_numpy(inputs.test[:1])
        past = log.history("customer", event, 4)
        assert past.mask.any()
        with torch.no_grad():
            before = network._context(log, "customer", past)
            last = int(past.events[past.mask].max())
            log.behaviour.rows = log.behaviour.rows.clone()
            log.behaviour.rows[last:] = 0
            torch.testing.assert_close(network._context(log, "customer", past), before)


def test_the_studies_are_variants_that_can_be_built_and_differ_from_the_main_one():
    main = TFPNetConfig(training=TrainingParameters(epochs=3, learning_rate=5e-4))
    ablation = variants_of(TFPNet, main, ["ablation"])
    assert len(ablation) == 13
    assert ablation.pop("main") is main
    assert ablation.pop("entire_scaling") == main  # the same model; its inputs differ
    assert all(config != main for config in ablation.values())
    sensitivity = variants_of(TFPNet, main, ["sensitivity"])
    by_parameter = Counter(name.split("=")[0] for name in sensitivity if name != "main")
    assert by_parameter == {"decay_base": 5, "factors": 5, "learning_rate": 5}
    assert sensitivity["learning_rate=0.01"].training == TrainingParameters(epochs=3, learning_rate=0.01)
    assert variants_of(TFPNet, main, []) == {"main": main}


def test_two_processes_train_it_nearly_as_one(inputs):
    """Dropout draws other masks and batch normalisation sees halves of batches; the support bank is shared."""

    def losses(devices: int) -> list[float]:
        training = TrainingParameters(epochs=3, batch_size=128, learning_rate=2e-3, devices=devices)
        model = TFPNet(TFPNetConfig(**{**QUICK, "training": training}), 1)
        rows = model.fit(inputs)
        assert np.isfinite(model.predict_proba(inputs, inputs.test)).all()
        return [row["validation_loss"] for row in rows]

    np.testing.assert_allclose(losses(2), losses(1), rtol=0.1)


def test_a_given_mixture_is_not_chosen(inputs):
    model = TFPNet(TFPNetConfig(**QUICK, mixture=1.0), 1)
    model.fit(inputs)
    assert model.mixture == 1.0


def test_timing_steps_leaves_the_predictions_as_they_are(inputs):
    model = TFPNet(TFPNetConfig(**QUICK), 1)
    model.fit(inputs)
    before = model.predict_proba(inputs, inputs.test)
    assert model.time_steps(inputs, 32, 4) > 0
    np.testing.assert_array_equal(model.predict_proba(inputs, inputs.test), before)


def test_attention_weights_are_kept_per_event_and_side(inputs):
    model = TFPNet(TFPNetConfig(**QUICK), 1)
    model.fit(inputs)
    events = inputs.test[:20]
    weights, ids = model.attention(inputs, events, "customer")
    assert weights.shape == ids.shape == (20, 4)
    assert (weights >= 0).all()
    assert (weights.sum(axis=1) <= 1 + 1e-6).all()  # the decay takes from a sum of one
    history, mask = inputs.store.customers.history(events, 4)
    assert (ids[mask] == history[mask]).all()


class TestTemporalAttention:
    def attention(self, decay=True, steps=1):
        torch.manual_seed(0)
        return TemporalAttention(token=3, query=5, width=4, heads=1, steps=steps, decay=decay).eval()

    def test_it_is_the_published_formula(self):
        """Against the formula written out with explicit projections, for one query and one step."""
        layer = self.attention()
        z, q, age, scale = torch.randn(1, 6, 3), torch.randn(1, 5), torch.rand(1, 6), torch.tensor([1.5])
        mask = torch.ones(1, 6, dtype=torch.bool)
        score = [
            torch.nn.functional.leaky_relu(layer.score_query(q[0]) + layer.score_key(z[0, j]), 0.2) for j in range(6)
        ]
        a = torch.softmax(torch.cat(score), 0)
        w = torch.exp(-age[0] / 1.5)
        pooled = sum(a[j] * w[j] * z[0, j] for j in range(6))
        expected = torch.relu(layer.out_events(pooled) + layer.out_query(q[0]))
        embedding, weights = layer(z, q, age, mask, scale)
        torch.testing.assert_close(embedding[0], expected)
        torch.testing.assert_close(weights[0], a * w)

    def test_padding_is_inert(self):
        layer = self.attention(steps=3)
        z, q, age, scale = torch.randn(2, 6, 3), torch.randn(2, 5), torch.rand(2, 6), torch.ones(2)
        mask = torch.tensor([[False, False, True, True, True, True]] * 2)
        noisy = torch.where(mask.unsqueeze(-1), z, torch.full_like(z, 1e3))
        torch.testing.assert_close(layer(z, q, age, mask, scale)[0], layer(noisy, q, age, mask, scale)[0])

    def test_an_empty_history_leaves_the_query_alone(self):
        layer = self.attention(steps=3)
        q = torch.randn(2, 5)
        nothing = torch.zeros(2, 6, dtype=torch.bool)
        embedding, weights = layer(torch.randn(2, 6, 3), q, torch.rand(2, 6), nothing, torch.ones(2))
        torch.testing.assert_close(embedding, torch.relu(layer.out_events.bias + layer.out_query(q)))
        torch.testing.assert_close(embedding, layer.alone(q))
        assert (weights == 0).all()

    def test_steps_see_only_what_precedes_them(self):
        """The embedding of the step at the second-latest event may not depend on the latest."""
        layer = self.attention(steps=3)
        z, age = torch.randn(1, 6, 3), torch.arange(6, 0, -1.0).view(1, 6)
        mask = torch.ones(1, 6, dtype=torch.bool)
        z.requires_grad_(True)
        embedding, _ = layer(z, torch.zeros(1, 5), age, mask, torch.ones(1))
        assert torch.isfinite(torch.autograd.grad(embedding.sum(), z)[0]).all()

    def test_older_events_weigh_less_under_the_decay(self):
        layer = self.attention()
        for parameter in layer.parameters():
            torch.nn.init.zeros_(parameter)
        age = torch.tensor([[4.0, 2.0, 1.0]])
        _, weights = layer(
            torch.randn(1, 3, 3), torch.randn(1, 5), age, torch.ones(1, 3, dtype=torch.bool), torch.ones(1)
        )
        torch.testing.assert_close(weights, torch.exp(-age) / 3)


class TestDeepFM:
    def test_the_pairwise_term_is_the_sum_over_pairs(self):
        torch.manual_seed(0)
        layer = DeepFM(inputs=5, classes=2, factors=3, hidden=(4,), width=4, dropout=0.0, fm=True).eval()
        x = torch.randn(1, 5)
        v = layer.factors
        pairs = sum(v[i] * v[j] * x[0, i] * x[0, j] for i in range(5) for j in range(i + 1, 5)) / 5**0.5
        joint = torch.cat([layer.mlp(x)[0], pairs])
        torch.testing.assert_close(layer(x).logits[0], layer.linear(x)[0] + layer.readout(joint))


class TestPrototypes:
    def test_without_support_the_nearest_prototype_wins(self):
        layer = Prototypes(classes=2, segments=1, width=2, prior=5.0)
        with torch.no_grad():
            layer.centres.copy_(torch.tensor([[[0.0, 0.0]], [[4.0, 0.0]]]))
        assert layer(torch.tensor([[0.5, 0.0], [3.5, 0.0]])).argmax(1).tolist() == [0, 1]

    def test_support_pulls_a_prototype_by_empirical_bayes(self):
        """p' = (n0 p + sum) / (n0 + n): the efficient form agrees with moving the prototypes."""
        torch.manual_seed(0)
        layer = Prototypes(classes=3, segments=2, width=4, prior=2.0)
        query, support = torch.randn(5, 4), torch.randn(5, 3, 4)
        count = torch.randint(0, 3, (5, 3)).float()
        support = support * (count > 0).unsqueeze(-1)
        logits = layer(query, support, count)
        for b in range(5):
            moved = (2.0 * layer.centres + support[b].unsqueeze(1)) / (2.0 + count[b]).view(3, 1, 1)
            alone = Prototypes(3, 2, 4, 2.0)
            alone.load_state_dict(layer.state_dict())
            with torch.no_grad():
                alone.centres.copy_(moved)
            torch.testing.assert_close(alone(query[b : b + 1])[0], logits[b])

    def test_seeding_puts_prototypes_at_class_and_segment_means(self):
        layer = Prototypes(classes=2, segments=2, width=1, prior=5.0)
        embedded = torch.tensor([[1.0], [3.0], [10.0], [20.0]])
        labels, segment = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, -1])
        layer.seed((embedded[some], labels[some], segment[some]) for some in torch.arange(4).split(3))
        expected = torch.tensor([[[1.0], [3.0]], [[10.0], [15.0]]])  # no buyer in segment 1: the class's mean
        torch.testing.assert_close(layer.centres.detach(), expected)


def test_the_tensor_log_is_the_store_itself(inputs):
    """No second copy of what is as long as the log, and nothing is written to it."""
    log, store = EventLog(inputs), inputs.store
    columns = {"customer": log.customer, "item": log.item, "behaviour": log.behaviour, "category": log.category}
    for name, column in columns.items():
        assert np.shares_memory(column.rows.numpy(), getattr(store, name))
        assert torch.equal(column[torch.arange(5)], torch.from_numpy(getattr(store, name)[:5].astype(np.int64)))
    assert np.shares_memory(log.time.numpy(), store.timestamp)


class TestSupportBank:
    def bank(self, inputs, **changes) -> SupportBank:
        return SupportBank(EventLog(replace(inputs, **changes)), 4, len(inputs.classes), 10)

    def test_it_gathers_what_was_put_by_class_to_half_precision(self, inputs):
        bank, known = self.bank(inputs), torch.from_numpy(inputs.train)
        vectors = torch.randn(len(known), 4, generator=torch.Generator().manual_seed(0))
        bank.put(known, vectors)
        query = torch.from_numpy(inputs.test[:20])
        total, count = bank.gather(query)
        by_event = dict(zip(known.tolist(), vectors, strict=True))
        for row, event in enumerate(query.tolist()):
            for side in ("customer", "item"):
                past = bank.log.history(side, query[row : row + 1], 10)
                for each in past.events[past.mask].tolist():
                    if each in by_event:
                        label = int(inputs.labels[each])
                        total[row, label] -= by_event[each]
                        count[row, label] -= 1
            assert not count[row].any(), event
        torch.testing.assert_close(total, torch.zeros_like(total), atol=2e-2, rtol=0)

    def test_it_skips_only_entities_without_a_history(self, inputs):
        """The sums are those over the whole slices of both sides."""
        bank, events = self.bank(inputs), torch.arange(len(inputs.labels))
        vectors = torch.randn(len(events), 4, generator=torch.Generator().manual_seed(0)).half().float()
        bank.put(events, vectors)
        total, count = torch.zeros(len(events), bank.classes, 4), torch.zeros(len(events), bank.classes)
        classes = torch.arange(bank.classes).view(1, -1, 1)
        for side in ("customer", "item"):
            past = bank.log.history(side, events, 10)
            member = ((bank.log.label[past.events].unsqueeze(1) == classes) & past.mask.unsqueeze(1)).float()
            total += member @ vectors[past.events]
            count += member.sum(dim=2)
            with_history = bank.log.with_history(side, events)
            assert 0 < len(with_history) < len(events)
            assert with_history.equal(torch.nonzero(past.mask.any(dim=1)).squeeze(1))
            ids, mask = bank.log.latest(side, events, 10)
            assert ids.equal(past.events)
            assert mask.equal(past.mask)
        found = bank.gather(events)
        torch.testing.assert_close(found[0], total)
        assert found[1].equal(count)

    def test_of_a_long_log_it_holds_the_events_with_features_alone(self, inputs):
        whole, some = self.bank(inputs), inputs.train[::2]
        part = self.bank(inputs, featured=some, event_features=inputs.event_features[some], train=some)
        vectors = torch.randn(len(some), 4, generator=torch.Generator().manual_seed(0))
        for bank in (whole, part):
            bank.put(torch.from_numpy(some), vectors)
        query = torch.from_numpy(inputs.test[:20])
        for a, b in zip(whole.gather(query), part.gather(query), strict=True):
            torch.testing.assert_close(a, b)


def test_the_tensor_log_gathers_the_same_histories_as_the_store(inputs):
    log = EventLog(inputs)
    events = inputs.test[:50]
    for side, index in (("customer", inputs.store.customers), ("item", inputs.store.items)):
        ids, mask = index.history(events, 5)
        past = log.history(side, torch.from_numpy(events), 5)
        assert (past.events.numpy() == ids).all()
        assert (past.mask.numpy() == mask).all()
        assert (past.age.numpy()[mask] > 0).all()  # strictly before
