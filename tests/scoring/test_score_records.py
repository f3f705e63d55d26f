"""Today's records by a kept model: whose score is kept, and what no longer fits."""

from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from crm_pipelines import columns as c
from crm_pipelines.config import PlanParameters, SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.pipelines.scoring import nodes
from crm_pipelines.records.layout import Layout
from crm_pipelines.scoring import records as scoring
from crm_pipelines.scoring.config import CustomerParameters
from crm_pipelines.scoring.kept import Kept

LAYOUT = Layout(classes=("stays", "leaves"), numeric=("age",), categorical=("plan",))
MANIFEST: dict[str, Any] = {
    "pipeline": "risk",
    "classes": ["stays", "leaves"],
    "numeric": ["age"],
    "categorical": {"plan": ["a", "b"]},
    "channels": [],
    "steps": [],
    "fold": 0,
    "temperature": 1.0,
    "range": {"low": [0.0], "high": [100.0]},
    "intervals": [{"upto": 1.0, "stated": 0.5, "low": 0.0, "high": 1.0}],
}


class Half:
    """A model that says .5 of everybody."""

    def predict_proba(self, inputs: Any, rows: Any) -> Any:
        return np.full((len(rows), 2), 0.5)


def today(**changes: Any) -> pd.DataFrame:
    """Four records, numbered as a file without ids is."""
    table = {c.RECORD_ID: list("1234"), c.CUSTOMER_ID: list("1234"), c.ROW: [1, 2, 3, 4]}
    table |= {c.LABEL: ["stays", "leaves", "stays", None], "age": [20.0, 30.0, np.nan, 50.0]}
    return pd.DataFrame(table | {"plan": ["a", "b", None, "a"]} | changes)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """What was kept of these records, three of which had an outcome."""
    frame = today().iloc[:3]
    arrays = {"scored_record": frame[c.RECORD_ID].to_numpy(dtype=str), "scored_risk": np.asarray([0.1, 0.2, 0.3])}
    numbers = frame[["age"]].to_numpy(dtype=np.float32)
    empty = np.empty((3, 0, 0), dtype=np.float32)
    arrays["scored_content"] = scoring._contents(numbers, empty, frame[["plan"]])
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    return Kept(tmp_path, MANIFEST)


def scored(kept: Kept, frame: pd.DataFrame) -> pd.DataFrame:
    inputs = scoring.inputs_of(kept, frame, LAYOUT, "own.csv")
    rows = [np.arange(len(frame))]
    return scoring.score(
        kept, frame, inputs, Half, rows, lambda one, blocks: [one(block) for block in blocks], 0, lambda *_: "", 3
    )


def risks(kept: Kept, frame: pd.DataFrame) -> list[float]:
    return scored(kept, frame)["risk"].tolist()


def test_what_was_stated_of_records_scored_alike_is_held_against_what_came(kept):
    fitting = {"upto": 0.25, "stated": 0.15, "low": 0.1, "high": 0.2}
    wrong = {"upto": 1.0, "stated": 0.4, "low": 0.5, "high": 0.9}
    found = scored(Kept(kept.folder, {**MANIFEST, "intervals": [fitting, wrong]}), today())
    assert found["risk"].tolist() == [0.1, 0.2, 0.3, 0.5]
    assert found["contradicted"].tolist() == [0.0, 0.0, 1.0, 1.0]


def test_a_record_with_an_outcome_keeps_the_score_of_the_fold_that_did_not_learn_from_it(kept):
    assert risks(kept, today()) == [0.1, 0.2, 0.3, 0.5]


def test_a_number_of_a_row_that_now_stands_for_another_record_keeps_no_score(kept):
    older_first = today().iloc[::-1].assign(**{c.RECORD_ID: list("1234"), c.LABEL: "stays"})
    assert risks(kept, older_first) == [0.5] * 4
    assert risks(kept, today(age=[20.0, 31.0, np.nan, 50.0])) == [0.1, 0.5, 0.3, 0.5]
    assert risks(kept, today(plan=["a", "b", "b", "a"])) == [0.1, 0.2, 0.5, 0.5]


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ({"numeric": (), "categorical": ("age", "plan")}, "'age' now holds words, .* reads numbers"),
        ({"numeric": ("age", "plan"), "categorical": ()}, "'plan' now holds numbers, .* reads words"),
    ],
)
def test_a_column_that_is_guessed_otherwise_than_before_is_named(kept, layout, words):
    with pytest.raises(UserError, match=f"own.csv: column {words}.*run --pipelines=risk again"):
        scoring.inputs_of(kept, today(), LAYOUT.model_copy(update=layout), "own.csv")


def test_customers_of_a_source_without_a_log_do_not_lack_a_history():
    block = {"file": "own.csv", "label": "y", "classes": {"0": "stays", "1": "leaves"}, "numeric": ["age"]}
    source = SourceSpec.model_validate({"title": "Loans", "records": block})
    ids = ibis.memtable(today()[[c.CUSTOMER_ID]])
    table = nodes.plan(None, ids, ids.limit(0), ids, source, PlanParameters(), CustomerParameters())
    assert table[c.CUSTOMER_ID].tolist() == list("1234")
    assert set(table["data"]) == {"records only"}
