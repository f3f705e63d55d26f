"""How fast customers are scored: a million times a hundred products by shards, and the lists of 2,048 customers.

    kedro run --pipelines=simulate
    python benchmarks/recommendation_throughput.py data/01_raw --customers 100000

Fits the Product Transformer (and the pooled one with --plus) on FPRT for a moment, since speed does not depend on how
well it is fitted, then scores drawn histories shard by shard and writes each shard's lists to a parquet file. Prints
seconds, what a million customers take at that rate, the peak of memory, and the latency of one batch.
"""

import argparse
import tempfile
import time
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import yaml

from crm_pipelines import columns as c
from crm_pipelines.cleaning import clean_interactions
from crm_pipelines.config import SourceSpec
from crm_pipelines.evaluation.efficiency import latency, measure
from crm_pipelines.models.recommendation.product_transformer import ProductTransformer, ProductTransformerConfig
from crm_pipelines.models.recommendation.product_transformer_plus import (
    ProductTransformerPlus,
    ProductTransformerPlusConfig,
)
from crm_pipelines.models.sequence.neural import SequenceTraining
from crm_pipelines.recommendation.config import OfferParameters
from crm_pipelines.recommendation.preparation import build, split
from crm_pipelines.sequences.inputs import Histories
from crm_pipelines.sources import RawFolder, read
from crm_pipelines.training.seeds import seed_everything

LENGTH = 10
SHARD = 20_000
SOURCES = Path(__file__).parents[1] / "conf/base/parameters/sources.yml"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw_root", type=Path)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--plus", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    seed_everything(42, threads=options.threads)
    inputs = prepared(options.raw_root)
    short = SequenceTraining(epochs=1, most_events=20_000)
    config = ProductTransformerConfig(training=short, pretraining=short, transfer=False)
    model = (
        ProductTransformerPlus(ProductTransformerPlusConfig(network=config))
        if options.plus
        else ProductTransformer(config)
    )
    model.fit(inputs)
    draw = np.random.default_rng(0)
    asked = inputs.asked[c.SLICE_ALL]
    before = inputs.before(asked)
    with tempfile.TemporaryDirectory() as folder, measure() as cost:
        for number, first in enumerate(range(0, options.customers, SHARD)):
            rows = draw.integers(0, len(asked), min(SHARD, options.customers - first))
            write_lists(model, some(before, rows), Path(folder) / f"{number}.parquet")
    million = cost.seconds / options.customers * 1e6
    print(f"{options.customers:,} customers x {inputs.n_items} products: {cost.seconds:.1f} s, ", end="")
    print(f"a million in {million / 60:.1f} min; {cost.added_rss_mb:.0f} MB added at the peak")
    batch = some(before, draw.integers(0, len(asked), 2048))
    found = latency(lambda: best(model.log_probabilities(batch)), 20)
    print(f"lists of 2,048 customers: p50 {found['p50_ms']:.1f} ms, p95 {found['p95_ms']:.1f} ms")


def prepared(raw_root: Path):  # type: ignore[no-untyped-def]
    """FPRT under its cut in time."""
    spec = SourceSpec.model_validate(yaml.safe_load(SOURCES.read_text())["sources"]["fprt"])
    tables = read(RawFolder(raw_root, ibis.duckdb.connect()), spec)
    log = clean_interactions(tables.interactions, spec.interactions)[0].to_pandas()
    customers, items = tables.customers.to_pandas(), tables.items.to_pandas()
    arrays, _ = build(log, customers[c.CUSTOMER_ID], items[c.ITEM_ID], spec.offers, spec.interactions.file)
    return split(arrays, customers, items, spec, c.PROTOCOL_TIME, OfferParameters())


def some(histories: Histories, rows: np.ndarray) -> Histories:
    """Histories by number, again and again."""
    return histories.extended(rows, np.empty((len(rows), 0), dtype=np.int64))


def best(scores: np.ndarray) -> np.ndarray:
    """(B, 10) the first products of each list."""
    top = np.argpartition(-scores, LENGTH, axis=1)[:, :LENGTH]
    return np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1), axis=1)


def write_lists(model, histories: Histories, path: Path) -> None:  # type: ignore[no-untyped-def]
    """One shard."""
    parts = []
    for first in range(0, len(histories), 2048):
        scores = model.log_probabilities(histories.part(slice(first, first + 2048)))
        top = best(scores)
        parts.append(
            pd.DataFrame(
                {
                    "customer": np.repeat(np.arange(first, first + len(top)), LENGTH),
                    "item": top.ravel(),
                    "log_probability": np.take_along_axis(scores, top, axis=1).ravel(),
                }
            )
        )
    pd.concat(parts).to_parquet(path)


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"all in {time.perf_counter() - started:.0f} s")
