"""An event is described by earlier texts of its customer and item, never by its own, and not by later ones."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from crm_pipelines.config import EncodingParameters
from crm_pipelines.events.store import EventStore
from crm_pipelines.text import PastTextEncoder, TextProjection, past_means

WORDS = [f"word{n}" for n in range(12)]
PARAMETERS = EncodingParameters(tfidf_min_df=1, tfidf_max_df=1.0, text_dimensions=4)


def random_log(seed: int, n: int) -> tuple[EventStore, np.ndarray]:
    """A log of n events in id order, with ties in time and missing texts; and its texts."""
    rng = np.random.default_rng(seed)
    texts = np.array([" ".join(rng.choice(WORDS, 3)) if rng.random() < 0.8 else None for _ in range(n)], dtype=object)
    return build(rng.integers(0, 4, n), rng.integers(0, 5, n), np.sort(rng.integers(0, n // 2 + 1, n))), texts


def build(customers: Any, items: Any, times: Any) -> EventStore:
    n = len(times)
    behaviour, value = ["view"] * n, [float("nan")] * n
    return EventStore.build(customers, items, times, behaviour, value, np.arange(n), None, ["view", "buy"])[0]


def head(store: EventStore, n: int) -> EventStore:
    return build(store.customer[:n], store.item[:n], store.timestamp[:n])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(8, 60))
def test_past_means_equal_a_loop_over_earlier_events(seed: int, n: int) -> None:
    store, texts = random_log(seed, n)
    texts[:2] = ["word1 word2", "word3 word4 word5"]
    encoder = PastTextEncoder.fit(texts, np.arange(n), PARAMETERS)
    past = encoder.encode(texts, store)
    projected, width = encoder.projection.transform(texts), encoder.projection.width
    for event in range(n):
        for side, entity in enumerate((store.customer, store.item)):
            earlier = [
                other
                for other in range(n)
                if entity[other] == entity[event]
                and store.timestamp[other] < store.timestamp[event]
                and texts[other] is not None
            ]
            mean = projected[earlier].astype(np.float64).mean(axis=0) if earlier else np.zeros(width)
            assert past.counts[event, side] == len(earlier)
            np.testing.assert_allclose(past.features[event, side * width : (side + 1) * width], mean, atol=1e-6)


def test_own_and_simultaneous_texts_are_not_used() -> None:
    store, texts = random_log(seed=3, n=40)
    encoder = PastTextEncoder.fit(texts, np.arange(40), PARAMETERS)
    before = encoder.encode(texts, store).features
    assert np.abs(before).sum() > 0
    for event in range(40):
        changed = texts.copy()
        changed[event] = "word0 word0 word0 word0"
        after = encoder.encode(changed, store).features
        touched = np.flatnonzero((after != before).any(axis=1))
        assert (store.timestamp[touched] > store.timestamp[event]).all()


def test_appended_events_change_no_earlier_feature() -> None:
    store, texts = random_log(seed=5, n=80)
    encoder = PastTextEncoder.fit(texts, np.arange(30), PARAMETERS)
    past, whole = encoder.encode(texts[:50], head(store, 50)), encoder.encode(texts, store)
    assert np.array_equal(past.features, whole.features[:50])  # to the last bit
    assert np.array_equal(past.counts, whole.counts[:50])


def test_only_training_texts_are_fitted_on() -> None:
    _, texts = random_log(seed=7, n=60)
    changed = texts.copy()
    changed[40:] = "unheard of"
    one, other = (PastTextEncoder.fit(t, np.arange(40), PARAMETERS).projection for t in (texts, changed))
    assert one.terms == other.terms
    assert one.idf.tobytes() == other.idf.tobytes()
    assert one.components.tobytes() == other.components.tobytes()
    assert "unheard" not in one.terms


def test_new_queries_are_answered_by_the_index() -> None:
    store, texts = random_log(seed=9, n=30)
    projection = TextProjection.fit(texts, PARAMETERS)
    present = np.array([text is not None for text in texts])
    groups, times = np.array([0, 1, 99]), np.array([10**6, 0, 10**6])  # all of 0's past, nothing, a new customer
    start, end = store.customers.start(groups), store.customers.lookup(groups, times)
    means, counts = past_means(store.customers, projection.transform(texts), present, start, end)
    own = (store.customer == 0) & present
    assert counts.tolist() == [own.sum(), 0, 0]
    np.testing.assert_allclose(means[0], projection.transform(texts[own]).mean(axis=0), atol=1e-6)
    assert not means[1:].any()


def test_paper_settings_of_the_vocabulary() -> None:
    texts = ["the rare guitar"] + ["the guitar"] * 4 + ["the drum"] * 6
    parameters = EncodingParameters(text_dimensions=2)  # min_df 5, max_df 0.9
    projection = TextProjection.fit(texts, parameters)
    assert projection.terms == ("drum", "guitar")  # rare: in 1 text; the: in more than 90 %
    assert TextProjection.fit(["a guitar"] * 5 + ["the drum"] * 5, parameters).terms == ("drum", "guitar", "the")


def test_projection_keeps_the_angles_of_tfidf() -> None:
    _, texts = random_log(seed=1, n=300)
    full = TextProjection.fit(texts, PARAMETERS.model_copy(update={"text_dimensions": len(WORDS)}))
    documents = [text or "" for text in texts]
    tfidf = TfidfVectorizer().fit([d for d in documents if d]).transform(documents)
    np.testing.assert_allclose(full.transform(texts) @ full.transform(texts).T, (tfidf @ tfidf.T).toarray(), atol=1e-5)
    reduced = TextProjection.fit(texts, PARAMETERS)
    assert np.abs(reduced.transform(texts)).max() <= 1
    np.testing.assert_allclose(reduced.components @ reduced.components.T, np.eye(4), atol=1e-5)


@pytest.mark.parametrize(
    ("texts", "width"),
    [
        ([None, "", "  "], 0),
        (["word1 word2"] * 3, 0),  # no word reaches min_df
        (["one two"] * 6 + ["three four"] * 6, 4),  # fewer words than dimensions
        ([" ".join(WORDS[:8]), " ".join(WORDS[4:]), " ".join(WORDS)] * 2, 6),  # fewer texts than dimensions
    ],
)
def test_few_texts_give_fewer_dimensions_and_a_note(texts: list[str | None], width: int) -> None:
    projection = TextProjection.fit(texts, EncodingParameters(tfidf_min_df=4, tfidf_max_df=1.0, text_dimensions=16))
    assert projection.width == width
    assert projection.transform([*texts, None]).shape == (len(texts) + 1, width)
    assert projection.note


def test_saved_encoder_gives_the_same_features(tmp_path) -> None:
    store, texts = random_log(seed=2, n=50)
    encoder = PastTextEncoder.fit(texts, np.arange(40), PARAMETERS)
    encoder.save(tmp_path)
    loaded = PastTextEncoder.load(tmp_path).encode(texts, store)
    assert np.array_equal(loaded.features, encoder.encode(texts, store).features)
    assert loaded.names == tuple(f"{side}_text_{d}" for side in ("customer", "item") for d in range(4))


def test_a_projection_of_width_0_can_be_saved(tmp_path) -> None:
    TextProjection.fit([], PARAMETERS).save(tmp_path)
    assert TextProjection.load(tmp_path).transform(["word"]).shape == (1, 0)
