"""The written files: reproducible to the byte, atomic, and laid out as their publishers do."""

import json
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.simulate import writers
from crm_pipelines.simulate.bank import DEFAULT_LABEL
from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.sheets import Sheet
from crm_pipelines.simulate.world import World, build_world
from crm_pipelines.simulate.writers import FILES, write_world

COMMITTED = Path(__file__).parents[2] / "data" / "01_raw" / "demo"


@pytest.fixture(scope="module")
def folder(demo: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo")
    write_world(demo, path)
    return path


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", FILES.values())
def test_committed_demo_is_regenerated_byte_for_byte(folder: Path, name: str) -> None:
    assert (folder / name).read_bytes() == (COMMITTED / name).read_bytes()


def test_committed_demo_is_small_and_complete() -> None:
    files = [path for path in COMMITTED.iterdir() if path.name != ".gitkeep"]
    assert {path.name for path in files} == set(FILES.values())
    assert sum(path.stat().st_size for path in files) <= 2_000_000


def test_same_seed_same_bytes_other_seed_other_bytes(tiny: SimulateParameters, tmp_path: Path) -> None:
    for name, parameters in (("a", tiny), ("b", tiny), ("c", tiny.model_copy(update={"seed": 7}))):
        write_world(build_world(parameters), tmp_path / name)
    for file in FILES.values():
        first, again, other = ((tmp_path / folder / file).read_bytes() for folder in "abc")
        assert first == again
        assert first != other


@pytest.mark.parametrize(("table", "bytes_per_row"), [("interactions", 48), ("reviews", 96)])
def test_memory_for_a_long_file_is_that_of_a_few_numbers_a_row(
    town: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, bytes_per_row: int
) -> None:
    """What is written of a world is put together in pieces; a row as text and objects takes several times as much."""
    monkeypatch.setattr(writers, "CHUNK_ROWS", 2_000)
    monkeypatch.setattr(writers, "RECORD_CHUNK_ROWS", 200)
    writer = writers._writer(table)
    rows = town.sheet(table).rows
    tracemalloc.start()
    try:
        writers._write(tmp_path / FILES[table], town.sheet(table), writer)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < bytes_per_row * (rows if table == "interactions" else town.truth.events.purchases().size)
    assert (tmp_path / FILES[table]).stat().st_size > 30 * rows


def test_chunks_do_not_show_in_the_files(
    folder: Path, demo: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "CHUNK_ROWS", 101)
    monkeypatch.setattr(writers, "RECORD_CHUNK_ROWS", 7)
    for path in write_world(demo, tmp_path):
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_a_failing_write_leaves_the_old_file(demo: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / FILES["interactions"]
    old.write_text("old")

    def torn(table: Sheet, stream: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(writers, "_write_columns", torn)
    with pytest.raises(OSError, match="disk full"):
        write_world(demo, tmp_path)
    assert old.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == [old.name]


def test_user_behaviour_is_the_taobao_layout(folder: Path) -> None:
    lines = (folder / "UserBehavior.csv").read_text().splitlines()
    assert all(re.fullmatch(r"\d+,\d+,\d+,(pv|cart|fav|buy),\d+", line) for line in lines)
    users = [line.split(",")[0] for line in lines]
    assert users == sorted(users), "users lie in text order, as published"
    log = pd.read_csv(folder / "UserBehavior.csv", header=None, names=["user", "item", "category", "behaviour", "time"])
    assert log.groupby("user").time.is_monotonic_increasing.all()
    assert log.groupby("item").category.nunique().max() == 1


def test_user_behaviour_has_the_published_faults(folder: Path) -> None:
    p = SimulateParameters()
    log = pd.read_csv(folder / "UserBehavior.csv", header=None)
    outside = (log[4] < p.epoch) | (log[4] >= p.epoch + p.horizon)
    assert 4 <= outside.sum() <= 20
    assert 20 <= log.duplicated().sum() <= 100


def test_reviews_are_the_amazon_2018_layout(folder: Path) -> None:
    reviews = records(folder / "reviews_5.json")
    always = {"overall", "verified", "reviewTime", "reviewerID", "asin", "reviewerName", "summary", "unixReviewTime"}
    for review in reviews:
        assert always <= set(review) <= always | {"style", "reviewText"}
        assert review["overall"] in (1.0, 2.0, 3.0, 4.0, 5.0)
        day = pd.Timestamp(review["unixReviewTime"], unit="s")
        assert day == day.normalize(), "unixReviewTime has day resolution"
        assert review["reviewTime"] == f"{day:%m} {day.day}, {day.year}"
    assert 0.5 < np.mean(["style" in review for review in reviews]) < 0.9
    assert any("reviewText" not in review for review in reviews)
    assert any(review.get("reviewText") == "" for review in reviews)
    lines = (folder / "reviews_5.json").read_text(encoding="utf-8").splitlines()
    assert 0 < len(lines) - len(set(lines)) < 0.05 * len(lines)


def test_metadata_is_the_amazon_2018_layout(folder: Path) -> None:
    items = records(folder / "meta.json")
    for item in items:
        assert item["price"] == "" or re.fullmatch(r"\$[\d,]+\.\d\d", str(item["price"]))
        assert isinstance(item["category"], list)
        assert item["category"][0] == item["main_cat"]
    assert any("&amp;" in str(item["main_cat"]) for item in items), "entities are escaped, as published"
    assert len(items) > len({item["asin"] for item in items}) == SimulateParameters().items


def test_bills_contracts_and_holdings_have_the_published_columns(folder: Path) -> None:
    bills = pd.read_csv(folder / "bills.csv")
    status = ["PAY_0", *(f"PAY_{m}" for m in range(2, 7))]
    amounts = [f"{kind}_AMT{m}" for kind in ("BILL", "PAY") for m in range(1, 7)]
    assert list(bills) == ["ID", "LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE", *status, *amounts, DEFAULT_LABEL]
    assert set(bills[DEFAULT_LABEL]) == {0, 1}
    assert bills[status].stack().between(-2, 8).all()
    assert not bills.isna().any().any()

    telco = pd.read_csv(folder / "telco.csv", dtype=str)
    assert telco.columns[0] == "customerID"
    assert list(telco)[-3:] == ["MonthlyCharges", "TotalCharges", "Churn"]
    assert telco.shape[1] == 21
    blank = telco.TotalCharges == " "
    assert (blank == (telco.tenure == "0")).all()
    assert blank.any()

    holdings = pd.read_csv(folder / "holdings.csv")
    flags = [column for column in holdings if column.startswith("ind_") and column.endswith("_ult1")]
    assert list(holdings) == ["fecha_dato", "ncodpers", *flags]
    assert len(flags) == 24
    assert holdings.fecha_dato.is_monotonic_increasing
    assert holdings.fecha_dato.nunique() == SimulateParameters().holding_months
    assert holdings.fecha_dato.str.endswith("-28").all()


def test_every_file_speaks_of_the_same_customers_and_items(folder: Path) -> None:
    customers = set(pd.read_csv(folder / "customers.csv").customer_id)
    items = {int(str(item["asin"])) for item in records(folder / "meta.json")}
    assert not customers & items, "an id tells which kind it is"
    log = pd.read_csv(folder / "UserBehavior.csv", header=None)
    assert set(log[0]) == customers
    assert set(log[1]) <= items
    reviews = records(folder / "reviews_5.json")
    assert {int(str(r["reviewerID"])) for r in reviews} <= customers
    assert {int(str(r["asin"])) for r in reviews} <= items
    for name, column in (
        ("bills", "ID"),
        ("telco", "customerID"),
        ("tickets", "customer_id"),
        ("surveys", "customer_id"),
        ("holdings", "ncodpers"),
    ):
        ids = set(pd.read_csv(folder / f"{name}.csv")[column])
        assert ids <= customers, name
        assert len(ids) > 100, name


def test_every_review_follows_a_buy_of_the_same_item_by_the_same_customer(folder: Path) -> None:
    log = pd.read_csv(folder / "UserBehavior.csv", header=None, names=["user", "item", "category", "behaviour", "time"])
    p = SimulateParameters()
    buys = log[(log.behaviour == "buy") & (log.time >= p.epoch)].groupby(["user", "item"]).time.min()
    early = 0
    for review in records(folder / "reviews_5.json"):
        bought = buys.get((int(str(review["reviewerID"])), int(str(review["asin"]))))
        early += bought is None or bought >= review["unixReviewTime"]
    assert early <= 3, "only buys whose clock was put wrong may be missing"
