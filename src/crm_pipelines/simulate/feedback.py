"""What customers write: reviews in the Amazon 2018 layout, support tickets and surveys.

Planted here: ratings follow the item's quality and the customer's satisfaction, the words follow the rating,
themes follow the category, and dissatisfied customers write more tickets and answer surveys with low scores.
All texts are drawn from templates in bulk.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crm_pipelines.simulate import vocabulary as words
from crm_pipelines.simulate.catalogue import product_names
from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.funnel import PRICE_SENSITIVITY
from crm_pipelines.simulate.interactions import EventLog
from crm_pipelines.simulate.population import Customers, Items
from crm_pipelines.simulate.sheets import Sheet
from crm_pipelines.simulate.streams import (
    FloatArray,
    IntArray,
    TextArray,
    choice,
    choice_by_row,
    stream,
    texts,
)

REVIEWER_FACTOR = np.array([0.8, 1.2, 1.0, 0.9])
REPEATED_REVIEWS, EMPTY_REVIEWS = 0.01, 0.01
CHANNELS = ("email", "chat", "phone", "social")
EMPTY, ABSENT = 1, 2
"""A review whose text is empty, or left out."""


def review_table(parameters: SimulateParameters, log: EventLog, customers: Customers, items: Items) -> Sheet:
    """``reviews_5.json``: reviews of things bought, one to some days after the buy, ordered by item and day.

    Missing cells (None) are keys that the published line leaves out. As published, a few reviews are repeated
    exactly and a few have no text. What is drawn is kept as small numbers; words are put together as they are written.
    """
    rng = stream(parameters.seed, "reviews")
    buys = log.purchases()
    factor = REVIEWER_FACTOR[customers.segment[log.customer[buys]]]
    buys = buys[rng.random(buys.shape[0]) < parameters.review_share * factor]
    delay = 1 + np.floor(3.0 * np.exp(0.7 * rng.standard_normal(buys.shape[0])))
    day = (log.seconds[buys] // 86_400 + delay).astype(np.int16)
    buys, day = buys[day < parameters.days], day[day < parameters.days]
    customer, item = log.customer[buys], log.item[buys]
    rating = _ratings(rng, customer, item, customers, items)
    written = _review_texts(rng, parameters, rating, items.category[item])
    n = rating.shape[0]
    missing = rng.random(n)
    gap = np.select([missing < EMPTY_REVIEWS / 2, missing < EMPTY_REVIEWS], [EMPTY, ABSENT], 0).astype(np.int8)
    verified = np.asarray(rng.random(n) < 0.94)
    styles = _styles()
    style = np.asarray(rng.integers(0, len(styles), n), dtype=np.int8)
    order = np.lexsort((customer, day, items.identifier[item])).astype(np.int32)
    copies = np.ones(n, dtype=np.int8)
    copies[rng.permutation(n)[: int(np.ceil(n * REPEATED_REVIEWS))]] = 2
    order = np.repeat(order, copies)
    start = int(datetime(*parameters.start_date.timetuple()[:3], tzinfo=UTC).timestamp())

    def part(rows: slice) -> pd.DataFrame:
        r = order[rows]
        seconds = start + day[r].astype(np.int64) * 86_400
        text, summary = written.told(r, product_names(items, item[r]))
        text[gap[r] == EMPTY] = ""
        text[gap[r] == ABSENT] = None
        return pd.DataFrame(
            {
                "overall": rating[r].astype(np.float64),
                "verified": verified[r],
                "reviewTime": _review_times(seconds),
                "reviewerID": customers.identifier[customer[r]].astype(str).astype(object),
                "asin": items.identifier[item[r]].astype(str).astype(object),
                "style": styles[style[r]],
                "reviewerName": texts(words.FIRST_NAMES)[customer[r] % len(words.FIRST_NAMES)],
                "reviewText": pd.Series(text, dtype=object),  # keeps None apart from ""
                "summary": summary,
                "unixReviewTime": seconds,
            }
        )

    return Sheet(len(order), part)


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
    text = templates[topic, second] + product_names(items, item) + templates[topic, second + 1]
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


def mention_table(parameters: SimulateParameters, log: EventLog, customers: Customers, items: Items) -> Sheet:
    """``mentions.csv``: short posts about products, of buyers after the buy, ordered by time.

    What is said follows the customer's satisfaction and the item's quality; the file does not say which it was.
    """
    rng = stream(parameters.seed, "mentions")
    buys = log.purchases()
    wanted = round(parameters.customers * parameters.mention_share) if buys.size else 0
    drawn = buys[rng.integers(0, max(len(buys), 1), wanted)]
    created = log.seconds[drawn] + np.floor(86_400 * np.exp(0.9 * rng.standard_normal(wanted)))
    drawn, created = drawn[created < parameters.horizon], created[created < parameters.horizon]
    order = np.argsort(created, kind="stable")
    drawn, created = drawn[order], created[order].astype(np.int32)
    customer, item = log.customer[drawn], log.item[drawn]
    mood = customers.satisfaction[customer] + 0.6 * items.quality[item] + 0.8 * rng.standard_normal(len(drawn))
    tone = np.where(mood < -0.4, words.NEGATIVE, np.where(mood < 0.4, words.NEUTRAL, words.POSITIVE)).astype(np.int8)
    said = rng.integers(0, len(words.MENTIONS[0]), len(drawn)).astype(np.int8)
    templates = np.array(words.MENTIONS, dtype=object)

    def part(rows: slice) -> pd.DataFrame:
        around = templates[tone[rows], said[rows]]
        return pd.DataFrame(
            {
                "mention_id": np.arange(1, len(drawn) + 1)[rows],
                "customer_id": customers.identifier[customer[rows]],
                "created_at": _local_times(parameters, created[rows].astype(np.float64)),
                "item_id": items.identifier[item[rows]],
                "text": around[:, 0] + product_names(items, item[rows]) + around[:, 1],
            }
        )

    return Sheet(len(drawn), part)


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
    rng: np.random.Generator,
    customer: npt.NDArray[np.int32],
    item: npt.NDArray[np.int32],
    customers: Customers,
    items: Items,
) -> npt.NDArray[np.int8]:
    """Stars 1..5, skewed to five as published."""
    price = 0.3 * PRICE_SENSITIVITY[customers.segment[customer]] * items.price_z[item]
    score = 4.1 + 0.9 * items.quality[item] + 0.9 * customers.satisfaction[customer] - price
    score += 0.6 * rng.standard_normal(customer.shape[0])
    return np.clip(np.round(score), 1, 5).astype(np.int8)


@dataclass(frozen=True)
class _Phrases:
    """Some lists of phrases one after the other; a drawn phrase is its position."""

    flat: TextArray
    first: IntArray
    sizes: IntArray

    @classmethod
    def of(cls, lists: tuple[tuple[str, ...], ...]) -> "_Phrases":
        sizes = np.array([len(phrases) for phrases in lists])
        return cls(texts(tuple(phrase for phrases in lists for phrase in phrases)), np.cumsum(sizes) - sizes, sizes)

    def drawn(self, rng: np.random.Generator, which: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int16]:
        """One phrase from each row's list, evenly."""
        place = np.floor(rng.random(which.shape[0]) * self.sizes[which]).astype(np.int64)
        return np.asarray(self.first[which] + place, dtype=np.int16)


@dataclass(frozen=True)
class _Written:
    """What each review says, as positions in lists of phrases, shape (reviews,); a sentence of -1 is not said."""

    opening: npt.NDArray[np.int16]
    sentences: tuple[npt.NDArray[np.int16], ...]
    closing: npt.NDArray[np.int16]
    summary: npt.NDArray[np.int16]

    def told(self, r: npt.NDArray[np.int32], names: TextArray) -> tuple[TextArray, TextArray]:
        """Text and summary of the reviews ``r`` of products called ``names``."""
        text = OPENINGS.flat[self.opening[r]] + names + "."
        for sentence in self.sentences:
            phrase = sentence[r]
            text = np.where(phrase >= 0, text + " " + ASPECTS.flat[phrase], text)
        closing = CLOSINGS.flat[self.closing[r]]
        text = np.where(closing != "", text + " " + closing, text).astype(object)
        return text, np.asarray(SUMMARIES.flat[self.summary[r]], dtype=object)


def _review_texts(
    rng: np.random.Generator, parameters: SimulateParameters, rating: npt.NDArray[np.int8], category: IntArray
) -> _Written:
    """Text and summary of each review, whose sentiment follows the rating."""
    n = rating.shape[0]
    tones = np.array([words.NEGATIVE, words.NEUTRAL, words.POSITIVE], dtype=np.int8)
    sentiment = tones[np.where(rating <= 2, 0, np.where(rating == 3, 1, 2))]
    opening = OPENINGS.drawn(rng, sentiment)
    sentences = []
    for share in (0.95, 0.5):
        theme = np.where(rng.random(n) < 0.5, category % 5, rng.integers(0, 5, n))
        stray = rng.random(n) < parameters.text_noise
        tone = np.where(stray, rng.integers(0, 3, n), sentiment)
        phrase = ASPECTS.drawn(rng, theme * 3 + tone)
        sentences.append(np.where(rng.random(n) < share, phrase, np.int16(-1)))
    closing = CLOSINGS.drawn(rng, sentiment)
    stars = rng.random(n) < 0.3
    summary = SUMMARIES.drawn(rng, sentiment)
    star = SUMMARIES.first[-1] + rating - 1  # the last list: one summary for each number of stars
    return _Written(opening, tuple(sentences), closing, np.where(stars, star, summary).astype(np.int16))


OPENINGS = _Phrases.of(words.OPENINGS)
ASPECTS = _Phrases.of(tuple(phrases for by_theme in words.ASPECTS for phrases in by_theme))
CLOSINGS = _Phrases.of(words.CLOSINGS)
SUMMARIES = _Phrases.of((*words.SUMMARIES, words.STAR_SUMMARIES))


def _styles() -> TextArray:
    """Values of ``style`` as published (keys end in a colon, values begin with a blank); a third has none."""
    styles: list[dict[str, str] | None] = [{"Color:": colour} for colour in words.COLOURS]
    styles += [{"Size:": size, "Color:": colour} for size in words.SIZES for colour in words.COLOURS[:2]]
    styles += [None] * (len(styles) // 2)
    out = np.empty(len(styles), dtype=object)
    out[:] = styles
    return out


def _review_times(seconds: IntArray) -> TextArray:
    """``09 1, 2016``: month with two digits, day without padding, as published."""
    different, position = np.unique(seconds, return_inverse=True)
    days = [datetime.fromtimestamp(int(s), UTC) for s in different]
    return texts(tuple(f"{d:%m} {d.day}, {d.year}" for d in days))[position]


def _local_times(parameters: SimulateParameters, seconds: FloatArray) -> TextArray:
    """World seconds as local ``YYYY-MM-DD HH:MM:SS``."""
    moments = np.datetime64(parameters.start_date, "s") + seconds.astype(np.int64).astype("timedelta64[s]")
    return np.char.replace(np.datetime_as_string(moments, unit="s"), "T", " ").astype(object)
