"""What preprocessing costs: this project against the same work in plain pandas, on the same simulated log.

    python benchmarks/preprocessing.py                        # 1,000,000 interactions
    python benchmarks/preprocessing.py 18700000 --keep=DIR    # paper A's size; DIR keeps the simulated files
    python benchmarks/preprocessing.py 2000000 --stages       # time and memory of each node too

Both read the Taobao-format file, drop faulty and repeated rows, give every item its most frequent category, write the
tables as parquet, number customers and items in order of first appearance, index both sides' histories, cut in time,
draw the cold-start sets and save it all. pandas does it on whole tables, with dictionary-encoded ids, which is kind
to its memory; what it leaves out is every check of a cell. Each runs in a process of its own, one after the other; CPU
time is what other work on the machine disturbs least, and the ratio is what to quote.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from measured import Cost, kedro

NAMES = ("customer_id", "item_id", "category", "behaviour", "timestamp")
SHOTS = (0, 1, 5, 10)


def in_pandas(raw: Path, out: Path, start: int, end: int) -> None:
    """The same work, as an analyst would write it."""
    texts = dict.fromkeys(("customer_id", "item_id", "category", "behaviour"), "category")
    log = pd.read_csv(raw, header=None, names=list(NAMES), dtype={**texts, "timestamp": "int64"})
    log["row"] = np.arange(1, len(log) + 1)
    log.drop(columns="category").to_parquet(out / "interactions.parquet", index=False)
    pairs = log.groupby(["item_id", "category"], observed=True).size().rename("n").reset_index()
    items = pairs.sort_values(["item_id", "n", "category"], ascending=[True, False, True]).drop_duplicates("item_id")
    items[["item_id", "category"]].to_parquet(out / "items.parquet", index=False)
    log[["customer_id"]].drop_duplicates().to_parquet(out / "customers.parquet", index=False)
    log = log[(log["timestamp"] >= start) & (log["timestamp"] < end)]
    log = log[~log.duplicated(["customer_id", "item_id", "timestamp", "behaviour"])]
    log = log.sort_values(["timestamp", "row"], ignore_index=True)
    log.drop(columns="category").to_parquet(out / "clean.parquet", index=False)
    by_item = items.set_index("item_id")["category"]
    arrays: dict[str, np.ndarray] = {"timestamp": log["timestamp"].to_numpy(), "row": log["row"].to_numpy()}
    arrays["behaviour"] = log["behaviour"].cat.codes.to_numpy()
    arrays["category"] = pd.factorize(log["item_id"].map(by_item))[0].astype(np.int32)
    test_start = np.sort(arrays["timestamp"])[int(0.8 * len(log))]
    queries = []
    for side in ("customer", "item"):
        entity = pd.factorize(log[f"{side}_id"])[0].astype(np.int32)
        order = np.argsort(entity, kind="stable")
        counts = np.bincount(entity)
        first = np.concatenate([[0], np.cumsum(counts)])
        arrays |= {side: entity, f"{side}.events": order.astype(np.int32), f"{side}.indptr": first}
        arrays[f"{side}.time"] = arrays["timestamp"][order]
        place = np.empty(len(order), dtype=np.int32)
        place[order] = np.arange(len(order))
        arrays[f"{side}.position"] = place
        frame = pd.DataFrame({"entity": entity, "timestamp": arrays["timestamp"]})
        arrays[f"{side}.before"] = frame.groupby(["entity", "timestamp"]).cumcount().to_numpy(dtype=np.int32)
        born = arrays["timestamp"][order[first[:-1]]]
        for shots in SHOTS:
            cold = np.flatnonzero((born >= test_start) & (counts > shots))
            support = [order[first[one] : first[one] + shots] for one in cold]
            query = order[first[cold] + shots]
            queries.append(pd.DataFrame({"side": side, "k": shots, "query": query, "support": support}))
    pd.concat(queries).to_parquet(out / "cold_start.parquet", index=False)
    for name, array in arrays.items():
        np.save(out / f"{name}.npy", array)


def main() -> None:
    """Print both costs and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("interactions", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--keep", type=Path, help="folder for the simulated files, used again if they are there")
    parser.add_argument("--stages", action="store_true", help="time and memory of each node too")
    parser.add_argument("--pandas", nargs=2, metavar=("RAW", "OUT"), type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    day = 86_400
    start = int(pd.Timestamp("2024-11-01").timestamp())
    if options.pandas:
        in_pandas(*options.pandas, start, start + 90 * day)
        return
    size = options.interactions
    with tempfile.TemporaryDirectory(prefix="preprocessing-") as scratch:
        raw = options.keep or Path(scratch) / "raw"
        file = raw / "demo" / "UserBehavior.csv"
        world = {"customers": max(size // 15, 20), "items": max(size // 21, 100), "interactions": size}
        if not file.exists():
            print(f"simulating {size:,} interactions: ", end="", flush=True)
            print(Cost.of(kedro("simulate", "--env=large", raw_root=raw, **world)))
        data, plain = Path(scratch) / "data", Path(scratch) / "pandas"
        plain.mkdir()
        stop = "--to-nodes=sample_cold_start_sets"
        ours = Cost.of(kedro("ingestion,preprocessing", "--env=large", stop, raw_root=raw, data_root=data))
        print(f"crm_pipelines {ours}")
        if options.stages:
            print(ours.by_stage())
        theirs = Cost.of([__file__, "--pandas", str(file), str(plain)])
        print(f"plain pandas  {theirs}")
        print(f"ratio         {theirs.cpu / ours.cpu:7.2f} of CPU time, {theirs.peak / ours.peak:.2f} of peak memory")
        kept = json.loads((data / "08_reporting/large/preprocessing/overview.json").read_text())["events"]
        if kept != len(pd.read_parquet(plain / "clean.parquet", columns=["row"])):
            raise SystemExit("the two do not keep the same number of events")


if __name__ == "__main__":
    main()
