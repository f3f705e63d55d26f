"""Folds, themes and profiles of documents; what lies after the cut changes nothing before it."""

import json

import numpy as np
import pandas as pd
import pytest

from crm_pipelines import columns as c
from crm_pipelines.benchmark.document_profiles import SentimentModel, document_profiles
from crm_pipelines.benchmark.sentiment_tables import word_weights
from crm_pipelines.config import FoldParameters
from crm_pipelines.documents.config import DocumentParameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.documents.preparation import assemble, prepare
from crm_pipelines.models.text.tfidf_logistic import TfidfLogistic, TfidfLogisticConfig
from crm_pipelines.text.config import ProfileParameters, ThemeParameters
from crm_pipelines.text.normalise import Stemmer, content_words
from crm_pipelines.text.theme_tables import pain_points, theme_table

TALK = {"negative": "awful broken", "neutral": "average okay", "positive": "great lovely"}
ABOUT = ("the delivery parcel arrived late", "the battery charge lasted", "the price and cost were")
NO_ENTITIES = pd.DataFrame(
    {"document_id": ["d-0"], "start": [0], "end": [3], "text": ["the"], "type": ["x"], "source": ["s"]}
)
DAY = 86_400


def words(n: int = 240, labels: bool = True, seed: int = 0) -> pd.DataFrame:
    """A document a day, three themes, a third of the labels missing."""
    draw = np.random.default_rng(seed)
    label = draw.choice(list(TALK), n)
    theme = draw.integers(0, 3, n)
    text = [f"{ABOUT[t]} {TALK[k]} item{draw.integers(50)}" for t, k in zip(theme, label, strict=True)]
    known = label.astype(object) if labels else np.array([None] * n)
    known[draw.random(n) < 1 / 3] = None
    stemmer = Stemmer()
    return pd.DataFrame(
        {
            c.DOCUMENT_ID: [f"d-{i}" for i in range(n)],
            c.CUSTOMER_ID: [f"c{i % 40}" for i in range(n)],
            c.ITEM_ID: None,
            c.TIMESTAMP: pd.array(np.arange(n) * DAY, dtype="Int64"),
            c.CHANNEL: "review",
            c.SUMMARY: "",
            c.TEXT: text,
            c.LABEL: known,
            c.GRADE: np.nan,
            c.LANGUAGE: "en",
            "words": text,
            "stems": [" ".join(stemmer.stems(content_words(t.split()))) for t in text],
        }
    )


def profiles(table: pd.DataFrame) -> pd.DataFrame:
    config = TfidfLogisticConfig(ngrams={"words": 1, "characters": (3, 3), "bits": 12})
    labelled = np.flatnonzero(table[c.LABEL].notna().to_numpy())
    return document_profiles(
        table,
        labelled,
        c.SENTIMENTS if len(labelled) else (),
        NO_ENTITIES,
        SentimentModel(TfidfLogistic, config, 1),
        ThemeParameters(themes=3, least=2, most=0.9),
        ProfileParameters(folds=2),
        30.0,
    )


class TestProfiles:
    def test_every_document_has_a_row(self):
        table = words()
        found = profiles(table)
        assert found[c.DOCUMENT_ID].tolist() == table[c.DOCUMENT_ID].tolist()
        p = found[[c.probability(name) for name in c.SENTIMENTS]]
        np.testing.assert_allclose(p.sum(axis=1), 1)
        assert found["fitted_before"].unique().tolist() == [209 * DAY]
        before = (table[c.LABEL].notna() & (table[c.TIMESTAMP] < 209 * DAY)).to_numpy()
        assert ((found[c.FITTED] == c.OUT_OF_FOLD).to_numpy() == before).all()
        assert found[c.THEME].nunique() == 3
        lengths = np.linalg.norm(found[list(c.EMBEDDING_COLUMNS)], axis=1)
        np.testing.assert_allclose(lengths, 1, atol=1e-5)
        assert json.loads(found[c.ENTITIES][0])[0]["type"] == "x"

    def test_sentiment_is_told(self):
        table = words()
        found = profiles(table)
        truth = table["text"].str.extract(f"({'|'.join(TALK.values())})")[0].map({v: k for k, v in TALK.items()})
        assert (found[c.SENTIMENT] == truth).mean() > 0.9

    def test_what_comes_after_the_cut_changes_no_row_before_it(self):
        table = words()
        later = (table[c.TIMESTAMP] >= 209 * DAY).to_numpy()
        other = table.copy()
        other.loc[later, [c.TEXT, "words", "stems"]] = "nothing like it"
        other.loc[later, c.LABEL] = "negative"
        pd.testing.assert_frame_equal(profiles(table)[~later], profiles(other)[~later])

    def test_a_label_is_not_seen_by_what_scores_its_document(self):
        table = words()
        one = int(np.flatnonzero(table[c.LABEL].notna())[0])
        other = table.copy()
        wrong = next(name for name in TALK if name != table[c.LABEL][one])
        other.loc[one, c.LABEL] = wrong
        assert profiles(other).loc[one, c.SENTIMENT] == profiles(table).loc[one, c.SENTIMENT]

    def test_without_labels_a_lexicon_tells_the_sentiment_of_what_is_english(self):
        table = words(labels=False)
        table.loc[table.index < 20, c.LANGUAGE] = "de"
        found = profiles(table)
        english = found[20:]
        assert found[c.SENTIMENT][:20].isna().all()
        assert found["p_negative"][:20].isna().all()
        assert (english[c.FITTED] == c.LEXICON).all()
        told = english[c.SENTIMENT].eq("negative") == table["text"][20:].str.contains("awful")
        assert told.mean() > 0.9
        assert english[[c.probability(name) for name in c.SENTIMENTS]].sum(axis=1).eq(1).all()
        assert found[c.THEME].notna().all()
        assert len(pain_points(found)) == 3
        assert len(theme_table(found))


class TestThemes:
    def test_shares_of_a_period_add_up(self):
        table = theme_table(profiles(words()))
        np.testing.assert_allclose(table.groupby("period")["share"].sum(), 1)
        assert {"all"} < set(table["period"])
        names = " ".join(table["theme"].unique())
        assert all(word in names for word in ("battery", "delivery", "price"))

    def test_pain_is_where_negative_documents_are(self):
        found = profiles(words())
        found["p_negative"] = np.where(found[c.THEME].str.contains("battery"), 0.9, 0.1)
        table = pain_points(found)
        assert "battery" in table["theme"][0]
        assert table["lift"][0] > 1 > table["lift"][1]


class TestFolds:
    def test_folds_are_those_of_scikit_learn_and_hold_labelled_documents_once(self):
        table = words()
        prepared = prepare(table, DocumentParameters(), FoldParameters(folds=3), "T")
        n = len(prepared.arrays["rows"])
        assert table[c.LABEL].iloc[prepared.arrays["rows"]].notna().all()
        tests = np.concatenate([prepared.arrays[f"stratified/fold={f}/test"] for f in range(3)])
        assert sorted(tests) == list(range(n))
        inputs = assemble(prepared.splits[0], prepared.arrays, table)
        assert len(inputs) == n
        parts = (set(inputs.train), set(inputs.validation), set(inputs.test))
        assert sum(map(len, parts)) == len(set.union(*parts)) == n
        assert {split["protocol"] for split in prepared.splits} == {"stratified", "time"}

    @pytest.mark.parametrize(
        ("labels", "says"),
        [(None, "no document has a label"), ("positive", "every label is 'positive'")],
    )
    def test_labels_that_cannot_be_learnt_from_leave_sentiment_out(self, labels, says):
        table = words(labels=False)
        table[c.LABEL] = labels
        prepared = prepare(table, DocumentParameters(), FoldParameters(), "T")
        assert says in prepared.overview["not_learnt"]
        assert not prepared.splits

    def test_few_labels_are_said_to_be_few(self):
        prepared = prepare(words(60), DocumentParameters(), FoldParameters(), "T")
        assert "at least 100" in prepared.overview["not_learnt"]


def test_the_telling_word_weighs_most():
    table = words()
    rows = np.flatnonzero(table[c.LABEL].notna().to_numpy())
    model = TfidfLogistic(
        TfidfLogisticConfig(ngrams={"words": 1, "characters": (0, 0), "bits": 12, "summary": False}), 1
    )
    inputs = TextInputs.of(table, train=rows)
    model.fit(inputs)
    found, weights, p = word_weights(model, inputs, int(rows[0]))
    best = found[int(weights[:, int(p.argmax())].argmax())]
    assert best in " ".join(TALK.values())
