"""Logs of products: monthly holdings, market series, purchases of one kind, and attributes of sequences."""

import ibis
import numpy as np
import pandas as pd
import pytest

from crm_pipelines.config import SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.sources import RawFolder, read
from crm_pipelines.sources.market import WINDOW, outperformers, returns

HOLDINGS = {
    "title": "Bank",
    "reader": "holdings",
    "interactions": {
        "file": "holdings.csv",
        "behaviours": {"held": "held", "added": "added", "dropped": "dropped"},
    },
    "items": {"categorical": ["kind"], "text": ["name"]},
}
HEADER = "fecha_dato,ncodpers,age,ind_cco_fin_ult1,ind_tjcr_fin_ult1"


def holdings(tmp_path, *rows: str, **changes):
    (tmp_path / "holdings.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return read(RawFolder(tmp_path, ibis.duckdb.connect()), SourceSpec.model_validate({**HOLDINGS, **changes}))


def events(found) -> set[tuple[str, str, str, str]]:
    table = found.interactions.to_pandas()
    month = pd.to_datetime(table["timestamp"], unit="s").dt.strftime("%m")
    return set(zip(table["customer_id"], table["item_id"], month, table["behaviour"], strict=True))


class TestHoldings:
    def test_what_is_held_at_first_is_apart_from_what_is_added_and_dropped(self, tmp_path):
        found = holdings(tmp_path, "2015-01-28,7,30,1,0", "2015-02-28,7,30,1,1", "2015-03-28,7,30,0,1")
        assert events(found) == {
            ("7", "cco_fin", "01", "held"),
            ("7", "tjcr_fin", "02", "added"),
            ("7", "cco_fin", "03", "dropped"),
        }

    def test_months_may_stand_in_any_order_and_be_missing(self, tmp_path):
        rows = ("2015-05-28,7,30,1,1", "2015-01-28,7,30,1,0")
        assert events(holdings(tmp_path, *rows)) == {("7", "cco_fin", "01", "held"), ("7", "tjcr_fin", "05", "added")}

    def test_a_month_told_twice_counts_once(self, tmp_path):
        found = holdings(tmp_path, "2015-01-28,7,30,1,0", "2015-01-28,7,30,0,1")
        assert found.notes["customer_months_repeated"] == 1
        assert events(found) == {("7", "cco_fin", "01", "held")}

    def test_blank_flags_are_counted_and_not_held(self, tmp_path):
        found = holdings(tmp_path, "2015-01-28,7,30,1,", "2015-02-28,7,30,1,NA")
        assert found.notes["flags_left_blank"] == 2
        assert len(events(found)) == 1

    def test_profiles_are_those_of_the_first_month(self, tmp_path):
        rows = ("2015-02-28,7, 31,1,0", "2015-01-28,7, 30,1,0")
        found = holdings(tmp_path, *rows, customers={"numeric": ["age"]})
        assert found.customers.to_pandas()["age"].tolist() == [30]

    def test_products_are_described(self, tmp_path):
        items = holdings(tmp_path, "2015-01-28,7,30,1,0").items.to_pandas().set_index("item_id")
        assert items.loc["tjcr_fin", "name"] == "credit card"

    @pytest.mark.parametrize(
        ("row", "says"),
        [
            ("2015-01-28,7,30,2,0", "'2' is neither 0 nor 1"),
            ("28 Jan,7,30,1,0", "is not a time"),
            ("2015-01-28,7,30,yes,0", "'yes' is not a number"),
        ],
    )
    def test_a_wrong_cell_is_named_with_its_row(self, tmp_path, row, says):
        with pytest.raises(UserError, match=rf"holdings\.csv, row 2.*{says}"):
            holdings(tmp_path, "2015-01-28,6,30,1,0", row)

    def test_a_file_without_products_is_refused(self, tmp_path):
        (tmp_path / "holdings.csv").write_text("fecha_dato,ncodpers,age\n2015-01-28,7,30\n")
        with pytest.raises(UserError, match="no column is called ind_<product>_ult1"):
            read(RawFolder(tmp_path, ibis.duckdb.connect()), SourceSpec.model_validate(HOLDINGS))


MARKET = {
    "title": "Market",
    "reader": "market",
    "interactions": {"file": "fx.csv", "behaviours": {"seen": "seen", "outperformed": "outperformed"}},
    "items": {"categorical": ["kind"]},
}


def prices(months: int = 40, instruments: int = 12) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    days = pd.date_range("2001-01-01", periods=months, freq="MS")
    walks = 1 + 0.01 * draw.standard_normal((months, instruments)).cumsum(axis=0)
    wide = pd.DataFrame(np.abs(walks) + 0.5, index=days, columns=[f"land {n}" for n in range(instruments)])
    long = wide.stack().reset_index()
    return long.set_axis(["Date", "Country", "Exchange rate"], axis=1)


class TestMarket:
    def read(self, tmp_path, frame: pd.DataFrame):
        frame.to_csv(tmp_path / "fx.csv", index=False)
        return read(RawFolder(tmp_path, ibis.duckdb.connect()), SourceSpec.model_validate(MARKET))

    def test_every_investor_has_seen_a_year_and_looks_for_a_month(self, tmp_path):
        found = self.read(tmp_path, prices())
        log = found.interactions.to_pandas()
        own = log[log["behaviour"] == "outperformed"].groupby("customer_id")["timestamp"]
        assert (own.nunique() == 1).all()
        seen = log[log["behaviour"] == "seen"].groupby("customer_id")["timestamp"]
        assert (seen.nunique() == WINDOW).all()
        assert (seen.max() < own.max()).all()

    def test_later_prices_change_no_earlier_month(self):
        frame = prices().rename(columns={"Country": "instrument", "Date": "date", "Exchange rate": "price"})
        early = frame[frame["date"] < "2003-06-01"]
        whole, part = outperformers(returns(frame)), outperformers(returns(early))
        for month, scores in part.items():
            pd.testing.assert_series_equal(scores, whole[month])

    def test_dates_out_of_order_are_sorted_and_counted(self, tmp_path):
        shuffled = prices().sample(frac=1, random_state=0)
        found = self.read(tmp_path, shuffled)
        assert found.notes["fx.csv: dates_out_of_order"] > 0
        ordered = self.read(tmp_path, prices())
        assert found.interactions.to_pandas().equals(ordered.interactions.to_pandas())

    def test_a_wrong_price_or_date_is_named(self, tmp_path):
        with pytest.raises(UserError, match=r"fx\.csv, row 3, column 'Exchange rate'"):
            self.read(tmp_path, prices().astype({"Exchange rate": object}).assign(**{
                "Exchange rate": lambda t: t["Exchange rate"].where(t.index != 2, "dear")}))  # fmt: skip
        with pytest.raises(UserError, match=r"fx\.csv, row 2, column 'Date'"):
            self.read(tmp_path, prices().assign(Date=lambda t: t["Date"].astype(str).where(t.index != 1, "soon")))

    def test_series_that_are_too_short_are_refused(self, tmp_path):
        with pytest.raises(UserError, match="more than 12 are needed"):
            self.read(tmp_path, prices(months=20))


def test_a_log_of_one_kind_needs_no_column_for_it(tmp_path):
    (tmp_path / "buys.csv").write_text("customer_id,item_id,timestamp\n1,a,5\n1,b,6\n")
    block = {
        "title": "Shop",
        "reader": "tables",
        "interactions": {"file": "buys.csv", "behaviours": {"buy": "buy"}},
    }
    found = read(RawFolder(tmp_path, ibis.duckdb.connect()), SourceSpec.model_validate(block))
    assert found.interactions.to_pandas()["behaviour"].tolist() == ["buy", "buy"]


def test_attributes_of_sequences_become_words(tmp_path):
    (tmp_path / "items.txt").write_text("u1 4 83\nu2 83\n")
    (tmp_path / "attributes.json").write_text('{"4": [1, 2], "99": [3]}')
    block = {
        "title": "Sequences",
        "reader": "item_sequences",
        "interactions": {"file": "items.txt", "in_order": True, "behaviours": {"event": "event"}},
        "extra_files": {"attributes": "attributes.json"},
        "items": {"text": ["attributes"]},
    }
    spec = SourceSpec.model_validate(block)
    items = read(RawFolder(tmp_path, ibis.duckdb.connect()), spec).items.to_pandas().set_index("item_id")
    assert items.loc["4", "attributes"] == "a1 a2"
    assert pd.isna(items.loc["83", "attributes"])
    (tmp_path / "attributes.json").write_text("[1]")
    with pytest.raises(UserError, match="must be one JSON object"):
        read(RawFolder(tmp_path, ibis.duckdb.connect()), spec)
