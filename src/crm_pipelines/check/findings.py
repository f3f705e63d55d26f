"""What is suspicious about a source, each with the place and what to do."""

import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.check.columns import UNUSED, OwnFile, formats_of, predictability, same_but_for_case
from crm_pipelines.check.facts import (
    CHURN,
    CONTACTS,
    DO_NOT_CONTACT,
    DOCUMENTS,
    DocumentFacts,
    Facts,
    LogFacts,
    RecordFacts,
)
from crm_pipelines.config import RecordsSpec, SourceSpec
from crm_pipelines.sources import timestamps
from crm_pipelines.sources.records import NOT_GUESSED

PROBLEM, WARNING, NOTE = "problem", "warning", "note"
SEVERITIES: Final = (PROBLEM, WARNING, NOTE)
MANY_MISSING: Final = 0.5
ALMOST_ALL: Final = 0.98
"""Share of rows whose label a column may tell before it is suspected of being the label."""
FEW_VALUES: Final = 200
DOMINANT: Final = 0.05
ROBOT: Final = 20
"""A customer with more than such a share of all events, and so many times the median, may be none."""
STRAY: Final = 200
LONG: Final = 0.1
LONG_DAYS: Final = 7
"""One in so many events is few; so much of the time between the others, and so many days, is a long gap."""
SUSPICIOUS_AUC: Final = 0.9

_PERSONAL: Final = re.compile(
    r"e-?mail|phone|mobile|iban|passport|ssn|first_?name|last_?name|surname|street|address", re.I
)
_NO_VALUE: Final = (-99, -999, -9_999, -99_999, -999_999, 999, 9_999, 99_999, 999_999)
_NOTICED: Final = {
    "rating_outside_scale": "they keep no label; give the bottom of the scale as 'lowest_rating', its top in "
    "'rating_classes'",
    "unknown_customer": "the table of customers does not have them; check the column of the customer",
}
"""What is noticed of documents and deserves a look -> what to do."""
_IDS: Final = ("customer_id", "item_id", "record_id")


class Finding(NamedTuple):
    """One finding.

    Attributes:
        severity: `PROBLEM` (a run would stop), `WARNING` (look at it) or `NOTE`.
        where: file and column, or part. what: was found. advice: what to do.
    """

    severity: str
    where: str
    what: str
    advice: str = ""


def find(facts: Facts, files: Iterable[tuple[OwnFile, pd.DataFrame]]) -> list[Finding]:
    """Everything suspicious, the worst first.

    Args:
        facts: of the whole source.
        files: own files with their profiles (`columns.profile`).
    """
    found = [Finding(PROBLEM, part, message) for part, message in facts.problems.items()]
    for own, table in files:
        found += _of_columns(own, table, facts.spec.table if own.part == "records" else None)
        found += _of_times(own)
        if own.part in ("interactions", "records"):
            found += _telling(own, table, facts.spec)
    if facts.log is not None:
        found += _of_log(facts.log, facts.spec)
    if facts.documents is not None:
        found += _of_documents(facts.documents)
    for part, records in (("records", facts.records), ("churn", facts.churn)):
        if records is not None and (part == "records" or facts.spec.churn is not None):
            found += _of_records(part, records, facts.spec)
    if facts.spec.contacts is not None and not facts.contacts and CONTACTS not in facts.problems:
        found.append(Finding(WARNING, CONTACTS, "the log of contacts is empty"))
    if facts.spared == 0:
        what = "forbids to contact nobody: no customer has one of its values"
        found.append(Finding(WARNING, DO_NOT_CONTACT, what, "check how the table of customers writes them"))
    return sorted(found, key=lambda each: SEVERITIES.index(each.severity))


def _of_columns(own: OwnFile, table: pd.DataFrame, records: RecordsSpec | None) -> list[Finding]:
    """Of each column; ``records`` is the block where the file holds records."""
    found = []
    unused = list(table.loc[table["role"] == UNUSED, "column"])
    if unused:
        shown = ", ".join(unused[:10]) + (f" and {len(unused) - 10} more" if len(unused) > 10 else "")
        advice, guesses = "declare those that describe", records is not None and records.guess
        if guesses:
            advice = f"not guessed, {NOT_GUESSED}; {advice}"
        found.append(Finding(WARNING if guesses else NOTE, own.table.file, f"columns not used: {shown}", advice))
    for row in table[table["role"] != UNUSED].to_dict("records"):
        where, role, kind = f"{row['file']}, column '{row['column']}'", str(row["role"]), str(row["kind"])
        is_id = role in _IDS
        if kind == "empty":
            found.append(Finding(WARNING, where, "has no value in any row", "leave it out of the block"))
        elif kind == "constant" and role not in (c.BEHAVIOUR,):
            found.append(Finding(WARNING, where, "has the same value in every row", "it tells nothing; leave it out"))
        elif row["missing"] > MANY_MISSING:
            found.append(Finding(WARNING, where, f"is missing in {100 * row['missing']:.0f} % of the rows"))
        if is_id and row["words"]:
            what = f"{row['words']:,} rows hold a word such as NULL in place of an id"
            advice = "leave those cells blank, else the word counts as one customer or item"
            found.append(Finding(WARNING, where, what, advice))
        elif row["missing"] > 0 and is_id:
            rows = round(row["missing"] * row["rows"])
            found.append(Finding(WARNING, where, f"{rows:,} rows have no id", "they are dropped and counted"))
        if is_id and kind == "mixed":
            advice = "set 'ids: text' if they are meant to be of two kinds, else correct the file"
            found.append(Finding(WARNING, where, "mixes ids that are numbers with ids that are text", advice))
        if is_id and (alike := same_but_for_case(own, str(row["column"]))):
            advice = "write them alike, else one customer or item counts as two"
            what = f"{alike:,} ids equal another but for upper and lower case, blanks or leading zeros"
            found.append(Finding(WARNING, where, what, advice))
        if (
            role.endswith("categorical")
            and row["values"] > 50
            and row["values"] > 0.9 * row["rows"] * (1 - row["missing"])
        ):
            advice = "it looks like an id or a text; leave it out, or declare it as text"
            found.append(
                Finding(WARNING, where, f"has {row['values']:,} different values in {row['rows']:,} rows", advice)
            )
        if role.endswith("categorical") and kind in ("numbers", "numbers with a comma"):
            found.append(Finding(NOTE, where, "is declared as categorical but holds numbers", "numeric?"))
        if role.endswith(("numeric", "value")) and kind == "numbers with a comma" and own.table.columns:
            found.append(
                Finding(PROBLEM, where, "holds numbers with a decimal comma", "set 'decimal: \",\"' in the block")
            )
        codes = [] if is_id else _codes(row, records)
        if codes:
            advice = (
                "if so, leave those cells blank" if records is None else "if so, name it under 'missing', in quotes"
            )
            what = f"reaches {' and '.join(codes)}, which often stands for 'no value'"
            found.append(Finding(NOTE, where, what, advice))
        if _PERSONAL.search(str(row["column"])) and not is_id:
            found.append(Finding(WARNING, where, "looks like personal data", "models need no names; leave it out"))
    return found


def _codes(row: Mapping[Hashable, Any], records: RecordsSpec | None) -> list[str]:
    """The lowest and highest numbers of a column that look like codes for "no value" and are not declared as such."""
    if not str(row["role"]).endswith(("numeric", "leaky")) and not str(row["role"]).startswith("channel"):
        return []
    declared = () if records is None else records.missing
    ends = [f"{end:.0f}" for end in (row["lowest"], row["highest"]) if end in _NO_VALUE]
    return [end for end in ends if end not in declared]


def _of_times(own: OwnFile) -> list[Finding]:
    found = []
    for column, declared in own.times.items():
        if column not in own.table.columns:
            continue
        where, fitting = f"{own.table.file}, column '{column}'", formats_of(own, column)
        if fitting and declared not in fitting and not set(fitting) & {declared.replace("%-", "%")}:
            likely = " or ".join(f'"{each}"' for each in fitting)
            what = f"times do not look like '{declared}'"
            if fitting == [timestamps.MILLISECONDS] and declared == timestamps.SECONDS:
                what = "times are in milliseconds, not in seconds"
            found.append(Finding(PROBLEM, where, what, f"set timestamp_format: {likely}"))
        elif len(fitting) > 1:
            others = " and ".join(f"'{each}'" for each in fitting if each != declared)
            what = f"every cell fits '{declared}' and {others} alike"
            found.append(Finding(WARNING, where, what, "make sure which of day and month comes first"))
    return found


def _telling(own: OwnFile, table: pd.DataFrame, spec: SourceSpec) -> list[Finding]:
    """Columns from which alone the label of a row follows."""
    role = c.BEHAVIOUR if own.part == "interactions" else c.LABEL
    label = next((column for column, its in own.roles.items() if its == role and column in own.table.columns), None)
    if label is None or (own.part == "interactions" and len(set(spec.interactions.classes)) < 2):
        return []
    others = table[(table["values"] > 1) & (table["values"] <= FEW_VALUES) & (table["column"] != label)]
    others = others[~others["role"].isin([*_IDS, c.TIMESTAMP, "date"])]
    told = predictability(own, label, [str(name) for name in others["column"]])
    majority = _majority(own, label) if told else 1.0
    found = []
    for name, share in told.items():
        if share >= ALMOST_ALL and share > majority + 0.5 * (1 - majority):
            told_of = "behaviour" if role == c.BEHAVIOUR else "outcome"
            what = f"tells the {told_of} in {100 * share:.1f} % of the rows by itself"
            advice = "it was probably written when that was known; do not declare it as an attribute"
            if own.roles.get(name) == "leaky":
                continue
            severity = NOTE if own.roles.get(name, UNUSED) in (UNUSED, c.VALUE) else WARNING
            found.append(Finding(severity, f"{own.table.file}, column '{name}'", what, advice))
    return found


def _majority(own: OwnFile, label: str) -> float:
    counts = own.table.table.group_by(own.table.table[label]).aggregate(n=lambda t: t.count()).to_pandas()
    counts = counts[counts[label].notna()]
    return float(counts["n"].max() / counts["n"].sum()) if len(counts) else 1.0


def _of_log(log: LogFacts, spec: SourceSpec) -> list[Finding]:
    file, found = spec.interactions.file, []
    for reason, n in log.dropped.items():
        severity = WARNING if n > 0.05 * log.rows else NOTE
        what = f"{n:,} of {log.rows:,} rows ({100 * n / log.rows:.1f} %) are dropped: {reason.replace('_', ' ')}"
        found.append(Finding(severity, file, what, "look whether that is meant" if severity == WARNING else ""))
    of_side = {"customers": spec.customers.file, "items": spec.items.file}
    for name, n in log.notes.items():
        found += _of_notes(of_side.get(name.partition("_")[0]) or file, {name: n})
    absent = [name for name, n in log.behaviours.items() if not n]
    if absent:
        found.append(Finding(WARNING, file, f"never happens: {', '.join(absent)}", "check the labels in the block"))
    if len(log.timestamp) and not spec.interactions.in_order:
        years = pd.to_datetime(log.timestamp[[0, -1]], unit="s", utc=True).year
        if years[0] < 1990 or years[1] > 2035:
            what = f"times reach from {years[0]} to {years[1]}"
            found.append(Finding(WARNING, file, what, "set 'window' to leave out faulty clocks"))
        found += _of_stray_times(file, log.timestamp)
        if log.days < 2:
            found.append(Finding(WARNING, file, f"the log covers {log.days:.1f} days", "a longer one tells more"))
        same = float((log.timestamp[1:] == log.timestamp[:-1]).mean()) if len(log.timestamp) > 1 else 0.0
        if bool((log.timestamp % 86_400 == log.timestamp[0] % 86_400).all()) and same > 0.5:
            found.append(Finding(NOTE, file, "times are days: events of one day have no order among them"))
    if log.customers == 1:
        found.append(Finding(WARNING, file, "all events are of one customer", "check the column of the customer"))
    elif log.most_events > max(DOMINANT * len(log.timestamp), ROBOT * log.events_each):
        share = 100 * log.most_events / len(log.timestamp)
        what = f"one customer has {log.most_events:,} of {len(log.timestamp):,} events ({share:.1f} %)"
        advice = "a robot, a till or a shared account outweighs all others: take it out of the file"
        found.append(Finding(WARNING, file, what, advice))
    return found


def _of_stray_times(file: str, time: NDArray[np.int64]) -> list[Finding]:
    """A few events long before or after all others: a faulty clock moves the end of the log, from which is counted."""
    few = len(time) // STRAY
    if not few:
        return []
    far = max(LONG_DAYS * 86_400, LONG * float(time[-few - 1] - time[few]))
    found = []
    for side, gaps in (("before", np.diff(time[: few + 1])), ("after", np.diff(time[-few - 1 :])[::-1])):
        if gaps.max() > far:
            n = int(np.flatnonzero(gaps > far)[-1]) + 1
            what = f"{n:,} {'event lies' if n == 1 else 'events lie'} {gaps.max() / 86_400:,.0f} days {side} the others"
            advice = "set 'window' if clocks were wrong: days since the last event and churn count from the log's end"
            found.append(Finding(WARNING, file, what, advice))
    return found


def _of_documents(documents: DocumentFacts) -> list[Finding]:
    found = []
    for reason, n in documents.dropped.items():
        severity = WARNING if n > 0.05 * documents.rows else NOTE
        what = f"{n:,} of {documents.rows:,} documents are dropped: {reason.replace('_', ' ')}"
        found.append(Finding(severity, DOCUMENTS, what, "look whether that is meant" if severity == WARNING else ""))
    for reason, n in documents.noticed.items():
        what = f"{n:,} of {documents.rows:,} documents: {reason.replace('_', ' ')}"
        found.append(Finding(WARNING if reason in _NOTICED else NOTE, DOCUMENTS, what, _NOTICED.get(reason, "")))
    return found


def _of_records(part: str, records: RecordFacts, spec: SourceSpec) -> list[Finding]:
    found = []
    for reason, n in records.dropped.items():
        advice = "records without an outcome yet are scored by --pipelines=scoring" if reason == "missing_label" else ""
        what = f"{n:,} of {records.rows:,} records are dropped: {reason.replace('_', ' ')}"
        found.append(Finding(NOTE, part, what, advice))
    found += _of_notes(part, records.notes)
    if records.left_out:
        listed = ", ".join(records.left_out[:10])
        found.append(Finding(WARNING, part, f"columns that tell nothing: {listed}", "empty, or the same everywhere"))
    rare = min(records.classes.values()) / max(sum(records.classes.values()), 1)
    if rare < 0.01:
        found.append(Finding(WARNING, part, f"the rarer class has {100 * rare:.2f} % of the records"))
    for name, auc in records.aucs.items():
        if auc >= SUSPICIOUS_AUC and not (part == CHURN and spec.is_history(name)):
            advice = f"if it is known only afterwards, {_leave_out(part)}"
            found.append(Finding(WARNING, f"{part}, column '{name}'", f"alone it reaches an AUC of {auc:.3f}", advice))
    return found


def _leave_out(part: str) -> str:
    return "leave it out of 'customers'" if part == CHURN else "put it under 'leaky'"


def _of_notes(where: str, notes: object) -> list[Finding]:
    counted = dict(notes) if isinstance(notes, dict) else {}
    shown = ("without_id", "repeated_ids", "only_in_log", "columns_ignored")
    return [
        Finding(NOTE, where, f"{int(n):,} {name.replace('_', ' ')}")
        for name, n in counted.items()
        if n and (name.startswith("unreadable_") or name.endswith(shown) or "unreadable" in name)
    ]
