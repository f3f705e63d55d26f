"""The published files themselves, read by the blocks that ship: counts as published."""

import pytest
import yaml

from crm_pipelines import schemas, sources
from crm_pipelines.config import SourceSpec, parse
from crm_pipelines.errors import UserError
from crm_pipelines.sources import RawFolder, amazon, select_source

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def blocks(project):
    text = (project / "conf/base/parameters/sources.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["sources"]


@pytest.fixture(scope="module")
def raw(real_data, connection):
    return RawFolder(real_data, connection)


@pytest.mark.parametrize(
    ("source", "counts", "classes"),
    [
        ("taobao", (84_287, 814, 55_233), {"pv": 75_693, "cart": 4_494, "fav": 2_351, "buy": 1_749}),
        (
            "amazon_instruments",
            (10_261, 1_429, 900),
            {"negative": 217 + 250, "neutral": 772, "positive": 2_084 + 6_938},
        ),
        ("amazon_all_beauty", (5_269, 991, 85), {"negative": 115 + 64, "neutral": 109, "positive": 332 + 4_649}),
        ("movielens", (100_000, 943, 1_682), {"negative": 17_480, "neutral": 27_145, "positive": 55_375}),
    ],
)
def test_counts(raw, blocks, source, counts, classes):
    tables = sources.read(raw, select_source(blocks, source))
    for schema, table in zip((schemas.Interactions, schemas.Customers, schemas.Items), _all(tables), strict=True):
        schema.validate(table)
    assert tuple(table.count().execute() for table in _all(tables)) == counts
    found = tables.interactions.group_by("behaviour").aggregate(n=lambda t: t.count()).execute()
    assert dict(zip(found.behaviour, found.n, strict=True)) == classes


def test_reviews_without_text_keep_their_summary(raw, blocks):
    tables = sources.read(raw, select_source(blocks, "amazon_instruments"))
    assert tables.interactions.text.isnull().sum().execute() == 0  # 7 have no review text, all have a summary


def test_magazine_metadata(raw, blocks):
    """1,065 repeats; 18 prices, none of which is one; entities unescaped."""
    spec = parse(
        SourceSpec,
        {
            **blocks["amazon_instruments"],
            "items": {"numeric": ["price"], "categorical": ["category", "brand"], "text": ["title"]},
            "extra_files": {"metadata": "amazon_meta_magazine_subscriptions/meta_Magazine_Subscriptions.json.gz"},
        },
        "test",
    )
    metadata, counts = amazon.read_metadata(raw, spec.extra_files["metadata"])
    assert counts["metadata_prices_unreadable"] == 18
    assert metadata.table.brand.count().execute() == 3_162
    items = metadata.table.execute()
    assert (len(items), items.asin.nunique()) == (3_385, 2_320)
    assert items.price.isna().all()
    assert "Arts, Music & Photography" in set(items.category)
    assert not items.brand.str.contains("&amp;").any()
    with pytest.raises(UserError, match="none of the 900 ids of items in the log occurs"):
        sources.read(raw, spec)


def _all(tables):
    return tables.interactions, tables.customers, tables.items
