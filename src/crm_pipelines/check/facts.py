"""What the tables of a source hold, by the very code that the pipelines read and clean them with.

A part that cannot be read is no reason to say nothing of the others: its message is kept among the problems.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines import sources
from crm_pipelines.cleaning import clean_interactions
from crm_pipelines.config import FoldParameters, SourceSpec
from crm_pipelines.documents.cleaning import clean_documents
from crm_pipelines.documents.config import DocumentParameters
from crm_pipelines.errors import UserError
from crm_pipelines.failures import one_line
from crm_pipelines.policy.adjustment import forbidden
from crm_pipelines.policy.contacts import read_contacts
from crm_pipelines.records.cleaning import clean_records
from crm_pipelines.records.leaks import column_aucs
from crm_pipelines.records.preparation import KEPT, prepare
from crm_pipelines.records.snapshots import snapshot_records
from crm_pipelines.sources.raw import RawFolder
from crm_pipelines.sources.records import RecordTables

T = TypeVar("T")
INTERACTIONS: Final = "interactions"
RECORDS: Final = "records"
CHURN: Final = "churn"
CONTACTS: Final = "contacts"
DOCUMENTS: Final = "documents"
DO_NOT_CONTACT: Final = "do_not_contact"


@dataclass(frozen=True)
class LogFacts:
    """A log of interactions.

    Attributes:
        rows: as read. dropped: reason -> rows that cleaning drops. notes: what was counted while reading.
        customers, items: different ones with a valid event.
        behaviours: class or context label -> valid events.
        timestamp: (n,) ascending UTC seconds of valid events; the order of the file in one without times.
        labels: (n,) class of each, -1 for context.
        several_items: customers with events of at least two different items.
        events_each: median events of a customer. most_events: of one customer.
        profiles: customers in the table of customers.
    """

    rows: int
    dropped: Mapping[str, int]
    notes: Mapping[str, int]
    customers: int
    items: int
    behaviours: Mapping[str, int]
    timestamp: NDArray[np.int64]
    labels: NDArray[np.int64]
    several_items: int
    events_each: float
    most_events: int
    profiles: int

    @property
    def days(self) -> float:
        """Days between the first and the last valid event."""
        return float(self.timestamp[-1] - self.timestamp[0]) / 86_400 if len(self.timestamp) else 0.0


@dataclass(frozen=True)
class RecordFacts:
    """A table of records: the source's own, or those of churn.

    Attributes:
        rows, dropped, notes: as of a log. customers: different ones.
        classes: class -> valid records, the risk last. waiting: records without an outcome yet.
        inputs: columns that models are given, as kept.
        aucs: column -> area under the ROC curve of the column alone.
        empty, constant: columns left out for having no value, or one.
    """

    rows: int
    dropped: Mapping[str, int]
    notes: Mapping[str, int]
    customers: int
    classes: Mapping[str, int]
    waiting: int
    inputs: int
    aucs: Mapping[str, float]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class DocumentFacts:
    """What customers wrote.

    Attributes:
        rows: as read. texts: those with a text. customers: different ones who wrote.
        labels: sentiment -> documents that say which it is.
        dropped: reason -> documents that cleaning leaves out. noticed: what it counts among those that it keeps.
    """

    rows: int
    texts: int
    customers: int
    labels: Mapping[str, int]
    dropped: Mapping[str, int]
    noticed: Mapping[str, int]


@dataclass(frozen=True)
class Facts:
    """All that was found.

    Attributes:
        spec: the block.
        log, records, churn, documents: None where the source has none or it cannot be read.
        contacts: number of contacts.
        spared: customers whom ``do_not_contact`` forbids to contact; None without such a rule.
        problems: part -> why it cannot be read.
    """

    spec: SourceSpec
    log: LogFacts | None = None
    records: RecordFacts | None = None
    churn: RecordFacts | None = None
    documents: DocumentFacts | None = None
    contacts: int = 0
    spared: int | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


def gather(raw: RawFolder, spec: SourceSpec, folds: FoldParameters) -> Facts:
    """Read every part of a source."""
    problems: dict[str, str] = {}

    def tried(part: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except UserError as error:
            problems.setdefault(part, one_line(error))
            return None

    log: LogFacts | None = None
    records: RecordFacts | None = None
    churn: RecordFacts | None = None
    clean: tuple[pd.DataFrame, pd.DataFrame] | None = None
    if spec.log is not None:
        found = tried(INTERACTIONS, lambda: _log(raw, spec))
        if found is not None:
            log, clean = found[0], (found[1], found[2])
    if spec.table is not None:
        records = tried(RECORDS, lambda: _records(sources.read_records(raw, spec), spec.records.file, spec, folds))
    if spec.churn is not None and clean is not None:
        (events, customers), definition = clean, spec.churn
        churn = tried(
            CHURN,
            lambda: _records(
                snapshot_records(events, customers, definition, spec.customers), spec.interactions.file, spec, folds
            ),
        )
    elif spec.table is not None and spec.table.churn:
        churn = records
    documents = tried(DOCUMENTS, lambda: _documents(raw, spec)) if spec.texts else None
    contacts = tried(CONTACTS, lambda: read_contacts(raw.written_as(spec), spec.contacts))
    spared: int | None = None
    if spec.do_not_contact and clean is not None:
        profiles = clean[1]
        spared = tried(DO_NOT_CONTACT, lambda: int(forbidden(profiles, spec.do_not_contact).sum()))
    return Facts(spec, log, records, churn, documents, 0 if contacts is None else len(contacts), spared, problems)


def _documents(raw: RawFolder, spec: SourceSpec) -> DocumentFacts:
    """Facts of documents, as they are read and cleaned; those without any text are described all the same."""
    read = sources.read_documents(raw, spec)
    table = read.documents
    written = table.filter(table[c.TEXT].notnull() & (table[c.TEXT].strip() != ""))
    counts = written.group_by(c.LABEL).agg(rows=written.count()).to_pandas()
    labels = {str(name): int(n) for name, n in zip(counts[c.LABEL], counts["rows"], strict=True) if not pd.isna(name)}
    whole = table.agg(rows=table.count(), customers=table[c.CUSTOMER_ID].nunique()).to_pandas().iloc[0]
    texts = int(counts["rows"].sum())
    known = sources.documents.known_customers(raw, spec)
    try:
        _, report = clean_documents(table, known, read.notes, DocumentParameters(), spec.title)
    except UserError:
        report = pd.DataFrame({"step": ["dropped"], "reason": ["empty_text"], "rows": [int(whole["rows"])]})
    return DocumentFacts(
        rows=int(whole["rows"]),
        texts=texts,
        customers=int(whole["customers"]),
        labels=labels,
        dropped=_counted(report, "dropped"),
        noticed=_counted(report, "noticed"),
    )


def _log(raw: RawFolder, spec: SourceSpec) -> tuple[LogFacts, pd.DataFrame, pd.DataFrame]:
    """Facts of a log, its valid events and the customers' attributes."""
    tables = sources.read(raw, spec)
    valid, report = clean_interactions(tables.interactions, spec.interactions)
    names = [c.CUSTOMER_ID, c.ITEM_ID, c.TIMESTAMP, c.BEHAVIOUR, c.VALUE]
    events = valid.select(*names).to_pandas()
    customers = tables.customers.to_pandas()
    by_customer = events.groupby(c.CUSTOMER_ID)
    classes = spec.interactions.classes
    counts = events[c.BEHAVIOUR].value_counts()
    time = events[c.TIMESTAMP].to_numpy(dtype=np.int64)
    order = np.argsort(time, kind="stable")
    codes = events[c.BEHAVIOUR].map({name: code for code, name in enumerate(classes)}).fillna(-1)
    facts = LogFacts(
        rows=_rows(report, "rows_in"),
        dropped=_dropped(report),
        notes=tables.notes,
        customers=int(events[c.CUSTOMER_ID].nunique()),
        items=int(events[c.ITEM_ID].nunique()),
        behaviours={name: int(counts.get(name, 0)) for name in (*classes, *spec.interactions.context)},
        timestamp=time[order],
        labels=codes.to_numpy(dtype=np.int64)[order],
        several_items=int((by_customer[c.ITEM_ID].nunique() > 1).sum()),
        events_each=float(by_customer.size().median()),
        most_events=int(by_customer.size().max()),
        profiles=len(customers),
    )
    return facts, events, customers


def _records(tables: RecordTables, file: str, spec: SourceSpec, folds: FoldParameters) -> RecordFacts:
    """Facts of records; limits are lifted, so that a table too small is described all the same."""
    layout = tables.layout
    valid, report = clean_records(tables.records, file, tables.lines)
    frame = valid.order_by(c.ROW).to_pandas()
    counts = frame[c.LABEL].value_counts()
    dropped = _dropped(report)
    classes = {name: int(counts.get(name, 0)) for name in layout.classes}
    aucs: dict[str, float] = {}
    inputs = 0
    left_out: tuple[str, ...] = ()
    if min(classes.values()) >= 2 * folds.folds:
        trusted = (*layout.columns, *layout.channels)
        lenient = folds.model_copy(update={"minimum": {"records": 1, "class": 1}, "leaks": False})
        ready = prepare(frame, layout, lenient, spec.title, file, trusted)
        aucs = column_aucs(ready.arrays, np.arange(len(frame)), ready.arrays["labels"])
        inputs = int((ready.columns["use"] == KEPT).sum())
        mine = ready.columns["use"].str.startswith("left out: ") & ~ready.columns["role"].isin(["leaky"])
        left_out = tuple(ready.columns.loc[mine, "column"])
    return RecordFacts(
        rows=_rows(report, "rows_in"),
        dropped=dropped,
        notes=tables.notes,
        customers=int(frame[c.CUSTOMER_ID].nunique()),
        classes=classes,
        waiting=dropped.get("missing_label", 0),
        inputs=inputs or len(layout.columns),
        aucs=aucs,
        left_out=left_out,
    )


def _rows(report: pd.DataFrame, step: str) -> int:
    return int(report.loc[report["step"] == step, "rows"].sum())


def _dropped(report: pd.DataFrame) -> dict[str, int]:
    return _counted(report, "dropped")


def _counted(report: pd.DataFrame, step: str) -> dict[str, int]:
    """Reason -> rows of one step of a report, where there are any."""
    rows = report[(report["step"] == step) & (report["rows"] > 0)]
    return {str(reason): int(n) for reason, n in zip(rows["reason"], rows["rows"], strict=True)}


def plain(facts: Facts) -> dict[str, Any]:
    """Facts as values for JSON."""

    def part(found: LogFacts | RecordFacts | None) -> dict[str, Any] | None:
        if found is None:
            return None
        shown = {name: value for name, value in vars(found).items() if not isinstance(value, np.ndarray)}
        if isinstance(found, LogFacts) and len(found.timestamp):
            shown |= {"start": int(found.timestamp[0]), "end": int(found.timestamp[-1]), "days": found.days}
        return shown

    return {
        "title": facts.spec.title,
        INTERACTIONS: part(facts.log),
        RECORDS: part(facts.records),
        CHURN: part(facts.churn),
        CONTACTS: facts.contacts,
        DO_NOT_CONTACT: facts.spared,
        "problems": dict(facts.problems),
    }
