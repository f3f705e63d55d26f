"""Purchases looked for in a log: records of customers at reference dates with what they say and what they did.

The text modality and the numbers beside it come from documents before each reference date, the moments from the log.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.config import EntitySpec, PurchaseSpec
from crm_pipelines.records.assembly import MODALITY
from crm_pipelines.records.layout import Layout
from crm_pipelines.records.occasions import Occasions, PurchaseTotals
from crm_pipelines.records.snapshots import DAY, MoreColumns, customers_at, snapshot_records
from crm_pipelines.records.voices import Voices
from crm_pipelines.sources.records import RecordTables

EVENTS, TEXT = "events", "text"
"""Names of the modalities."""


@dataclass(frozen=True, eq=False)
class Past:
    """What is known of some customers: their log in the order of time, its moments, and their documents."""

    log: pd.DataFrame
    documents: pd.DataFrame
    occasions: Occasions
    voices: Voices
    customers: pd.DataFrame
    spec: PurchaseSpec

    @classmethod
    def of(
        cls,
        log: pd.DataFrame,
        documents: pd.DataFrame,
        customers: pd.DataFrame,
        spec: PurchaseSpec,
        behaviours: tuple[str, ...] = (),
        documents_present: bool | None = None,
    ) -> Self:
        """Prepare a log and documents.

        Args:
            log: ``customer_id, item_id, timestamp, behaviour, value``.
            documents: columns `voices.NEEDED`; of anybody.
            customers: ``customer_id`` and attributes.
            spec: what a purchase is.
            behaviours, documents_present: every label of the whole log, and whether there are any documents, where
                ``log`` and ``documents`` are those of some customers only.
        """
        labels = behaviours or tuple(sorted(log[c.BEHAVIOUR].unique()))
        return cls(
            log.sort_values(c.TIMESTAMP, kind="stable"),
            documents,
            Occasions.of(log, spec.behaviours, labels),
            Voices.of(documents, spec.within_days, documents_present),
            customers,
            spec,
        )

    @property
    def columns(self) -> tuple[MoreColumns, ...]:
        """Further columns of a record."""
        return (PurchaseTotals(self.occasions.purchases, self.spec.within_days), self.voices)

    def modalities(self, customers: pd.Index, references: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Views of records: ``modality/events`` and, where anybody wrote, ``modality/text``."""
        found: dict[str, NDArray[Any]] = {
            MODALITY + EVENTS: self.occasions.events(references, customers, self.spec.events)
        }
        if self.voices.present:
            found[MODALITY + TEXT] = self.voices.profile(references, customers)
        return found


def purchase_records(past: Past, attributes: EntitySpec) -> RecordTables:
    """Records of everybody in the audience at each reference date, with the worth of the next purchase as amount.

    Raises:
        UserError: see `snapshots.snapshot_records`.
    """
    amounts = past.occasions.purchases if past.log[c.VALUE].notna().any() else None
    found = snapshot_records(past.log, past.customers, past.spec, attributes, past.columns, amounts)
    layout = found.layout.model_copy(update={"window": round(past.spec.within_days * DAY)})
    notes = {**found.notes, "documents_without_customer_or_time": past.voices.left_out}
    return RecordTables(found.records, layout, notes, found.lines)


def today(past: Past, layout: Layout, moment: int) -> pd.DataFrame:
    """Everybody with a past at ``moment``, without an outcome: the columns of a record."""
    return customers_at(past.log, moment, past.spec, layout, past.customers, past.columns)
