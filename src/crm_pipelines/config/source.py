"""One block of ``sources:``."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from crm_pipelines import columns as c
from crm_pipelines.config.base import Parameters, RelativePath, relative
from crm_pipelines.config.documents import AnnotatedSpec, DocumentsSpec
from crm_pipelines.config.log import ContactsSpec, EntitySpec, InteractionsSpec
from crm_pipelines.config.offers import OfferSpec
from crm_pipelines.config.outcomes import ChurnSpec, PurchaseSpec
from crm_pipelines.config.records import RecordsSpec
from crm_pipelines.errors import UserError


class SourceSpec(Parameters):
    """One block of ``sources:``; everything the project knows about a data source.

    A block carries a log of ``interactions`` (for behaviour prediction), a table of ``records`` (for risk),
    ``documents`` (for what customers say), or several of them.

    Attributes:
        title: name shown in reports.
        reader: the published format of the interactions, or ``tables`` for one's own CSV, parquet or JSON-lines files.
        log, customers, items: the canonical tables; ``log`` is written ``interactions`` in the block.
        table: the records, written ``records`` in the block.
        texts: name of a part -> its file of documents, written ``documents`` in the block.
        annotated: sentences with marked entities, from which a tagger learns, written ``entities`` in the block.
        churn: what churn is in the log of interactions; without it, the outcome of ``records`` where that is churn.
        purchase: what a purchase is, in that log or in the invoices of reader ``retail``.
        contacts: whom one has contacted how, for the frequency cap and for measuring the policy.
        do_not_contact: customer attribute -> values that forbid any contact; so does a missing one.
        extra_files: further files of a published format, by role (``reviews``, ``metadata``).
        encoding, delimiter, decimal: how one's own CSV files are written: the encoding, the character between
            cells (found where empty), and a point or a comma before the fraction of a number.
        time_unit: seconds in the source's natural unit of time (the tau of the TFP-Net decay).
        horizon_days: how far ahead "soon" reaches for this source.
        training_events: most events a network sees in training, all passes together, where that is to be quick.
        most_seeds: most seeds run, where that is to be quick.
        sequence_events: most items that a network of the next item reads in training, where that is to be quick.
        offers: how products taken are read from the log, for recommendation.
        products: a block of the same form that recommendation reads in place of this one.
    """

    title: str
    reader: (
        Literal["demo", "taobao", "amazon", "movielens", "item_sequences", "holdings", "market", "tables"] | None
    ) = None
    log: InteractionsSpec | None = Field(default=None, alias="interactions")
    table: RecordsSpec | None = Field(default=None, alias="records")
    texts: dict[str, DocumentsSpec] = Field(default={}, alias="documents")
    annotated: AnnotatedSpec | None = Field(default=None, alias="entities")
    customers: EntitySpec = EntitySpec()
    items: EntitySpec = EntitySpec()
    churn: ChurnSpec | None = None
    purchase: PurchaseSpec | None = None
    contacts: ContactsSpec | None = None
    do_not_contact: dict[str, tuple[str, ...]] = {}
    extra_files: dict[str, RelativePath] = {}
    encoding: Literal["utf-8", "latin-1", "windows-1252"] = "utf-8"
    delimiter: Annotated[str, Field(max_length=1)] = ""
    decimal: Literal[".", ","] = "."
    time_unit: float = Field(default=86_400.0, gt=0)
    horizon_days: float = Field(default=30.0, gt=0)
    training_events: int | None = Field(default=None, ge=1)
    most_seeds: int | None = Field(default=None, ge=1)
    sequence_events: int | None = Field(default=None, ge=1)
    offers: OfferSpec = OfferSpec()
    products: "SourceSpec | None" = None

    @field_validator("extra_files")
    @classmethod
    def _paths(cls, files: dict[str, str]) -> dict[str, str]:
        return {role: relative(path) for role, path in files.items()}

    @model_validator(mode="after")
    def _something_to_read(self) -> Self:
        if self.log is None and self.table is None and not self.texts and self.annotated is None:
            raise ValueError(
                "give 'interactions' (a log of events), 'records' (a table of outcomes), 'documents' (what customers "
                "wrote), or several of them"
            )
        if self.log is not None and self.reader is None:
            raise ValueError("'interactions' needs a 'reader' beside it: a published format, or 'tables'")
        if self.log is not None:
            named = (*self.offers.takes, *self.offers.ends, *self.offers.predicted)
            unknown = [name for name in named if name not in self.log.classes]
            if unknown:
                known = ", ".join(self.log.classes)
                raise ValueError(f"'offers' names the class '{unknown[0]}', but those of 'interactions' are {known}")
        if self.churn is not None and (self.log is None or self.log.in_order):
            raise ValueError("'churn' needs 'interactions' with times, in which it is looked for")
        retail = self.table is not None and self.table.reader == "retail"
        if self.purchase is not None and (self.log.in_order if self.log is not None else not retail):
            raise ValueError("'purchase' needs 'interactions' with times, in which it is looked for")
        if self.purchase is not None and self.purchase.value not in (None, *self.items.numeric):
            raise ValueError(f"'purchase.value: {self.purchase.value}' must be one of the numeric columns of 'items'")
        return self

    @property
    def columns_of_words(self) -> frozenset[str]:
        """Names, in one's own files, of columns that hold ids, labels, categories or texts, and numbers in no file."""
        words, numbers = set[str](), set[str]()
        for side, own_id in ((self.customers, c.CUSTOMER_ID), (self.items, c.ITEM_ID)):
            words |= {side.id or own_id, *side.categorical, *side.text, *side.sensitive}
            numbers |= {*side.numeric}
        if self.log is not None:
            words |= {self.log.columns.get(name, name) for name in (c.CUSTOMER_ID, c.ITEM_ID, c.BEHAVIOUR, c.TEXT)}
            numbers.add(self.log.columns.get(c.VALUE, c.VALUE))
        if self.table is not None:
            named = (self.table.id, self.table.customer, self.table.label)
            words |= {*(name for name in named if name is not None), *self.table.categorical, *self.table.sensitive}
            numbers |= {
                *self.table.numeric,
                *self.table.leaky,
                *(x for each in self.table.channels.values() for x in each),
            }
        for part in self.texts.values():
            words |= {column for name, column in part.columns.items() if name not in ("timestamp", "rating")}
            numbers |= {column for name, column in part.columns.items() if name in ("timestamp", "rating")}
        if self.contacts is not None:
            words |= {
                self.contacts.columns.get("customer_id", "customer_id"),
                self.contacts.columns.get("action", "action"),
            }
        return frozenset(words - numbers)

    @property
    def churn_days(self) -> float:
        """Days of silence that are churn."""
        if self.churn is not None:
            return self.churn.within_days
        return float(self.records.label_days)

    def is_history(self, name: str) -> bool:
        """Whether a column of the records of churn, or a step of one, is made of events before the reference date."""
        return self.churn is not None and name.partition("@")[0] not in self.customers.columns

    @property
    def interactions(self) -> InteractionsSpec:
        """The log of interactions; UserError for a source without one."""
        if self.log is None:
            raise UserError(
                f"source '{self.title}' has no 'interactions', which this pipeline reads: choose another source, "
                "add that block, or run --pipelines=risk on its records"
            )
        return self.log

    @property
    def records(self) -> RecordsSpec:
        """The table of records; UserError for a source without one."""
        if self.table is None:
            raise UserError(
                f"source '{self.title}' has no 'records', which this pipeline reads: choose another source "
                "(such as credit, telco, retail, bank), or add that block"
            )
        return self.table

    @property
    def documents(self) -> dict[str, DocumentsSpec]:
        """The files of documents; UserError for a source without any."""
        if not self.texts:
            raise UserError(
                f"source '{self.title}' has no 'documents', which this pipeline reads: choose another source "
                "(such as amazon_instruments, airline_tweets), or add that block"
            )
        return self.texts
