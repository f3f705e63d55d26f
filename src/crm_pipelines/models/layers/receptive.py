"""The part of a graph that a few nodes hear from in some rounds of message passing.

A batch asks for a thousand nodes out of tens of thousands. A layer that needs nothing but the edges into a node to
update it gives the same result on this part as on the whole graph, at a fraction of the work.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Hop(NamedTuple):
    """One round: n nodes go in, of which the m that are needed later come out.

    Attributes:
        edges: from (among the n) and to (among the m), (2, e): every edge of the graph into the m nodes.
        rows: of these edges among the edges of the graph (e,).
        own: positions of the m nodes among the n (m,).
    """

    edges: Tensor
    rows: Tensor
    own: Tensor


class Receptive(NamedTuple):
    """All rounds, and what goes into the first and comes out of the last.

    Attributes:
        nodes: that go into the first round, ascending (n,).
        hops: one a round.
        wanted: positions (W,) of the nodes asked for among those that come out of the last round.
    """

    nodes: Tensor
    hops: list[Hop]
    wanted: Tensor


def receptive(edges: Tensor, wanted: Tensor, count: int, rounds: int) -> Receptive:
    """What ``wanted`` nodes hear from.

    Args:
        edges: from and to, (2, E).
        wanted: nodes (W,), in any order, with repetitions.
        count: nodes of the graph.
        rounds: of message passing.
    """
    needed = torch.zeros(count, dtype=torch.bool, device=edges.device)
    needed[wanted] = True
    levels, chosen = [needed], []
    for _ in range(rounds):  # from the last round to the first
        index = levels[-1][edges[1]].nonzero().squeeze(1)
        needed = levels[-1].clone()
        needed[edges[0, index]] = True
        levels.append(needed)
        chosen.append(index)
    places = [level.cumsum(0) - 1 for level in levels]  # position of a node among those of its level
    hops = [
        Hop(
            edges=torch.stack([places[i + 1][edges[0, chosen[i]]], places[i][edges[1, chosen[i]]]]),
            rows=chosen[i],
            own=places[i + 1][levels[i]],
        )
        for i in reversed(range(rounds))
    ]
    return Receptive(levels[-1].nonzero().squeeze(1), hops, places[0][wanted])
