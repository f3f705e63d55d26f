"""Records of purchases: what counts, whose outcomes are known when, and no leak from later."""

import itertools

import numpy as np
import pandas as pd
import pytest

from crm_pipelines import columns as c
from crm_pipelines.config import EntitySpec, FoldParameters, PurchaseSpec
from crm_pipelines.errors import UserError
from crm_pipelines.records.assembly import assemble, assemble_new
from crm_pipelines.records.preparation import prepare, prepare_new
from crm_pipelines.records.purchases import Past, purchase_records, today
from crm_pipelines.records.splits import reference_splits

DAY = 86_400
SPEC = PurchaseSpec(behaviours=("buy",), within_days=10, every_days=5, snapshots=12, steps=4, step_days=5, events=6)
PROFILE = EntitySpec(numeric=("age",), categorical=("level",))
FOLDS = FoldParameters(folds=3, minimum={"records": 50, "class": 5})


def shop(seed: int = 0, customers: int = 60, days: int = 100) -> pd.DataFrame:
    """Customers who buy at rates of their own."""
    draw = np.random.default_rng(seed)
    rate = draw.gamma(1.0, 0.08, customers)
    rows = []
    for who in range(customers):
        for day in np.flatnonzero(draw.random(days) < rate[who] + 0.02):
            what = "buy" if draw.random() < 0.8 else "view"
            rows.append((f"c{who}", f"i{draw.integers(9)}", day * DAY + 60 * who, what, draw.lognormal(3, 1)))
    return pd.DataFrame(rows, columns=[c.CUSTOMER_ID, c.ITEM_ID, c.TIMESTAMP, c.BEHAVIOUR, c.VALUE])


def said(log: pd.DataFrame) -> pd.DataFrame:
    """A document of every third event."""
    table = log.iloc[::3][[c.CUSTOMER_ID, c.TIMESTAMP]].reset_index(drop=True)
    mood = np.random.default_rng(1).random((len(table), 2))
    table["p_negative"], table["p_positive"] = mood.T / 2
    for name in c.EMBEDDING_COLUMNS:
        table[name] = mood[:, 0]
    return table


def past(log: pd.DataFrame, spec: PurchaseSpec = SPEC) -> Past:
    return Past.of(log, SAID, PEOPLE, spec)


LOG = shop()
SAID = said(LOG)
PEOPLE = pd.DataFrame({c.CUSTOMER_ID: sorted(LOG[c.CUSTOMER_ID].unique())})
PEOPLE["age"], PEOPLE["level"] = np.arange(len(PEOPLE)) + 20.0, np.where(PEOPLE.index % 2, "x", "y")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return purchase_records(past(LOG), PROFILE).records.to_pandas()


def test_a_purchase_within_the_days_is_the_positive_class(table):
    buys = LOG[LOG.behaviour == "buy"]
    for row in table.sample(60, random_state=0).itertuples():
        mine = buys[buys.customer_id == row.customer_id].timestamp
        ahead = mine[(mine >= row.position) & (mine < row.position + 10 * DAY)]
        assert row.label == ("buys" if len(ahead) else "waits")
        assert np.isnan(row.amount) == (not len(ahead))


def test_the_last_reference_date_leaves_its_outcome_inside_the_log(table):
    assert table.position.max() + 10 * DAY == LOG.timestamp.max() + 1
    assert set(np.diff(sorted(table.position.unique()))) == {5 * DAY}


def test_nothing_after_a_reference_date_is_an_input(table):
    moment = sorted(table.position.unique())[4]
    inputs = [name for name in table.columns if name not in (c.LABEL, c.AMOUNT, c.ROW)]
    layout = purchase_records(past(LOG), PROFILE).layout
    known = today(past(LOG[LOG.timestamp < moment]), layout, int(moment)).sort_values(c.CUSTOMER_ID)
    expected = table[table.position == moment].sort_values(c.CUSTOMER_ID)
    pd.testing.assert_frame_equal(
        known[inputs].reset_index(drop=True), expected[inputs].reset_index(drop=True), check_dtype=False
    )


def test_what_is_learnt_from_was_known_before_what_is_tested(table):
    labels = (table.label == "buys").to_numpy().astype(np.int64)
    position = table.position.to_numpy(dtype=float)
    splits = reference_splits(labels, position, 10 * DAY, 3)
    assert [split.fold for split in splits] == [0, 1, 2]
    for split in splits:
        (tested,) = np.unique(position[split.test])
        (chosen,) = np.unique(position[split.validation])
        assert position[split.train].max() + 10 * DAY <= chosen
        assert chosen + 10 * DAY <= tested
    assert position[splits[-1].test].max() == position.max()
    for earlier, later in itertools.pairwise(splits):
        assert position[earlier.test].max() + 10 * DAY <= position[later.test].min()


def test_a_customer_today_is_read_as_the_records_were(table):
    found = purchase_records(past(LOG), PROFILE)
    prepared = prepare(table, found.layout, FOLDS, "shop", "log.csv")
    views = past(LOG).modalities(pd.Index(table[c.CUSTOMER_ID]), table[c.POSITION].to_numpy(dtype=np.int64))
    arrays = {**prepared.arrays, **views}
    split = prepared.splits[-1]
    inputs = assemble(split, arrays)
    moment = int(table.position.max())
    known = today(past(LOG), found.layout, moment)
    ids = pd.Index(known[c.CUSTOMER_ID])
    new = prepare_new(known, arrays) | past(LOG).modalities(ids, np.full(len(ids), moment))
    fresh = assemble_new(split, arrays, new)
    rows = inputs.test[np.argsort(inputs.record_id[inputs.test])]
    order = np.argsort(fresh.record_id)
    np.testing.assert_array_equal(fresh.record_id[order], inputs.record_id[rows])
    for name in ("numeric", "codes", "sequence"):
        np.testing.assert_array_equal(getattr(fresh, name)[order], getattr(inputs, name)[rows])
    for name, values in fresh.modalities.items():
        np.testing.assert_array_equal(values[order], inputs.modalities[name][rows])


def test_a_log_too_short_for_three_dates_is_explained():
    spec = SPEC.model_copy(update={"within_days": 40.0, "every_days": 40.0})
    found = purchase_records(past(LOG, spec), PROFILE)
    with pytest.raises(UserError, match="too short to learn"):
        prepare(found.records.to_pandas(), found.layout, FOLDS, "shop", "log.csv")
