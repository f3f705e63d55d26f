"""Readers of documents: Amazon reviews, one's own table, CoNLL sentences, and what may be wrong with them."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crm_pipelines import schemas, sources
from crm_pipelines.config import DocumentsSpec, SourceSpec, parse
from crm_pipelines.documents.cleaning import clean_documents
from crm_pipelines.documents.config import DocumentParameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.documents.words import to_words
from crm_pipelines.errors import UserError
from crm_pipelines.models.layers.lexicon import lexicon_numbers
from crm_pipelines.sources import conll

STARS = {"negative": 2, "neutral": 3, "positive": 5}
OWN = {"columns": {"text": "words"}}
RATED = {"columns": {"text": "words", "rating": "stars"}, "rating_classes": STARS}
MOOD = {"columns": {"text": "words", "label": "mood"}, "labels": {"bad": "negative"}}
KIND = {"columns": {"text": "words", "channel": "kind"}, "channels": {"mail": "ticket"}}


def block(parts: dict[str, Any], **others: Any) -> SourceSpec:
    return parse(SourceSpec, {"title": "Test", "documents": parts, **others}, "sources.test")


def read(folder: Any, content: str | bytes, file: str = "own.csv", **part: Any) -> pd.DataFrame:
    folder.write(file, content)
    found = sources.read_documents(folder.raw, block({"notes": {**OWN, "file": file, **part}}))
    return schemas.Documents.validate(found.documents).order_by("row").execute()


def clean(folder: Any, content: str, customers: str | None = None, **part: Any) -> tuple[pd.DataFrame, dict[str, int]]:
    """Clean documents, and the report as ``step/reason`` -> rows."""
    folder.write("own.csv", content)
    others: dict[str, Any] = {}
    if customers is not None:
        folder.write("customers.csv", customers)
        others = {"customers": {"file": "customers.csv"}}
    spec = block({"notes": {**OWN, "file": "own.csv", **part}}, **others)
    found = sources.read_documents(folder.raw, spec)
    known = sources.documents.known_customers(folder.raw, spec)
    table, report = clean_documents(found.documents, known, found.notes, DocumentParameters(), "source 'Test'")
    rows = {f"{r.step}/{r.reason}": int(r.rows) for r in report.itertuples()}
    dropped = sum(count for key, count in rows.items() if key.startswith("dropped/"))
    assert rows["rows_in/all"] == dropped + rows["rows_out/valid"]
    return schemas.CleanDocuments.validate(table).execute(), rows


class TestReading:
    def test_amazon_reviews_know_their_columns(self, folder):
        whole = {"reviewerID": "A1", "asin": "I1", "overall": 5.0, "unixReviewTime": 1400000000}
        lines = [
            {**whole, "summary": "Great", "reviewText": "Loud."},
            {**whole, "overall": 2.0, "summary": "Meh"},
        ]
        content = "\n".join(map(json.dumps, lines))
        table = read(folder, content, "r.json", reader="amazon", columns={}, rating_classes=STARS)
        assert table["document_id"].tolist() == ["notes-1", "notes-2"]
        assert table["label"].tolist() == ["positive", "negative"]
        assert table["summary"].tolist() == ["Great", "Meh"]
        assert pd.isna(table["text"][1])

    def test_an_own_table_is_mapped(self, folder):
        content = "id,who,when,kind,mood,words\n7,c1,2024-01-02,mail,bad,It broke.\n8,,2024-01-03,tweet,,Hello\n"
        table = read(
            folder,
            content,
            columns={
                "document_id": "id",
                "customer_id": "who",
                "timestamp": "when",
                "channel": "kind",
                "label": "mood",
                "text": "words",
            },
            channels={"mail": "ticket", "tweet": "mention"},
            labels={"bad": "negative"},
            timestamp_format="iso",
        )
        assert table["document_id"].tolist() == ["notes-7", "notes-8"]
        assert table["channel"].tolist() == ["ticket", "mention"]
        assert table["timestamp"].tolist() == [1704153600, 1704240000]
        assert table["label"][0] == "negative"
        assert table[["customer_id", "label"]].isna().iloc[1].all()

    def test_parts_are_told_apart_and_numbered_on(self, folder):
        folder.write("a.csv", "words\none\n")
        folder.write("b.csv", "words\ntwo\n")
        parts = {"mails": {**OWN, "file": "a.csv"}, "posts": {**OWN, "file": "b.csv", "channel": "mention"}}
        table = sources.read_documents(folder.raw, block(parts)).documents.order_by("row").execute()
        assert table[["document_id", "channel", "row"]].to_numpy().tolist() == [
            ["mails-1", "review", 1],
            ["posts-1", "mention", 2],
        ]

    def test_ratings_outside_the_scale_leave_a_document_without_label(self, folder):
        table, report = clean(folder, "words,stars\na,1\nb,0\nc,9\nd,3\n", **RATED)
        assert table["label"].fillna("").tolist() == ["negative", "", "", "neutral"]
        assert table["grade"].fillna(0).tolist() == [1, 0, 0, 3]
        assert report["noticed/rating_outside_scale"] == report["noticed/without_label"] == 2

    def test_latin_1_is_read_where_the_block_says_so(self, folder):
        with pytest.raises(UserError, match=r"line 2: not valid UTF-8"):
            read(folder, "words\ncaf\xe9\n".encode("latin-1"))
        assert read(folder, "words\ncaf\xe9\n".encode("latin-1"), encoding="latin-1")["text"].tolist() == ["café"]

    @pytest.mark.parametrize(
        ("content", "part", "says"),
        [
            ("text\na\n", {}, "no column 'words'.*Columns found: text"),
            ("words,mood\na,odd\n", MOOD, "unknown 'odd'.*row 1"),
            ("words,stars\na,many\n", RATED, "'many' is not a number"),
            ("words,kind\na,fax\n", KIND, "unknown 'fax'"),
        ],
    )
    def test_mistakes_are_named(self, folder, content, part, says):
        with pytest.raises(UserError, match=says):
            read(folder, content, **part)

    @pytest.mark.parametrize(
        ("part", "says"),
        [
            ({}, "text"),
            ({**OWN, "labels": {"a": "negative"}}, "go together"),
            ({**OWN, "rating_classes": STARS}, "go together"),
            ({"reader": "amazon", "columns": {"text": "x"}}, "knows its columns"),
            ({**RATED, "rating_classes": {"negative": 3, "positive": 2}}, "ascending"),
        ],
    )
    def test_blocks_that_cannot_be_meant_are_refused(self, part, says):
        with pytest.raises(UserError, match=says):
            parse(DocumentsSpec, {"file": "f.csv", **part}, "documents.notes")

    def test_a_source_without_documents_says_so(self):
        spec = parse(SourceSpec, {"title": "T", "records": {"file": "x.csv", "classes": {"0": "a", "1": "b"}}}, "s")
        with pytest.raises(UserError, match="has no 'documents'"):
            _ = spec.documents


class TestCleaning:
    def test_empty_repeated_and_odd_documents_are_counted(self, folder):
        content = (
            "id,who,words\n"
            "1,a,Fine thing.\n"
            "2,a,Fine thing.\n"  # the same customer's same words
            "3,b,Fine thing.\n"  # another's
            "4,b,\n"
            '5,c,"  \t "\n'
            "6,nobody,Bell\x07 rings\n"
            f"7,c,{'long ' * 5000}\n"
            "3,c,An id twice.\n"
        )
        columns = {"document_id": "id", "customer_id": "who", "text": "words"}
        table, report = clean(folder, content, "customer_id\na\nb\nc\n", columns=columns)
        assert table["document_id"].str.removeprefix("notes-").tolist() == ["1", "3", "6", "7"]
        assert {key.split("/")[1]: report[key] for key in report if key.startswith("dropped")} == {
            "empty_text": 2,
            "repeated_id": 1,
            "duplicate": 1,
        }
        assert report["changed/control_characters"] == report["changed/text_cut"] == 1
        assert report["noticed/unknown_customer"] == 1
        assert table["text"].str.len().max() == 20_000
        assert table["text"][2] == "Bell rings"

    def test_a_headline_without_text_is_the_text(self, folder):
        table, report = clean(folder, "t,words\nGood,\n", columns={"summary": "t", "text": "words"})
        assert table[["summary", "text"]].fillna("").to_numpy().tolist() == [["", "Good"]]
        assert report["changed/summary_taken_for_text"] == 1

    def test_short_answers_of_nobody_known_are_all_kept(self, folder):
        assert len(clean(folder, "words\nok\nok\n")[0]) == 2

    def test_hostile_documents_become_rows_of_words(self, folder):
        """1 MB, markup, emoji alone, control characters, an apostrophe in a broken encoding, a missing label."""
        hostile = [
            "loud " * 210_000,
            "<script>alert('x')</script>Nice <b>box</b> &amp; case<img src=x onerror=alert(1)>",
            "\U0001f60d\U0001f60d",
            "Bell\x07 rings\u200e twice",
            "It\u00e2\u0080\u0099s fine, na\u00efve \u0448\u0443\u043c",
            "<div></div>",
            "=HYPERLINK(1)",
        ]
        rows = [json.dumps({"words": text, "stars": 5 if i else None}) for i, text in enumerate(hostile)]
        folder.write("own.jsonl", "\n".join(rows))
        found = sources.read_documents(folder.raw, block({"notes": {**RATED, "file": "own.jsonl"}}))
        cleaned, _ = clean_documents(found.documents, None, found.notes, DocumentParameters(), "source 'Test'")
        words = to_words(cleaned, DocumentParameters())
        assert len(words) == len(hostile)  # what markup leaves empty has a row, too
        assert words["text"].str.len().max() == 19_999  # the last of 20,000 was a blank
        assert not words["text"].str.contains(r"<(?:script|b|img|div)|\x07", regex=True).any()
        assert words["text"].tolist()[1:4] == ["Nice box & case", "\U0001f60d\U0001f60d", "Bell rings twice"]
        assert words["words"].tolist()[2] == "\U0001f60d \U0001f60d"
        assert words["text"].tolist()[5] == ""
        assert words["label"].isna().tolist() == [True, *[False] * 6]
        inputs = TextInputs.of(words)
        numbers = lexicon_numbers(inputs, np.arange(len(inputs)))
        assert np.isfinite(numbers).all()

    def test_nothing_left_is_an_error(self, folder):
        with pytest.raises(UserError, match="none of the 2 documents can be used \\(empty_text: 2\\)"):
            clean(folder, 'words,x\n"",1\n" ",2\n')


class TestSentences:
    def test_tokens_and_tags_are_read_and_a_byte_order_mark_is_not(self, folder):
        folder.write("s.conll", "\ufeff\nAnna\tB-person\nran\tO\n\nin\tO\nRome\tB-location\n")
        found = conll.read_file(folder.raw, "s.conll")
        assert [each.tokens for each in found] == [("Anna", "ran"), ("in", "Rome")]
        assert found[1].spans == ((1, 2, "location"),)
        parts = {"posts": {"reader": "conll", "file": "s.conll", "channel": "mention"}}
        table = sources.read_documents(folder.raw, block(parts)).documents.order_by("row").execute()
        assert table["text"].tolist() == ["Anna ran", "in Rome"]

    @pytest.mark.parametrize(
        ("content", "says"), [("Anna person\n", "line 1"), ("a\tX-y\n", "line 1"), ("a\tO\n", "no sentence with")]
    )
    def test_other_files_are_named(self, folder, content, says):
        folder.write("s.conll", content)
        with pytest.raises(UserError, match=says):
            conll.read_file(folder.raw, "s.conll")
