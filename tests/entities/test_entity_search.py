"""Spans, the rule, the tagger on planted names, and the catalogue's names in texts."""

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.benchmark.entity_search import entity_counts, find_entities, train_tagger
from crm_pipelines.entities.gazetteer import Found, Gazetteer, without_overlaps
from crm_pipelines.entities.places import is_place
from crm_pipelines.entities.rule import CapitalRule
from crm_pipelines.entities.spans import Sentence, Span, span_scores, spans_of
from crm_pipelines.models.tagging.bilstm_crf import BiLSTMCRF, BiLSTMCRFConfig
from crm_pipelines.text.config import EntityParameters

SMALL = BiLSTMCRFConfig(
    width=8, state=8, vectors={"width": 8, "epochs": 1}, epochs=4, batch_size=16, learning_rate=0.02
)
NAMES = pd.DataFrame(
    {"name": ["Lumora", "Lumora Kettle", "Paris", "Tent"], "type": ["brand", "product", "place", "product"]}
)


class TestSpans:
    @pytest.mark.parametrize(
        ("tags", "spans"),
        [
            ("O O", []),
            ("B-x I-x O B-x", [(0, 2, "x"), (3, 4, "x")]),
            ("B-x B-x", [(0, 1, "x"), (1, 2, "x")]),
            ("I-x O", [(0, 1, "x")]),
            ("B-x I-y", [(0, 1, "x"), (1, 2, "y")]),
        ],
    )
    def test_tags_to_spans(self, tags, spans):
        assert list(spans_of(tags.split())) == spans

    def test_scores_count_exact_matches(self):
        true = [[Span(0, 2, "a"), Span(3, 4, "b")], []]
        found = [[Span(0, 2, "a"), Span(3, 4, "a")], [Span(0, 1, "b")]]
        table = span_scores(true, found).set_index("type")
        assert table.loc["all", ["true", "found", "right"]].tolist() == [2, 3, 1]
        assert table.loc["a", "precision"] == 0.5
        assert table.loc["b", "f1"] == 0
        assert table.loc["all", "f1"] == pytest.approx(2 * (1 / 3) * 0.5 / (1 / 3 + 0.5))


def sentences(n: int, seed: int) -> list[Sentence]:
    """Made-up names, each seen once: only their place and form tell what they are."""
    draw = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        name = "".join(draw.choice(list("aeioklmnrst"), 6)).capitalize()
        kind, before = [("person", "met"), ("location", "in")][int(draw.integers(2))]
        tokens = ("I", "was", before, name, "at", "noon")
        out.append(Sentence(tokens, ("O", "O", "O", f"B-{kind}", "O", "O")))
    return out


@pytest.fixture(scope="module")
def trained():
    parts = {"train": sentences(100, 1), "validation": sentences(30, 2), "test": sentences(40, 3)}
    return parts, *train_tagger(parts, SMALL, 1)


class TestTagger:
    def test_new_names_are_found_by_what_stands_around_them(self, trained):
        _, _, scores = trained
        f1 = scores[(scores["part"] == "test") & (scores["type"] == "all")].set_index("model")["f1"]
        assert f1["bilstm_crf"] > 0.9
        assert f1["bilstm_crf"] > f1["capital_rule"] + 0.1

    def test_saved_and_read_again_it_finds_the_same(self, trained, tmp_path):
        parts, tagger, _ = trained
        tagger.save(tmp_path / "t")
        tokens = [sentence.tokens for sentence in parts["test"]]
        assert BiLSTMCRF.load(tmp_path / "t").find([*tokens, ()]) == [*tagger.find(tokens), ()]

    def test_the_rule_takes_capitals_for_names(self):
        rule = CapitalRule()
        rule.fit([Sentence(("Anna", "Berg", "ran"), ("B-person", "I-person", "O"))] * 2)
        assert rule.find(["we", "saw", "Bob", "Smith", "in", "Paris"]) == [(2, 4, "person"), (5, 6, "person")]
        assert rule.find(["Hello", "there"]) == []


class TestCatalogue:
    def test_the_longest_name_is_found_and_single_words_need_a_capital(self):
        texts = ["My lumora kettle leaks", "lumora is fine, Lumora too", "paris or Paris?", "a Tent!", ""]
        found = list(Gazetteer(NAMES, EntityParameters()).find(texts))
        assert [[(e.text, e.type) for e in each] for each in found] == [
            [("lumora kettle", "product")],
            [("Lumora", "brand")],
            [("Paris", "place")],
            [("Tent", "product")],
            [],
        ]
        assert texts[0][found[0][0].start : found[0][0].end] == "lumora kettle"

    def test_the_catalogue_wins_over_the_tagger(self):
        kept = without_overlaps(
            [Found(0, 9, "Lumora is", "person", "tagger"), Found(0, 6, "Lumora", "brand", "catalogue")]
        )
        assert [e.source for e in kept] == ["catalogue"]

    def test_every_document_is_searched(self):
        table = pd.DataFrame({"document_id": ["a", "b"], "text": ["A Lumora", "none"], "timestamp": [1, None]})
        found = find_entities(table, NAMES, None, EntityParameters())
        assert found[["document_id", "text", "source"]].to_numpy().tolist() == [["a", "Lumora", "catalogue"]]
        assert entity_counts(found)["documents"].tolist() == [1]

    def test_places(self):
        assert is_place(["flew", "to", "new", "york", "today"], 3)
        assert not is_place(["a", "new", "day"], 1)
