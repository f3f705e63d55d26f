"""A sequence as columns that a tree can split on: level, spread, trend, and how large it is for the record.

A tree asks one column at a time. What a bill is in proportion to the credit limit, or whether it has been rising, it
has to piece together from many questions; as a column it is one.
"""

import numpy as np

from crm_pipelines.records.inputs import RecordInputs

MOST_RATIOS = 12
"""Pairs of a channel and a number up to which ratios are formed; of more, most would mean nothing."""


def summaries(inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
    """(B, S) columns of records (B,), nan where a record lacks what they are about; S = 0 without a sequence.

    Of each channel: mean, deviation, largest, smallest, slope, and the last step less the mean. Then, of each pair of
    a channel and a number (up to `MOST_RATIOS`), mean, last and largest step divided by the number.
    """
    ids = np.asarray(rows, dtype=np.int64)
    steps = inputs.sequence[ids].transpose(1, 0, 2).astype(np.float64, order="C")  # (T, B, C): steps add up in rows
    length, batch, channels = steps.shape
    if not batch or not length or not channels:
        return np.zeros((batch, _width(inputs)), dtype=np.float32)
    np.copyto(steps, np.nan, where=~inputs.sequence_mask[ids].T[:, :, None])
    missing = np.isnan(steps)
    count = length - missing.sum(axis=0)
    with np.errstate(all="ignore"):  # of records without steps
        mean = np.where(missing, 0.0, steps).sum(axis=0) / count
        away = np.where(missing, 0.0, steps - mean)
        time = np.arange(length) - (length - 1) / 2
        slope = (away * time[:, None, None]).sum(axis=0) / (time**2).sum()
        deviation = np.sqrt((away * away).sum(axis=0) / count)
        largest, smallest, last = np.fmax.reduce(steps, axis=0), np.fmin.reduce(steps, axis=0), steps[-1]
        columns = [mean, deviation, largest, smallest, slope, last - mean]
        if _has_ratios(inputs):
            for number in inputs.numeric[ids].T.astype(np.float64):
                columns += [part / number[:, None] for part in (mean, last, largest)]
    out = np.concatenate(columns, axis=1).astype(np.float32)
    out[~np.isfinite(out)] = np.nan
    return out


def _has_ratios(inputs: RecordInputs) -> bool:
    return 0 < len(inputs.numeric_names) * len(inputs.channel_names) <= MOST_RATIOS


def _width(inputs: RecordInputs) -> int:
    if not inputs.step_names:
        return 0
    return len(inputs.channel_names) * (6 + 3 * len(inputs.numeric_names) * _has_ratios(inputs))
