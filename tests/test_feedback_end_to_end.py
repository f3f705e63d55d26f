"""Feedback from raw files to described documents and report with one command; what is shown of hostile texts."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from crm_pipelines import columns as c
from crm_pipelines.columns import RESULT_COLUMNS
from crm_pipelines.models.registry import PURCHASE_MODELS, TEXT_MODELS
from crm_pipelines.reporting.html import render_report
from crm_pipelines.reporting.results import Results


@pytest.fixture(scope="module")
def finished(kedro_run: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("feedback")
    ran = kedro_run("--env=test", "--pipelines=feedback", f"--params=data_root={root},processes=1")
    assert ran.exit_code == 0, ran.stderr
    assert "Report:" in ran.everything
    return root


def table(root: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(root / f"08_reporting/demo/{name}.csv")


@pytest.mark.slow
class TestWholeRun:
    def test_every_model_is_measured_on_every_fold(self, finished):
        metrics = table(finished, "feedback/metrics")
        assert tuple(metrics.columns) == RESULT_COLUMNS
        shuffled = metrics[metrics["protocol"] == "stratified"]
        assert set(shuffled["model"]) == set(TEXT_MODELS)
        assert (shuffled.groupby("model")["fold"].nunique() == 2).all()
        assert set(metrics["protocol"]) == {"stratified", "time"}
        tests = table(finished, "feedback/tests")
        assert set(tests["model"]) == {"cnn_gru", "cnn_gru_plus"}
        assert tests["p"].between(0, 1).all()

    def test_every_document_has_one_row(self, finished):
        profiles = pd.read_parquet(finished / "07_model_output/demo/feedback/document_profiles.parquet")
        report = table(finished, "documents/cleaning_report")
        rows = report.groupby("step")["rows"].sum()
        assert rows["rows_in"] == rows["dropped"] + rows["rows_out"]
        assert len(profiles) == profiles["document_id"].nunique() == rows["rows_out"]
        assert set(profiles["channel"]) == {"review", "ticket", "mention", "survey"}
        assert profiles[["p_negative", "p_neutral", "p_positive"]].sum(axis=1).round(6).eq(1).all()
        named = profiles["entities"].map(json.loads).map(len)
        assert (named[profiles["channel"] == "ticket"] > 0).mean() > 0.9  # tickets name what was bought
        assert profiles["language"].isin(["en", "und"]).mean() > 0.99

    def test_the_report_shows_what_was_found(self, finished):
        page = (finished / "08_reporting/index.html").read_text(encoding="utf-8")
        for text in ("Table 1: sentiment", "Sentiment by class", "Words behind decisions", "Entities", "Pain points"):
            assert text in page
        assert "Documents by channel" in page
        assert "Run with --env=test" in page


@pytest.mark.slow
class TestProfiles:
    def test_every_model_is_measured_on_dates_it_has_not_seen(self, finished):
        metrics = table(finished, "profile/metrics")
        assert tuple(metrics.columns) == c.RESULT_COLUMNS
        assert set(metrics["paper"]) == {"D"}
        assert set(metrics["protocol"]) == {"time"}
        assert set(metrics["model"]) == set(PURCHASE_MODELS)

    def test_every_customer_has_one_row_for_use(self, finished):
        voice = pd.read_parquet(finished / "08_reporting/demo/profile/customer_voice.parquet")
        assert voice["customer_id"].is_unique
        assert len(voice) == 600
        assert voice["purchase_probability"].between(0, 1).all()
        assert set(voice["band"]) <= {"low", "moderate", "raised", "high"}
        silent = voice["documents"] == 0
        assert silent.any()
        assert not silent.all()
        assert voice.loc[silent, "sentiment_now"].isna().all()
        assert voice.loc[silent, "purchase_probability"].notna().all()

    def test_the_last_negative_document_is_quoted(self, finished):
        voice = pd.read_parquet(finished / "08_reporting/demo/profile/customer_voice.parquet")
        complained = voice["last_negative_document"].notna()
        assert complained.sum() > 50
        assert voice.loc[complained, "last_negative_text"].str.len().le(200).all()
        assert (voice["last_negative_text"].notna() == complained).mean() > 0.95  # a few reviews have no text

    def test_segments_hold_everybody_and_are_judged_beside_rfm(self, finished):
        segments, quality = table(finished, "profile/segments"), table(finished, "profile/segment_quality")
        assert segments["customers"].sum() == 600
        assert segments["name"].is_unique
        assert segments["purchase_probability"].is_monotonic_decreasing
        assert quality["grouping"].tolist() == ["fused profiles", "RFM quintiles"]

    def test_figures_and_tables_of_the_paper_have_what_they_show(self, finished):
        assert set(table(finished, "profile/forecasts")["model"]) == set(PURCHASE_MODELS)
        assert {"hybrid", "usual_value", "lightgbm"} <= set(table(finished, "profile/value_bands")["model"])
        assert set(table(finished, "profile/heat")["fact"]) >= {"purchase_recency_days", "sentiment_now"}
        assert set(table(finished, "profile/tests")["model"]) == {"hybrid", "hybrid_plus"}


def test_markup_of_customers_is_escaped_on_the_page(tmp_path: Path):
    folder = tmp_path / "shop" / "feedback"
    folder.mkdir(parents=True)
    hostile = "<script>alert(1)</script>"
    row = {"document": 0, "model": "vader", "y_true": "negative", "decided": "positive", "probability": 0.9}
    pd.DataFrame([{**row, "position": 0, "word": hostile, "weight": 0.1}]).to_csv(folder / "words.csv", index=False)
    counted = {"type": "brand", "source": "catalogue", "text": hostile, "documents": 3}
    pd.DataFrame([counted]).to_csv(folder / "entity_counts.csv", index=False)
    theme = {"theme": hostile, "documents": 3, "share": 1.0, "negative": 0.5}
    in_time = {**theme, "period": "all", "start": 0.0, "negative_share": 1.0}
    pain = {**theme, "expected_negative": 1.5, "lift": 1.0, "trend": 0.1}
    for name, row in (("themes", in_time), ("pain_points", pain)):
        pd.DataFrame([row]).to_csv(folder / f"{name}.csv", index=False)
    page = render_report(Results.read(tmp_path))
    assert hostile not in page
    assert page.count("&lt;script&gt;alert(1)") >= 3


def test_a_source_without_documents_says_what_to_do(kedro_run, tmp_path):
    ran = kedro_run("--env=test", "--pipelines=documents", f"--params=source=credit,data_root={tmp_path}")
    assert ran.exit_code
    assert "has no 'documents'" in ran.last_line
