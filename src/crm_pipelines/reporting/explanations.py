"""The part of the page that shows what a model looked at: Figures 3 and 4 of paper A, and single predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from crm_pipelines.columns import CUSTOMER, EVENT_ID, ITEM, Y_TRUE, N
from crm_pipelines.reporting.embedding_chart import EmbeddingMap, embedding_drawing
from crm_pipelines.reporting.explanation_charts import (
    ALL,
    FEWEST,
    FeatureBars,
    HeatMap,
    feature_bars,
    heat_maps,
)
from crm_pipelines.reporting.formatting import interval, number
from crm_pipelines.reporting.results import PipelineResults
from crm_pipelines.reporting.view import Cell, Head, Label, Row, Table

EXAMPLES_PER_CLASS: Final = 2


@dataclass(frozen=True)
class ExplanationView:
    """What the template shows; an empty part is left out.

    Attributes:
        heat_maps: attention by day, customers' histories first.
        finding: in words, which days stood out.
        features: attention by product feature. new_items: in words, whether new items get more attention.
        map: prototypes and customers.
        examples: single predictions with the past events that drove them.
    """

    heat_maps: tuple[HeatMap, ...]
    finding: str
    features: FeatureBars | None
    new_items: str
    map: EmbeddingMap | None
    examples: Table | None


def explanation_view(pipeline: PipelineResults) -> ExplanationView | None:
    """The view of a pipeline's explanations; None where it wrote none."""
    view = ExplanationView(
        heat_maps=heat_maps(pipeline.attention_by_day),
        finding=day_finding(pipeline.attention_by_day),
        features=feature_bars(pipeline.attention_by_feature),
        new_items=new_item_finding(pipeline.attention_by_feature),
        map=embedding_drawing(pipeline.embedding_map),
        examples=example_table(pipeline.explanations),
    )
    return view if view.heat_maps or view.features or view.map or view.examples else None


def day_finding(by_day: pd.DataFrame) -> str:
    """Which day got the largest share of customers' attention, and which got more than their age explains."""
    rows = by_day[(by_day["side"] == CUSTOMER) & (by_day["behaviour"] == ALL) & (by_day[N] >= FEWEST)]
    if rows.empty:
        return ""
    top = rows.iloc[int(rows["share"].argmax())]
    uniform = top["share"] / top["weight"]
    period = str(top["period"])
    sentence = (
        f"The largest share of attention, {number(100 * top['share'], 1)} %, goes to {_day(top)}; "
        f"uniform attention would give it {number(100 * uniform, 1)} %. "
    )
    above = rows[rows["low"] > 1]
    if above.empty:
        return sentence + f"No {period} gets more attention than events of the same age elsewhere."
    names = "; ".join(
        f"{_day(row)} {number(row['same_age'])} times {interval(row['low'], row['high'])}"
        for row in above.to_dict("records")
    )
    chance = number(0.025 * len(rows), 1)
    return sentence + (
        f"More than events of the same age elsewhere get: {names}. "
        f"Of {len(rows)} {period}s about {chance} would by chance alone."
    )


def _day(row: Any) -> str:
    return f"{row['day']} ({row['weekday']})" if row["weekday"] else str(row["day"])


def new_item_finding(by_feature: pd.DataFrame) -> str:
    """Whether events with new items get more attention, as the paper says, and whether their age explains it."""
    rows = by_feature[
        (by_feature["feature"] == "new item") & (by_feature["level"] == "yes") & (by_feature[N] >= FEWEST)
    ]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    same_age = f"{number(row['same_age'])} times {interval(row['low'], row['high'])}"
    verdict = "more than" if row["low"] > 1 else "less than" if row["high"] < 1 else "no more and no less than"
    return (
        f"Events with new items get {number(row['weight'], 2)} times what uniform attention gives, and {same_age} what "
        f"other events of their age get: {verdict} their age explains."
    )


def ago(days: float) -> str:
    """``12 min``, ``5.3 h`` or ``1.6 days``."""
    if days < 1 / 24:
        return f"{number(days * 1440, 0)} min"
    return f"{number(days * 24, 1)} h" if days < 1 else f"{number(days, 1)} days"


def example_table(explanations: pd.DataFrame) -> Table | None:
    """The first explained events of each class, one a row, with their past events by weight."""
    if explanations.empty:
        return None
    events = explanations.drop_duplicates(EVENT_ID)
    chosen = events[events.groupby(Y_TRUE, sort=False).cumcount() < EXAMPLES_PER_CLASS]
    most = int(explanations["rank"].max())
    rows = []
    for position, event in enumerate(chosen.sort_values(Y_TRUE, kind="stable").to_dict("records"), start=1):
        past = explanations[explanations[EVENT_ID] == event[EVENT_ID]].sort_values("rank")
        right = event[Y_TRUE] == event["predicted"]
        cells = [
            Cell(event[Y_TRUE], words=True),
            Cell(event["predicted"], number(event["probability"], 2), tone="better" if right else "worse", words=True),
            *(
                Cell(
                    _what(row, event[ITEM]),
                    f"{ago(row['days_ago'])} ago, weight {number(row['weight'], 3)}",
                    words=True,
                )
                for row in past.to_dict("records")
            ),
        ]
        cells += [Cell("", words=True)] * (2 + most - len(cells))
        rows.append(Row(Label(f"Event {position}"), tuple(cells)))
    heads = [Head("was", words=True), Head("most probable", words=True)]
    heads += [Head(f"{position}.", "past event", words=True) for position in range(1, most + 1)]
    return Table(
        "Which past events drove this prediction",
        "Test event",
        tuple(heads),
        tuple(rows),
        "The first of each class in the sample of explanations.csv, not the best. Attention shows where a prediction "
        "looked, not why it came out.",
    )


def _what(row: Mapping[str, Any], item: object) -> str:
    """``cart of another item, the customer's history``; nobody is named."""
    if row["side"] != CUSTOMER:
        return f"{row['past_behaviour']}, the item's history"
    which = "the same item" if str(row["past_item"]) == str(item) else "another item"
    return f"{row['past_behaviour']} of {which}, the customer's history"
