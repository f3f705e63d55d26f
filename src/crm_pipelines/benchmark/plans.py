"""Plans for use: the next three items of every customer, how probable each is, and which past events speak for it.

A reason is the past event without which the planned item would be least probable: the history is scored again with each
of its last events left out (occlusion), the beginning of the plan being kept.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.columns import CUSTOMER_ID, MAIN_VARIANT, PROTOCOL, SEED, SLICE, SLICE_VALIDATION, VARIANT
from crm_pipelines.config import PlanParameters
from crm_pipelines.errors import UserError
from crm_pipelines.evaluation.ranked import LOG_PROBABILITY
from crm_pipelines.runs import NOT_APPLICABLE, StoredRun
from crm_pipelines.sequences.inputs import Histories
from crm_pipelines.sequences.planning import LogProbabilities, next_log_probabilities, plan
from crm_pipelines.sequences.preparation import LEAVE_LAST_OUT, STEPS

AT_ONCE: Final = 64
ENOUGH, SINGLE, NO_HISTORY = "enough", "single event: the profile decides", "no history: the profile decides"
NO_ITEM: Final = ""
PLAN_COLUMNS: Final = (
    CUSTOMER_ID,
    "events",
    "data",
    *(f"{what}_{step}" for step in range(1, STEPS + 1) for what in ("item", "score", "reason")),
)


def chosen_run(runs: Mapping[str, Sequence[StoredRun]], wanted: str) -> StoredRun | None:
    """The run whose model plans: of the model asked for, else of the one that made validation targets most likely.

    Raises:
        UserError: the one asked for was not run.
    """
    usable: dict[str, StoredRun] = {}
    for name, several in runs.items():
        mine = [
            run
            for run in several
            if NOT_APPLICABLE not in run.manifest
            and (run.manifest[VARIANT], run.manifest[PROTOCOL]) == (MAIN_VARIANT, LEAVE_LAST_OUT)
        ]
        if mine:
            usable[name] = min(mine, key=lambda run: int(run.manifest[SEED] != mine[0].manifest[SEED]))
    if wanted:
        if wanted not in usable:
            raise UserError(
                f"parameter 'engagement.plans.model': '{wanted}' was not run on this source; run it, or leave it empty"
            )
        return usable[wanted]
    losses = {name: _validation_loss(run) for name, run in usable.items()}
    return usable[min(losses, key=lambda name: losses[name])] if losses else None


def _validation_loss(run: StoredRun) -> float:
    ranks = run.predictions()
    return -float(ranks.loc[ranks[SLICE] == SLICE_VALIDATION, LOG_PROBABILITY].mean())


def item_plans(
    model: Callable[[], Any] | None,
    no_repeats: bool,
    arrays: Mapping[str, NDArray[Any]],
    customers: Sequence[str],
    parameters: PlanParameters,
) -> pd.DataFrame:
    """`PLAN_COLUMNS`, a row for each customer of the log or of the table of customers, in the order of their ids.

    Args:
        model: opens the model of the next item; None without one, and then items, scores and reasons are empty.
        no_repeats: an item that the history holds cannot come.
        arrays: of ``sequences.preparation.build``; empty for a source without a log.
        customers: ids beside those of the log.
        parameters: beam, and how many reasons of how many events.
    """
    in_log = [str(name) for name in arrays["customer_ids"]] if len(arrays) else []
    others = sorted(set(map(str, customers)) - set(in_log))
    start = np.asarray(arrays["start"]) if len(arrays) else np.zeros(1, dtype=np.int64)
    start = np.concatenate([start, np.full(len(others), start[-1])])
    items = np.asarray(arrays["items"]) if len(arrays) else np.empty(0, dtype=np.int64)
    events = np.diff(start)
    n = len(events)
    found: dict[str, NDArray[Any]] = {}
    for step in range(1, STEPS + 1):
        found[f"item_{step}"] = np.full(n, NO_ITEM, dtype=object)
        found[f"score_{step}"] = np.full(n, np.nan)
        found[f"reason_{step}"] = np.full(n, "", dtype=object)
    if model is not None and n:
        last = np.full(n, -1, dtype=np.int64)
        last[events > 0] = np.asarray(arrays["timestamp"])[start[1:][events > 0] - 1]
        rows = np.argsort(-last, kind="stable")
        rows = np.sort(rows[: parameters.customers or n])
        score = model().log_probabilities
        names = np.asarray(arrays["item_ids"], dtype=str)
        for first in range(0, len(rows), AT_ONCE):
            some = rows[first : first + AT_ONCE]
            histories = Histories.of([items[start[row] : start[row + 1]] for row in some])
            _fill(found, some, score, histories, names, no_repeats, parameters)
    table = pd.DataFrame({CUSTOMER_ID: pd.Series([*in_log, *others], dtype="str"), "events": events})
    table["data"] = pd.Series(np.select([events == 0, events == 1], [NO_HISTORY, SINGLE], ENOUGH), dtype="str")
    for name, values in found.items():
        table[name] = values if values.dtype.kind == "f" else pd.Series(values, dtype="str")
    return table[list(PLAN_COLUMNS)].sort_values(CUSTOMER_ID, kind="stable").reset_index(drop=True)


def _fill(
    found: dict[str, NDArray[Any]],
    rows: NDArray[np.int64],
    score: LogProbabilities,
    histories: Histories,
    names: NDArray[np.str_],
    no_repeats: bool,
    parameters: PlanParameters,
) -> None:
    """Write the plans of some rows into the columns."""
    planned = plan(score, histories, STEPS, no_repeats, parameters.beam, marginals=False)
    everyone = np.arange(len(rows))
    for step in range(STEPS):
        item = planned.items[:, step]
        lost = np.zeros((len(rows), parameters.looked_back))
        for back in range(1, parameters.looked_back + 1):
            without, before = histories.without(back), planned.items[:, :step]
            other = next_log_probabilities(score, without, everyone, before, no_repeats)
            lost[:, back - 1] = planned.log_probability[:, step] - other[everyone, item]
        possible = np.isfinite(planned.log_probability[:, step])
        found[f"item_{step + 1}"][rows] = np.where(possible, names[item], NO_ITEM)
        found[f"score_{step + 1}"][rows] = np.where(possible, np.exp(planned.log_probability[:, step]), np.nan)
        found[f"reason_{step + 1}"][rows] = _reasons(lost, histories, names, parameters.reasons)


def _reasons(lost: NDArray[np.float64], histories: Histories, names: NDArray[np.str_], most: int) -> list[str]:
    """Past events in words, those whose absence costs most first; none for a history whose events speak against."""
    order = np.argsort(-np.nan_to_num(lost, posinf=0.0, neginf=0.0), axis=1, kind="stable")[:, :most]
    lengths = np.diff(histories.start)
    texts = []
    for row, best in enumerate(order):
        said = [
            f"{names[histories.items[histories.start[row + 1] - 1 - place]]} ({_ago(int(place))})"
            for place in best
            if place < lengths[row] and lost[row, place] > 0
        ]
        texts.append("; ".join(said))
    return texts


def before_of(reason: str) -> str:
    """Item of the first past event of a reason, "" without one; its name may hold brackets itself."""
    found = re.match(r"(.*?) \((?:last event|[0-9]+ events ago)\)(?:; |$)", reason, re.S)
    return found.group(1) if found else ""


def _ago(place: int) -> str:
    return "last event" if place == 0 else f"{place + 1} events ago"
