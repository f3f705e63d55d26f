"""The counting members of Product Transformer+: what each knows, and that none looks ahead."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from banks import bank
from crm_pipelines.models.layers.following import following
from crm_pipelines.models.layers.item_scores import history_matrix
from crm_pipelines.models.recommendation.attribute_popularity import AttributePopularity, left_out, steps
from crm_pipelines.models.recommendation.followers import Followers
from crm_pipelines.models.recommendation.neural import softmax_loss
from crm_pipelines.models.recommendation.recent_popularity import RecentPopularity
from crm_pipelines.models.recommendation.together import Together
from crm_pipelines.models.sequence.ease import EASE
from crm_pipelines.sequences.inputs import Histories

MEMBERS = (AttributePopularity, Followers, RecentPopularity, Together)


@pytest.mark.parametrize("member", MEMBERS)
def test_the_numbers_are_among_those_tried_and_survive_saving(member, tmp_path):
    inputs = bank("held_out")
    model = member(member.Config())
    model.fit(inputs)
    assert all(number in values for number, values in zip(model.chosen, model.tried(inputs), strict=True))
    model.save(tmp_path)
    histories = inputs.before(inputs.asked["cold_customer@3"])
    loaded = member.load(tmp_path).log_probabilities(histories)
    np.testing.assert_allclose(loaded, model.log_probabilities(histories), atol=1e-6)
    np.testing.assert_allclose(np.exp(loaded).sum(axis=1), 1, atol=1e-4)


class TestAttributePopularity:
    def test_the_error_is_that_of_regressions_without_each_customer(self):
        draw = np.random.default_rng(0)
        profiles, held = np.hstack([np.ones((30, 1)), draw.normal(size=(30, 3))]), draw.integers(0, 2, (30, 5)) * 1.0
        ridge = np.diag([1e-6, 2.0, 2.0, 2.0])
        errors = []
        for out in range(30):
            rest = np.arange(30) != out
            some = profiles[rest]
            weights = np.linalg.solve(some.T @ some + ridge, some.T @ held[rest])
            errors.append(((held[out] - profiles[out] @ weights) ** 2).sum())
        inverse = np.linalg.inv(profiles.T @ profiles + ridge)
        found = left_out(profiles, csr_matrix(held), inverse, inverse @ profiles.T @ held)
        assert found == pytest.approx(np.mean(errors))

    def test_only_attributes_of_many_values_are_cut(self):
        profiles = np.column_stack([np.ones(100), np.linspace(0, 1, 100), np.arange(100) % 2])
        cut, above = steps(profiles, 5)
        assert cut.tolist() == [1, 1, 1, 1]
        np.testing.assert_allclose(above, [0.2, 0.4, 0.6, 0.8], atol=1e-9)

    def test_what_only_the_middle_aged_take_is_found(self):
        age = np.linspace(-1, 1, 400)
        middle = np.abs(age) < 0.3
        profiles = np.column_stack([np.ones(400), age]).astype(np.float32)
        items = np.where(middle, 1, np.arange(400) % 2 * 2)  # the others take 0 or 2
        start = np.arange(401)
        inputs = replace(bank(), items=items, start=start, known_until=start[1:], profiles=profiles, n_items=3)
        model = AttributePopularity(AttributePopularity.Config())
        model.fit(inputs)
        asked = replace(Histories.of([[], []]), profiles=profiles[[0, 200]])
        young, older = np.exp(model.log_probabilities(asked))[:, 1]
        assert older > 2 * young


def test_followers_count_what_came_within_the_window_after_it():
    counts = following(Histories.of([[0, 1, 2], [0, 2, 1]]), 3, window=1, decay=0).toarray()
    np.testing.assert_array_equal(counts, [[0, 1, 1], [0, 0, 1], [0, 1, 0]])
    counts = following(Histories.of([[0, 1, 2], [0, 2, 1]]), 3, window=5, decay=1).toarray()
    np.testing.assert_array_equal(counts, [[0, 1.5, 1.5], [0, 0, 1], [0, 1, 0]])


class TestRecentPopularity:
    def fitted(self, times: np.ndarray | None = None) -> RecentPopularity:
        inputs = bank("held_out")
        model = RecentPopularity(RecentPopularity.Config(memory=(0.05,), prior=(10.0,), moments=20))
        model.fit(inputs if times is None else replace(inputs, times=times))
        return model

    def asked(self, moment: int) -> Histories:
        return replace(Histories.of([[]]), moments=np.array([moment]))

    def test_what_was_taken_of_late_is_put_first(self):
        inputs = bank("held_out")
        late = np.where(inputs.items == 4, 1_000_000, 1_000).astype(np.int64)  # product 4 is the fashion of the day
        model = self.fitted(late + np.arange(len(late)))
        before, after = (model.log_probabilities(self.asked(at))[0] for at in (500_000, 2_000_000))
        assert after.argmax() == 4
        assert after[4] > before[4] + 1

    def test_later_events_change_no_answer(self):
        inputs = bank("held_out")
        moment = int(np.median(inputs.times))
        shuffled = inputs.times.copy()
        later = (shuffled > moment) & (np.arange(len(shuffled)) < inputs.known_until[inputs.customer])
        shuffled[later] = np.random.default_rng(0).permutation(shuffled[later])
        one, other = self.fitted(), self.fitted(shuffled)
        np.testing.assert_array_equal(
            one.log_probabilities(self.asked(moment)), other.log_probabilities(self.asked(moment))
        )

    def test_without_times_it_is_popularity(self):
        inputs = replace(bank("held_out"), times=np.zeros(0, dtype=np.int64))
        model = RecentPopularity(RecentPopularity.Config())
        model.fit(inputs)
        found = model.log_probabilities(Histories.of([[], [1]]))
        assert found[0].argmax() == np.bincount(inputs.known.items).argmax()
        np.testing.assert_array_equal(found[0], found[1])


def test_ease_is_its_closed_form():
    inputs = bank()
    model = EASE(EASE.Config(penalty=5.0))
    held = history_matrix(inputs.known, inputs.n_items)
    inverse = np.linalg.inv(held.T @ held + 5.0 * np.eye(inputs.n_items))
    expected = inverse / -np.diag(inverse)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(model.matrix(held).toarray(), expected, atol=1e-5)


def test_a_sampled_softmax_is_that_of_all_products_on_average():
    torch.manual_seed(0)

    class Scores(torch.nn.Module):
        def scores(self, states, vectors, some=None):
            return states @ (vectors if some is None else vectors[some]).T

    network, states, vectors = Scores(), torch.randn(20, 4), 0.5 * torch.randn(400, 4)
    targets = torch.randint(0, 400, (20,))
    whole = softmax_loss(network.eval(), states, vectors, targets, 100).item()
    network.train()
    drawn = [softmax_loss(network, states, vectors, targets, 100).item() for _ in range(200)]
    assert np.std(drawn) > 0
    assert np.mean(drawn) == pytest.approx(whole, abs=0.02)
    assert softmax_loss(network, states, vectors, targets, 200).item() == pytest.approx(whole, abs=1e-5)
