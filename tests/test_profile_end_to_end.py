"""Purchases and profiles of a source without any, and how what is asked wrongly is answered.

Runs with purchases are those of the whole chain: ``test_feedback_end_to_end.py``.
"""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crm_pipelines import columns as c

TEXT, NUMBER, WHOLE = pa.string(), pa.float64(), pa.int64()
PROFILES = {
    **dict.fromkeys((c.DOCUMENT_ID, c.CUSTOMER_ID, c.CHANNEL, c.SENTIMENT, c.THEME, c.ENTITIES), TEXT),
    **dict.fromkeys(("p_negative", "p_neutral", "p_positive", *c.EMBEDDING_COLUMNS), NUMBER),
    c.TIMESTAMP: WHOLE,
}
DOCUMENTS = {
    **{name: WHOLE if name in (c.TIMESTAMP, c.ROW) else TEXT for name in c.DOCUMENT_COLUMNS},
    c.GRADE: NUMBER,
}


def write_nothing(root: Path, source: str) -> None:
    """What the stages of texts write of a source without documents."""
    for schema, path in (
        (PROFILES, f"07_model_output/{source}/feedback/document_profiles.parquet"),
        (DOCUMENTS, f"03_primary/{source}/clean_documents.parquet"),
    ):
        (root / path).parent.mkdir(parents=True)
        pq.write_table(pa.schema(schema).empty_table(), root / path)


def test_a_source_without_purchases_has_empty_tables(kedro_run, tmp_path):
    write_nothing(tmp_path, "credit")
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
