"""Learning curves: what pre-training gives, by how much of the target there is to learn from."""

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from joblib import delayed

from crm_pipelines.benchmark.products import predict
from crm_pipelines.columns import CUSTOMER, PROTOCOL, SLICE, SLICE_ALL, N
from crm_pipelines.config import RunParameters
from crm_pipelines.evaluation.bootstrap import interval
from crm_pipelines.evaluation.lists import per_query
from crm_pipelines.evaluation.ranked import resampled_means
from crm_pipelines.models.recommendation.product_transformer import ProductTransformer, ProductTransformerConfig
from crm_pipelines.processes import side_by_side
from crm_pipelines.recommendation.config import CurveParameters, OfferParameters
from crm_pipelines.recommendation.inputs import ProductInputs, Queries
from crm_pipelines.recommendation.preparation import protocols
from crm_pipelines.recommendation.views import Prepared, view
from crm_pipelines.training.seeds import seed_everything

MOST_QUERIES: Final = 2_000
"""Of the test that a curve is measured on."""
OWN_LOG: Final = "the whole of its own log"
FEWEST_EVENTS: Final = 30
"""Training targets below which a share is left out."""
COLUMNS: Final = (
    *(PROTOCOL, "pretrained_on", "share", "customers", "events", "with_transfer", "without_transfer"),
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

    Pre-trained on is the general log where the source names one, else the whole known part of its own log, of which
    the share is a part: what the platform knows, fine-tuned for the few. The interval is over customers, of the
    differences averaged over the seeds; each seed draws its own customers.
    """
    nothing = pd.DataFrame(columns=list(COLUMNS))
    if not curves.shares or len(prepared.arrays["item_ids"]) > curves.most_products:
        return nothing
    protocol = protocols(prepared.spec)[0]
    whole = view(prepared, protocol, parameters)
    if prepared.general is not None and whole.general is None:
        return nothing
    whole = replace(whole, asked={SLICE_ALL: _some(whole.asked[SLICE_ALL], parameters.seed)}, validating={})
    less = {
        name: part.model_copy(update={"most_events": min(part.most_events, curves.most_events)})
        for name, part in (("training", config.training), ("pretraining", config.pretraining))
    }
    config = config.model_copy(update=less)
    seeds = curves.seeds[: prepared.spec.most_seeds]
    arms = [(seed, transfer) for seed in seeds for transfer in (True, False)]
    calls = (delayed(_arm)(whole, config, curves.shares, *arm, runs.threads) for arm in arms)
    found = dict(zip(arms, side_by_side(calls, min(runs.processes, len(arms))), strict=True))
    rows = []
    for share in curves.shares:
        tables = {t: [found[seed, t][share] for seed in seeds if share in found[seed, t]] for t in (True, False)}
        if not tables[True]:
            continue
        both = {t: np.mean([each.queries["ndcg@10"] for each in several], axis=0) for t, several in tables.items()}
        customer = tables[True][0].queries[CUSTOMER].to_numpy()
        _, place = np.unique(customer, return_inverse=True)
        difference = both[True] - both[False]
        sums = np.asarray(np.bincount(place, weights=difference), dtype=np.float64)
        size = np.bincount(place).astype(np.float64)
        low, high = interval(resampled_means(sums[None], size, runs.resamples, 0)[0])
        rows.append(
            {
                PROTOCOL: protocol,
                "pretrained_on": prepared.general.title if prepared.general is not None else OWN_LOG,
                "share": share,
                "customers": round(np.mean([each.customers for each in tables[True]])),
                "events": round(np.mean([each.events for each in tables[True]])),
                "with_transfer": float(both[True].mean()),
                "without_transfer": float(both[False].mean()),
                "difference": float(difference.mean()),
                "low": low,
                "high": high,
                N: len(difference),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


class _Fitted(NamedTuple):
    """Quality by query after a fit to so many customers and events."""

    queries: pd.DataFrame
    customers: int
    events: int


def _arm(
    whole: ProductInputs,
    config: ProductTransformerConfig,
    shares: tuple[float, ...],
    seed: int,
    transfer: bool,
    threads: int,
) -> dict[float, _Fitted]:
    """One seed's fits to every share that is enough to learn from, all from the same pre-trained network or none."""
    seed_everything(seed, threads)
    config = config.model_copy(update={"transfer": transfer})
    rehearsed, found = None, {}
    for share in shares:
        inputs = subset(whole, share, seed)
        if len(inputs.train) < FEWEST_EVENTS or not len(inputs.validation):
            continue
        model = ProductTransformer(config, seed)
        if transfer and rehearsed is None:
            own = whole.general is None
            rehearsed = model.rehearse(whole if whole.general is None else whole.general, same_log=own)
        model.rehearsed = rehearsed
        model.fit(inputs)
        lists = predict(model, inputs)
        queries = per_query(lists[lists[SLICE] == SLICE_ALL])
        found[share] = _Fitted(queries, int((np.diff(inputs.known.start) > 0).sum()), len(inputs.train))
    return found


def _some(queries: Queries, seed: int) -> Queries:
    if len(queries) <= MOST_QUERIES:
        return queries
    drawn = np.random.default_rng(seed).choice(len(queries), MOST_QUERIES, replace=False)
    return queries.of(np.sort(drawn))
