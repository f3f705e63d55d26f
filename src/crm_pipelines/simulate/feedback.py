"""What customers write: reviews in the Amazon 2018 layout, support tickets and surveys.

Planted here: ratings follow the item's quality and the customer's satisfaction, the words follow the rating,
themes follow the category, and dissatisfied customers write more tickets and answer surveys with low scores.
All texts are drawn from templates in bulk.
"""

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from crm_pipelines.simulate import vocabulary as words
from crm_pipelines.simulate.catalogue import product_names
from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.funnel import PRICE_SENSITIVITY
from crm_pipelines.simulate.interactions import EventLog
from crm_pipelines.simulate.population import Customers, Items
from crm_pipelines.simulate.streams import FloatArray, IntArray, TextArray, choice, choice_by_row, stream, texts

REVIEWER_FACTOR = np.array([0.8, 1.2, 1.0, 0.9])
REPEATED_REVIEWS, EMPTY_REVIEWS = 0.01, 0.01
CHANNELS = ("email", "chat", "phone", "social")


def review_table(parameters: SimulateParameters, log: EventLog, customers: Customers, items: Items) -> pd.DataFrame:
    """``reviews_5.json``: reviews of things bought, one to some days after the buy, ordered by item and day.

    Missing cells (None) are keys that the published line leaves out. As published, a few reviews are repeated
    exactly and a few have no text.
    """
    rng = stream(parameters.seed, "reviews")
    buys = log.purchases()
    factor = REVIEWER_FACTOR[customers.segment[log.customer[buys]]]
    buys = buys[rng.random(buys.shape[0]) < parameters.review_share * factor]
    delay = 1 + np.floor(3.0 * np.exp(0.7 * rng.standard_normal(buys.shape[0])))
    day = (log.seconds[buys] // 86_400 + delay).astype(np.int64)
    buys, day = buys[day < parameters.days], day[day < parameters.days]
    customer, item = log.customer[buys].astype(np.int64), log.item[buys].astype(np.int64)
    rating = _ratings(rng, customer, item, customers, items)
    text, summary = _review_texts(rng, parameters, rating, item, items)
    n = rating.shape[0]
    missing = rng.random(n)
    text[missing < EMPTY_REVIEWS / 2] = ""
    text[(missing >= EMPTY_REVIEWS / 2) & (missing < EMPTY_REVIEWS)] = None
    start = int(datetime(*parameters.start_date.timetuple()[:3], tzinfo=UTC).timestamp())
    table = pd.DataFrame(
        {
            "overall": rating.astype(np.float64),
            "verified": rng.random(n) < 0.94,
            "reviewTime": _review_times(start + day * 86_400),
            "reviewerID": customers.identifier[customer].astype(str).astype(object),
            "asin": items.identifier[item].astype(str).astype(object),
            "style": _styles(rng, n),
            "reviewerName": texts(words.FIRST_NAMES)[customer % len(words.FIRST_NAMES)],
            "reviewText": pd.Series(text, dtype=object),  # keeps None apart from ""
            "summary": summary,
            "unixReviewTime": start + day * 86_400,
        }
    )
    order = np.lexsort((customer, day, items.identifier[item]))
    copies = np.ones(n, dtype=np.int64)
    copies[rng.permutation(n)[: int(np.ceil(n * REPEATED_REVIEWS))]] = 2
    return table.iloc[np.repeat(order, copies)].reset_index(drop=True)


def ticket_table(parameters: SimulateParameters, log: EventLog, customers: Customers, items: Items) -> pd.DataFrame:
    """``tickets.csv``: a customer's trouble with something bought, hours to days after the buy, ordered by time."""
    rng = stream(parameters.seed, "tickets")
    buys = log.purchases()
    customer, item = log.customer[buys].astype(np.int64), log.item[buys].astype(np.int64)
    weight = np.exp(-0.8 * customers.satisfaction[customer] - 0.5 * items.quality[item])
    wanted = round(parameters.customers * parameters.ticket_share) if buys.size else 0
    drawn = choice(rng, weight, wanted)
    created = log.seconds[buys][drawn].astype(np.float64) + np.floor(
        1.5 * 86_400 * np.exp(0.8 * rng.standard_normal(wanted))
    )
    within = created < parameters.horizon
    drawn, created = drawn[within], created[within]
    order = np.argsort(created, kind="stable")
    customer, item, created = customer[drawn[order]], item[drawn[order]], created[order]
    n = created.shape[0]
    topics = np.tile([1.0, 1.0, 0.6, 1.0, 0.5], (n, 1))
    topics[:, words.TICKET_TOPICS.index("defect")] *= np.exp(-items.quality[item])
    topic = choice_by_row(rng, topics)
    templates = np.array(words.TICKET_TEXTS, dtype=object)
    second = 2 * rng.integers(0, 2, n)
    text = templates[topic, second] + product_names(items)[item] + templates[topic, second + 1]
    return pd.DataFrame(
        {
            "ticket_id": np.arange(1, n + 1),
            "customer_id": customers.identifier[customer],
            "created_at": _local_times(parameters, created),
            "channel": texts(CHANNELS)[rng.integers(0, len(CHANNELS), n)],
            "topic": texts(words.TICKET_TOPICS)[topic],
            "item_id": items.identifier[item],
            "text": text,
            "status": np.where(rng.random(n) < 0.85, "closed", "open"),
        }
    )


def survey_table(parameters: SimulateParameters, customers: Customers) -> pd.DataFrame:
    """``surveys.csv``: one answer of some customers: NPS 0..10, satisfaction 1..5 and a comment, often empty."""
    rng = stream(parameters.seed, "surveys")
    asked = np.sort(rng.permutation(customers.size)[: round(customers.size * parameters.survey_share)])
    n = asked.shape[0]
    mood = customers.satisfaction[asked]
    nps = np.clip(np.round(7.0 + 1.8 * mood + 1.0 * rng.standard_normal(n)), 0, 10).astype(np.int64)
    stars = np.clip(np.round(3.6 + 0.9 * mood + 0.5 * rng.standard_normal(n)), 1, 5).astype(np.int64)
    sentiment = np.where(nps <= 6, words.NEGATIVE, np.where(nps <= 8, words.NEUTRAL, words.POSITIVE))
    comment = np.array(words.SURVEY_COMMENTS, dtype=object)[sentiment, rng.integers(0, 3, n)]
    comment[rng.random(n) < 0.3] = ""
    span = customers.leave[asked] - customers.arrival[asked]
    answered = customers.arrival[asked] + np.floor(rng.random(n) * span)
    order = np.argsort(answered, kind="stable")
    return pd.DataFrame(
        {
            "survey_id": np.arange(1, n + 1),
            "customer_id": customers.identifier[asked][order],
            "answered_at": _local_times(parameters, answered[order]),
            "nps": nps[order],
            "satisfaction": stars[order],
            "comment": comment[order],
        }
    )


def _ratings(
    rng: np.random.Generator, customer: IntArray, item: IntArray, customers: Customers, items: Items
) -> IntArray:
    """Stars 1..5, skewed to five as published."""
    price = 0.3 * PRICE_SENSITIVITY[customers.segment[customer]] * items.price_z[item]
    score = 4.1 + 0.9 * items.quality[item] + 0.9 * customers.satisfaction[customer] - price
    score += 0.6 * rng.standard_normal(customer.shape[0])
    return np.clip(np.round(score), 1, 5).astype(np.int64)


def _review_texts(
    rng: np.random.Generator, parameters: SimulateParameters, rating: IntArray, item: IntArray, items: Items
) -> tuple[TextArray, TextArray]:
    """Text and summary of each review, whose sentiment follows the rating."""
    n = rating.shape[0]
    sentiment = np.where(rating <= 2, words.NEGATIVE, np.where(rating == 3, words.NEUTRAL, words.POSITIVE))
    text = _drawn(rng, words.OPENINGS, sentiment) + product_names(items)[item] + "."
    for sentence in range(2):
        theme = np.where(rng.random(n) < 0.5, items.category[item] % 5, rng.integers(0, 5, n))
        stray = rng.random(n) < parameters.text_noise
        tone = np.where(stray, rng.integers(0, 3, n), sentiment)
        phrase = _drawn(rng, tuple(t for by_theme in words.ASPECTS for t in by_theme), theme * 3 + tone)
        said = rng.random(n) < (0.95, 0.5)[sentence]
        text = np.where(said, text + " " + phrase, text)
    closing = _drawn(rng, words.CLOSINGS, sentiment)
    text = np.where(closing != "", text + " " + closing, text).astype(object)
    stars = rng.random(n) < 0.3
    summary = np.where(stars, texts(words.STAR_SUMMARIES)[rating - 1], _drawn(rng, words.SUMMARIES, sentiment))
    return text, summary.astype(object)


def _drawn(rng: np.random.Generator, lists: tuple[tuple[str, ...], ...], which: IntArray) -> TextArray:
    """One phrase from each row's list, evenly."""
    flat = texts(tuple(phrase for phrases in lists for phrase in phrases))
    sizes = np.array([len(phrases) for phrases in lists])
    first = np.cumsum(sizes) - sizes
    return np.asarray(flat[first[which] + np.floor(rng.random(which.shape[0]) * sizes[which]).astype(np.int64)])


def _styles(rng: np.random.Generator, n: int) -> TextArray:
    """``style`` of the published layout (keys end in a colon, values begin with a blank); a third has none."""
    styles: list[dict[str, str] | None] = [{"Color:": colour} for colour in words.COLOURS]
    styles += [{"Size:": size, "Color:": colour} for size in words.SIZES for colour in words.COLOURS[:2]]
    styles += [None] * (len(styles) // 2)
    out = np.empty(len(styles), dtype=object)
    out[:] = styles
    return np.asarray(out[rng.integers(0, len(styles), n)])


def _review_times(seconds: IntArray) -> TextArray:
    """``09 1, 2016``: month with two digits, day without padding, as published."""
    different, position = np.unique(seconds, return_inverse=True)
    days = [datetime.fromtimestamp(int(s), UTC) for s in different]
    return texts(tuple(f"{d:%m} {d.day}, {d.year}" for d in days))[position]


def _local_times(parameters: SimulateParameters, seconds: FloatArray) -> TextArray:
    """World seconds as local ``YYYY-MM-DD HH:MM:SS``."""
    moments = np.datetime64(parameters.start_date, "s") + seconds.astype(np.int64).astype("timedelta64[s]")
    return np.char.replace(np.datetime_as_string(moments, unit="s"), "T", " ").astype(object)
