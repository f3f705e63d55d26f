"""Purchases and profiles from raw files to one row per customer, and how what is asked wrongly is answered."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crm_pipelines import columns as c
from crm_pipelines.models.registry import PURCHASE_MODELS

TEXT, NUMBER, WHOLE = pa.string(), pa.float64(), pa.int64()
PROFILES = {
    **dict.fromkeys((c.DOCUMENT_ID, c.CUSTOMER_ID, c.CHANNEL, c.SENTIMENT, c.THEME, c.ENTITIES), TEXT),
    **dict.fromkeys(("p_negative", "p_neutral", "p_positive", *c.EMBEDDING_COLUMNS), NUMBER),
    c.TIMESTAMP: WHOLE,
}
DOCUMENTS = {name: WHOLE if name in (c.TIMESTAMP, c.ROW) else TEXT for name in c.DOCUMENT_COLUMNS}


def write_documents(root: Path, source: str, reviews: list[dict] = ()) -> None:
    """What the stage of texts would have written: reviews with the sentiment of their stars."""
    table = pd.DataFrame(list(reviews), columns=["reviewerID", "unixReviewTime", "overall", "reviewText"])
    stars = table["overall"].to_numpy(dtype=float)
    profiles = pd.DataFrame(
        {
            c.DOCUMENT_ID: [f"reviews-{row}" for row in range(len(table))],
            c.CUSTOMER_ID: table["reviewerID"],
            c.TIMESTAMP: table["unixReviewTime"],
            c.CHANNEL: "review",
            c.SENTIMENT: np.where(stars <= 2, "negative", "positive"),
            c.THEME: "quality",
            c.ENTITIES: '[{"text": "Kettle"}]',
            "p_negative": np.where(stars <= 2, 0.8, 0.1),
            "p_neutral": 0.1,
            "p_positive": np.where(stars <= 2, 0.1, 0.8),
            **dict.fromkeys(c.EMBEDDING_COLUMNS, stars / 5),
        }
    )
    documents = profiles.assign(**{c.TEXT: table["reviewText"], c.ROW: range(1, len(table) + 1)})
    for frame, schema, path in (
        (profiles, PROFILES, f"07_model_output/{source}/feedback/document_profiles.parquet"),
        (documents, DOCUMENTS, f"03_primary/{source}/clean_documents.parquet"),
    ):
        (root / path).parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pandas(frame.reindex(columns=list(schema)), pa.schema(schema)), root / path)


@pytest.fixture(scope="module")
def finished(kedro_run: Callable, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("profile")
    lines = (project / "data/01_raw/demo/reviews_5.json").read_text(encoding="utf-8").splitlines()
    write_documents(root, "demo", [json.loads(line) for line in lines])
    ran = kedro_run("--env=test", "--pipelines=purchases,profile", f"--params=data_root={root},processes=1")
    assert ran.exit_code == 0, ran.stderr
    return root


def table(root: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(root / f"08_reporting/demo/profile/{name}.csv")


@pytest.mark.slow
class TestWholeRun:
    def test_every_model_is_measured_on_dates_it_has_not_seen(self, finished):
        metrics = table(finished, "metrics")
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
        assert voice.loc[silent, "sentiment_now"].isna().all()
        assert voice.loc[silent, "purchase_probability"].notna().all()

    def test_the_last_negative_document_is_quoted(self, finished):
        voice = pd.read_parquet(finished / "08_reporting/demo/profile/customer_voice.parquet")
        complained = voice["last_negative_document"].notna()
        assert complained.sum() > 50
        assert voice.loc[complained, "last_negative_text"].str.len().le(200).all()
        assert (voice["last_negative_text"].notna() == complained).mean() > 0.95  # a few reviews have no text

    def test_segments_hold_everybody_and_are_judged_beside_rfm(self, finished):
        segments, quality = table(finished, "segments"), table(finished, "segment_quality")
        assert segments["customers"].sum() == 600
        assert segments["name"].is_unique
        assert segments["purchase_probability"].is_monotonic_decreasing
        assert quality["grouping"].tolist() == ["fused profiles", "RFM quintiles"]

    def test_figures_and_tables_of_the_paper_have_what_they_show(self, finished):
        assert set(table(finished, "forecasts")["model"]) == set(PURCHASE_MODELS)
        assert {"hybrid", "usual_value", "lightgbm"} <= set(table(finished, "value_bands")["model"])
        assert set(table(finished, "heat")["fact"]) >= {"purchase_recency_days", "sentiment_now"}
        assert set(table(finished, "tests")["model"]) == {"hybrid", "hybrid_plus"}


def test_a_source_without_purchases_has_empty_tables(kedro_run, tmp_path):
    write_documents(tmp_path, "credit")
    ran = kedro_run(
        "--env=test", "--pipelines=purchases,profile", f"--params=data_root={tmp_path},processes=1,source=credit"
    )
    assert ran.exit_code == 0, ran.stderr
    assert pd.read_parquet(tmp_path / "08_reporting/credit/profile/customer_voice.parquet").empty


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ("profile.runs.models=hybridd", "did you mean 'hybrid'?"),
        ("profile.hybrid.config.output_dims=3", "did you mean 'output_dim'?"),
        ("profile.voice.quote=-1", "quote"),
    ],
)
def test_what_is_asked_wrongly_ends_in_one_line(kedro_run, tmp_path, parameters, says):
    ran = kedro_run("--pipelines=purchases,profile", f"--params={parameters},data_root={tmp_path}")
    assert ran.exit_code == 1
    assert says in ran.last_line
    assert not list(tmp_path.rglob("*.csv"))
