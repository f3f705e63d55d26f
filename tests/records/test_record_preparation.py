"""Preparation of records: what is left out, what is refused, and that training decides alone."""

import numpy as np
import pandas as pd
import pytest
from record_cases import LAYOUT, records

from crm_pipelines.columns import AMOUNT, LABEL, POSITION
from crm_pipelines.config import FoldParameters
from crm_pipelines.errors import UserError
from crm_pipelines.records.assembly import assemble
from crm_pipelines.records.layout import Layout
from crm_pipelines.records.leaks import too_good
from crm_pipelines.records.preparation import Prepared, prepare

FOLDS = FoldParameters()


def prepared(table: pd.DataFrame | None = None, layout: Layout = LAYOUT, trusted: tuple[str, ...] = ()) -> Prepared:
    return prepare(records() if table is None else table, layout, FOLDS, "Test", "file.csv", trusted)


def with_column(table: pd.DataFrame, name: str, values: object) -> tuple[pd.DataFrame, Layout]:
    return table.assign(**{name: values}), LAYOUT.model_copy(update={"numeric": (*LAYOUT.numeric, name)})


def test_inputs_have_what_the_table_has():
    found = prepared()
    inputs = assemble(found.splits[0], found.arrays)
    assert len(inputs) == 400
    assert inputs.numeric_names == ("age", "limit")
    assert inputs.features(inputs.test).shape == (80, 2 + 6)
    assert inputs.all_feature_names[2:4] == ("bill@1", "paid@1")
    assert inputs.sequence_mask.all()
    assert np.isnan(inputs.amount).all()
    assert set(inputs.groups) == {"gender", "plan"}
    assert inputs.cardinalities == (4,)
    assert found.overview["records"] == 400


def test_sensitive_and_leaky_columns_are_given_to_no_honest_model():
    found = prepared()
    for split in found.splits:
        names = assemble(split, found.arrays).numeric_names
        assert ("afterwards" in names) == (split["protocol"] == "leak_column")
    inputs = assemble(found.splits[0], found.arrays)
    assert "gender" not in (*inputs.all_feature_names, *inputs.categorical_names)


def test_a_category_not_seen_in_training_is_unknown():
    table = records()
    found = prepared(table)
    test = assemble(found.splits[0], found.arrays).test
    table.loc[test[0], "plan"] = "brand new"
    inputs = assemble(*(lambda p: (p.splits[0], p.arrays))(prepared(table)))
    assert inputs.codes[test[0], 0] == 0
    assert inputs.cardinalities == (4,)
    other = assemble(*(lambda p: (p.splits[1], p.arrays))(prepared(table)))
    assert other.codes[test[0], 0] > 0 or test[0] in other.validation


def test_test_records_decide_nothing_that_models_are_given():
    table = records()
    found = prepared(table)
    before = assemble(found.splits[0], found.arrays)
    changed = table.copy()
    changed.loc[before.test, ["age", "bill@3"]] = 1e6
    changed.loc[before.test, "plan"] = "zzz"
    after = assemble(found.splits[0], prepared(changed).arrays)
    for name in ("numeric", "codes", "sequence"):
        learnt = np.concatenate([before.train, before.validation])
        np.testing.assert_array_equal(getattr(before, name)[learnt], getattr(after, name)[learnt])


@pytest.mark.parametrize(
    ("values", "use"), [(np.nan, "no value in any record"), (7.0, "the same value in every record")]
)
def test_empty_and_constant_columns_are_left_out_and_named(values, use, caplog):
    table, layout = with_column(records(), "useless", values)
    with caplog.at_level("WARNING"):
        found = prepared(table, layout)
    assert "column 'useless'" in caplog.text
    assert use in found.columns.set_index("column").loc["useless", "use"]
    assert "useless" not in assemble(found.splits[0], found.arrays).numeric_names


def leak(kind: str, table: pd.DataFrame) -> object:
    positive = (table[LABEL] == "leaves").to_numpy(dtype=float)
    return {
        "copy": positive,
        "noisy": positive + np.random.default_rng(0).normal(scale=0.15, size=len(table)),
        "turned": -3 * positive,
        "filled in afterwards": np.where(positive > 0, 1.0, np.nan),
    }[kind]


@pytest.mark.parametrize("kind", ["copy", "noisy", "turned", "filled in afterwards"])
def test_a_column_derived_from_the_outcome_is_caught_and_named(kind):
    table, layout = with_column(records(), "closing_code", None)
    table["closing_code"] = leak(kind, table)
    with pytest.raises(UserError, match=r"file.csv.*'closing_code' \(AUC (0\.9|1\.0).*'leaky'.*'trusted'"):
        prepared(table, layout)
    assert prepared(table, layout, trusted=("closing_code",)).splits


def test_columns_that_give_the_outcome_away_together_are_suspected():
    def metrics(auc: float, protocol: str = "stratified") -> pd.DataFrame:
        row = {"model": "lightgbm", "protocol": protocol, "slice": "all", "metric": "roc_auc", "value": auc}
        return pd.DataFrame([row, {**row, "metric": "accuracy", "value": 1.0}])

    assert "'lightgbm' reaches a ROC AUC of 0.995" in too_good(metrics(0.995), 0.98)
    assert too_good(metrics(0.9), 0.98) == ""
    assert too_good(metrics(1.0, "leak_column"), 0.98) == ""


def test_a_category_that_is_the_outcome_is_caught_but_one_of_many_values_is_not():
    table = records()
    layout = LAYOUT.model_copy(update={"categorical": ("plan", "status")})
    with pytest.raises(UserError, match="'status'"):
        prepared(table.assign(status=np.where(table[LABEL] == "leaves", "closed", "open")), layout)
    assert prepared(table.assign(status=[f"s{i}" for i in range(len(table))]), layout).splits


@pytest.mark.parametrize(("n", "says"), [(30, "30 records"), (99, "99 records")])
def test_too_few_records_are_refused_with_what_is_needed(n, says):
    with pytest.raises(UserError, match=f"{says}.*too few.*100 records and 15 of each class.*collect more"):
        prepared(records(n))


def test_too_few_of_a_class_are_refused():
    table = records()
    table[LABEL] = ["leaves"] * 5 + ["stays"] * 395
    with pytest.raises(UserError, match="leaves 5"):
        prepared(table)


def test_a_table_of_two_hundred_columns_goes_through():
    table = records(150)
    wide = {f"x{i}": np.random.default_rng(i).normal(size=150) for i in range(200)}
    layout = LAYOUT.model_copy(update={"numeric": tuple(wide)})
    found = prepared(pd.concat([table, pd.DataFrame(wide)], axis=1), layout)
    assert assemble(found.splits[0], found.arrays).numeric.shape == (150, 200)


def test_negative_amounts_are_amounts():
    table = records().assign(**{AMOUNT: -5.0, "bill@1": -100.0, POSITION: range(400)})
    table["bill@1"] += np.arange(400)
    inputs = assemble(*(lambda p: (p.splits[0], p.arrays))(prepared(table)))
    assert inputs.sequence[0, 0, 0] == -100
    assert (inputs.amount == -5).all()
