"""Parameters as frozen, typed models: a misspelt key or a wrong type stops a run before its first node.

Each pipeline's parameter file under ``conf/base/parameters`` is read into one of these. A model's own
hyper-parameters are declared beside the model.
"""

from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Final, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from crm_pipelines.errors import UserError
from crm_pipelines.failures import parameter_problems


class Parameters(BaseModel):
    """Base of every parameter model: immutable, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


P = TypeVar("P", bound=Parameters)


def parse(model: type[P], values: object, where: str) -> P:
    """Read a block of parameters into its model.

    Args:
        model: the model.
        values: the block, as it comes from YAML.
        where: path of the block in the parameters, for the message.

    Raises:
        UserError: the path of every wrong key and what is wrong with it.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError("; ".join(parameter_problems(where, model, error))) from error


def _relative(path: object) -> str:
    """Accept a path below ``raw_root`` only."""
    if not isinstance(path, str):
        raise ValueError("must be a path in quotes")
    parts = PurePosixPath(path.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise ValueError(f"'{path}' must be a path below raw_root, without '..'")
    return path


RelativePath = Annotated[str, BeforeValidator(_relative)]


def _labels(mapping: object) -> object:
    """Labels as text: YAML reads ``0`` as a number, which is meant as written, and ``yes`` as a truth value."""
    if not isinstance(mapping, dict):
        return mapping
    for key in mapping:
        if isinstance(key, bool):
            raise ValueError(
                'write labels such as "yes", "no", "true", "on" in quotes: YAML reads them as true or false'
            )
    return {str(key) if isinstance(key, int) else key: value for key, value in mapping.items()}


Labels = Annotated[dict[str, str], BeforeValidator(_labels)]
"""Raw label -> class."""

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


class RecordsSpec(Parameters):
    """One table with a row per record (a customer, a loan, a call) and a yes-no outcome, the risk.

    Columns are called as in the file; all of them are optional but for what the reader needs.

    Attributes:
        reader: ``records`` for one's own table, or a published format: ``credit``, ``telco``, ``bank``, ``retail``.
        file: path below ``raw_root``, as for interactions.
        id: identifies a record; without it the records are numbered.
        customer: whom a record belongs to, where a customer may have several; else the record itself.
        label: the outcome. classes: raw label -> class; two classes, of which the last declared is the risk.
        churn: the risk is that of a customer who leaves.
        numeric, categorical: what models are given.
        sensitive: categorical columns used to measure group fairness and never given to a model.
        groups: those of the columns given to models by which fairness is measured too.
        leaky: numeric columns known only after the outcome: never given to a model, but for one labelled row that
            shows what they would fake.
        channels: channel -> its columns, one per step, oldest first; together the sequence of a record.
        steps: names of the steps, oldest first; 1, 2, ... without them.
        amount: amount of the next period, whose quantiles are estimated; never given to a model.
        date: when the record was made. timestamp_format, utc_offset_hours: as for interactions.
        in_order: the records stand in the order of time though they have no date.
        missing: cells that mean "no value", beside the usual spellings.
        guess: take every column not named here too: as numbers where all its cells are, else as categories.
        trusted: columns that may tell the outcome nearly alone without stopping the run.
        unreadable: ``stop`` at a cell that is not a number, or ``blank`` it (counted).
        outcome_due: the file must have the column of the outcome; scoring does without.
        label_days: retail: no purchase within this many days after the reference date is the risk; BG/NBD predicts
            this period for any records.
        weeks: retail: weeks of history before the reference date, one step each.
        snapshots: retail: reference dates, ``label_days`` apart, the last ``label_days`` before the end of the log.
    """

    reader: Literal["records", "credit", "telco", "bank", "retail"] = "records"
    file: RelativePath
    id: str | None = None
    customer: str | None = None
    label: str | None = None
    classes: Labels
    churn: bool = False
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    leaky: tuple[str, ...] = ()
    channels: dict[str, tuple[str, ...]] = {}
    steps: tuple[str, ...] = ()
    amount: str | None = None
    date: str | None = None
    timestamp_format: str = "seconds"
    utc_offset_hours: float = Field(default=0.0, ge=-14, le=14)
    in_order: bool = False
    missing: tuple[str, ...] = ()
    guess: bool = False
    trusted: tuple[str, ...] = ()
    unreadable: Literal["stop", "blank"] = "stop"
    outcome_due: bool = True
    label_days: int = Field(default=90, ge=1)
    weeks: int = Field(default=26, ge=1, le=520)
    snapshots: int = Field(default=3, ge=1, le=12)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.classes.values())) != 2:
            raise ValueError("'classes' must name two classes (raw label: class), the last of them the risk")
        lengths = {len(columns) for columns in self.channels.values()}
        if len(lengths) > 1 or 0 in lengths:
            raise ValueError("every channel under 'channels' needs one column per step, equally many, oldest first")
        if self.steps and lengths and {len(self.steps)} != lengths:
            raise ValueError(f"'steps' names {len(self.steps)} steps, but the channels have {lengths.pop()} columns")
        columns = [*self.attributes, *(column for several in self.channels.values() for column in several)]
        special = (self.id, self.customer, self.label, self.amount, self.date)
        columns += [name for name in special if name is not None and not (name == self.customer == self.id)]
        repeated = sorted({name for name in columns if columns.count(name) > 1})
        if repeated:
            raise ValueError(f"columns declared twice: {repeated}")
        if self.date is not None and self.in_order:
            raise ValueError("give either 'date' or 'in_order: true'")
        return self

    @property
    def attributes(self) -> tuple[str, ...]:
        """Every declared column beside the sequence and the special ones."""
        return (*self.numeric, *self.categorical, *self.sensitive, *self.leaky)


class AudienceSpec(Parameters):
    """Of whom churn is asked.

    Attributes:
        min_events: fewest events before the reference date.
        active_within_days: the latest event is at most so long ago; whoever was silent longer has left already.
        attributes: customer attribute -> values of which it must have one.
    """

    min_events: int = Field(default=1, ge=1)
    active_within_days: float | None = Field(default=None, gt=0)
    attributes: dict[str, tuple[str, ...]] = {}


class OutcomeSpec(Parameters):
    """An outcome looked for in a log: whether ``behaviours`` occur within ``within_days`` after a reference date.

    Attributes:
        behaviours: raw labels or classes that count; any event where empty.
        within_days: length of the period of the outcome.
        steps, step_days: the history before the reference date, as so many steps of so many days.
        snapshots: reference dates, the last ``within_days`` before the end of the log.
        audience: of whom it is asked.
    """

    block: ClassVar[str]
    """Name in the source block, for messages."""
    classes: ClassVar[tuple[str, str]]
    """Name of the negative and of the positive class."""
    positive_if_silent: ClassVar[bool]
    """Whether the positive class is that nothing occurs."""

    behaviours: tuple[str, ...] = ()
    within_days: float = Field(default=30.0, gt=0)
    steps: int = Field(default=12, ge=1, le=520)
    step_days: float = Field(default=7.0, gt=0)
    snapshots: int = Field(default=3, ge=1, le=60)
    audience: AudienceSpec = AudienceSpec()

    @property
    def days_apart(self) -> float:
        """Days from one reference date to the next."""
        return self.within_days


class ChurnSpec(OutcomeSpec):
    """Churn as one defines it: no ``behaviours`` within ``within_days``; reference dates lie as many days apart."""

    block = "churn"
    classes = ("stays", "leaves")
    positive_if_silent = True

    snapshots: int = Field(default=3, ge=1, le=12)


class PurchaseSpec(OutcomeSpec):
    """A purchase as one defines it: any of ``behaviours`` within ``within_days``.

    Attributes:
        every_days: from one reference date to the next; ``within_days`` where empty. Where it is less, outcomes of
            neighbouring dates overlap, and a fold leaves out of training whatever reaches into its later parts.
        events: latest moments of a history that a recurrent network reads.
        value: numeric item attribute that says what a purchase was worth, where the log has no value.
        most_customers: customers that models learn from and are tested on, drawn at random where there are more; all
            get a score.
    """

    block = "purchase"
    classes = ("waits", "buys")
    positive_if_silent = False

    snapshots: int = Field(default=12, ge=2, le=60)
    every_days: float | None = Field(default=None, gt=0)
    events: int = Field(default=24, ge=1, le=500)
    value: str | None = None
    most_customers: int = Field(default=100_000, ge=100)

    @property
    def days_apart(self) -> float:
        """Days from one reference date to the next."""
        return self.every_days or self.within_days


class ContactsSpec(Parameters):
    """A log of contacts: ``customer_id, sent_at`` (UTC seconds) and ``action``; for measuring also ``chance, spend``.

    Attributes:
        file: path below ``raw_root``.
        columns: these names -> names in the file, where they differ.
    """

    file: RelativePath
    columns: dict[Literal["customer_id", "sent_at", "action", "chance", "spend"], str] = {}


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


class EligibilityRule(Parameters):
    """Who may be offered a product; a customer must satisfy every line, and one without the attribute satisfies none.

    Attributes:
        values: categorical customer attribute -> values of which it must have one.
        at_least, at_most: numeric customer attribute -> its bound, inclusive.
    """

    values: dict[str, tuple[str, ...]] = {}
    at_least: dict[str, float] = {}
    at_most: dict[str, float] = {}

    @property
    def attributes(self) -> tuple[str, ...]:
        """Every attribute that the rule reads."""
        return (*self.values, *self.at_least, *self.at_most)


class OfferSpec(Parameters):
    """What a log says about products taken, for recommendation.

    Attributes:
        takes: classes that count as taking a product; all but ``ends`` where empty.
        ends: classes that end the holding of one.
        predicted: classes among ``takes`` that are predicted after the cut in time; all of them where empty. What
            was held from the beginning is known, but nobody chose it then.
        repeats: a product that is held may be taken again, as goods of a shop are.
        period: what is predicted at once after the cut in time: the ``rest`` of the log, or each calendar ``month``.
        eligible: product -> who may be offered it; products not named are for everybody.
        withdrawn: products that are no longer offered.
        fewest_relevant: products that a customer of the protocol ``held_out`` must take beside those shown.
        protocols: of `recommendation`, the first of them that of the ablation; those that the log allows where empty.
        pretrain: name of another block, whose log the model is pre-trained on; the part to learn from where empty.
        most_events: most products that a network reads in training; the block's ``sequence_events`` where not given.
    """

    takes: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ()
    repeats: bool = False
    period: Literal["rest", "month"] = "rest"
    eligible: dict[str, EligibilityRule] = {}
    withdrawn: tuple[str, ...] = ()
    fewest_relevant: int = Field(default=1, ge=1)
    protocols: tuple[Literal["time", "leave_last_out", "held_out"], ...] = ()
    pretrain: str = ""
    most_events: int | None = Field(default=None, ge=1)


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
        return {role: _relative(path) for role, path in files.items()}

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

    def is_history(self, name: str) -> bool:
        """Whether a column of the records of churn, or a step of one, is made of events before the reference date."""
        return self.churn is not None and name.partition("@")[0] not in self.customers.columns

    @property
    def churn_days(self) -> float:
        """Days of silence that are churn."""
        if self.churn is not None:
            return self.churn.within_days
        return float(self.records.label_days)

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


class FoldParameters(Parameters):
    """How records are split; the classes keep their shares in every part of a shuffled fold.

    Attributes:
        folds: of the shuffled, stratified cross-validation.
        validation_share: share of the training folds kept for validation.
        history_share: share of dated or ordered records, by time, before the cut of the protocol ``time``.
        time_validation_share: share of that history, its last records, kept for validation.
        seed: shuffles the records.
        minimum: fewest records in all, and fewest of each class, else the run stops.
        leak_auc: area under the ROC curve from which a single column stops the run, for it must hold the outcome.
        leaks: add the labelled rows that show what a leak would fake.
    """

    folds: int = Field(default=5, ge=2, le=20)
    validation_share: float = Field(default=0.2, gt=0, lt=1)
    history_share: float = Field(default=0.8, gt=0, lt=1)
    time_validation_share: float = Field(default=0.1, gt=0, lt=1)
    seed: int = 42
    minimum: dict[Literal["records", "class"], int] = {"records": 100, "class": 15}
    leak_auc: float = Field(default=0.98, gt=0.5, le=1)
    leaks: bool = True


class SequenceParameters(Parameters):
    """How sequences of items are split.

    Attributes:
        history_share: protocol ``time``: share of events, by time, before the cut.
        time_validation_share: share of that history, its last events, kept for validation.
        validation_share: other protocols: share of customers whose last known events are kept for validation.
        validation_events: most of them of one customer.
        most_plans: most test targets from which a plan of three steps is drawn, the same for every model.
        seed: draws the customers.
    """

    history_share: float = Field(default=0.8, gt=0, lt=1)
    time_validation_share: float = Field(default=0.1, gt=0, lt=1)
    validation_share: float = Field(default=0.2, gt=0, lt=1)
    validation_events: int = Field(default=10, ge=1)
    most_plans: int = Field(default=5000, ge=1)
    seed: int = 42


class SplitParameters(Parameters):
    """The time split (protocol of the evaluation).

    Attributes:
        history_share: share of events, by time, before the last cut; the rest is test.
        validation_share: share of history, its last events, kept for validation.
        folds: rolling origins; the last fold is the global cut, each earlier one starts ``fold_step`` of the
            events before the next and is tested up to it.
        held_out_share: share of entities whose past is withheld in the ``held_out`` protocol.
        held_out_below: number of queries under which a side gets the ``held_out`` protocol.
        minimum: fewest labelled events each part must hold, else the run stops.
        seed: draws the withheld entities.
    """

    history_share: float = Field(default=0.8, gt=0, lt=1)
    validation_share: float = Field(default=0.1, gt=0, lt=1)
    folds: int = Field(default=1, ge=1, le=5)
    fold_step: float = Field(default=0.1, gt=0, lt=0.2)
    held_out_share: float = Field(default=0.2, gt=0, lt=1)
    held_out_below: int = Field(default=100, ge=0)
    minimum: dict[Literal["train", "validation", "test"], int] = {"train": 200, "validation": 30, "test": 30}
    seed: int = 42


class FeatureParameters(Parameters):
    """Which events of a log get features of their own; all others are history.

    Attributes:
        everything_up_to: events of a log up to which all of them do.
        training_events: of a longer log only validation and test parts do, and the latest so many events of each
            fold's training part, which are then what is trained on.
    """

    everything_up_to: int = Field(default=2_000_000, ge=0)
    training_events: int = Field(default=1_000_000, ge=1)


class EncodingParameters(Parameters):
    """How attributes and texts become numbers; everything is fitted on the training part.

    Attributes:
        max_categories: most frequent training categories that get a one-hot column; the rest share one.
        tfidf_vocabulary, tfidf_min_df, tfidf_max_df: the TF-IDF of past texts (unigrams, stop words kept).
        text_dimensions: width to which the TF-IDF space is projected (truncated SVD) for dense models.
        scaling: ``train`` fits ranges on the training part; ``entire`` on all data, as paper A does (a leak).
        segments: clusters of recency, frequency and value among training customers.
        seed: of the projection and the clustering.
    """

    max_categories: int = Field(default=50, ge=1)
    tfidf_vocabulary: int = Field(default=50_000, ge=1)
    tfidf_min_df: int = Field(default=5, ge=1)
    tfidf_max_df: float = Field(default=0.9, gt=0, le=1)
    text_dimensions: int = Field(default=16, ge=1)
    scaling: Literal["train", "entire"] = "train"
    segments: int = Field(default=4, ge=1)
    seed: int = 42


def _words(value: object) -> object:
    """``a b`` stands for a list, since commas end a parameter on the command line."""
    return tuple(value.split()) if isinstance(value, str) else value


class RunParameters(Parameters):
    """Which runs a benchmark consists of: every model x protocol x fold x seed.

    Attributes:
        seeds: one run each.
        processes: runs scored side by side.
        threads: CPU threads used for training; 1 for reproducible sums across machines with other core counts.
        resamples: bootstrap resamples of customers.
        timed_calls: calls by which each latency is measured.
        models: the models to run, a list or names with spaces between them; all where empty.
        studies: series of variants to run beside the main one, for models that have them, on the last fold in time;
            a list or names with spaces between them.
    """

    seeds: tuple[int, ...] = (42,)
    processes: int = Field(default=1, ge=1)
    threads: int = Field(default=1, ge=1)
    resamples: int = Field(default=1000, ge=100)
    timed_calls: int = Field(default=20, ge=1)
    models: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    studies: Annotated[tuple[Literal["ablation", "sensitivity"], ...], BeforeValidator(_words)] = ()


class ScoringParameters(Parameters):
    """What is written for use about each record.

    Attributes:
        model: the model that scores; empty takes the one of lowest log-loss on validation.
        bands: name -> risk below which a record belongs to it, ascending, the last 1; absolute, not shares of records.
        reasons: how many reasons are given.
        explained: share of the records, those of highest risk, that get reasons: each costs a prediction per column.
        budget: share of records that can be contacted, for the "who to contact" cut.
    """

    model: str = ""
    bands: dict[str, float] = {"low": 0.1, "moderate": 0.25, "raised": 0.5, "high": 1.0}
    reasons: int = Field(default=3, ge=1, le=10)
    explained: float = Field(default=0.3, gt=0, le=1)
    budget: float = Field(default=0.1, gt=0, le=1)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        bounds = list(self.bands.values())
        if bounds != sorted(set(bounds)) or not bounds or bounds[-1] != 1 or bounds[0] <= 0:
            raise ValueError("'bands' must name rising bounds above 0, the last of them 1")
        return self


class ActionSpec(Parameters):
    """One action of the catalogue.

    Attributes:
        kind: ``recommend`` carries the items of the plan, ``retention`` may take their place where churn is near.
        cost: of one contact, in the unit of values and of the budget; a discount's is the margin given away.
        effect: share of the customers about to leave whom it keeps; of retention actions, until a log of contacts
            says more.
        attributes: customer attribute -> values of which a customer must have one to get it.
    """

    kind: Literal["recommend", "retention"]
    cost: float = Field(ge=0)
    effect: float = Field(default=0.1, ge=0, le=1)
    attributes: dict[str, tuple[str, ...]] = {}


class PolicyParameters(Parameters):
    """How churn changes a plan (paper B, equations 8 to 10), and the rules that bind it.

    Attributes:
        threshold: probability of churn from which retention actions enter the plan; ``expected_value`` asks instead
            whether value x probability x effect exceeds the cost.
        strength: alpha of equation 10; 0 leaves every plan as it was.
        mode: ``replace`` puts retention actions in the place of the plan's first steps, ``precede`` before them all.
        actions: the catalogue.
        value: worth of a customer who stays. value_column: numeric customer attribute that says it better.
        most_contacts, within_days: contacts a customer may have in so many days, the plan's among them.
        budget: most that retention actions may cost in all; none where empty.
        hold_out: share of customers, drawn at random, who get nothing, so that the others' uplift can be measured.
        learn_effects: take effects from the log of contacts where the source has one.
        seed: draws the hold-out group and the halves of the log of contacts.
    """

    threshold: Annotated[float, Field(ge=0, le=1)] | Literal["expected_value"] = 0.5
    strength: float = Field(default=1.0, ge=0)
    mode: Literal["replace", "precede"] = "replace"
    actions: dict[str, ActionSpec]
    value: float = Field(default=50.0, ge=0)
    value_column: str | None = None
    most_contacts: int = Field(default=4, ge=0)
    within_days: float = Field(default=14.0, gt=0)
    budget: float | None = Field(default=None, ge=0)
    hold_out: float = Field(default=0.1, ge=0, lt=1)
    learn_effects: bool = True
    seed: int = 42

    @model_validator(mode="after")
    def _complete(self) -> Self:
        kinds = [action.kind for action in self.actions.values()]
        if kinds.count("recommend") != 1:
            raise ValueError("'actions' needs exactly one of kind 'recommend'")
        if "retention" not in kinds:
            raise ValueError("'actions' needs at least one of kind 'retention'")
        return self


class PlanParameters(Parameters):
    """How plans are made for use.

    Attributes:
        model: of the next item; empty takes the one that makes validation targets most likely.
        churn_model: of churn; empty takes the one of lowest log-loss on validation.
        beam: beginnings kept by the search.
        customers: most customers planned for, the latest active first; all where 0.
        looked_back: last events of a history among which reasons are sought.
        reasons: given for each step.
        bands: name -> probability of churn below which a customer belongs to it.
    """

    model: str = ""
    churn_model: str = ""
    beam: int = Field(default=5, ge=1)
    customers: int = Field(default=0, ge=0)
    looked_back: int = Field(default=5, ge=1, le=50)
    reasons: int = Field(default=2, ge=1, le=5)
    bands: dict[str, float] = {"low": 0.1, "moderate": 0.25, "raised": 0.5, "high": 1.0}
