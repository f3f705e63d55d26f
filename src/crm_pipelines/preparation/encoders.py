"""What was fitted on the training part of one fold, kept so that other customers can be described the same way."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from crm_pipelines.encoding.entities import EntityEncoder
from crm_pipelines.encoding.segments import RfvSegments
from crm_pipelines.errors import UserError
from crm_pipelines.text.tfidf import PastTextEncoder

_FILE: Final = "encoders.json"


@dataclass(frozen=True, eq=False)
class Encoders:
    """Encoders of the last fold of the protocol ``time``.

    Attributes:
        fold: its number. validation_start: UTC seconds at which its training part ends.
        customer, item: static attributes. text: past texts; None for a source without.
        segments: recency, frequency and value. segment_names: of each of them.
    """

    fold: int
    validation_start: int
    customer: EntityEncoder
    item: EntityEncoder
    text: PastTextEncoder | None
    segments: RfvSegments
    segment_names: tuple[str, ...]

    def save(self, directory: Path) -> None:
        """Write one folder each, and what is plain as JSON."""
        directory.mkdir(parents=True, exist_ok=True)
        self.customer.save(directory / "customer")
        self.item.save(directory / "item")
        if self.text is not None:
            self.text.save(directory / "text")
        stored = {
            "fold": self.fold,
            "validation_start": self.validation_start,
            "segments": self.segments.to_dict(),
            "segment_names": list(self.segment_names),
        }
        (directory / _FILE).write_text(json.dumps(stored, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            UserError: a file is missing or cannot be read.
        """
        try:
            stored = json.loads((directory / _FILE).read_text(encoding="utf-8"))
            return cls(
                fold=int(stored["fold"]),
                validation_start=int(stored["validation_start"]),
                customer=EntityEncoder.load(directory / "customer"),
                item=EntityEncoder.load(directory / "item"),
                text=PastTextEncoder.load(directory / "text") if (directory / "text").is_dir() else None,
                segments=RfvSegments.from_dict(stored["segments"]),
                segment_names=tuple(stored["segment_names"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{directory}: no readable encoders here ({error}); run --pipelines=coldstart again"
            ) from error

    def names_of(self, segment: "np.ndarray") -> "np.ndarray":
        """(n,) name of each segment, empty for customers without one."""
        names = np.asarray([*self.segment_names, ""], dtype=object)
        return np.asarray(names[np.asarray(segment, dtype=np.int64)])
