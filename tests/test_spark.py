"""Tables on Spark: ingestion and cleaning give what they give on DuckDB, down to the event store."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import ibis
import pandas as pd
import pytest

from crm_pipelines import schemas, sources
from crm_pipelines.cleaning import clean_interactions
from crm_pipelines.config import SourceSpec, parse
from crm_pipelines.preparation.views import build_store
from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.world import build_world
from crm_pipelines.simulate.writers import write_world
from crm_pipelines.sources import RawFolder

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.filterwarnings("ignore::FutureWarning")]

LOG = {
    "file": "UserBehavior.csv",
    "ids": "integer",
    "window": {"start": "2024-11-01", "end": "2024-11-10"},
    "behaviours": {"pv": "pv", "cart": "cart", "fav": "fav", "buy": "buy"},
}
BLOCKS = {
    "demo": {
        "title": "Log, reviews, metadata and a table of customers",
        "reader": "demo",
        "interactions": {**LOG, "context": ["review"]},
        "extra_files": {"reviews": "reviews_5.json", "metadata": "meta.json"},
        "customers": {"file": "customers.csv", "numeric": ["age"], "categorical": ["city_tier"]},
        "items": {"numeric": ["price"], "categorical": ["category", "brand"], "group_by": "category"},
    },
    "taobao": {
        "title": "A log and what can be gathered from it",
        "reader": "taobao",
        "interactions": LOG,
        "items": {"categorical": ["category"], "group_by": "category"},
    },
    "amazon": {
        "title": "Ratings with texts",
        "reader": "amazon",
        "interactions": {
            "file": "reviews_5.json",
            "rating_classes": {"negative": 2, "neutral": 3, "positive": 5},
            "one_rating_per_pair": True,
            "require_text": True,
        },
    },
}


@pytest.fixture(scope="module")
def spark() -> Iterator[ibis.BaseBackend]:
    pytest.importorskip("pyspark")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("needs Java 17")
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "2")
    # Small tables: quick starts pay, compiled code does not.
    session = session.config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1")
    session = session.config("spark.sql.codegen.wholeStage", "false")
    backend = ibis.pyspark.connect(session.getOrCreate())
    yield backend
    backend.disconnect()


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world, with a few cells as people leave them."""
    folder = tmp_path_factory.mktemp("raw")
    small = SimulateParameters(customers=60, items=60, interactions=1500, days=9, promotion_days=(4,), review_share=1)
    write_world(build_world(small), folder)
    with (folder / "UserBehavior.csv").open("a") as log:
        log.write(
            ' 100007 ,200003,400001,pv,1730500000\n+00100007,200003.0,400001,"buy\t",1730500001\n,200003,400001,pv,\n'
        )
    return folder


def prepared(raw: Path, block: str, connection: ibis.BaseBackend, folder: Path) -> dict[str, object]:
    """Everything from raw files to the event store on one engine, through parquet as in a run."""
    spec = parse(SourceSpec, BLOCKS[block], block)
    found = sources.read(RawFolder(raw, connection), spec)
    tables: dict[str, ibis.Table] = {}
    for name, schema in (
        ("interactions", schemas.Interactions),
        ("customers", schemas.Customers),
        ("items", schemas.Items),
    ):
        path = str(folder / name)
        connection.to_parquet(schema.validate(getattr(found, name)), path)
        tables[name] = connection.read_parquet(path)
    clean, report = clean_interactions(tables["interactions"], spec.interactions)
    connection.to_parquet(schemas.CleanInteractions.validate(clean), str(folder / "clean"))
    store, ids = build_store(connection.read_parquet(str(folder / "clean")), tables["items"], spec)
    frames = {name: table.to_pandas().astype(object) for name, table in tables.items()}
    arrays = {name: array.tolist() for name, array in store.arrays().items() if name != "value"}
    values = [str(value) for value in store.value]
    return {**frames, "report": report, "notes": found.notes, "store": arrays, "values": values} | {
        side: names.tolist() for side, names in ids.items()
    }


@pytest.mark.parametrize("block", BLOCKS)
def test_spark_and_duckdb_give_equal_tables(spark: ibis.BaseBackend, raw: Path, tmp_path: Path, block: str) -> None:
    duckdb = ibis.duckdb.connect()
    try:
        (tmp_path / "duckdb").mkdir()
        (tmp_path / "spark").mkdir()
        expected = prepared(raw, block, duckdb, tmp_path / "duckdb")
        found = prepared(raw, block, spark, tmp_path / "spark")
    finally:
        duckdb.disconnect()
    for name, wanted in expected.items():
        if isinstance(wanted, pd.DataFrame):
            pd.testing.assert_frame_equal(found[name], wanted, check_dtype=False)  # type: ignore[arg-type]
        else:
            assert found[name] == wanted, name


def test_spark_and_duckdb_give_equal_records(spark: ibis.BaseBackend, tmp_path: Path) -> None:
    rows = "id,age,plan,churned\n1,30, basic ,1.0\n2,41.5,plus,0\n007,unknown,basic,1\n"
    (tmp_path / "own.csv").write_text(rows)
    records = {
        "file": "own.csv",
        "id": "id",
        "label": "churned",
        "classes": {"0": "stays", "1": "leaves"},
        "numeric": ["age"],
        "categorical": ["plan"],
        "missing": ["unknown"],
    }
    spec = parse(SourceSpec, {"title": "Records", "records": records}, "records")
    frames = [
        schemas.Records.validate(sources.read_records(RawFolder(tmp_path, connection), spec).records)
        .order_by("row")
        .to_pandas()
        for connection in (ibis.duckdb.connect(), spark)
    ]
    found = [frame.astype(object).where(frame.notna(), None) for frame in frames]  # one engine's null is another's nan
    pd.testing.assert_frame_equal(found[1], found[0], check_dtype=False)
    assert found[1]["label"].tolist() == ["leaves", "stays", "leaves"]
