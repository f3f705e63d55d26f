"""Work side by side in processes of their own, large arrays shared as memory maps."""

import warnings
from collections.abc import Iterable, Iterator
from typing import Any


def side_by_side(calls: Iterable[Any], processes: int, ordered: bool = True) -> Iterator[Any]:
    """Results of ``joblib.delayed`` calls, as they come.

    Args:
        calls: what to do; with one process it is done in this one, call by call.
        processes: at most so many at a time.
        ordered: results in the order of ``calls``; else each as soon as it is there.
    """
    from joblib import Parallel

    # A worker whose memory has grown is replaced between two calls; nothing is lost, and nobody can do anything.
    warnings.filterwarnings("ignore", message="A worker stopped while some jobs", category=UserWarning)
    order = "generator" if ordered else "generator_unordered"
    return iter(Parallel(n_jobs=processes, return_as=order, batch_size=1)(calls))
