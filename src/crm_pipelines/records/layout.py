"""Which column of a table of records is what."""

from typing import Self

from pydantic import Field, model_validator

from crm_pipelines.columns import step_column
from crm_pipelines.config import Parameters


class Layout(Parameters):
    """Columns of a table of records by their role; read once, then kept beside the table.

    Attributes:
        classes: the negative and the positive class, the risk.
        numeric, categorical, sensitive, groups, leaky: see :class:`crm_pipelines.config.RecordsSpec`.
        channels, steps: of the sequence, oldest step first; its cells are called ``<channel>@<step>``.
        has_amount: whether there is an amount of the next period.
        snapshots: records of one customer are the same at several dates; shuffled folds take the last date only.
        window: seconds after its date in which a record's outcome falls; folds are then cuts in time, none shuffled.
    """

    classes: tuple[str, str]
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    leaky: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    has_amount: bool = False
    snapshots: bool = False
    window: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _known_groups(self) -> Self:
        unknown = [name for name in self.groups if name not in (*self.categorical, *self.sensitive)]
        if unknown:
            raise ValueError(f"'groups' names '{unknown[0]}', which is no categorical column of the records")
        return self

    @property
    def sequence_columns(self) -> tuple[str, ...]:
        """Columns of the sequence, step by step."""
        return tuple(step_column(channel, step) for step in self.steps for channel in self.channels)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the table beside the special ones."""
        return (*self.numeric, *self.categorical, *self.sensitive, *self.leaky, *self.sequence_columns)
