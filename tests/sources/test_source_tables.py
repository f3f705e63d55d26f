"""One's own tables: mapping, attributes, and the same content in any format."""

import json

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_blocks import LOG, own

from crm_pipelines import schemas
from crm_pipelines.errors import UserError
from crm_pipelines.sources.selection import select_source

MAPPED = "Client;Product;When;Action;Amount;Remark;Segment;Age\n"
COLUMNS = {
    "customer_id": "Client",
    "item_id": "Product",
    "timestamp": "When",
    "behaviour": "Action",
    "value": "Amount",
    "text": "Remark",
}


def test_mapped_columns(folder, rows):
    content = MAPPED + 'a;x;25/11/2017 09:00;view;;"two\nlines";gold;30\nb;y;25/11/2017 09:01;buy;9.5; ;;\n'
    log = folder.log(content, columns=COLUMNS, timestamp_format="%d/%m/%Y %H:%M")
    assert list(log.columns) == list(schemas.Interactions.to_schema().columns)
    assert rows(log) == [
        ("a", "x", 1511600400, "view", None, "two\nlines", 1),
        ("b", "y", 1511600460, "buy", 9.5, None, 2),
    ]


def test_attributes_from_the_log(folder, rows):
    content = MAPPED + (
        "a;x;1;view;;;gold;30\na;x;2;view;;;blue;40\na;x;3;view;;;blue;\n"  # the most frequent, the mean
        "b;y;4;view;;;tin;20\nb;y;5;buy;;;gold;20\n"  # of equally frequent ones the smallest
        "c;y;6;buy;;;;\n;y;7;buy;;;gold;9\n"
    )
    block = own(folder.write("log.csv", content), columns=COLUMNS)
    tables = folder.read({**block, "customers": {"numeric": ["Age"], "categorical": ["Segment"]}})
    assert rows(tables.customers) == [("a", 35, "blue"), ("b", 20, "gold"), ("c", None, None)]
    assert rows(tables.items) == [("x",), ("y",)]


def test_a_column_that_changes_from_event_to_event_is_no_attribute(folder):
    """Its mean would carry later events, and the event's own row, into every prediction."""
    content = MAPPED + "".join(f"c{n % 8};x;{n};view;;;gold;{n % 3}\n" for n in range(80))
    block = own(folder.write("log.csv", content), columns=COLUMNS)
    with pytest.raises(UserError, match=r"'Age' changes within 8 of 8 customers .*'customers.file'"):
        folder.read({**block, "customers": {"numeric": ["Age"]}})


def test_a_file_that_knows_no_id_of_the_log_is_refused(folder):
    folder.write("people.csv", "customer_id,age\nsomebody,30\n")
    block = own(folder.write("log.csv", LOG))
    with pytest.raises(UserError, match=r"people.csv: none of the \d+ ids of customers in the log occurs"):
        folder.read({**block, "customers": {"file": "people.csv", "numeric": ["age"]}})


def test_attributes_from_files(folder, rows):
    folder.write("people.csv", "id,age,city\nb,31,\na, 30 ,Köln\na,99,twice\n,5,nobody\nz,NA,Rom\n")
    block = own(folder.write("log.csv", LOG + "c,y,1700000000,buy\n"))
    people = {"file": "people.csv", "id": "id", "numeric": ["age"], "categorical": ["city"]}
    tables = folder.read({**block, "customers": people})
    assert rows(tables.customers) == [("a", 30, "Köln"), ("b", 31, None), ("c", None, None), ("z", None, "Rom")]
    assert tables.customers.schema()["age"].is_float64()
    counts = {name.removeprefix("customers_"): n for name, n in tables.notes.items() if name.startswith("customers")}
    assert counts == {"rows": 5, "without_id": 1, "repeated_ids": 1, "only_in_log": 1}


def test_a_decimal_comma_rewrites_numbers_and_no_names(folder, rows):
    log = LOG.splitlines()[0].replace(",", ";") + ";value\n"
    log += "17,0;100.200;1700000000;buy;1.234,50\n18,0;100.300;1700000001;buy;7\n"
    folder.write("goods.csv", "item_id;size;price\n100.200;2,5;1.299,00\n100.300;3;2\u00a0000\n")
    block = {**own(folder.write("log.csv", log)), "decimal": ","}
    items = {"file": "goods.csv", "numeric": ["price"], "categorical": ["size"]}
    tables = folder.read({**block, "items": items})
    assert rows(tables.items) == [("100.200", 1299.0, "2,5"), ("100.300", 2000.0, "3")]
    table = tables.interactions.execute()
    assert table[["customer_id", "item_id", "value"]].to_numpy().tolist() == [
        ["17", "100.200", 1234.5],
        ["18", "100.300", 7.0],
    ]


def test_ids_match_although_one_file_has_decimals(folder, rows):
    folder.write("people.csv", "customer_id,age\n17.0,30\n")
    block = own(folder.write("log.csv", LOG.replace("a,", "17,").replace("b,", "17,")))
    tables = folder.read({**block, "customers": {"file": "people.csv", "numeric": ["age"]}})
    assert rows(tables.customers) == [("17", 30)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {"customer_id": "custmer_id"}}, r"no column 'custmer_id', .*did you mean 'customer_id'\?"),
        (
            {"columns": {"value": "price"}},
            r"log\.csv has no column 'price'.*interactions\.columns\.value.* Columns found: customer_id, item_id",
        ),
        (
            {"columns": {"customer": "customer_id"}},
            "'interactions.columns' maps 'customer', which is none of customer_id",
        ),
        ({"rating_classes": {"bad": 1, "good": 2}}, "no column 'value'.*map it: 'columns: {value: NAME IN FILE}'"),
    ],
)
def test_wrong_mapping(folder, change, message):
    with pytest.raises(UserError, match=message):
        folder.log(LOG, **change)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@pytest.mark.parametrize("cell", [{"id": 7}, ["a", "b"]], ids=["object", "list"])
@pytest.mark.parametrize("rule", ["auto", "text"])
def test_an_object_is_no_id(folder, ending, cell, rule):
    rows = [{"customer_id": cell, "item_id": "{3F25-04E0}", "timestamp": 1_700_000_000, "behaviour": "view"}] * 2
    lines = folder.write("log.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    if ending == "parquet":
        pd.DataFrame(rows).to_parquet(folder.raw.root / "log.parquet")
    message = rf"log\.{ending}, row 1, column 'customer_id': the cell is an object or a list"
    with pytest.raises(UserError, match=message):
        folder.read(own(lines.replace("jsonl", ending), ids=rule, unreadable="drop"))


def test_missing_header(folder):
    with pytest.raises(UserError, match=r"no column 'customer_id'.*Columns found: a, x, 1700000000, view"):
        folder.log(LOG.split("\n", 1)[1])


def test_no_rows(folder):
    with pytest.raises(UserError, match="holds no rows"):
        folder.log(LOG.splitlines()[0] + "\n")


@pytest.mark.parametrize(
    ("customers", "message"),
    [
        ({"file": "people.csv", "id": "ident", "numeric": ["age"]}, "no column 'ident', which 'customers.id' needs"),
        ({"file": "people.csv", "numeric": ["agee"]}, "no column 'agee'.*did you mean 'age'"),
        ({"file": "people.csv", "numeric": ["city"]}, r"people\.csv, row 2, column 'city': 'Rom' is not a number"),
        ({"file": "people.csv", "categorical": ["customer_id"]}, "may not declare an attribute called 'customer_id'"),
        ({"numeric": ["age"]}, r"log\.csv has no column 'age'.*takes its attributes from the log"),
    ],
)
def test_wrong_attributes(folder, customers, message):
    folder.write("people.csv", "customer_id,age,city\na,30,\nb,31,Rom\n")
    with pytest.raises(UserError, match=message):
        folder.read({**own(folder.write("log.csv", LOG)), "customers": customers})


def test_unreadable_attribute_can_be_left_blank(folder, rows):
    folder.write("people.csv", "customer_id,age\na,old\nb,31\n")
    block = own(folder.write("log.csv", LOG), unreadable="drop")
    tables = folder.read({**block, "customers": {"file": "people.csv", "numeric": ["age"]}})
    assert rows(tables.customers) == [("a", None), ("b", 31)]
    assert tables.notes["customers_unreadable_age"] == 1


GOOD = {"title": "T", **own()}


class TestSelection:
    def test_a_broken_neighbour_stops_nobody(self):
        assert select_source({"mine": GOOD, "broken": {"reader": 5}}, "mine").title == "T"

    def test_unknown_source(self):
        with pytest.raises(UserError, match=r"Unknown source 'mne'; did you mean 'mine'.*Sources declared: mine"):
            select_source({"mine": GOOD}, "mne")

    @pytest.mark.parametrize(
        ("interactions", "message"),
        [
            ({"colums": {}}, r"sources\.mine\.interactions\.colums.*did you mean 'columns'"),
            ({"file": "../up.csv"}, r"sources\.mine\.interactions\.file.*without '\.\.'"),
            ({"behaviours": {}, "context": ["seen"]}, "'context' needs 'behaviours'"),
            ({"behaviours": {True: "view"}}, "in quotes"),
            ({"file": 7}, r"sources\.mine\.interactions\.file"),
        ],
    )
    def test_mistakes_in_the_block_name_the_key(self, interactions, message):
        block = {**GOOD, "interactions": {**GOOD["interactions"], **interactions}}
        with pytest.raises(UserError, match=message):
            select_source({"mine": block}, "mine")


EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "customer_id": st.integers(0, 99).map(lambda i: f"c{i}"),
            "item_id": st.integers(0, 99).map(lambda i: f"ü{i}"),
            "timestamp": st.integers(946_684_800, 4_000_000_000),
            "behaviour": st.sampled_from(["view", "buy", None]),
            "value": st.none() | st.floats(-1e6, 1e6),
            "text": st.none()
            | st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=20),
        }
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS)
def test_the_format_of_a_file_does_not_matter(folder, rows, events):
    frame = pd.DataFrame(events).astype({"value": "float64"})
    frame.to_csv(folder.raw.root / "log.csv", index=False)
    frame.to_parquet(folder.raw.root / "log.parquet")
    folder.write("log.jsonl", "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events))
    expected = [
        (*(e[name] for name in ("customer_id", "item_id", "timestamp", "behaviour", "value")), e["text"], row)
        for row, e in enumerate(events, start=1)
    ]
    expected = [(*e[:5], e[5] if e[5] and e[5].strip(" \t\n\r\f") else None, e[6]) for e in expected]
    for file in ("log.csv", "log.parquet", "log.jsonl"):
        assert rows(folder.read(own(file)).interactions) == expected, file
