"""What a check found, as text for the terminal."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd

from crm_pipelines.check.facts import Facts, LogFacts, RecordFacts
from crm_pipelines.check.findings import NOTE, Finding
from crm_pipelines.check.requirements import NO, READY, YES, Need, verdict
from crm_pipelines.config import SourceSpec

MOST: int = 30
"""Findings shown; all of them are in the table."""


def text(facts: Facts, source: str, findings: list[Finding], needs: list[dict[str, Any]]) -> str:
    """Facts, findings and the verdict on each pipeline, with what is missing."""
    lines = [f"{facts.spec.title} (source '{source}')", "", "What was found"]
    if facts.log is not None:
        lines += _log(facts.log, facts.spec)
    if facts.records is not None:
        lines += _records("records", facts.records, facts.spec.records.file)
    if facts.churn is not None and facts.spec.churn is not None:
        lines += _records("churn", facts.churn, f"no such behaviour within {facts.spec.churn.within_days:g} days")
    if facts.documents is not None:
        lines.append(f"  {'documents':13} {facts.documents.rows:,} by {facts.documents.customers:,} customers")
        labels = ", ".join(f"{name} {n:,}" for name, n in facts.documents.labels.items())
        lines.append(f"  {'sentiments':13} {labels or 'not labelled'}")
    if facts.contacts:
        lines.append(f"  {'contacts':13} {facts.contacts:,}")
    if facts.spared is not None:
        lines.append(f"  {'not contacted':13} {facts.spared:,} customers, by 'do_not_contact'")
    lines += ["", f"What to look at ({len(findings)})" if findings else "Nothing suspicious was found."]
    for finding in findings[:MOST]:
        advice = f" -> {finding.advice}" if finding.advice else ""
        lines.append(f"  {finding.severity:8} {finding.where}: {finding.what}{advice}")
    if len(findings) > MOST:
        rest = findings[MOST:]
        lines.append(f"  ... {len(rest)} more, {sum(each.severity == NOTE for each in rest)} of them notes")
    lines += ["", "Pipelines"]
    for pipeline, rows in pd.DataFrame(needs).groupby("pipeline", sort=False):
        asked = [Need(*map(str, list(row.values())[1:])) for row in rows.to_dict("records")]
        result = verdict(need.met for need in asked)
        run = f"   kedro run --pipelines={pipeline} --params=source={source}" if result.startswith(READY) else ""
        lines.append(f"  {pipeline:13} {result}{run}")
        for need in asked:
            if need.met != YES:
                mark = "missing" if need.met == NO else "weak"
                lines.append(
                    f"    {mark:7} {need.what}: needed {need.needed}, found {need.found}"
                    + (f" -> {need.advice}" if need.advice else "")
                )
    return "\n".join(lines)


def _log(log: LogFacts, spec: SourceSpec) -> list[str]:
    valid, described = sum(log.behaviours.values()), spec.customers.file is not None or spec.customers.columns
    profiles = f" ({log.profiles:,} with a row of attributes)" if described else ""
    lines = [
        f"  {'interactions':13} {spec.interactions.file}: {log.rows:,} rows, {valid:,} valid",
        f"  {'customers':13} {log.customers:,}{profiles}",
        f"  {'items':13} {log.items:,}",
    ]
    if not spec.interactions.in_order and len(log.timestamp):
        start, end = (f"{datetime.fromtimestamp(int(t), tz=UTC):%Y-%m-%d %H:%M}" for t in log.timestamp[[0, -1]])
        lines.append(f"  {'period':13} {start} to {end} UTC, {log.days:,.1f} days")
    shares = ", ".join(f"{name} {n:,} ({100 * n / max(valid, 1):.1f} %)" for name, n in log.behaviours.items())
    return [*lines, f"  {'behaviours':13} {shares}"]


def _records(name: str, found: RecordFacts, where: str) -> list[str]:
    total = sum(found.classes.values())
    shares = ", ".join(f"{label} {n:,} ({100 * n / max(total, 1):.1f} %)" for label, n in found.classes.items())
    waiting = f", {found.waiting:,} without an outcome yet" if found.waiting else ""
    return [
        f"  {name:13} {where}: {found.rows:,} rows, {total:,} with an outcome{waiting}; {found.customers:,} customers",
        f"  {'outcomes':13} {shares}",
    ]
