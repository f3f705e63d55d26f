"""What the customers of a source wrote, and sentences with marked entities."""

from typing import Literal, Self

from pydantic import Field, model_validator

from crm_pipelines.config.base import Parameters, RelativePath

DocumentColumn = Literal[
    "document_id", "customer_id", "item_id", "timestamp", "channel", "summary", "text", "label", "rating"
]
Channel = Literal["review", "ticket", "mention", "survey"]
Sentiment = Literal["negative", "neutral", "positive"]


class DocumentsSpec(Parameters):
    """One file of documents of a source: what customers wrote.

    Attributes:
        reader: ``tables`` for one's own file; ``amazon`` for Amazon reviews and ``conll`` for sentences with marked
            entities, which know their columns.
        file: path below ``raw_root``, as for interactions. encoding: of a CSV file.
        columns: name of ours -> name in the file; ``text`` is needed, the others may be absent.
        channel: what kind of documents they are. channels: or, with a column ``channel``, its cells -> kind.
        labels: cells of the column ``label`` -> sentiment.
        rating_classes: sentiment -> highest rating (inclusive) that belongs to it, ascending; instead of ``labels``.
        lowest_rating: bottom of the scale; documents with a rating outside it keep no label (counted).
        timestamp_format, utc_offset_hours, ids: as for interactions.
        unreadable: ``stop`` at a rating or time that cannot be read, or ``blank`` it (counted).
    """

    reader: Literal["tables", "amazon", "conll"] = "tables"
    file: RelativePath
    encoding: Literal["utf-8", "latin-1", "windows-1252"] = "utf-8"
    columns: dict[DocumentColumn, str] = {}
    channel: Channel = "review"
    channels: dict[str, Channel] = {}
    labels: dict[str, Sentiment] = {}
    rating_classes: dict[Sentiment, float] = {}
    lowest_rating: float = 1.0
    timestamp_format: str = "seconds"
    utc_offset_hours: float = Field(default=0.0, ge=-14, le=14)
    ids: Literal["auto", "integer", "text"] = "auto"
    unreadable: Literal["stop", "blank"] = "stop"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.reader != "tables" and self.columns:
            raise ValueError(f"reader '{self.reader}' knows its columns; remove 'columns' or choose reader 'tables'")
        if self.reader == "tables" and "text" not in self.columns:
            raise ValueError("'columns' must name the column of the text: {text: NAME IN FILE}")
        if self.labels and self.rating_classes:
            raise ValueError("give either 'labels' (cell: sentiment) or 'rating_classes' (sentiment: highest rating)")
        if bool(self.labels) != ("label" in self.columns):
            raise ValueError("'labels' and 'columns.label' go together: the cells of that column -> sentiment")
        if self.reader == "tables" and bool(self.rating_classes) != ("rating" in self.columns):
            raise ValueError("'rating_classes' and 'columns.rating' go together")
        if bool(self.channels) != ("channel" in self.columns):
            raise ValueError("'channels' and 'columns.channel' go together: the cells of that column -> channel")
        bounds = list(self.rating_classes.values())
        if bounds != sorted(set(bounds)) or (bounds and self.lowest_rating >= bounds[0]):
            raise ValueError("'rating_classes' must name ascending highest ratings above 'lowest_rating'")
        return self


class AnnotatedSpec(Parameters):
    """Sentences whose entities are marked: CoNLL files with ``token TAB tag`` lines (BIO) and blank lines between them.

    Attributes:
        train, validation, test: paths below ``raw_root``.
    """

    train: RelativePath
    validation: RelativePath
    test: RelativePath
