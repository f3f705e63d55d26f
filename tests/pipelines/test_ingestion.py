"""The ingestion pipeline, its blocks and the schemas of its outputs."""

import ibis
import pandas as pd
import pandera.errors
import pandera.ibis
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from crm_pipelines import schemas
from crm_pipelines.columns import INTERACTION_COLUMNS
from crm_pipelines.pipelines.ingestion import create_pipeline
from crm_pipelines.sources import READERS, RECORD_READERS, RawFolder, select_source

BLOCK = {
    "title": "Two clicks",
    "reader": "tables",
    "interactions": {"file": "log.csv", "behaviours": {"view": "view", "buy": "buy"}},
}


@pytest.fixture(scope="module")
def connection():
    backend = ibis.duckdb.connect()
    yield backend
    backend.disconnect()


@pytest.fixture
def interactions(connection):
    rows = [("a", "x", 5, "buy", None, None, 1), (None, "y", None, "view", 2.0, "t", 2)]
    types = dict(
        zip(INTERACTION_COLUMNS, ["string", "string", "int64", "string", "float64", "string", "int64"], strict=True)
    )
    frame = pd.DataFrame(rows, columns=INTERACTION_COLUMNS)
    return connection.create_table("interactions", frame, schema=ibis.schema(types), temp=True, overwrite=True)


def test_raw_files_become_canonical_tables(connection, tmp_path):
    (tmp_path / "log.csv").write_text(
        "customer_id,item_id,timestamp,behaviour\na,x,1700000000,view\na,,1700000001,buy\n"
    )
    catalog = DataCatalog(
        {
            "raw_files": MemoryDataset(RawFolder(tmp_path, connection), copy_mode="assign"),
            "params:source_spec": MemoryDataset(select_source({"two": BLOCK}, "two"), copy_mode="assign"),
        }
    )
    outputs = SequentialRunner().run(create_pipeline(), catalog)
    found = {name: dataset.load() for name, dataset in outputs.items()}
    assert set(found) == {"interactions", "customers", "items", "ingestion_notes"}
    assert schemas.Interactions.validate(found["interactions"]).count().execute() == 2
    assert schemas.Customers.validate(found["customers"]).execute().customer_id.tolist() == ["a"]
    assert schemas.Items.validate(found["items"]).execute().item_id.tolist() == ["x"]
    assert found["ingestion_notes"] == {"interactions": 2}


def test_every_shipped_block_is_valid(project):
    blocks = yaml.safe_load((project / "conf/base/parameters/sources.yml").read_text(encoding="utf-8"))["sources"]
    assert {"demo", "taobao", "amazon_instruments", "amazon_all_beauty", "movielens"} <= set(blocks)
    assert {"credit", "telco", "retail", "bank", "bank_additional"} <= set(blocks)
    for name in blocks:
        block = select_source(blocks, name)
        assert block.reader in READERS or block.log is None
        assert block.table is None or block.records.reader in RECORD_READERS


def test_the_template_of_an_own_block_is_valid(project):
    text = (project / "docs/sources.md").read_text(encoding="utf-8")
    template = text.split("```yaml", 1)[1].split("```", 1)[0]
    blocks = yaml.safe_load(template)["sources"]
    assert select_source(blocks, "my_shop").interactions.classes == ("view", "cart", "buy")


def test_the_template_of_own_records_is_valid(project):
    text = (project / "docs/sources.md").read_text(encoding="utf-8")
    template = text.split("## Records, for risk")[1].split("```yaml")[1].split("```", 1)[0]
    records = select_source(yaml.safe_load(template)["sources"], "my_loans").records
    assert records.reader == "records"
    assert list(records.classes.values()) == ["pays", "defaults"]


class TestSchemas:
    def test_nulls_are_allowed_only_before_cleaning(self, interactions):
        schemas.Interactions.validate(interactions)
        with pytest.raises(pandera.errors.SchemaError, match="null"):
            schemas.CleanInteractions.validate(interactions)
        schemas.CleanInteractions.validate(interactions.filter(interactions.row == 1))

    @pytest.mark.parametrize(
        "broken",
        [
            lambda t: t.drop("row"),
            lambda t: t.mutate(extra=t.row),
            lambda t: t.mutate(row=t.row - 1),
            lambda t: t.mutate(row=ibis.null("int64")),
            lambda t: t.mutate(timestamp=t.timestamp.cast("float64")),
        ],
        ids=["column missing", "unknown column", "row 0", "row null", "wrong type"],
    )
    def test_broken_interactions(self, interactions, broken):
        with pytest.raises(pandera.errors.SchemaError):
            schemas.Interactions.validate(broken(interactions))

    def test_a_record_appears_once(self, interactions):
        twice = interactions.filter(interactions.row == 1)
        with pytest.raises(pandera.errors.SchemaError):
            schemas.CleanInteractions.validate(twice.union(twice))

    def test_a_table_that_keeps_its_promises_is_read_once(self, interactions, monkeypatch):
        monkeypatch.setattr(pandera.ibis.DataFrameModel, "validate", None)
        assert schemas.Interactions.validate(interactions) is interactions
        nobody = interactions.filter(interactions.row > 2)
        assert schemas.CleanInteractions.validate(nobody) is nobody

    @pytest.mark.parametrize(("schema", "column"), [(schemas.Customers, "customer_id"), (schemas.Items, "item_id")])
    def test_one_row_per_id(self, schema, column, connection):
        table = connection.create_table(column, pd.DataFrame({column: ["a", "b"], "age": [1.0, None]}), temp=True)
        schema.validate(table)
        with pytest.raises(pandera.errors.SchemaError):
            schema.validate(table.union(table.limit(1)))
