"""The customer-item graph with rows of unit length.

Paper A: "we applied row-wise L2 normalization to adjacency matrices to ensure each node's feature vector had a unit
norm, preventing scale-induced bias in temporal graph attention calculations."
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.preprocessing import normalize

from crm_pipelines.errors import UserError
from crm_pipelines.events.store import EventStore


def customer_item_adjacency(
    store: EventStore, event_ids: npt.NDArray[np.int64], weights: Mapping[str, float] | None = None
) -> sp.csr_matrix:
    """Events between each customer and item, rows of Euclidean length 1 (0 without events).

    Args:
        store: the event store.
        event_ids: the events that count; give those before the cut only.
        weights: behaviour -> how much one event counts (0 leaves it out); 1 for behaviours not named.

    Returns:
        float32 CSR (n_customers, n_items).

    Raises:
        UserError: a weight is negative or names an unknown behaviour.
    """
    return _unit_rows(_counts(store, event_ids, weights))


def item_customer_adjacency(
    store: EventStore, event_ids: npt.NDArray[np.int64], weights: Mapping[str, float] | None = None
) -> sp.csr_matrix:
    """The same graph seen from the items: float32 CSR (n_items, n_customers), rows of length 1 or 0."""
    return _unit_rows(_counts(store, event_ids, weights).T.tocsr())


def save_adjacency(adjacency: sp.csr_matrix, path: Path) -> None:
    """Write as ``.npz``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sp.save_npz(path, adjacency)


def load_adjacency(path: Path) -> sp.csr_matrix:
    """Read what `save_adjacency` wrote."""
    return sp.csr_matrix(sp.load_npz(path))


def _counts(store: EventStore, event_ids: npt.NDArray[np.int64], weights: Mapping[str, float] | None) -> sp.csr_matrix:
    given = dict(weights or {})
    unknown = sorted(set(given) - set(store.behaviours))
    if unknown:
        raise UserError(f"weights: no behaviour {', '.join(unknown)}; known are {', '.join(store.behaviours)}")
    negative = [name for name, weight in given.items() if not weight >= 0]
    if negative:
        raise UserError(f"weights: {negative[0]} is {given[negative[0]]}; a weight is 0 or more")
    per_behaviour = np.array([given.get(name, 1.0) for name in store.behaviours], dtype=np.float64)
    entries = per_behaviour[store.behaviour[event_ids]]
    places = (store.customer[event_ids], store.item[event_ids])
    counts = sp.coo_matrix((entries, places), shape=(store.n_customers, store.n_items)).tocsr()  # sums repeats
    counts.eliminate_zeros()
    return counts


def _unit_rows(counts: sp.csr_matrix) -> sp.csr_matrix:
    normalised = sp.csr_matrix(normalize(counts, norm="l2", axis=1).astype(np.float32))
    normalised.sort_indices()
    return normalised
