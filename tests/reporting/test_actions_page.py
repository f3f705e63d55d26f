"""The report counts today's customers, whom to contact first and what drifted; it names nobody."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from crm_pipelines.errors import UserError
from crm_pipelines.reporting.html import render_report
from crm_pipelines.reporting.results import Results


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    """What scoring leaves of a source, and a check of it."""
    folder = tmp_path / "mine/scoring"
    folder.mkdir(parents=True)
    (folder / "overview.json").write_text(json.dumps({"customers": 1234, "hold_out": 123, "drift": {"major": 1}}))
    ids = [f"<b>c{i}</b>" for i in range(40)]
    bands = {"churn_band": ["low", "high"] * 20, "segment": ["loyal", "", "late", "late"] * 10}
    rows = pd.DataFrame({"customer_id": ids, "confidence": "high", "action_1": "discount", **bands})
    rows.to_parquet(folder / "customer_actions.parquet", index=False)
    contacts = {
        "customer_id": ids,
        "action_1": "discount",
        "churn_probability": 0.81,
        "risk": None,
        "expected_value": 3.5,
    }
    pd.DataFrame({**contacts, "reason_1": "last seen 9 days ago"}).to_csv(folder / "contact_list.csv", index=False)
    drift = {"system": ["churn", "churn"], "kind": "input", "name": ["recency_days", "calm"], "measure": "psi"}
    numbers = {"reference": 1.0, "today": 5.0, "value": [0.4, 0.0], "severity": ["major", "none"], "n": 9}
    pd.DataFrame({**drift, **numbers}).to_csv(folder / "drift.csv", index=False)
    check = tmp_path / "mine/check"
    check.mkdir()
    finding = {"severity": ["note"], "where": ["log.csv"], "what": ["columns not used: colour"], "advice": [""]}
    pd.DataFrame(finding).to_csv(check / "findings.csv", index=False)
    return tmp_path


def test_customers_are_counted_and_never_named(scored):
    page = render_report(Results.read(scored))
    for text in ("Customer actions", "1,234", "Whom to contact first", "discount", "recency_days", "20 (66.7 %)"):
        assert text in page
    assert "columns not used: colour" in page
    assert not re.search(r"b&gt;c\d|<b>c\d", page)
    assert "last seen 9 days ago" not in page  # reasons may hold ids of items
    assert "calm" not in page


def test_bands_stand_from_low_to_high_and_other_kinds_from_many_to_few(scored):
    path = scored / "mine/scoring/customer_actions.parquet"
    rows = pd.DataFrame({"churn_band": ["raised", "raised", "low", "high"], "churn_probability": [0.3, 0.4, 0.1, 0.9]})
    rows.assign(segment=["late", "loyal", "loyal", ""]).to_parquet(path, index=False)
    scoring = Results.read(scored).sources[0].scoring
    assert scoring is not None
    found = scoring.counts
    assert list(found["churn_band"].items()) == [("low", 1.0), ("raised", 2.0), ("high", 1.0)]
    assert list(found["segment"].items()) == [("loyal", 2.0), ("late", 1.0)]


def test_a_million_rows_do_not_make_the_page_large(scored):
    path = scored / "mine/scoring/customer_actions.parquet"
    ids = [f"c{i}" for i in range(1_000_000)]
    pd.DataFrame({"customer_id": ids, "action_1": "discount", "segment": ids}).to_parquet(path, index=False)
    assert len(render_report(Results.read(scored))) < 200_000


def test_a_damaged_file_leaves_the_source_out_and_names_it(scored):
    (scored / "mine/scoring/drift.csv").write_text("name\nx\n")
    results = Results.read(scored)
    assert "drift.csv" in render_report(results)
    with pytest.raises(UserError, match=r"drift\.csv"):
        results.check("mine")
