"""A check says what a source holds, what is odd about it, and for which pipelines it suffices."""

from pathlib import Path

import ibis
import pandas as pd
import pytest

from crm_pipelines.check import columns, report, requirements
from crm_pipelines.check.facts import Facts, gather
from crm_pipelines.check.findings import PROBLEM, Finding, find
from crm_pipelines.config import FoldParameters, SourceSpec, SplitParameters
from crm_pipelines.sources.raw import RawFolder

LIMITS = requirements.Limits(split=SplitParameters(), folds=FoldParameters())
START = 1_700_000_000
HOURS = [START + 3_600 * i for i in range(800)]


@pytest.fixture
def raw(tmp_path: Path) -> RawFolder:
    connection = ibis.duckdb.connect()
    yield RawFolder(root=tmp_path, connection=connection, staging=tmp_path)
    connection.disconnect()


def log(n: int = 800, **changes: object) -> pd.DataFrame:
    labels = ("seen", "basket", "paid")
    table = pd.DataFrame(
        {
            "customer_id": [f"c{i * 7 % 30}" for i in range(n)],
            "item_id": [f"p{i * 5 % 21}" for i in range(n)],
            "timestamp": [START + 3_600 * i for i in range(n)],
            "behaviour": [labels[i % 3] for i in range(n)],
        }
    )
    return table.assign(**changes)


def spec(**changes: object) -> SourceSpec:
    block = {"file": "log.csv", "behaviours": {"seen": "view", "basket": "cart", "paid": "buy"}}
    further = {key: value for key, value in changes.items() if key in SourceSpec.model_fields or key == "records"}
    block |= {key: value for key, value in changes.items() if key not in further}
    return SourceSpec.model_validate({"title": "Shop", "reader": "tables", "interactions": block, **further})


def look(raw: RawFolder, source: SourceSpec, table: pd.DataFrame) -> tuple[Facts, list[Finding], dict[str, str]]:
    table.to_csv(raw.root / "log.csv", index=False)
    facts = gather(raw, source, LIMITS.folds)
    files = []
    for part in ("interactions", "records"):
        if part in facts.problems and "not found" in facts.problems[part]:
            continue
        own = columns.part_files(raw, source, part)
        files += [(own, columns.profile(own))] if own is not None else []
    rows = requirements.table(facts, LIMITS)
    return facts, find(facts, files), requirements.verdicts(rows)


def said(findings: list[Finding]) -> str:
    return "\n".join(" ".join(each) for each in findings)


def test_a_good_log_is_described_and_found_ready(raw):
    facts, findings, verdicts = look(raw, spec(), log())
    assert (facts.log.rows, facts.log.customers, facts.log.items) == (800, 30, 21)
    assert facts.log.behaviours == {"view": 267, "cart": 267, "buy": 266}
    assert findings == []
    assert verdicts == {**verdicts, "coldstart": "ready", "risk": "not ready", "engagement": "ready, with gaps"}


def test_too_short_a_log_is_told_with_numbers(raw):
    facts, _, verdicts = look(raw, spec(), log(200))
    assert verdicts["coldstart"] == "not ready"
    needs = [
        need for need in requirements.table(facts, LIMITS) if need["met"] == "no" and need["pipeline"] == "coldstart"
    ]
    assert needs[0]["needed"] == "375 events"
    assert "200 events" in needs[0]["found"]


@pytest.mark.parametrize(
    ("changes", "block", "says"),
    [
        ({"timestamp": [1000 * (START + i) for i in range(800)]}, {}, "set timestamp_format: \"milliseconds\""),
        ({"timestamp": ["17.03.2024 09:30"] * 800}, {"timestamp_format": "iso"}, '"%d.%m.%Y %H:%M"'),
        ({"timestamp": ["03/04/2024"] * 800}, {"timestamp_format": "%d/%m/%Y"}, "which of day and month"),
        ({"customer_id": [f"c{i % 9}" if i % 2 else str(i % 9) for i in range(800)]}, {}, "ids: text"),
        ({"customer_id": [f"{'c' if i % 2 else 'C'}{i % 9}" for i in range(800)]}, {}, "upper and lower case"),
        ({"customer_id": ["c1", "c1\u00a0"] * 400}, {}, "1 ids equal another but for upper and lower case, blanks"),
        ({"customer_id": ["NULL" if i % 50 == 0 else "c1" for i in range(800)]}, {}, "16 rows hold a word such as"),
        ({"customer_id": "c1"}, {}, "all events are of one customer"),
        ({"customer_id": ["bot" if i % 3 else f"c{i}" for i in range(800)]}, {}, "one customer has 533 of 800 events"),
        ({"timestamp": [*HOURS[:797], *[START + 3 * 10**7] * 3]}, {}, "3 events lie 314 days after the others"),
        ({"timestamp": [START - 10**8, *HOURS[:799]]}, {}, "1 event lies 1,157 days before the others"),
        ({"note": [("a", "b", "c")[i % 3] for i in range(800)]}, {}, "tells the behaviour in 100.0 %"),
        ({"value": "x"}, {"columns": {"value": "value"}}, "is not a number"),
        ({"value": ""}, {"columns": {"value": "value"}}, "has no value in any row"),
        ({"E_Mail": "a@b.c", "colour": "red"}, {}, "columns not used: E_Mail, colour"),
    ],
)  # fmt: skip
def test_what_is_odd_about_a_column_is_told(raw, changes, block, says):
    _, findings, _ = look(raw, spec(**block), log(**changes))
    assert says in said(findings)


@pytest.mark.parametrize("amounts", [[i / 7 for i in range(150)], [i // 2 / 7 for i in range(150)]])
def test_amounts_that_hardly_repeat_do_not_tell_the_outcome(raw, amounts):
    outcomes = ["yes" if i * 7919 % 11 < 5 else "no" for i in range(150)]
    pd.DataFrame({"id": range(150), "left": outcomes, "amount": amounts}).to_csv(raw.root / "few.csv", index=False)
    block = {"file": "few.csv", "id": "id", "label": "left", "classes": {"no": "stays", "yes": "leaves"}}
    source = SourceSpec.model_validate({"title": "Few", "records": {**block, "numeric": ["amount"]}})
    assert "by itself" not in said(look(raw, source, pd.DataFrame())[1])


def test_repeats_are_counted(raw):
    twice = pd.concat([log(), log().head(100)])
    _, findings, _ = look(raw, spec(), twice)
    assert "100 of 900 rows (11.1 %) are dropped: duplicate" in said(findings)


def test_a_log_of_one_kind_suffices_for_plans_and_churn_only(raw):
    orders = spec(behaviours={}, churn={"within_days": 5, "snapshots": 2})
    facts, _, verdicts = look(raw, orders, log().drop(columns="behaviour"))
    assert facts.log.behaviours == {"event": 800}
    assert verdicts["coldstart"] == "not ready"
    advice = [need["advice"] for need in requirements.table(facts, LIMITS) if need["met"] == "no"]
    assert any("at least two classes" in each for each in advice)
    assert facts.churn is not None


def test_history_may_tell_churn_and_an_attribute_filled_in_afterwards_may_not(raw):
    """Half of the customers stop at day 20: what they did tells, and so does a column written when they had gone."""
    n = 3_000
    customer = [i % 60 for i in range(n)]
    table = pd.DataFrame({"customer_id": [f"c{i:02d}" for i in customer], "item_id": [f"p{i % 21}" for i in range(n)]})
    table["timestamp"] = [START + 86_400 * (i // 60) for i in range(n)]
    table = table[(table["timestamp"] < START + 20 * 86_400) | (pd.Series(customer) % 2 == 0)]
    people = {"customer_id": sorted(set(table["customer_id"])), "refunded": [i % 2 for i in range(60)]}
    pd.DataFrame(people).to_csv(raw.root / "people.csv", index=False)
    attributes = {"file": "people.csv", "numeric": ["refunded"]}
    churn = {"within_days": 10, "snapshots": 2, "audience": {"active_within_days": 60}}
    source = spec(behaviours={}, churn=churn, customers=attributes)
    facts, findings, verdicts = look(raw, source, table)
    assert {name for name, auc in facts.churn.aucs.items() if auc > 0.98} >= {"refunded", "recency_days"}
    assert [each.where for each in findings if "AUC" in each.what] == ["churn, column 'refunded'"]
    assert "leave it out of 'customers'" in said(findings)
    assert verdicts["engagement"] == "not ready"
    without = spec(behaviours={}, churn=churn)
    assert look(raw, without, table)[2]["engagement"] == "ready"


def test_a_column_of_a_single_kind_is_used_where_the_block_names_that_kind(raw):
    _, findings, _ = look(raw, spec(behaviours={"seen": "open"}), log(behaviour="seen"))
    assert findings == []


def test_who_may_not_be_contacted_is_counted_and_another_spelling_told(raw):
    people = {"customer_id": [f"c{i}" for i in range(30)], "mail": ["Nein" if i % 3 == 0 else "Ja" for i in range(30)]}
    pd.DataFrame([*zip(*people.values(), strict=True), ("c1", "Ja")], columns=list(people)).to_csv(
        raw.root / "people.csv", index=False
    )
    attributes = {"file": "people.csv", "categorical": ["mail"]}
    facts, findings, _ = look(raw, spec(customers=attributes, do_not_contact={"mail": ["Nein"]}), log())
    assert facts.spared == 10
    assert "people.csv 1 customers repeated ids" in said(findings)
    _, findings, _ = look(raw, spec(customers=attributes, do_not_contact={"mail": ["nein"]}), log())
    assert (findings[0].severity, "writes 'Nein'" in findings[0].what) == (PROBLEM, True)
    _, findings, _ = look(raw, spec(customers=attributes, do_not_contact={"mail": ["never"]}), log())
    assert "do_not_contact forbids to contact nobody" in said(findings)


def test_customers_without_attributes_are_not_said_to_have_any(raw):
    facts, findings, _ = look(raw, spec(), log())
    shown = report.text(facts, "shop", findings, requirements.table(facts, LIMITS))
    assert "with a row of attributes" not in shown


def test_records_are_judged_by_their_outcome_and_by_columns_that_give_it_away(raw):
    n = 400
    table = pd.DataFrame(
        {
            "id": range(n),
            "left": ["yes" if i % 4 == 0 else "no" for i in range(n)],
            "age": [20 + i % 50 for i in range(n)],
        }
    )
    table["final_bill"] = [0 if i % 4 == 0 else 10 + i % 5 for i in range(n)]
    table.loc[:9, "left"] = None
    table.to_csv(raw.root / "records.csv", index=False)
    block = {"file": "records.csv", "id": "id", "label": "left", "classes": {"no": "stays", "yes": "leaves"}}
    source = SourceSpec.model_validate({"title": "Loans", "records": {**block, "numeric": ["age", "final_bill"]}})
    facts, findings, verdicts = look(raw, source, pd.DataFrame())
    assert facts.records.waiting == 10
    assert facts.records.classes == {"stays": 293, "leaves": 97}
    assert "column 'final_bill' alone it reaches an AUC of 1.000" in said(findings)
    assert verdicts["risk"] == "not ready"
    trusted = source.model_copy(update={"table": source.records.model_copy(update={"trusted": ("final_bill",)})})
    assert look(raw, trusted, pd.DataFrame())[2]["risk"] == "ready"


def test_columns_that_are_guessed_are_used_and_codes_for_no_value_are_noticed(raw):
    n = 400
    table = pd.DataFrame(
        {
            "left": ["yes" if i % 4 == 0 else "no" for i in range(n)],
            "age": [-999.0 if i % 7 == 0 else 20 + i % 50 for i in range(n)],
            "plan": [f"plan {i % 3}" for i in range(n)],
            "amount": [f"{i},50 EUR" for i in range(n)],
        }
    )
    table.to_csv(raw.root / "records.csv", index=False)
    block = {"file": "records.csv", "label": "left", "classes": {"no": "stays", "yes": "leaves"}, "guess": True}
    source = SourceSpec.model_validate({"title": "Loans", "records": block})
    roles = columns.profile(columns.part_files(raw, source, "records")).set_index("column")["role"]
    assert roles.to_dict() == {"left": "label", "age": "numeric", "plan": "categorical", "amount": "not used"}
    shown = said(look(raw, source, pd.DataFrame())[1])
    assert (
        "columns not used: amount not guessed, for they number the rows or hold more than 200 different words" in shown
    )
    assert "column 'age' reaches -999, which often stands for 'no value' if so, name it under 'missing'" in shown
    declared = source.model_copy(update={"table": source.records.model_copy(update={"missing": ("-999",)})})
    assert "reaches -999" not in said(look(raw, declared, pd.DataFrame())[1])


def test_what_is_odd_about_documents_is_told_before_anything_is_fitted(raw):
    n = 300
    table = pd.DataFrame({"nps": [i % 11 for i in range(n)], "why": [f"answer {i}" for i in range(n)]})
    table.loc[:29, "why"] = None
    table.to_csv(raw.root / "survey.csv", index=False)
    part = {"file": "survey.csv", "columns": {"text": "why", "rating": "nps"}, "channel": "survey"}
    part["rating_classes"] = {"negative": 6, "neutral": 8, "positive": 10}
    source = SourceSpec.model_validate({"title": "Survey", "documents": {"nps": part}})
    facts, findings, verdicts = look(raw, source, pd.DataFrame())
    assert "warning documents 30 of 300 documents are dropped: empty text" in said(findings)
    assert "28 of 300 documents: rating outside scale they keep no label; give the bottom" in said(findings)
    assert "sentiments    " in report.text(facts, "mine", findings, requirements.table(facts, LIMITS))
    assert verdicts["feedback"] == "ready, with gaps"


def test_a_part_that_cannot_be_read_does_not_hide_the_others(raw):
    block = {"file": "nowhere.csv", "label": "y", "classes": {"0": "a", "1": "b"}}
    facts, findings, verdicts = look(raw, spec(records=block), log())
    assert findings[0].severity == PROBLEM
    assert "nowhere.csv" in findings[0].what
    assert verdicts["coldstart"] == "ready"
    text = report.text(facts, "mine", findings, requirements.table(facts, LIMITS))
    assert "kedro run --pipelines=coldstart --params=source=mine" in text
    assert "--pipelines=risk" not in text


def test_a_wide_table_is_looked_at_in_parts(raw):
    wide = log(100)
    further = pd.DataFrame({f"f{i}": [i + j % 3 for j in range(100)] for i in range(120)})
    pd.concat([wide, further], axis=1).to_csv(raw.root / "log.csv", index=False)
    own = columns.part_files(raw, spec(), "interactions")
    table = columns.profile(own)
    assert len(table) == 124
    assert set(table.loc[4:, "role"]) == {"not used"}
    assert set(table.loc[4:, "kind"]) == {"whole numbers"}
