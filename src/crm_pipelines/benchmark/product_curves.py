"""Learning curves: what pre-training gives, by how much of the target there is to learn from."""

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from crm_pipelines.benchmark.products import predict
from crm_pipelines.columns import CUSTOMER, PROTOCOL, SLICE, SLICE_ALL, N
from crm_pipelines.config import RunParameters
from crm_pipelines.evaluation.bootstrap import interval
from crm_pipelines.evaluation.lists import per_query
from crm_pipelines.evaluation.ranked import resampled_means
from crm_pipelines.models.recommendation.product_transformer import ProductTransformer, ProductTransformerConfig
from crm_pipelines.recommendation.config import CurveParameters, OfferParameters
from crm_pipelines.recommendation.inputs import ProductInputs, Queries
from crm_pipelines.recommendation.preparation import protocols
from crm_pipelines.recommendation.views import Prepared, view

MOST_QUERIES: Final = 2_000
"""Of the test that a curve is measured on."""
FEWEST_EVENTS: Final = 30
"""Training targets below which a share is left out."""
COLUMNS: Final = (
    *(PROTOCOL, "share", "customers", "events", "with_transfer", "without_transfer"),
    *("difference", "low", "high", N),
)


def subset(inputs: ProductInputs, share: float, seed: int) -> ProductInputs:
    """The same inputs of which only a share of the customers may be learnt from; whom is asked stays."""
    known = np.flatnonzero(inputs.known_until > inputs.start[:-1])
    draw = np.random.default_rng(seed)
    kept = draw.permutation(known)[: max(1, round(share * len(known)))]
    until = inputs.start[:-1].copy()
    until[kept] = inputs.known_until[kept]
    customer = inputs.customer
    train = inputs.train[inputs.train < until[customer[inputs.train]]]
    popularity = np.bincount(inputs.items[np.arange(len(inputs.items)) < until[customer]], minlength=inputs.n_items)
    scaled = np.log1p(popularity) / max(float(np.log1p(popularity.max(initial=0))), 1e-9)
    products = inputs.products.copy()
    products[:, 0] = scaled
    # Fewer events are validated on too: a small bank has no large validation part.
    validation = inputs.validation
    most = max(FEWEST_EVENTS, round(share * len(validation)))
    if len(validation) > most:
        validation = np.sort(draw.choice(validation, most, replace=False))
    return replace(inputs, known_until=until, train=train, products=products, validation=validation)


def transfer_curves(
    prepared: Prepared,
    config: ProductTransformerConfig,
    parameters: OfferParameters,
    curves: CurveParameters,
    runs: RunParameters,
) -> pd.DataFrame:
    """`COLUMNS`: mean NDCG@10 over seeds at each share, and the paired difference with its 95 % interval.

    The interval is over customers, of the differences averaged over the seeds; each seed draws its own customers.
    """
    if not curves.shares or prepared.general is None:
        return pd.DataFrame(columns=list(COLUMNS))
    protocol = protocols(prepared.spec)[0]
    whole = view(prepared, protocol, parameters)
    if whole.general is None:
        return pd.DataFrame(columns=list(COLUMNS))
    whole = replace(whole, asked={SLICE_ALL: _some(whole.asked[SLICE_ALL], parameters.seed)}, validating={})
    rows = []
    for share in curves.shares:
        found: dict[bool, list[pd.DataFrame]] = {True: [], False: []}
        counts = []
        for seed in curves.seeds:
            inputs = subset(whole, share, seed)
            if len(inputs.train) < FEWEST_EVENTS or not len(inputs.validation):
                continue
            counts.append((int((np.diff(inputs.known.start) > 0).sum()), len(inputs.train)))
            for transfer in (True, False):
                model = ProductTransformer(config.model_copy(update={"transfer": transfer}), seed)
                model.fit(inputs)
                lists = predict(model, inputs)
                found[transfer].append(per_query(lists[lists[SLICE] == SLICE_ALL]))
        if not counts:
            continue
        both = {key: np.mean([table["ndcg@10"] for table in tables], axis=0) for key, tables in found.items()}
        customer = found[True][0][CUSTOMER].to_numpy()
        _, place = np.unique(customer, return_inverse=True)
        difference = both[True] - both[False]
        sums = np.asarray(np.bincount(place, weights=difference), dtype=np.float64)
        size = np.bincount(place).astype(np.float64)
        low, high = interval(resampled_means(sums[None], size, runs.resamples, 0)[0])
        customers, events = np.mean(counts, axis=0)
        rows.append(
            {
                PROTOCOL: protocol,
                "share": share,
                "customers": round(customers),
                "events": round(events),
                "with_transfer": float(both[True].mean()),
                "without_transfer": float(both[False].mean()),
                "difference": float(difference.mean()),
                "low": low,
                "high": high,
                N: len(difference),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _some(queries: Queries, seed: int) -> Queries:
    if len(queries) <= MOST_QUERIES:
        return queries
    drawn = np.random.default_rng(seed).choice(len(queries), MOST_QUERIES, replace=False)
    return queries.of(np.sort(drawn))
