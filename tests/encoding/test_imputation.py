"""Missing cells take the training mean or mode, and the report says how many did."""

import numpy as np
import pandas as pd

from crm_pipelines.encoding import Imputer

ITEMS = pd.DataFrame(
    {
        "price": [1.0, 3.0, None, np.inf, 1000.0],
        "brand": ["b", "a", None, " ", "z"],
        "unused": [None, None, None, None, "late"],
        "weight": [None, None, None, None, 2.0],
    }
)
TRAINING = np.array([True, True, True, True, False])


def fitted() -> Imputer:
    return Imputer.fit(ITEMS, ["price", "weight"], ["brand", "unused"], TRAINING)


def test_values_are_those_of_training_entities() -> None:
    imputer = fitted()
    assert imputer.numeric == {"price": 2.0, "weight": 0.0}  # no training value of weight: 0
    assert imputer.categorical["brand"] == "a"  # a and b are equally frequent: the smaller name
    assert imputer.categorical["unused"] == ""


def test_only_missing_cells_are_filled() -> None:
    filled = fitted().apply(ITEMS)
    assert filled["price"].tolist() == [1.0, 3.0, 2.0, 2.0, 1000.0]
    assert filled["brand"].tolist() == ["b", "a", "a", "a", "z"]
    assert filled["unused"].tolist() == ["", "", "", "", "late"]


def test_report_counts_missing_cells() -> None:
    report = fitted().report(ITEMS, TRAINING, "item").set_index("column")
    assert report.loc["price"].tolist() == ["item", "numeric", "2.0", 2, 2, 5]
    assert report.loc["brand"].tolist() == ["item", "categorical", "a", 2, 2, 5]
    assert report.loc["weight", ["missing", "missing_in_training"]].tolist() == [4, 4]
