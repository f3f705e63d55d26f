"""Raw texts to words: markup, links, emoji, stop words, stems, languages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.tokenize import TweetTokenizer
from sklearn.feature_extraction.text import CountVectorizer

from crm_pipelines.errors import UserError
from crm_pipelines.text.language import language_of
from crm_pipelines.text.ngrams import NGrams
from crm_pipelines.text.normalise import Stemmer, content_words, normalise, tokenise
from crm_pipelines.text.word_vectors import WordVectorParameters, word_vectors


class TestNormalise:
    @pytest.mark.parametrize(
        ("raw", "plain"),
        [
            ("A &amp; B", "A & B"),
            ("one<br/>two", "one two"),
            ("<b>bold</b> move", "bold move"),
            ("a<script>alert('x')</script>b", "a b"),
            ("&lt;script&gt;alert(1)&lt;/script&gt;ok", "ok"),
            ("cut off <script>never closed", "cut off"),
            ("5 < 6 and 7 > 2", "5 < 6 and 7 > 2"),
            ("I <3 it", "I <3 it"),
            ("see https://x.org/a?b=1, now", "see <url> now"),
            ("don\u2019t", "don't"),
            ("null\x00 and bell\x07", "null and bell"),
            ("cafe\u0301", "café"),
            (None, ""),
        ],
    )
    def test_what_is_not_text_goes(self, raw, plain):
        assert normalise(raw) == plain

    @settings(deadline=None, max_examples=50)
    @given(st.text(max_size=200))
    def test_any_text_becomes_one_line_and_stays_when_done_again(self, text):
        once = normalise(text)
        assert "\n" not in once
        assert "\x00" not in once
        assert tokenise(once) is not None

    def test_a_long_run_of_brackets_is_quick(self):
        assert normalise("<" * 20_000).startswith("<")


class TestTokens:
    def test_emoji_and_emoticons_are_words(self):
        assert tokenise("Love it 😍😡 :-) !") == ["love", "it", "😍", "😡", ":-)", "!"]

    def test_names_of_users_and_links_are_hidden(self):
        assert tokenise(normalise("@anna look: http://t.co/x")) == ["<user>", "look", "<url>"]

    def test_lengthened_words_are_cut(self):
        assert tokenise("sooooo good") == ["sooo", "good"]

    @pytest.mark.parametrize(
        "text",
        [
            "The \"best\" one (ever), I'd say... 5 stars!! Well-made; $20 at it.Just :D xD 8) a_b re-sold don't???",
            "sooooo coooool!!!!! 10000 100 2.5 1/2 #tag <url> www <3 and/or ?! -- 'quoted' O'Neil's I, b) naïve café",
        ],
    )
    def test_tokens_are_those_of_the_tokeniser_for_posts(self, text):
        tokenizer = TweetTokenizer(preserve_case=False, reduce_len=True, match_phone_numbers=False)
        spoken = [t for t in tokenizer.tokenize(text) if t in "!?" or len(set(t)) > 1 or t.isalnum()]
        assert tokenise(text) == spoken

    def test_negations_are_no_stop_words(self):
        assert content_words(tokenise("this is not the best")) == ["not", "best"]

    def test_stems(self):
        assert Stemmer().stems(["strings", "string", "tuning"]) == ["string", "string", "tune"]


class TestLanguage:
    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("The battery is great and it charges in no time at all", "en"),
            ("Das Gerät ist leider nach einer Woche kaputt gegangen, sehr schade", "de"),
            ("La batería es muy buena pero el envío tardó demasiado tiempo", "es"),
            ("これはとても良い製品です。毎日使っています", "und"),
            ("great", "und"),
            ("😍 😍 😍 😍", "und"),
        ],
    )
    def test_languages(self, text, code):
        assert language_of(text, tokenise(text), 4) == code


words = st.text(alphabet="ab é!?'0 \n😍", max_size=30)


class TestNGrams:
    @settings(deadline=None, max_examples=50)
    @given(st.lists(words, min_size=1, max_size=5))
    def test_characters_are_counted_as_scikit_learn_does(self, texts):
        ours = NGrams(0, (2, 3), 20).counts(texts)
        vectorizer = CountVectorizer(
            analyzer=lambda text: [text.lower()[i : i + n] for n in (2, 3) for i in range(len(text) - n + 1)]
        )
        try:
            theirs = vectorizer.fit_transform(texts)
        except ValueError:  # no n-gram in any text
            assert ours.nnz == 0
            return
        np.testing.assert_array_equal(ours.sum(axis=1), theirs.sum(axis=1))
        assert 0 <= theirs.nnz - ours.nnz <= 2  # two n-grams of a text may share a bucket

    @pytest.mark.parametrize("grams", [NGrams(2, bits=12), NGrams(0, (1, 3), 12)])
    @settings(deadline=None, max_examples=50)
    @given(texts=st.lists(words, min_size=1, max_size=5), which=st.integers(0, 4))
    def test_a_text_is_counted_the_same_alone_and_among_others(self, grams, texts, which):
        row = which % len(texts)
        assert (grams.counts(texts)[row] != grams.counts([texts[row]])[0]).nnz == 0

    def test_capitals_and_what_stands_between_words_do_not_matter(self):
        a, b = (NGrams(2, (0, 0), 16).counts([text]) for text in ("Not good", "not -  GOOD"))
        assert (a != b).nnz == 0
        assert a.sum() == 3  # two words and the pair

    def test_no_texts(self):
        assert NGrams(1).counts([]).shape == (0, NGrams(1).width)


class TestWordVectors:
    CORPUS = (["cat", "sat"], ["dog", "sat"]) * 50

    def test_the_same_seed_gives_the_same_vectors(self):
        parameters = WordVectorParameters(width=4, epochs=2)
        first, again = (word_vectors(self.CORPUS, ["cat", "dog", "bird"], parameters, 1) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        assert not first[2].any()

    def test_a_glove_file_is_taken(self, tmp_path):
        (tmp_path / "glove.txt").write_text("cat 1 2 3\ndog 4 5 6\n")
        parameters = WordVectorParameters(glove=str(tmp_path / "glove.txt"))
        np.testing.assert_array_equal(word_vectors([], ["dog", "bird"], parameters, 1), [[4, 5, 6], [0, 0, 0]])

    @pytest.mark.parametrize(
        ("content", "says"), [(None, "not found"), ("", "is empty"), ("a 1 2\nb 1\n", "line 2"), ("a 1 x\n", "line 1")]
    )
    def test_other_files_are_named(self, tmp_path, content, says):
        path = tmp_path / "glove.txt"
        if content is not None:
            path.write_text(content)
        with pytest.raises(UserError, match=says):
            word_vectors([], ["a"], WordVectorParameters(glove=str(path)), 1)
