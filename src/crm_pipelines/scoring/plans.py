"""The next three items of today's customers by the kept model, whose items are those of its training."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.runs import StoredRun
from crm_pipelines.scoring.kept import ITEMS, Keeping, nothing

Arrays = dict[str, NDArray[Any]]


def keep(run: StoredRun | None, arrays: Mapping[str, NDArray[Any]]) -> Keeping:
    """What is kept of a model of the next item: the model, and which item each of its codes is.

    Args:
        run: whose model. arrays: of ``sequences.preparation.build``.
    """
    if run is None or run.model_path is None:
        return nothing(ITEMS)
    manifest = {
        **{key: run.manifest[key] for key in ("pipeline", "source", "model", "protocol", "fold", "seed")},
        "run": run.manifest["fingerprint"],
        "items": len(arrays["item_ids"]),
        "customers": len(arrays["customer_ids"]),
        "no_repeats": bool(run.manifest["no_repeats"]),
    }
    return Keeping(ITEMS, manifest, run.model_path, {"item_ids": np.asarray(arrays["item_ids"], dtype=str)})


def recoded(arrays: Mapping[str, NDArray[Any]], item_ids: NDArray[np.str_]) -> tuple[Arrays, int]:
    """Today's sequences in the codes of the kept model, and how many events of unknown items were left out.

    A customer all of whose items are unknown has an empty history.
    """
    index = pd.Index(item_ids).get_indexer(pd.Index(np.asarray(arrays["item_ids"], dtype=str)))
    items = index[np.asarray(arrays["items"])]
    start = np.asarray(arrays["start"])
    owner = np.repeat(np.arange(len(start) - 1), np.diff(start))
    known = items >= 0
    counts = np.bincount(owner[known], minlength=len(start) - 1)
    return {
        "items": items[known].astype(np.int64),
        "start": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "timestamp": np.asarray(arrays["timestamp"])[known],
        "customer_ids": np.asarray(arrays["customer_ids"]),
        "item_ids": item_ids,
    }, int((~known).sum())
