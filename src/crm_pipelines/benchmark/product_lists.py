"""Lists for use: the next products of every customer, how probably each is accepted, and what speaks for it.

The probability is of taking the product within the next period (`OfferSpec.period`), calibrated on the validation part
over *every* customer who was known then, the many who took nothing among them: of all pairs of a customer and a product
that may be offered, few per cent or fewer are positive. It is a logistic regression on the pair's log-probability
(Platt 1999) with the logarithm of how many products are open; pairs that were not taken are sampled and weighted back
(King and Zeng 2001, "Logistic regression in rare events data"). How it came out on the test is told beside it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from crm_pipelines.benchmark.products import first_places, offered_scores
from crm_pipelines.columns import (
    CUSTOMER_ID,
    ITEM_ID,
    MAIN_VARIANT,
    MODEL,
    PROTOCOL,
    PROTOCOL_LAST_OUT,
    PROTOCOL_TIME,
    SEED,
    SLICE,
    SLICE_VALIDATION,
    VARIANT,
)
from crm_pipelines.errors import UserError
from crm_pipelines.evaluation.lists import per_query
from crm_pipelines.models.layers.item_scores import cosines, history_matrix
from crm_pipelines.models.registry import product_model
from crm_pipelines.recommendation.config import ListParameters, OfferParameters
from crm_pipelines.recommendation.inputs import ProductInputs, Queries
from crm_pipelines.recommendation.preparation import cuts, make_queries, period_end, protocols
from crm_pipelines.recommendation.views import Prepared, view
from crm_pipelines.runs import NOT_APPLICABLE, StoredRun
from crm_pipelines.sequences.inputs import Ints

AT_ONCE: Final = 1024
NEGATIVES: Final = 100_000
"""Most pairs not taken that the calibration is fitted on."""
MOST_PAIRS: Final = 20_000_000
"""Pairs of customers and products looked at for the calibration; of more, customers are drawn."""
BINS: Final = 10
NEIGHBOURS: Final = 50
SHRINKAGE: Final = 10.0
HOLDS_ALL: Final = "nothing is left to offer"
NO_HISTORY: Final = "no history: the profile decides"
ENOUGH: Final = "enough"
LIST_COLUMNS: Final = (
    *(CUSTOMER_ID, "rank", ITEM_ID, "acceptance_probability", "reason", "products_held", "products_open", "data"),
    *("eligibility", "horizon", MODEL),
)
ACCEPTANCE_COLUMNS: Final = (
    *(MODEL, "part", "bin", "stated", "observed", "pairs", "taken", "customers", "customers_taking"),
)


def chosen_run(runs: Mapping[str, Sequence[StoredRun]], wanted: str, protocol: str) -> StoredRun | None:
    """The run whose model recommends: of the model asked for, else of the one of best NDCG@10 on validation.

    Raises:
        UserError: the one asked for was not run.
    """
    usable: dict[str, StoredRun] = {}
    for name, several in runs.items():
        mine = [
            run
            for run in several
            if NOT_APPLICABLE not in run.manifest
            and (run.manifest[VARIANT], run.manifest[PROTOCOL]) == (MAIN_VARIANT, protocol)
        ]
        if mine:
            usable[name] = min(mine, key=lambda run: int(run.manifest[SEED] != mine[0].manifest[SEED]))
    if wanted:
        if wanted not in usable:
            raise UserError(
                f"parameter 'recommendation.lists.model': '{wanted}' was not run on this source; run it, or leave it "
                "empty"
            )
        return usable[wanted]
    quality = {name: _validation_quality(run) for name, run in usable.items()}
    return usable[max(quality, key=lambda name: quality[name])] if quality else None


def _validation_quality(run: StoredRun) -> float:
    lists = run.predictions()
    found = per_query(lists[lists[SLICE] == SLICE_VALIDATION])
    return float(found["ndcg@10"].mean()) if len(found) else float("-inf")


def recommendations(
    prepared: Prepared,
    runs: Mapping[str, Sequence[StoredRun]],
    parameters: OfferParameters,
    lists: ListParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`LIST_COLUMNS`, up to ``lists.products`` rows a customer, and `ACCEPTANCE_COLUMNS` of validation and test.

    A customer who holds all that he may be offered has one row without a product.

    Raises:
        UserError: the chosen model was not run, or was trained on another list of products.
    """
    nothing = pd.DataFrame(columns=list(LIST_COLUMNS)), pd.DataFrame(columns=list(ACCEPTANCE_COLUMNS))
    protocol = recommending_protocol(protocols(prepared.spec))
    run = chosen_run(runs, lists.model, protocol)
    if run is None or run.model_path is None:
        return nothing
    inputs = view(prepared, protocol, parameters)
    check_products(run, inputs)
    model = product_model(run.manifest[MODEL]).load(run.model_path)
    calibration, acceptance = calibrate(model, inputs, prepared, parameters)
    table = _lists(model, inputs, prepared, calibration, lists)
    table[MODEL] = run.manifest[MODEL]
    acceptance[MODEL] = run.manifest[MODEL]
    return table[list(LIST_COLUMNS)], acceptance[list(ACCEPTANCE_COLUMNS)]


def recommending_protocol(known: Sequence[str]) -> str:
    """The protocol whose model is used: that of the cut in time, else that which has learnt of most customers."""
    return next((name for name in (PROTOCOL_TIME, PROTOCOL_LAST_OUT) if name in known), known[0])


def check_products(run: StoredRun, inputs: ProductInputs) -> None:
    """Stop where a stored model knows another list of products.

    Raises:
        UserError: naming how they differ.
    """
    before, now = run.manifest["items"], inputs.n_items
    if before != now:
        what = f"{before} products then, {now} now"
    elif run.manifest["catalogue"] != inputs.catalogue:
        what = f"still {now} products, but others"
    elif list(run.manifest["products"]) != list(inputs.product_names):
        what = "they are described by other attributes now"
    else:
        return
    raise UserError(
        f"the list of products has changed since '{run.manifest[MODEL]}' was trained ({what}); train it again: "
        "kedro run --pipelines=recommendation"
    )


class Calibration:
    """From a pair's log-probability to the probability that the product is taken in the next period."""

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights

    def __call__(self, score: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """(N,) of log-probabilities (N,) among so many ``candidates`` (N,)."""
        return np.asarray(1 / (1 + np.exp(-(self.weights @ _terms(score, candidates).T))))


def _terms(score: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(score)), np.maximum(score, -30.0), np.log(np.maximum(candidates, 1))])


def calibrate(
    model: Any, inputs: ProductInputs, prepared: Prepared, parameters: OfferParameters
) -> tuple[Calibration, pd.DataFrame]:
    """The calibration fitted on validation, and what it says of validation and test in bins of equal size."""
    parts = {
        name: _pairs(model, inputs, _drawn(queries, inputs.n_items, parameters.seed))
        for name, queries in _populations(inputs, prepared, parameters)
    }
    score, candidates, taken = (np.asarray(values) for values in parts["validation"][:3])
    draw = np.random.default_rng(parameters.seed)
    negative, positive = np.flatnonzero(taken == 0), np.flatnonzero(taken == 1)
    kept = np.sort(draw.choice(negative, min(NEGATIVES, len(negative)), replace=False))
    rows = np.concatenate([positive, kept])
    weight = np.where(taken[rows] == 1, 1.0, len(negative) / max(len(kept), 1))
    if len(positive) and len(kept):
        fitted = LogisticRegression(C=1e4, fit_intercept=False, max_iter=500)
        with threadpool_limits(1):
            fitted.fit(_terms(score[rows], candidates[rows]), taken[rows], sample_weight=weight)
        calibration = Calibration(fitted.coef_[0])
    else:  # nothing was taken: what is not known is said to be rare
        calibration = Calibration(np.array([-np.log(max(len(negative), 1) + 1.0), 0.0, 0.0]))
    tables = []
    for name, (score, candidates, taken, customers, taking) in parts.items():
        said = calibration(np.asarray(score), np.asarray(candidates))
        order = np.argsort(said, kind="stable")
        bins = np.array_split(order, min(BINS, max(len(order), 1)))
        tables.append(
            pd.DataFrame(
                {
                    "part": name,
                    "bin": np.arange(1, len(bins) + 1),
                    "stated": [float(said[b].mean()) if len(b) else np.nan for b in bins],
                    "observed": [float(np.asarray(taken)[b].mean()) if len(b) else np.nan for b in bins],
                    "pairs": [len(b) for b in bins],
                    "taken": [int(np.asarray(taken)[b].sum()) for b in bins],
                    "customers": customers,
                    "customers_taking": taking,
                }
            )
        )
    return calibration, pd.concat(tables, ignore_index=True)


def _populations(inputs: ProductInputs, prepared: Prepared, parameters: OfferParameters) -> list[tuple[str, Queries]]:
    """Everybody who could have been asked in validation and in the test; without a cut in time those who were."""
    if inputs.protocol != PROTOCOL_TIME:
        return [("validation", max(inputs.validating.values(), key=len)), ("test", max(inputs.asked.values(), key=len))]
    arrays, time = prepared.arrays, np.asarray(prepared.arrays["timestamp"])
    owner = inputs.customer
    found = []
    first, second = cuts(arrays, prepared.spec, parameters)
    ends = {"validation": min(period_end(first, prepared.spec), second), "test": period_end(second, prepared.spec)}
    for (name, until), moment in zip(ends.items(), (first, second), strict=True):
        begin = inputs.start[:-1] + np.bincount(owner[time < moment], minlength=len(inputs.start) - 1)
        last = inputs.start[:-1] + np.bincount(owner[time < until], minlength=len(inputs.start) - 1)
        known = np.flatnonzero(begin > inputs.start[:-1])
        found.append(
            (
                name,
                make_queries(
                    inputs, arrays, known, begin[known], begin[known], last[known], prepared.spec, moment=moment
                ),
            )
        )
    return found


def _drawn(queries: Queries, n_items: int, seed: int) -> Queries:
    """All queries, or as many as have `MOST_PAIRS` pairs, drawn at random."""
    most = max(MOST_PAIRS // max(n_items, 1), 1)
    if len(queries) <= most:
        return queries
    return queries.of(np.sort(np.random.default_rng(seed).choice(len(queries), most, replace=False)))


def _pairs(model: Any, inputs: ProductInputs, queries: Queries) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int]:
    """Log-probability, number of candidates and whether taken of every offered pair; customers, and those who took."""
    scores, candidates, taken = [], [], []
    for first in range(0, len(queries), AT_ONCE):
        some = queries.of(np.arange(first, min(first + AT_ONCE, len(queries))))
        found, offered = offered_scores(model, inputs, some)
        mark = np.zeros(found.shape, dtype=bool)
        mark[some.relevant.owner, some.relevant.items] = True
        rows = np.nonzero(offered)[0]
        scores.append(found[offered].astype(np.float32))
        candidates.append(offered.sum(axis=1)[rows].astype(np.int32))
        taken.append(mark[offered].astype(np.int8))
    taking = int((np.diff(queries.relevant.start) > 0).sum())
    if not scores:
        nothing = np.empty(0)
        return nothing, nothing, nothing, 0, 0
    return np.concatenate(scores), np.concatenate(candidates), np.concatenate(taken), len(queries), taking


def _lists(
    model: Any, inputs: ProductInputs, prepared: Prepared, calibration: Calibration, lists: ListParameters
) -> pd.DataFrame:
    """The lists of today: of every customer's whole history."""
    arrays = prepared.arrays
    start, time = np.asarray(arrays["start"]), np.asarray(arrays["timestamp"])
    events = np.diff(start)
    latest = np.where(events > 0, time[np.maximum(start[1:] - 1, 0)], -1)
    chosen = np.argsort(-latest, kind="stable")
    chosen = np.sort(chosen[: lists.customers or len(chosen)])
    moment = int(time.max(initial=0)) + 1
    end = start[1:][chosen]
    queries = make_queries(inputs, arrays, chosen, end, end, end, prepared.spec, moment=moment)
    near = cosines(history_matrix(inputs.known, inputs.n_items), NEIGHBOURS, SHRINKAGE).tocsr()
    alike = likeness(inputs.products)
    reasons = Reasons(inputs, near.toarray() if inputs.n_items <= 2000 else near, alike)
    names, people = np.asarray(arrays["item_ids"], dtype=str), np.asarray(arrays["customer_ids"], dtype=str)
    ruled = prepared.spec.offers.eligible
    parts = []
    for first in range(0, len(queries), AT_ONCE):
        some = queries.of(np.arange(first, min(first + AT_ONCE, len(queries))))
        scores, offered = offered_scores(model, inputs, some)
        picked = diverse(scores, alike, lists.products, lists.diversity)
        row, place = np.nonzero(picked >= 0)
        item = picked[row, place]
        candidates = offered.sum(axis=1)
        held = np.diff(some.held.start)
        length = some.end - inputs.start[some.customer]
        frame = pd.DataFrame(
            {
                CUSTOMER_ID: people[some.customer[row]],
                "rank": place + 1,
                ITEM_ID: names[item],
                "acceptance_probability": calibration(scores[row, item], candidates[row]),
                "reason": reasons.words(some, row, item, names, lists.reasons),
                "products_held": held[row],
                "products_open": candidates[row],
                "data": np.where(length[row] > 0, ENOUGH, NO_HISTORY),
                "eligibility": [
                    f"by rule: {', '.join(ruled[name].attributes)}" if name in ruled else "open to everybody"
                    for name in names[item]
                ],
            }
        )
        idle = np.flatnonzero(candidates == 0)
        full = pd.DataFrame(
            {
                CUSTOMER_ID: people[some.customer[idle]],
                "rank": 0,
                ITEM_ID: "",
                "acceptance_probability": np.nan,
                "reason": "",
                "products_held": held[idle],
                "products_open": 0,
                "data": HOLDS_ALL,
                "eligibility": "",
            }
        )
        parts.append(pd.concat([frame, full], ignore_index=True) if len(idle) else frame)
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(LIST_COLUMNS))
    table["horizon"] = _horizon(prepared, inputs.protocol)
    return table.sort_values([CUSTOMER_ID, "rank"], kind="stable").reset_index(drop=True)


def _horizon(prepared: Prepared, protocol: str) -> str:
    """What the probability is of."""
    if protocol != PROTOCOL_TIME:
        return "the next product"
    if prepared.spec.offers.period == "month":
        return "next month"
    return f"next {prepared.spec.horizon_days:g} days"


def likeness(products: np.ndarray) -> np.ndarray:
    """(I, G) rows of unit length of what describes the products beside their popularity."""
    described = (
        products[:, 1:] - products[:, 1:].mean(axis=0) if products.shape[1] > 1 else np.zeros((len(products), 1))
    )
    length = np.linalg.norm(described, axis=1, keepdims=True)
    return np.asarray(described / np.maximum(length, 1e-9), dtype=np.float32)


def diverse(scores: np.ndarray, alike: np.ndarray, length: int, weight: float) -> Ints:
    """(Q, K) products of each list; -1 where nothing is open any more.

    Maximal marginal relevance (Carbonell and Goldstein 1998): the next product is the one of highest log-probability
    less ``weight`` times its likeness to the nearest product above it, in units of the spread of the best products.

    Args:
        scores: (Q, I) log-probabilities, minus infinity where a product is not offered.
        alike: (I, G) of `likeness`.
        length: K. weight: 0 to 1.
    """
    n, n_items = scores.shape
    most = min(max(4 * length, 20), n_items)
    pool = first_places(scores, most)  # (Q, M)
    value = np.take_along_axis(scores, pool, axis=1)
    open_ = np.isfinite(value)
    value = np.where(open_, value, 0.0)
    count = np.maximum(open_.sum(axis=1), 1)
    spread = np.sqrt(np.maximum((value**2).sum(axis=1) / count - (value.sum(axis=1) / count) ** 2, 1e-12))
    nearest = np.zeros(value.shape)
    picked = np.full((n, length), -1, dtype=np.int64)
    everyone = np.arange(n)
    for place in range(min(length, most)):
        gain = np.where(open_, value - weight * spread[:, None] * nearest, -np.inf)
        best = gain.argmax(axis=1)
        there = np.isfinite(gain[everyone, best])
        picked[there, place] = pool[everyone, best][there]
        open_[everyone, best] = False
        if weight:
            chosen = alike[pool[everyone, best]]  # (Q, G)
            nearest = np.maximum(nearest, np.einsum("qmg,qg->qm", alike[pool], chosen))
    return picked


class Reasons:
    """What speaks for a product: holders of the same, its attributes, what was taken last, or that all like it."""

    def __init__(self, inputs: ProductInputs, near: Any, alike: np.ndarray) -> None:
        self.inputs, self.near, self.alike = inputs, near, alike

    def words(self, queries: Queries, row: Ints, item: Ints, names: np.ndarray, most: int) -> list[str]:
        """(N,) texts for product ``item`` (N,) of query ``row`` (N,), the strongest of what speaks for it first."""
        held = self.inputs.before(queries)
        begin, end = held.start[row], held.start[row + 1]
        begin = np.maximum(begin, end - NEIGHBOURS)
        length = end - begin
        owner = np.repeat(np.arange(len(row)), length)
        at = begin[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
        own, wanted = held.items[at], item[owner]
        other = own != wanted
        holders = np.where(other, np.asarray(self.near[own, wanted]).ravel(), 0.0) if len(own) else np.empty(0)
        match = np.where(other, np.einsum("ng,ng->n", self.alike[own], self.alike[wanted]), 0.0)
        last = np.where(at == end[owner] - 1, holders, 0.0)
        kinds = (
            (holders, 1.0, 0.0, "holders of {} hold it too"),
            (match, 0.0, 0.5, "its attributes are like those of {}"),
            (last, 0.5, 0.0, "often beside {}, which came last"),
        )
        strength, texts = np.full((len(kinds), len(row)), -np.inf), []
        for kind, (values, bonus, least, text) in enumerate(kinds):
            best = _first_largest(values, owner, len(row))
            there = np.flatnonzero(best >= 0)
            value = values[best[there]]
            strength[kind, there] = np.where(value > least, value + bonus, -np.inf)
            said = np.full(len(row), "", dtype=object)
            said[there] = [text.format(name) for name in names[own[best[there]]]]
            texts.append(said)
        order = np.argsort(-strength, axis=0, kind="stable")[:most]
        known = self.inputs.profiles.shape[1] > 1
        fallback = "taken by customers alike in their profile" if known else "taken by many"
        return [
            "; ".join(texts[kind][n] for kind in order[:, n] if np.isfinite(strength[kind, n])) or fallback
            for n in range(len(row))
        ]


def _first_largest(values: np.ndarray, owner: Ints, n: int) -> Ints:
    """(n,) place of the largest of each owner's ``values``, the first of equals; -1 for an owner without any."""
    found = np.full(n, -1, dtype=np.int64)
    order = np.lexsort((np.arange(len(values)), -values, owner))
    first = np.ones(len(order), dtype=bool)
    first[1:] = owner[order][1:] != owner[order][:-1]
    found[owner[order][first]] = order[first]
    return found
