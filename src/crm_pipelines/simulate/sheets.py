"""Tables that are rendered a range of rows at a time, so that a long one never lies in memory whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table of known length.

    Attributes:
        rows: its length.
        part: renders a range of rows; the same rows look the same whatever range they come in.
    """

    rows: int
    part: Callable[[slice], pd.DataFrame]

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Sheet":
        """A table that is small enough to be in memory."""
        return cls(len(table), lambda rows: table.iloc[rows])

    def whole(self) -> pd.DataFrame:
        """All rows."""
        return self.part(slice(0, self.rows)).reset_index(drop=True)

    def parts(self, rows: int) -> Iterator[pd.DataFrame]:
        """Consecutive ranges of ``rows`` rows; one without rows for an empty table."""
        for start in range(0, max(self.rows, 1), rows):
            yield self.part(slice(start, min(start + rows, self.rows)))
