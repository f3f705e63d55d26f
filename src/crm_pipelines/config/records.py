"""The table of records of a source."""

from typing import Literal, Self

from pydantic import Field, model_validator

from crm_pipelines.config.base import Labels, Parameters, RelativePath


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
