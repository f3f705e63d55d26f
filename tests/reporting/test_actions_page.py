"""The report shows today's customers: whom to contact first, the first rows, and what drifted."""

import json
from pathlib import Path

import pandas as pd
import pytest

from crm_pipelines.errors import UserError
from crm_pipelines.reporting.html import CONTACTS_SHOWN, render_report
from crm_pipelines.reporting.results import FIRST_ROWS, Results


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    """What scoring leaves of a source, and a check of it."""
    folder = tmp_path / "mine/scoring"
    folder.mkdir(parents=True)
    (folder / "overview.json").write_text(json.dumps({"customers": 1234, "hold_out": 123, "drift": {"major": 1}}))
    ids = [f"<b>c{i}</b>" for i in range(40)]
    pd.DataFrame({"customer_id": ids, "confidence": "high"}).to_csv(folder / "customer_actions.csv", index=False)
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


def test_customers_are_shown_with_their_reasons_and_as_text(scored):
    page = render_report(Results.read(scored))
    for text in ("Customer actions", "1,234", "Whom to contact first", "last seen 9 days ago", "recency_days"):
        assert text in page
    assert "columns not used: colour" in page
    assert "<b>c0" not in page
    assert page.count("&lt;b&gt;c") == CONTACTS_SHOWN + FIRST_ROWS
    assert "calm" not in page


def test_a_million_rows_do_not_make_the_page_large(scored):
    path = scored / "mine/scoring/customer_actions.csv"
    rows = pd.DataFrame({"customer_id": [f"c{i}" for i in range(50_000)], "confidence": "high"})
    rows.to_csv(path, index=False)
    assert len(render_report(Results.read(scored))) < 200_000


def test_a_damaged_file_leaves_the_source_out_and_names_it(scored):
    (scored / "mine/scoring/drift.csv").write_text("name\nx\n")
    results = Results.read(scored)
    assert "drift.csv" in render_report(results)
    with pytest.raises(UserError, match=r"drift\.csv"):
        results.check("mine")
