"""What each pipeline needs of a source, and whether it is there. A new pipeline adds one entry to `REQUIREMENTS`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from crm_pipelines.check.facts import CHURN, DOCUMENTS, INTERACTIONS, RECORDS, Facts, RecordFacts
from crm_pipelines.config import FoldParameters, Parameters, SplitParameters
from crm_pipelines.errors import UserError
from crm_pipelines.events.split import check_classes, least_events, time_split
from crm_pipelines.failures import one_line

YES, WEAK, NO = "yes", "weak", "no"
COUNTED: Final = ("records with an outcome", "records of each class")
READY, GAPS, NOT_READY = "ready", "ready, with gaps", "not ready"


class Need(NamedTuple):
    """One thing that a pipeline needs.

    Attributes:
        what: in words. needed, found: with numbers.
        met: `YES`, `WEAK` (it runs, but less can be said), or `NO`.
        advice: what to do where it is not met.
    """

    what: str
    needed: str
    found: str
    met: str
    advice: str = ""


class Limits(Parameters):
    """The limits that the pipelines stop at.

    Attributes:
        split: of a log. folds: of records.
    """

    split: SplitParameters
    folds: FoldParameters


Asked = Callable[[Facts, Limits], list[Need]]


def _coldstart(facts: Facts, limits: Limits) -> list[Need]:
    """Behaviour prediction needs a log with times, several behaviours, and enough of each in every part."""
    log, spec = facts.log, facts.spec.log
    needs = [_readable(facts, INTERACTIONS, "a log of interactions", spec is not None)]
    if log is None or spec is None:
        return needs
    if spec.in_order:
        advice = "name a column of times, or run --pipelines=engagement, which needs an order only"
        return [*needs, Need("times", "a time of every event", "an order only", NO, advice)]
    classes = {name: log.behaviours[name] for name in spec.classes}
    seen = [name for name, n in classes.items() if n]
    listed = ", ".join(f"{name} {n:,}" for name, n in classes.items())
    few = "name at least two classes under 'behaviours', or run --pipelines=engagement"
    needs.append(
        Need("kinds of behaviour", "2 that occur", f"{len(seen)} ({listed})", YES if len(seen) > 1 else NO, few)
    )
    labelled = log.labels >= 0
    try:
        folds = time_split(log.timestamp, labelled, limits.split)
        needs.append(Need("events to split by time", _parts(limits), f"{int(labelled.sum()):,} events", YES))
    except UserError as error:
        return [*needs, Need("events to split by time", _parts(limits), _of(error), NO, "give a longer log")]
    try:
        check_classes(folds, log.timestamp, log.labels, spec.classes)
        needs.append(Need("every behaviour before the first cut", "1 event of each", "all occur", YES))
    except UserError as error:
        advice = "leave the behaviour out of the block or take it together with another, or give a longer log"
        needs.append(Need("every behaviour before the first cut", "1 event of each", _of(error), NO, advice))
    cut = log.timestamp[labelled][-1] if not folds else folds[-1].test_start
    after = int((log.timestamp[labelled] >= cut).sum())
    rare = [name for code, name in enumerate(spec.classes) if (log.labels[log.timestamp >= cut] == code).sum() < 30]
    needs.append(
        Need(
            "30 test events of each behaviour",
            "30 of each",
            f"{after:,} test events" + (f", fewer than 30 of {', '.join(rare)}" if rare else ""),
            WEAK if rare else YES,
            "figures of rare behaviours will be rough; a longer log helps" if rare else "",
        )
    )
    needs.append(_histories(log.events_each))
    return needs


def _risk(facts: Facts, limits: Limits) -> list[Need]:
    """Risk needs records with a yes-no outcome and a column that does not give it away."""
    return _of_records(facts, RECORDS, "a table of records", facts.records, facts.spec.table is not None, limits)


def _engagement(facts: Facts, limits: Limits) -> list[Need]:
    """Engagement needs items in order, churn, or both."""
    spec = facts.spec
    has_churn = spec.churn is not None or (spec.table is not None and spec.table.churn)
    if spec.log is None and not has_churn:
        advice = "add 'interactions', or 'churn: true' below 'records'"
        return [Need("a log, or records of churn", "one of the two", "neither", NO, advice)]
    needs = []
    if spec.log is not None:
        needs.append(_readable(facts, INTERACTIONS, "a log of interactions", True))
        if facts.log is not None:
            needs.append(_several_items(facts.log.several_items, "plans will rest on few histories"))
            needs.append(_histories(facts.log.events_each))
    if not has_churn:
        advice = "add 'churn' (no behaviour within so many days), so that plans are adjusted to the risk of leaving"
        needs.append(Need("a definition of churn", "'churn' in the block", "none", WEAK, advice))
        return needs
    of_churn = _of_records(facts, CHURN, "records of churn", facts.churn, True, limits)
    if facts.log is not None:  # too few of them leave churn out and nothing else
        of_churn = [each._replace(met=WEAK) if each.what in COUNTED and each.met == NO else each for each in of_churn]
    return [*needs, *of_churn]


def _feedback(facts: Facts, limits: Limits) -> list[Need]:
    """Feedback needs documents, a definition of purchases, or both; sentiment is learnt from labelled documents."""
    spec = facts.spec
    has_purchases = spec.purchase is not None
    if not spec.texts and not has_purchases:
        advice = "add 'documents' (what customers wrote), or 'purchase' (what a purchase is in the log)"
        return [Need("documents, or a definition of purchases", "one of the two", "neither", NO, advice)]
    needs = []
    if spec.texts:
        needs.append(_readable(facts, DOCUMENTS, "documents", True))
    if facts.documents is not None:
        found = facts.documents
        none = "check the column of the text under 'documents'"
        needs.append(Need("documents with a text", "1", f"{found.texts:,}", YES if found.texts else NO, none))
        least, each = limits.folds.minimum["records"], limits.folds.minimum["class"]
        labels = found.labels
        enough = len(labels) > 1 and sum(labels.values()) >= least and min(labels.values()) >= each
        listed = ", ".join(f"{name} {n:,}" for name, n in labels.items()) or "none"
        advice = "a lexicon of English will tell sentiment; name a column of labels or of ratings"
        asked = f"{least:,} in all, {each:,} of each of two sentiments"
        needs.append(Need("labelled documents", asked, listed, YES if enough else WEAK, advice))
    if not has_purchases:
        advice = "add 'purchase' (what counts, and within how many days) for purchases, segments and profiles"
        needs.append(Need("a definition of purchases", "'purchase' in the block", "none", WEAK, advice))
    elif spec.log is not None:
        needs.append(_readable(facts, INTERACTIONS, "a log of interactions", True))
    return needs


def _recommendation(facts: Facts, limits: Limits) -> list[Need]:
    """Recommendation needs a log of products taken; another block may stand in for it."""
    spec = facts.spec
    if spec.products is not None:
        return [Need("a log of products", "'interactions' or 'products'", "'products' in the block", YES)]
    needs = [_readable(facts, INTERACTIONS, "a log of products taken", spec.log is not None)]
    if facts.log is not None:
        needs.append(_several_items(facts.log.several_items, "lists will rest on few histories"))
        n = facts.log.items
        advice = "with two products or fewer there is nothing to rank; check the column of the item"
        needs.append(Need("different products", "3", f"{n:,}", YES if n > 2 else NO, advice))
    return needs


REQUIREMENTS: Final[Mapping[str, Asked]] = {
    "coldstart": _coldstart,
    "risk": _risk,
    "engagement": _engagement,
    "feedback": _feedback,
    "recommendation": _recommendation,
}
"""Pipeline -> what it asks of a source."""


def verdict(met: Iterable[str]) -> str:
    """`READY`, `GAPS` or `NOT_READY`, from whether each need is met."""
    met = set(met)
    return NOT_READY if NO in met else GAPS if WEAK in met else READY


def table(facts: Facts, limits: Limits) -> list[dict[str, Any]]:
    """One row per pipeline and need: ``pipeline, requirement, needed, found, met, advice``."""
    return [
        {
            "pipeline": pipeline,
            "requirement": need.what,
            "needed": need.needed,
            "found": need.found,
            "met": need.met,
            "advice": need.advice if need.met != YES else "",
        }
        for pipeline, asked in REQUIREMENTS.items()
        for need in asked(facts, limits)
    ]


def verdicts(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Pipeline -> `READY`, `GAPS` or `NOT_READY`, from the rows of `table`."""
    return {name: verdict([row["met"] for row in rows if row["pipeline"] == name]) for name in REQUIREMENTS}


def _of_records(
    facts: Facts, part: str, what: str, found: RecordFacts | None, declared: bool, limits: Limits
) -> list[Need]:
    """What both risk and churn ask of their records."""
    if found is None and part == CHURN and part not in facts.problems:  # what it is made of cannot be read
        source = INTERACTIONS if facts.spec.churn is not None else RECORDS
        return [_readable(facts, source, what, declared)]
    needs = [_readable(facts, part, what, declared)]
    if found is None:
        return needs
    least, each = limits.folds.minimum["records"], limits.folds.minimum["class"]
    total = sum(found.classes.values())
    listed = ", ".join(f"{name} {n:,}" for name, n in found.classes.items())
    more = "collect more, or take neighbouring periods together"
    needs += [
        Need(COUNTED[0], f"{least:,}", f"{total:,}", YES if total >= least else NO, more),
        Need(COUNTED[1], f"{each:,}", listed, YES if min(found.classes.values()) >= each else NO, more),
        Need(
            "columns to learn from",
            "1",
            f"{found.inputs:,}",
            YES if found.inputs else NO,
            "declare some, or 'guess: true'",
        ),
    ]
    leaks = {name: auc for name, auc in found.aucs.items() if auc >= limits.folds.leak_auc}
    trusted = facts.spec.table.trusted if facts.spec.table is not None else ()
    leaks = {name: auc for name, auc in leaks.items() if name not in trusted and name.partition("@")[0] not in trusted}
    advice = "put it under 'leaky' if it is known only afterwards, or under 'trusted' if it is known before"
    if part == CHURN and facts.spec.churn is not None:
        leaks = {name: auc for name, auc in leaks.items() if not facts.spec.is_history(name)}
        advice = "leave it out of 'customers' if it is known only afterwards"
    shown = ", ".join(f"'{name}' (AUC {auc:.3f})" for name, auc in leaks.items()) or "none"
    needs.append(Need("no column that gives the outcome away", "none", shown, NO if leaks else YES, advice))
    return needs


def _readable(facts: Facts, part: str, what: str, declared: bool) -> Need:
    if not declared:
        return Need(what, f"'{part}' in the block", "none", NO, f"add '{part}' to the block if you have them")
    if part in facts.problems:
        return Need(what, "readable", facts.problems[part], NO, "see the message")
    return Need(what, "readable", "read", YES)


def _several_items(n: int, few: str, many: int = 50) -> Need:
    met = NO if n == 0 else WEAK if n < many else YES
    advice = "check the columns of customer and item" if n == 0 else few
    return Need("customers with several items", f"1, better {many}", f"{n:,} customers", met, advice)


def _histories(events_each: float) -> Need:
    met = YES if events_each >= 3 else WEAK
    advice = "most customers have hardly any history, so that little can be told of them" if met == WEAK else ""
    return Need("events of a customer", "3 or more, the median", f"{events_each:g}", met, advice)


def _parts(limits: Limits) -> str:
    return f"{least_events(limits.split):,} events"


def _of(error: UserError) -> str:
    return one_line(error)
