"""Thin nodes of ``check``; the work is done in ``crm_pipelines.check``."""

import logging
from typing import Any

import pandas as pd

from crm_pipelines.check import columns, report, requirements
from crm_pipelines.check.facts import gather, plain
from crm_pipelines.check.findings import PROBLEM, Finding, find
from crm_pipelines.config import FoldParameters, SourceSpec, SplitParameters
from crm_pipelines.errors import UserError
from crm_pipelines.sources import RawFolder

logger = logging.getLogger(__name__)


def inspect(
    raw_files: RawFolder, source_spec: SourceSpec, source: str, split: SplitParameters, folds: FoldParameters
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """What was found: facts, a row per column of one's own files, per finding, and per requirement of a pipeline."""
    facts = gather(raw_files, source_spec, folds)
    files = []
    for part in ("interactions", "customers", "items", "records"):
        try:
            own = columns.part_files(raw_files, source_spec, part)
        except UserError:  # told among the problems of its part
            continue
        if own is not None:
            files.append((own, columns.profile(own)))
    found = find(facts, files)
    needs = requirements.table(facts, requirements.Limits(split=split, folds=folds))
    profiles = [table for _, table in files] or [pd.DataFrame(columns=list(columns.COLUMNS))]
    logger.info("\n%s", report.text(facts, source, found, needs))
    return (
        {**plain(facts), "pipelines": requirements.verdicts(needs)},
        pd.concat(profiles, ignore_index=True),
        pd.DataFrame(found, columns=list(Finding._fields)),
        pd.DataFrame(needs),
    )


def conclude(check_findings: pd.DataFrame, check_facts: dict[str, Any], source: str) -> None:
    """Stop where a part of the source cannot be read, once everything has been written down.

    Raises:
        UserError: the first problem, and how many there are.
    """
    problems = check_findings[check_findings["severity"] == PROBLEM]
    unreadable = check_facts["problems"]
    if unreadable:
        part, message = next(iter(unreadable.items()))
        more = f"; {len(problems)} problems in all, see the table above" if len(problems) > 1 else ""
        raise UserError(f"source '{source}', {part}: {message}{more}")
