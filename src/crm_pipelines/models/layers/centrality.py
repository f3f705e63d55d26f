"""Centralities of the nodes of a customer-item graph.

Sources: PageRank after Brin and Page 1998 (doi:10.1016/S0169-7552(98)00110-X), hubs and authorities after Kleinberg
1999 (doi:10.1145/324133.324140), core numbers after Seidman 1983 (doi:10.1016/0378-8733(83)90028-X).
"""

from typing import Final

import numpy as np
from scipy import sparse

CENTRALITIES: Final = ("degree", "weight", "neighbour_degree", "core", "component", "pagerank", "hits")
"""Columns of `centralities`, in this order."""
ROUNDS: Final = 200
"""Most rounds of a power iteration."""


def centralities(source: np.ndarray, target: np.ndarray, customers: int, items: int) -> np.ndarray:
    """How central every node is: (customers + items, 7) float32, customers first.

    Every column is heavy-tailed and comes as log(1 + x). Counts are x themselves: distinct neighbours, events, mean
    number of neighbours of the neighbours, core number, nodes of the connected component. Scores that sum to one
    are x = score * nodes, so that 1 is the average whatever the size of the graph: PageRank (damping 0.85, over
    edges weighted by events), and the hub score of customers or the authority score of items.

    Args:
        source, target: customer 0 .. customers - 1 and item 0 .. items - 1 of each event (E,).
        customers, items: nodes of either side.
    """
    nodes = customers + items
    if not len(source):
        return np.zeros((nodes, len(CENTRALITIES)), dtype=np.float32)
    biadjacency = sparse.csr_array((np.ones(len(source)), (source, target)), shape=(customers, items))
    biadjacency.sum_duplicates()
    weighted = sparse.block_array([[None, biadjacency], [biadjacency.T, None]], format="csr")
    plain = weighted.copy()
    plain.data[:] = 1.0
    degree, weight = plain.sum(axis=1), weighted.sum(axis=1)
    mean_degree = (plain @ degree) / np.maximum(degree, 1)
    core, rank = _core_and_rank(weighted)
    _, component = sparse.csgraph.connected_components(weighted, directed=False)
    size = np.bincount(component)[component]
    hubs, authorities = hits(biadjacency)
    score = np.concatenate([hubs * customers, authorities * items])
    columns = np.stack([degree, weight, mean_degree, core, size, rank * nodes, score], axis=1)
    out: np.ndarray = np.log1p(columns).astype(np.float32)
    return out


def _core_and_rank(weighted: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Core number and PageRank of every node (M,)."""
    import networkx as nx  # takes half a second to import

    graph = nx.empty_graph(weighted.shape[0])
    half = sparse.triu(weighted).tocoo()
    graph.add_weighted_edges_from(zip(half.row.tolist(), half.col.tolist(), half.data.tolist(), strict=True))
    core = nx.core_number(graph)
    rank = nx.pagerank(graph, max_iter=ROUNDS, tol=1e-9)
    order = range(weighted.shape[0])
    return np.array([core[node] for node in order], dtype=np.float64), np.array([rank[node] for node in order])


def hits(biadjacency: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Hub scores of the rows and authority scores of the columns of a matrix (R, C) >= 0; each sums to one.

    By power iteration from a uniform start. networkx starts its singular vectors at random, which would make no two
    runs the same.
    """
    rows, columns = biadjacency.shape
    back = biadjacency.T.tocsr()
    hubs, authorities = np.full(rows, 1 / rows), np.full(columns, 1 / columns)
    for _ in range(ROUNDS):
        authorities = back @ hubs
        authorities /= authorities.sum()
        before, hubs = hubs, biadjacency @ authorities
        hubs /= hubs.sum()
        if np.abs(hubs - before).sum() < 1e-9:
            break
    return hubs, authorities
