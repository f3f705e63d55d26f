"""VADER's scores for many texts at once are those of the package, text by text."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.models.layers.lexicon import MOST_SENTENCES, WIDTH, lexicon_numbers
from crm_pipelines.text.valence import Words, compounds

PACKAGE = SentimentIntensityAnalyzer()
TEXTS = (
    *("", "!!!", "no", "the", "good", "GOOD", "very GOOD", "VERY good indeed", "kind of good", "it was the shit"),
    *("not good", "never so good", "never this bad", "not at all that good", "without a doubt excellent", "no good"),
    *("no harm or good done", "there is no problem here", "at least it works great", "the least good of all"),
    *(
        "good, but bad",
        "bad but GOOD!!!! ok?",
        "but good",
        "good bad but good good bad",
        "is it good???",
        "what???? fun",
    ),
    *("a kiss of death", "yeah right", "bus stop", "just enough fun", "to die for", "beating heart", "she is bad ass"),
    *("love 😍😍", "Good.😍 fine", "😍", "so😡so", "x 💔! bad", ":) :( :-D", "isn't bad", "don't like\nthis, really"),
    *("the great, the good, the bad but the ugly and the good", "sort of nice sort of awful", "most GREAT BOOK EVER"),
)
VOCABULARY = (
    *("good", "bad", "GREAT", "awful", "no", "not", "never", "so", "this", "without", "doubt", "least", "at", "very"),
    *("VERY", "kind", "of", "sort", "but", "But", "the", "shit", "bomb", "ass", "yeah", "right", "to", "die", "for"),
    *("just", "enough", "barely", "EXTREMELY", "nor", "or", "isn't", "thing", "A", ":)", "fun!", "why?", "😍", "x😡."),
)


def one_by_one(texts):
    return np.array([PACKAGE.polarity_scores(text)["compound"] for text in texts])


def test_scores_of_every_rule_are_the_package_s():
    np.testing.assert_allclose(compounds(TEXTS), one_by_one(TEXTS), atol=1e-9)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=12).map(" ".join), max_size=5))
def test_scores_of_any_words_are_the_package_s(texts):
    np.testing.assert_allclose(compounds(texts), one_by_one(texts), atol=1.01e-4)  # a tie may be rounded either way


def test_many_texts_are_scored_in_parts_of_them(monkeypatch):
    monkeypatch.setattr("crm_pipelines.text.valence.CHUNK", 7)
    np.testing.assert_allclose(compounds(TEXTS), one_by_one(TEXTS), atol=1e-9)


@pytest.mark.parametrize("text", ["One. Two! Three? four", "No end", "", "Wow!! 3.5 stars. ", "Good.😍 Fine. 😡"])
def test_sentences_end_where_a_blank_follows_a_mark(text):
    words = Words.of(["Before.", text, "after it. all"])
    starts, counts = words.sentences()
    assert counts.tolist() == [1, max(len(re.split(r"(?<=[.!?])\s+", text.strip())), 1), 2]
    assert (starts[0], starts[-1]) == (0, len(words.codes))


def test_numbers_of_a_document_are_those_of_its_sentences():
    long = " ".join(["Good thing."] * MOST_SENTENCES + ["Awful!"])
    texts, summaries = ["Great sound. Bad cable! It is a box.", "", long], ["Love it", "", ""]
    inputs = TextInputs.of_texts(summaries, texts, ("a", "b"))
    found = lexicon_numbers(inputs, np.arange(3))
    assert found.shape == (3, WIDTH)
    first, second, third = one_by_one(["Great sound.", "Bad cable!", "It is a box."])
    expected = [*one_by_one([summaries[0], texts[0]]), second, first, np.mean([first, second, third]), first, third]
    np.testing.assert_allclose(found[0, :7], expected, atol=1e-6)
    np.testing.assert_allclose(found[0, 7:], [1 / 3, 1 / 3, np.log1p(len(texts[0]))], atol=1e-6)
    np.testing.assert_array_equal(found[1], 0)
    assert found[2, 2] == found[2, 3]  # the last sentence is beyond those that are looked at
    assert lexicon_numbers(inputs, np.arange(0)).shape == (0, WIDTH)
