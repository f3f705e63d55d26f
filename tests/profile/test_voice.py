"""What is written of a customer: what was said, the last complaint, and bands that are checked."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from crm_pipelines.columns import EMBEDDING_COLUMNS
from crm_pipelines.profile.config import VoiceParameters
from crm_pipelines.profile.voice import bands, observed_bands, said
from crm_pipelines.records.voices import Voices

DAY = 86_400
BOUNDS = {"low": 0.2, "high": 1.0}


def documents() -> pd.DataFrame:
    rows = [
        ("d1", "a", 1, "negative", "delivery", '[{"text": "Kettle"}]'),
        ("d2", "a", 2, "positive", "price", '[{"text": "Kettle"}, {"text": "Berlin"}]'),
        ("d3", "a", 3, "negative", "delivery", "[]"),
        ("d4", "b", 2, "positive", None, "[]"),
        ("d5", "a", 9, "negative", "fit", "[]"),
        ("d6", None, 1, "negative", "fit", "[]"),
    ]
    table = pd.DataFrame(rows, columns=["document_id", "customer_id", "day", "sentiment", "theme", "entities"])
    table["timestamp"] = (table.pop("day") * DAY).astype("Int64")
    table["p_negative"] = (table["sentiment"] == "negative") * 0.9
    table["p_positive"] = (table["sentiment"] == "positive") * 0.9
    return table.assign(**dict.fromkeys(EMBEDDING_COLUMNS, 0.0))


@pytest.fixture(scope="module")
def told() -> pd.DataFrame:
    table = documents()
    return said(table, Voices.of(table, 5), 5 * DAY, themes=2, entities=1)


def test_each_who_wrote_before_has_a_row(told):
    assert list(told.index) == ["a", "b"]
    assert told["documents"].tolist() == [3, 1]


def test_the_last_negative_document_is_the_latest_before_the_moment(told):
    assert told.loc["a", "last_negative_document"] == "d3"
    assert told.loc["a", "last_negative_at"] == "1970-01-04"
    assert pd.isna(told.loc["b", "last_negative_document"])
    assert pd.isna(told.loc["b", "last_negative_at"])


def test_themes_and_entities_are_the_most_frequent(told):
    assert told.loc["a", "themes"] == "delivery | price"
    assert told.loc["a", "entities"] == "Kettle"
    assert told.loc["b", "themes"] == told.loc["b", "entities"] == ""


def test_bands_are_absolute_and_their_outcome_lies_in_its_interval():
    probability = np.asarray([0.0, 0.19, 0.2, 1.0])
    assert bands(probability, BOUNDS) == ["low", "low", "high", "high"]
    found = observed_bands(probability, np.asarray([0, 1, 1, 1]), BOUNDS).set_index("band")
    assert found.loc["low", "observed"] == 0.5
    assert found.loc["low", "low"] < 0.5 < found.loc["low", "high"]
    assert found["n"].tolist() == [2, 2]


def test_bounds_that_fall_are_refused():
    with pytest.raises(ValidationError, match="rising"):
        VoiceParameters(bands={"low": 0.5, "high": 0.4})
