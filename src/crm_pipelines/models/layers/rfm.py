"""Recency, frequency and monetary value of a record, which two peers read and nothing else."""

import numpy as np
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.records.inputs import RecordInputs


class RFMColumns(Parameters):
    """Numeric columns with the days since the last purchase, the number of purchases, and what was spent."""

    recency: str = "purchase_recency_days"
    frequency: str = "purchases_total"
    monetary: str = "spend_total"


class RFMParameters(Parameters):
    """Attributes: columns: where recency, frequency and value stand."""

    columns: RFMColumns = Field(default=RFMColumns())


def why_not(inputs: RecordInputs, columns: RFMColumns) -> str:
    """Why the three cannot be read of these records; empty where they can."""
    missing = [name for name in (columns.recency, columns.frequency) if name not in inputs.numeric_names]
    return f"RFM needs the recency and number of purchases; there is no column '{missing[0]}'" if missing else ""


def rfm(inputs: RecordInputs, rows: np.ndarray, columns: RFMColumns) -> np.ndarray:
    """(B, 3) recency, frequency and value; who never bought was last seen longer ago than anybody, and spent nothing.

    A source whose purchases have no value has no column for it: it counts as zero for everybody.
    """
    ids = np.asarray(rows, dtype=np.int64)
    names = inputs.numeric_names
    recency = inputs.numeric[ids, names.index(columns.recency)].astype(np.float64)
    frequency = np.nan_to_num(inputs.numeric[ids, names.index(columns.frequency)].astype(np.float64))
    spent = np.zeros(len(ids))
    if columns.monetary in names:
        spent = np.nan_to_num(inputs.numeric[ids, names.index(columns.monetary)].astype(np.float64))
    return np.stack([np.where(np.isnan(recency), 1e4, recency), frequency, np.maximum(spent, 0.0)], axis=1)
