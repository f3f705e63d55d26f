"""What customers said before a reference date, and nothing of what they said after it."""

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.columns import EMBEDDING_COLUMNS
from crm_pipelines.records.voices import Voices

DAY = 86_400
PEOPLE = pd.Index(["a", "b", "silent"])


def documents(*rows: tuple[str | None, float | None, float]) -> pd.DataFrame:
    """Customer, day, mood from -1 to 1."""
    table = pd.DataFrame(rows, columns=["customer_id", "day", "mood"])
    table["timestamp"] = (table.pop("day") * DAY).astype("Int64")
    mood = table.pop("mood")
    table["p_negative"], table["p_positive"] = (mood < 0) * -mood, (mood > 0) * mood
    for position, name in enumerate(EMBEDDING_COLUMNS):
        table[name] = mood * (position == 0)
    return table


VOICES = Voices.of(
    documents(("a", 1, 1.0), ("b", 2, 0.5), ("a", 3, -0.5), ("a", 9, -1.0), (None, 4, 1.0), ("b", None, 1.0)), 5
)


def number(name: str, day: float) -> np.ndarray:
    return VOICES.at(round(day * DAY), PEOPLE)[:, VOICES.names.index(name)]


def test_documents_of_nobody_or_of_no_time_are_left_out_and_counted():
    assert VOICES.left_out == 2
    np.testing.assert_array_equal(number("documents_total", 20), [3, 1, 0])


def test_only_what_was_said_before_counts():
    np.testing.assert_array_equal(number("documents_total", 3), [1, 1, 0])
    np.testing.assert_array_equal(number("sentiment", 3), [1.0, 0.5, np.nan])
    assert number("sentiment", 10)[0] == pytest.approx(-0.5 / 3)


def test_the_trend_is_the_latest_against_the_rest():
    many = Voices.of(documents(*[("a", day, mood) for day, mood in enumerate([1, 1, 1, -1, -1, -1])]), 5)
    found = many.at(100 * DAY, pd.Index(["a"]))[0]
    assert found[many.names.index("sentiment_now")] == -1
    assert found[many.names.index("sentiment_trend")] == -2


def test_the_profile_is_blank_for_the_silent_and_a_mean_for_others():
    references = np.asarray([10 * DAY, 10 * DAY, 10 * DAY])
    found = VOICES.profile(references, PEOPLE)
    assert np.isnan(found[2]).all()
    assert found[0, 0] == pytest.approx(-0.5 / 3)
    early = VOICES.profile(np.asarray([DAY, DAY, DAY]), PEOPLE)
    assert np.isnan(early).all(), "a document of the reference date itself is not before it"


def test_a_source_without_documents_has_no_columns():
    nothing = Voices.of(documents().astype({"timestamp": "Int64"}), 5)
    assert nothing.names == ()
    assert nothing.at(DAY, PEOPLE).shape == (3, 0)
