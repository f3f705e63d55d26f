"""Readers of records: each published format with its quirks, one's own table, and everything that may be wrong."""

from typing import Any

import pandas as pd
import pytest

from crm_pipelines import schemas, sources
from crm_pipelines.config import SourceSpec, parse
from crm_pipelines.errors import UserError
from crm_pipelines.records.cleaning import clean_records
from crm_pipelines.sources import retail
from crm_pipelines.sources.credit import NAMES

BLOCK = {"label": "churned", "classes": {"no": "stays", "yes": "leaves"}, "id": "id", "numeric": ["age"]}
ROWS = "id,age,plan,churned\n1,30,basic,no\n2,41,plus,yes\n3,,basic,no\n"


def block(file: str = "own.csv", **changes: Any) -> SourceSpec:
    records = {**BLOCK, "file": file, **changes}
    return parse(SourceSpec, {"title": "Test", "records": {k: v for k, v in records.items() if v is not None}}, "s")


def read(folder: Any, content: str, **changes: Any) -> pd.DataFrame:
    folder.write("own.csv", content)
    found = sources.read_records(folder.raw, block(**changes))
    return schemas.Records.validate(found.records).execute()


class TestOwnTable:
    def test_declared_columns_become_records(self, folder):
        table = read(folder, ROWS, categorical=["plan"])
        assert table["label"].tolist() == ["stays", "leaves", "stays"]
        assert table["record_id"].tolist() == table["customer_id"].tolist() == ["1", "2", "3"]
        assert table["age"].tolist()[:2] == [30, 41]
        assert pd.isna(table["age"][2])
        assert table["plan"].tolist() == ["basic", "plus", "basic"]

    def test_a_label_of_zeros_and_ones_may_be_written_with_decimals(self, folder):
        content = "age,churned\n1,1.0\n2,0\n"
        assert read(folder, content, id=None, classes={"0": "stays", "1": "leaves"})["label"].tolist() == [
            "leaves",
            "stays",
        ]

    def test_ids_with_decimals_are_those_of_other_files(self, folder):
        table = read(folder, "id,who,age,churned\n1.0,17850.0,30,no\n2.0,,41,yes\n", customer="who")
        assert table["record_id"].tolist() == ["1", "2"]
        assert table["customer_id"].tolist()[0] == "17850"

    def test_other_columns_are_guessed_where_the_block_says_so(self, folder):
        folder.write("own.csv", ROWS)
        found = sources.read_records(folder.raw, block(guess=True, numeric=[]))
        assert (found.layout.numeric, found.layout.categorical) == (("age",), ("plan",))

    def test_words_for_missing_are_nulls(self, folder):
        table = read(folder, ROWS.replace("basic", "Unknown"), categorical=["plan"], missing=["unknown"])
        assert table["plan"].isna().tolist() == [True, False, True]

    def test_a_number_for_missing_is_null_among_decimals_too(self, folder):
        content = "id,age,churned\n1,-999.0,no\n2,-999,yes\n3,-99.9,no\n"
        assert read(folder, content, missing=["-999"])["age"].isna().tolist() == [True, True, False]

    def test_columns_that_are_not_guessed_are_named(self, folder, caplog):
        rows = "".join(f"{i},{20 + i % 9},'{i}.50 EUR',{'yes' if i % 2 else 'no'}\n" for i in range(300))
        folder.write("own.csv", ",age,amount,churned\n" + rows)
        with caplog.at_level("WARNING"):
            found = sources.read_records(folder.raw, block(guess=True, id=None, numeric=[]))
        assert found.layout.numeric == ("age",)
        assert found.notes["columns_ignored"] == 2
        assert "hold more than 200 different words: unnamed_1, amount" in caplog.text

    def test_channels_become_the_sequence_oldest_first(self, folder):
        content = "id,m2,m1,churned\n1,20,10,no\n"
        table = read(folder, content, numeric=[], channels={"bill": ["m1", "m2"]}, steps=["May", "June"])
        assert table[["bill@May", "bill@June"]].to_numpy().tolist() == [[10, 20]]

    def test_dates_give_the_order(self, folder):
        content = "id,age,at,churned\n1,2,2024-01-02,no\n2,3,1970-01-02,yes\n"
        assert read(folder, content, date="at", timestamp_format="iso")["position"].tolist() == [1704153600, 86400]


WRONG = {
    "three labels": ({}, ROWS.replace("3,,basic,no", "3,,basic,maybe"), r"unknown label 'maybe' \(first in row 3\)"),
    "a wrong delimiter": ({}, ROWS.replace(",", ":"), "single column.*not separated by any of , ; tab"),
    "a missing column": ({"numeric": ["agge"]}, ROWS, r"no column 'agge'.*did you mean 'age'"),
    "no label column": ({"label": "left"}, ROWS, "no column 'left'.*Columns found: id, age, plan, churned"),
    "a word among numbers": ({"numeric": ["plan"]}, ROWS, r"row 1, column 'plan': 'basic' is not a number.*'missing'"),
    "thousands set apart": ({}, ROWS.replace("30", "1 234"), "'1 234' is not a number.*without blanks or apostrophes"),
    "a number beyond single precision": (
        {},
        ROWS.replace("30", "1.79e+300"),
        r"'1.79e\+300' is not a number.*as large as 1e\+18: name it under 'missing'",
    ),
    "a date among numbers": (
        {"numeric": ["at"]},
        "id,at,churned\n1,18.11.2020,no\n2,19.11.2020,yes\n",
        r"column 'at': '18.11.2020' is not a number.*looks like a date.*'date' under 'records'",
    ),
    "a range for a list": (
        {"channels": {"bill": "bill_1..bill_12"}},
        ROWS,
        r"'s.records.channels.bill': must be a list in brackets, such as \[a, b\] \(given: 'bill_1..bill_12'\)",
    ),
    "a number where words are": (
        {"missing": [-999]},
        ROWS,
        r"'s.records.missing.0': must be text; write it in quotes \(given: -999\)",
    ),
    "nothing but a header": ({}, "id,age,plan,churned\n", "no rows"),
    "one class": ({"classes": {"no": "a", "yes": "a"}}, ROWS, "two classes"),
    "a column declared twice": ({"categorical": ["age"]}, ROWS, "declared twice"),
    "uneven channels": ({"channels": {"a": ["age"], "b": ["plan", "x"]}, "numeric": []}, ROWS, "equally many"),
    "an unknown key": ({"colour": "red"}, ROWS, "colour' is not known"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_what_is_wrong_is_said_with_its_place(folder, mistake):
    changes, content, says = WRONG[mistake]
    with pytest.raises(UserError, match=says):
        read(folder, content, **changes)


def test_semicolons_are_found_by_themselves(folder):
    assert len(read(folder, ROWS.replace(",", ";"))) == 3


class TestCleaning:
    def cleaned(self, folder: Any, content: str, **changes: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
        folder.write("own.csv", content)
        table, report = clean_records(sources.read_records(folder.raw, block(**changes)).records, "own.csv")
        return schemas.CleanRecords.validate(table).execute(), report

    def test_the_report_adds_up(self, folder):
        rows = ROWS + "3,,basic,no\n,9,basic,no\n5,9,plus,\n"
        table, report = self.cleaned(folder, rows)
        counts = report.set_index("reason")["rows"]
        assert counts["all"] == 6
        assert counts[["missing_id", "missing_label", "duplicate", "valid"]].tolist() == [1, 1, 1, 3]
        assert table["record_id"].tolist() == ["1", "2", "3"]

    def test_one_id_for_different_records_is_refused(self, folder):
        with pytest.raises(UserError, match=r"own.csv: an id stands for different records, first in rows 2 and 4"):
            self.cleaned(folder, ROWS + "2,77,basic,no\n")

    def test_no_valid_record_is_refused(self, folder):
        with pytest.raises(UserError, match="none of the 1 records is valid"):
            self.cleaned(folder, "id,age,churned\n1,2,\n")


class TestCredit:
    VALUES = ",".join(str(i) for i in range(1, 24))

    def read(self, folder: Any, content: str) -> pd.DataFrame:
        folder.write("credit.csv", content)
        changes = {"reader": "credit", "id": "ID", "label": "default", "classes": {"0": "pays", "1": "defaults"}}
        channels = {"status": ["PAY_2", "PAY_0"]}
        spec = block("credit.csv", **changes, numeric=["LIMIT_BAL"], channels=channels)
        return sources.read_records(folder.raw, spec).records.execute()

    def test_its_own_names_and_the_numbered_ones_are_the_same(self, folder):
        numbered = ",".join(f"X{i}" for i in range(1, 24))
        own = f"ID,{','.join(NAMES)},default payment next month\n7,{self.VALUES},1\n"
        plain = f"{numbered},Y\n{self.VALUES},1\n"
        both = f",{numbered},Y\nID,{','.join(NAMES)},default payment next month\n7,{self.VALUES},1\n"
        tables = [self.read(folder, content) for content in (own, plain, both)]
        for table in tables:
            assert table["LIMIT_BAL"].tolist() == [1]
            assert table[["status@1", "status@2"]].to_numpy().tolist() == [[7, 6]]
            assert table["label"].tolist() == ["defaults"]
        assert [table["record_id"].tolist() for table in tables] == [["7"], ["1"], ["7"]]


def test_telco_newcomers_without_a_total_have_been_charged_nothing(folder):
    folder.write("telco.csv", "customerID,tenure,TotalCharges,Churn\na,0, ,No\nb,3,60.5,Yes\nc,4, ,No\n")
    changes = {"reader": "telco", "id": "customerID", "label": "Churn", "classes": {"No": "stays", "Yes": "leaves"}}
    found = sources.read_records(folder.raw, block("telco.csv", **changes, numeric=["tenure", "TotalCharges"]))
    totals = found.records.execute()["TotalCharges"]
    assert totals.tolist()[:2] == [0, 60.5]
    assert pd.isna(totals[2])
    assert found.notes["blank_totals_of_newcomers"] == 1


def test_bank_customers_never_contacted_have_no_days(folder):
    folder.write("bank.csv", '"age";"pdays";"y"\n30;-1;"no"\n40;999;"yes"\n50;5;"no"\n')
    spec = block("bank.csv", reader="bank", id=None, label="y", numeric=["age", "pdays"])
    found = sources.read_records(folder.raw, spec)
    assert found.records.execute()["pdays"].isna().tolist() == [True, True, False]
    assert found.notes["never_contacted_before"] == 2


class TestRetail:
    HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    LINES = (
        *("1,a,x,2,2011-01-03 10:00:00,5,17.0,UK", "2,b,x,1,2011-01-20 10:00:00,3,17.0,UK"),
        *("C3,b,x,-1,2011-01-21 10:00:00,3,17.0,UK", "4,a,x,1,2011-01-22 09:00:00,1,18.0,UK"),
        *("5,a,x,1,2011-01-23 09:00:00,1,,UK", "6,a,x,1,2011-01-23 10:00:00,0,18.0,UK"),
        *("2,b,x,1,2011-01-20 10:00:00,3,17.0,UK", "7,a,x,4,2011-01-29 12:00:00,2,17.0,UK"),
        "8,a,x,1,2011-02-04 12:00:00,2,99.0,UK",
    )

    def read(self, folder: Any, **changes: Any) -> Any:
        folder.write("retail.csv", self.HEADER + "\n".join(self.LINES) + "\n")
        classes = {"0": "stays", "1": "leaves"}
        changes = {"weeks": 2, "label_days": 10, "snapshots": 1, **changes}
        records = {"reader": "retail", "file": "retail.csv", "classes": classes, **changes}
        return sources.read_records(folder.raw, parse(SourceSpec, {"title": "Shop", "records": records}, "s"))

    def test_customers_are_described_before_the_reference_date_and_judged_after_it(self, folder):
        found = self.read(folder)  # the log ends on 4 February: the reference date is 25 January
        table = found.records.execute().set_index("customer_id")
        assert table.index.tolist() == ["17", "18"]
        assert table["record_id"].tolist() == ["17@2011-01-25", "18@2011-01-25"]
        assert table["label"].tolist() == ["stays", "leaves"]
        assert table["amount"].tolist() == [8, 0]
        one = table.loc["17"]
        assert (one["orders_total"], one["spend_total"], one["returns_total"]) == (2, 13, 3)
        assert (one["orders@week -1"], one["spend@week -1"], one["returns@week -1"]) == (1, 3, 3)
        assert one["orders@week -2"] == 0
        assert pd.isna(table.loc["18", "orders@week -2"])  # before the first order there is no history

    def test_lines_that_are_left_out_are_counted_and_add_up(self, folder):
        found = self.read(folder)
        lines = {reason: rows for _, reason, rows in found.lines}
        assert (lines["missing_customer"], lines["not_a_price"], lines["duplicate"]) == (1, 1, 1)
        assert lines["all"] == lines["valid"] + 3 == 9
        assert found.notes["returns"] == 1

    def test_outcomes_of_one_date_are_known_at_the_next(self, folder):
        table = self.read(folder, snapshots=2).records.execute()
        assert sorted(table["position"].unique()) == [1_295_049_600, 1_295_913_600]
        assert table["position"].diff().max() == 10 * 86_400

    def test_invoices_are_a_log_of_purchases_too(self, folder):
        folder.write("retail.csv", self.HEADER + "\n".join(self.LINES) + "\n")
        records = {"reader": "retail", "file": "retail.csv", "classes": {"0": "stays", "1": "leaves"}}
        spec = parse(SourceSpec, {"title": "Shop", "records": records}, "s")
        log, customers, lines = retail.read_log(folder.raw, spec.records, "s")
        table = log.execute().sort_values("timestamp")
        assert table["behaviour"].tolist() == ["buy", "buy", "return", "buy", "buy", "buy"]
        assert table["value"].tolist() == [10, 3, -3, 1, 8, 2]
        assert sorted(customers.execute()["customer_id"]) == ["17", "18", "99"]
        assert dict(line[1:] for line in lines)["valid"] == len(table)

    def test_a_log_too_short_for_the_outcome_is_refused(self, folder):
        with pytest.raises(UserError, match=r"covers 32 days.*smaller 'label_days'"):
            self.read(folder, label_days=30)


@pytest.mark.real
@pytest.mark.parametrize(
    ("source", "rows", "positive"),
    [("credit", 30_000, 6_636), ("telco", 7_043, 1_869), ("bank", 45_211, 5_289), ("bank_additional", 41_188, 4_640)],
)
def test_published_tables_have_their_published_sizes(project, real_data, connection, source, rows, positive):
    import yaml

    text = (project / "conf/base/parameters/sources.yml").read_text(encoding="utf-8")
    spec = sources.select_source(yaml.safe_load(text)["sources"], source)
    found = sources.read_records(sources.RawFolder(real_data, connection), spec)
    labels = found.records.group_by("label").agg(n=lambda t: t.count()).execute().set_index("label")["n"]
    assert labels.sum() == rows
    assert labels[found.layout.classes[1]] == positive
