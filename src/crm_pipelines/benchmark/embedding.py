"""Where customers stand among the class prototypes (paper A, Figure 4), drawn in two dimensions."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.benchmark.attention import CHUNK, AttentiveModel, sample
from crm_pipelines.columns import CUSTOMER
from crm_pipelines.encoding.segments import NO_SEGMENT
from crm_pipelines.events.inputs import EventInputs

CUSTOMERS: Final = 1_500
PERPLEXITY: Final = 30.0
NO_SEGMENT_NAME: Final = "no segment"
PROTOTYPE: Final = "prototype"

Floats = NDArray[np.float64]


def embedding_map(
    model: AttentiveModel,
    inputs: EventInputs,
    segment_names: Mapping[int, str] | None = None,
    most: int = CUSTOMERS,
    seed: int = 42,
) -> pd.DataFrame:
    """Prototypes and customers as the classifier sees them, by t-SNE (van der Maaten and Hinton 2008, JMLR 9).

    Neighbourhoods mean something on such a map; distances between groups and their sizes do not.

    Args:
        model: fitted on ``inputs``; one without prototypes gives customers only.
        inputs: prepared inputs.
        segment_names: by number.
        most: customers drawn. seed: of the draw and of t-SNE.

    Returns:
        ``x``, ``y``; ``kind`` (``prototype`` or ``customer``); ``behaviour``: the class of the prototype, or what the
        customer did in the event shown, the latest labelled one; ``segment`` name; ``customer`` (dense id, missing
        for prototypes); ``cold``: the customer's first event lies in the test part; ``own_x``, ``own_y``: prototypes
        among themselves on their two principal axes, where distances mean something; missing for customers.
    """
    store = inputs.store
    labelled = np.flatnonzero(inputs.labels >= 0)
    latest = np.full(store.n_customers, -1, dtype=np.int64)
    np.maximum.at(latest, store.customer[labelled], labelled)  # ids are in the order of time
    events = sample(latest[latest >= 0], most, seed)
    customer = store.customer[events]
    vectors = refined_vectors(model, inputs, events)
    first = store.customers.time[store.customers.indptr[customer]]
    cold = first >= store.timestamp[inputs.test[0]]
    names = {NO_SEGMENT: NO_SEGMENT_NAME, **(segment_names or {})}

    def named(numbers: NDArray[np.integer]) -> NDArray[np.object_]:
        return np.asarray([names.get(int(number), f"segment {number}") for number in numbers], dtype=object)

    classes = np.asarray(inputs.classes, dtype=object)
    people = pd.DataFrame(
        {
            "kind": CUSTOMER,
            "behaviour": classes[inputs.labels[events]],
            "segment": named(inputs.customer_segment[customer]),
            CUSTOMER: customer,
            "cold": cold,
        }
    )
    centres = prototype_centres(model)  # (C, S, d)
    of_class, of_segment = (grid.ravel() for grid in np.indices(centres.shape[:2]))
    prototypes = pd.DataFrame(
        {
            "kind": PROTOTYPE,
            "behaviour": classes[of_class],
            "segment": named(of_segment),
            CUSTOMER: NO_SEGMENT,
            "cold": False,
        }
    )
    table = pd.concat([prototypes, people], ignore_index=True)
    table[CUSTOMER] = table[CUSTOMER].astype("Int64").mask(table["kind"] == PROTOTYPE)
    points = np.concatenate([centres.reshape(-1, vectors.shape[1]), vectors]) if centres.size else vectors
    plane = to_plane(points, seed)
    table.insert(0, "x", plane[:, 0])
    table.insert(1, "y", plane[:, 1])
    own = principal_plane(points[: len(prototypes)])
    table["own_x"] = pd.Series(own[:, 0], dtype="float64").reindex(table.index)
    table["own_y"] = pd.Series(own[:, 1], dtype="float64").reindex(table.index)
    return table


def refined_vectors(model: AttentiveModel, inputs: EventInputs, events: NDArray[np.int64]) -> Floats:
    """(B, d) vectors of events that the prototypes are compared with."""
    import torch  # takes seconds to import

    log = model.log_of(inputs)
    model.network.eval()
    with torch.no_grad():
        chunks = [model.network(log, ids)[0].vector for ids in torch.split(torch.from_numpy(events), CHUNK)]
    return np.asarray(torch.cat(chunks).cpu().numpy(), dtype=np.float64)


def prototype_centres(model: AttentiveModel) -> Floats:
    """(C, S, d) class prototypes by segment; (0, 0, 0) of a model without them."""
    prototypes = getattr(model.network, "prototypes", None)
    if prototypes is None:
        return np.zeros((0, 0, 0))
    return np.asarray(prototypes.centres.detach().cpu().numpy(), dtype=np.float64)


def to_plane(points: Floats, seed: int) -> Floats:
    """(n, 2) t-SNE of points (n, d); too few or identical points lie at the origin."""
    if len(points) < 4 or np.ptp(points, axis=0).max(initial=0.0) == 0:
        return np.zeros((len(points), 2))
    from sklearn.manifold import TSNE  # as do its dependencies
    from threadpoolctl import threadpool_limits

    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    with threadpool_limits(1):  # the same sums whatever the number of cores
        fitted = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(points)
    return np.asarray(fitted, dtype=np.float64)


def principal_plane(points: Floats) -> Floats:
    """(n, 2) points (n, d) on the two axes along which they differ most; signs are fixed, so that runs agree."""
    if len(points) < 2:
        return np.zeros((len(points), 2))
    centred = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2]
    axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1) + 1e-300)
    plane = centred @ axes.T
    return np.asarray(np.pad(plane, ((0, 0), (0, 2 - plane.shape[1]))), dtype=np.float64)
