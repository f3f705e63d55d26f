"""The interaction log of a source, its customers and items, and the log of contacts."""

from datetime import datetime
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from crm_pipelines.config.base import Labels, Parameters, RelativePath

ONLY_CLASS: Final = "event"
"""Class of every row of a log that names no behaviours, such as a list of orders."""


class TimeWindow(Parameters):
    """Events outside ``[start, end)`` are faulty; local dates of the source's ``utc_offset_hours``."""

    start: datetime | None = None
    end: datetime | None = None


class InteractionsSpec(Parameters):
    """The interaction log of a source and how its events are named.

    Attributes:
        file: path below ``raw_root``; ``.csv``, ``.parquet`` or ``.jsonl``, also with ``.gz``.
        columns: canonical name -> name in the file (reader ``tables`` only; published formats know theirs).
        timestamp_format: ``seconds``, ``milliseconds``, ``iso`` or a strptime pattern such as ``%d/%m/%Y %H:%M``.
        utc_offset_hours: zone of times written without one, and of hour-of-day and weekday features.
        window: period outside which a timestamp is faulty.
        behaviours: raw label -> class to predict; classes keep this order. With one class there is no behaviour to
            predict, but a next item and churn; without any, every row is an `ONLY_CLASS`.
        rating_classes: class -> highest rating (inclusive) that belongs to it, ascending; used instead of
            ``behaviours`` when the log holds ratings in ``value``.
        context: raw labels that enter histories but are never predicted.
        in_order: the events have no times, but stand in their order.
        ids: ``integer`` or ``text`` states what the ids are; ``auto`` accepts either but not a mixture.
        one_rating_per_pair: keep a customer's first rating of an item only.
        require_text: drop events without text (counted).
        unreadable: ``stop`` at a cell that cannot be read, or ``drop`` its row (counted).
    """

    file: RelativePath
    columns: dict[str, str] = {}
    timestamp_format: str = "seconds"
    utc_offset_hours: float = Field(default=0.0, ge=-14, le=14)
    window: TimeWindow = TimeWindow()
    behaviours: Labels = {}
    rating_classes: dict[str, float] = {}
    context: tuple[str, ...] = ()
    in_order: bool = False
    ids: Literal["auto", "integer", "text"] = "auto"
    one_rating_per_pair: bool = False
    require_text: bool = False
    unreadable: Literal["stop", "drop"] = "stop"

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if self.behaviours and self.rating_classes:
            raise ValueError("give either 'behaviours' (raw label: class) or 'rating_classes' (class: highest rating)")
        bounds = list(self.rating_classes.values())
        if bounds != sorted(set(bounds)):
            raise ValueError("'rating_classes' must name ascending highest ratings")
        if self.context and not (self.behaviours or self.rating_classes):
            raise ValueError("'context' needs 'behaviours' (raw label: class) or 'rating_classes' beside it")
        return self

    @property
    def one_kind(self) -> bool:
        """Whether every event is of the same kind, by the block: at most one class is named."""
        return not self.rating_classes and len(self.behaviours) < 2

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes to predict, in their declared order."""
        return tuple(dict.fromkeys(self.behaviours.values())) or tuple(self.rating_classes) or (ONLY_CLASS,)


class EntitySpec(Parameters):
    """Static attributes of customers or items.

    Attributes:
        file: table of attributes; without it they are read from the interaction log (the most frequent value).
        id: name of the id column in that file (reader ``tables`` only).
        numeric, categorical, text: attribute columns by type; all others are ignored.
        sensitive: categorical columns used to measure group fairness and never given to a model.
        group_by: the categorical column whose own history is followed (``category``), items only.
    """

    file: RelativePath | None = None
    id: str | None = None
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    group_by: str | None = None

    @model_validator(mode="after")
    def _known_columns(self) -> Self:
        if self.group_by is not None and self.group_by not in self.categorical:
            raise ValueError(f"'group_by: {self.group_by}' must be one of the categorical columns")
        repeated = {c for c in self.columns if self.columns.count(c) > 1}
        if repeated:
            raise ValueError(f"columns declared twice: {sorted(repeated)}")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Every declared attribute column."""
        return (*self.numeric, *self.categorical, *self.text, *self.sensitive)


class ContactsSpec(Parameters):
    """A log of contacts: ``customer_id, sent_at`` (UTC seconds) and ``action``; for measuring also ``chance, spend``.

    Attributes:
        file: path below ``raw_root``.
        columns: these names -> names in the file, where they differ.
    """

    file: RelativePath
    columns: dict[Literal["customer_id", "sent_at", "action", "chance", "spend"], str] = {}
