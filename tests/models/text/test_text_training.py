"""How often a corpus is gone through."""

from crm_pipelines.models.text.neural import TextTraining


def test_a_small_corpus_is_gone_through_until_enough_steps_are_made():
    training = TextTraining(epochs=4, batch_size=128, least_steps=100)
    assert training.passes(700) * 700 >= 100 * 128 > (training.passes(700) - 1) * 700
    assert training.passes(20) == 100  # a step takes a whole corpus of less than a batch
    assert training.passes(6_500) == 4


def test_a_large_corpus_is_gone_through_once_at_least():
    assert TextTraining(most_events=40_000).passes(1_000_000) == 1
