"""The predictions table: what is accepted, and how a broken one is described."""

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.evaluation.predictions import (
    classes_of,
    group_axes,
    probability_matrix,
    slices_of,
    true_codes,
    validate_predictions,
)


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "event_id": [7, 7, 9],
            "customer": [0, 0, 1],
            "slice": ["all", "warm", "all"],
            "y_true": ["pv", "pv", "buy"],
            "p_pv": [0.9, 0.9, 0.25],
            "p_buy": [0.1, 0.1, 0.75],
            "group_age": ["new", "new", "old"],
        }
    )


def test_a_good_table_yields_its_classes_in_column_order(table: pd.DataFrame) -> None:
    assert validate_predictions(table) == ("pv", "buy") == classes_of(table)
    assert group_axes(table) == ("age",)
    assert slices_of(table) == ("all", "warm")
    np.testing.assert_array_equal(true_codes(table), [0, 0, 1])
    np.testing.assert_array_equal(probability_matrix(table), [[0.9, 0.1], [0.9, 0.1], [0.25, 0.75]])


def test_labels_may_be_categorical_in_another_order(table: pd.DataFrame) -> None:
    table["y_true"] = pd.Categorical(table["y_true"], categories=["buy", "unused", "pv"])
    np.testing.assert_array_equal(true_codes(table), [0, 0, 1])


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("p_buy", [0.1, np.nan, 0.75], r"'p_buy' holds nan at row 1"),
        ("p_buy", [0.1, 0.1, np.inf], r"'p_buy' holds inf at row 2"),
        ("p_pv", [-0.1, 0.9, 0.25], r"'p_pv' holds -0.1 at row 0"),
        ("p_pv", [0.9, 0.9, 0.2501], r"probabilities of row 2 add up to 1.0001"),
        ("y_true", ["pv", "fav", "buy"], r"'y_true' holds 'fav' at row 1"),
        ("y_true", ["pv", None, "buy"], r"'y_true' holds .* at row 1"),
        ("slice", ["all", "all", "all"], r"event 7 appears more than once in slice 'all' \(row 1\)"),
        ("slice", ["all", None, "all"], r"'slice' must name a slice"),
        ("customer", ["a", "b", "c"], r"'customer' must hold integers"),
        ("event_id", [1.0, np.nan, 2.0], r"'event_id' must hold integers"),
    ],
)
def test_each_mistake_is_named(table: pd.DataFrame, column: str, values: list[object], message: str) -> None:
    table[column] = values
    with pytest.raises(ValueError, match=message):
        validate_predictions(table)


def test_missing_columns_are_named(table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="lack the columns customer, y_true"):
        validate_predictions(table.drop(columns=["customer", "y_true"]))
    with pytest.raises(ValueError, match="at least two classes"):
        validate_predictions(table.drop(columns=["p_buy"]))


def test_rounding_of_single_precision_is_tolerated(table: pd.DataFrame) -> None:
    table[["p_pv", "p_buy"]] = np.array([[0.9, 0.1], [0.7, 0.3], [1 / 3, 2 / 3]], dtype=np.float32)
    assert validate_predictions(table) == ("pv", "buy")
