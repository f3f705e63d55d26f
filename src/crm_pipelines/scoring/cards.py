"""A model card of each kept model (Mitchell et al. 2019, "Model cards for model reporting", arXiv:1810.03993)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd

from crm_pipelines.columns import METRIC, MODEL, PROTOCOL, RESULT_VALUE, SLICE, SLICE_ALL, N
from crm_pipelines.config import SourceSpec
from crm_pipelines.scoring.kept import BEHAVIOUR, CHURN, ITEMS, RISK, SYSTEMS, Kept

CARD_TABLES: Final = ("metrics", "comparisons", "fairness")

PURPOSE: Final[Mapping[str, str]] = {
    BEHAVIOUR: "the probability of each kind of behaviour when a customer meets an item",
    RISK: "the probability of the adverse outcome of a record",
    CHURN: "the probability that a customer leaves",
    ITEMS: "the items that a customer takes next, three steps ahead",
}
LIMITS: Final[Mapping[str, tuple[str, ...]]] = {
    BEHAVIOUR: (
        "It answers for one item at one moment; it does not say whether the customer comes at all.",
        "Probabilities are calibrated on a part of the log before its end and not measured after it.",
    ),
    RISK: (
        "It ranks and estimates; it does not explain causes, and a reason is no lever.",
        "It is no basis for a decision with legal effect on a person without a human who may overrule it.",
    ),
    CHURN: (
        "It knows the definition of churn in the source block and no other.",
        "Who is contacted because of it no longer behaves as in the data; keep the hold-out group, or its worth "
        "cannot be measured.",
    ),
    ITEMS: (
        "It plans items that its training held; newer ones are left out until it is fitted again.",
        "Being likely is not being wanted: what was shown often is learnt as chosen often.",
    ),
}
NOTHING: Final = "# Nothing is kept\n\nNo model of this kind was fitted on this source.\n"


def write_card(
    kept: Kept, metrics: pd.DataFrame, comparisons: pd.DataFrame, fairness: pd.DataFrame, source_spec: SourceSpec
) -> str:
    """The card as Markdown: what the model is, what it was fitted on, what was measured, and where not to use it."""
    manifest, system = kept.manifest, str(kept.manifest["system"])
    if not manifest["fitted"]:
        return NOTHING
    model, protocol = str(manifest["model"]), str(manifest["protocol"])
    lines = [
        f"# {model} on {_plain(source_spec.title)}",
        "",
        f"Gives {PURPOSE[system]}. Kept by `kedro run --pipelines={SYSTEMS[system]} "
        f"--params=source={manifest['source']}` and read by `--pipelines=scoring`.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in _facts(manifest, system)),
        "",
        "## What was measured",
        "",
        *_measured(metrics, model, protocol),
        *_against(comparisons, model, protocol),
        "## Groups",
        "",
        *_groups(fairness, model, protocol),
        "## Where not to use it",
        "",
        *(f"- {limit}" for limit in LIMITS[system]),
        "- On data that drifted: scoring compares inputs and scores with this model's own, in `drift.csv`.",
        "",
    ]
    return "\n".join(lines)


def _facts(manifest: Mapping[str, Any], system: str) -> list[tuple[str, str]]:
    facts = [
        ("model", f"`{manifest['model']}`"),
        ("protocol, fold, seed", f"{manifest['protocol']}, {manifest['fold']}, {manifest['seed']}"),
        ("version", f"crm_pipelines {manifest['version']}, format {manifest['format']}"),
        ("run", f"`{str(manifest['run'])[:16]}`"),
    ]
    if "classes" in manifest:
        facts.append(("classes", ", ".join(_plain(name) for name in manifest["classes"])))
    if "temperature" in manifest:
        facts.append(("temperature of the calibration", f"{manifest['temperature']:.3f}"))
    for name in ("customers", "records", "items"):
        if name in manifest:
            facts.append((name, f"{manifest[name]:,}"))
    if "end" in manifest:
        facts.append(("log until", f"{datetime.fromtimestamp(int(manifest['end']), tz=UTC):%Y-%m-%d}"))
    inputs = len(manifest.get("inputs", ())) or len(manifest.get("numeric", ())) + len(manifest.get("categorical", ()))
    if system != ITEMS:
        facts.append(("inputs", f"{inputs:,}"))
    return facts


def _measured(metrics: pd.DataFrame, model: str, protocol: str) -> list[str]:
    rows = metrics[(metrics[MODEL] == model) & (metrics[PROTOCOL] == protocol) & (metrics[SLICE] == SLICE_ALL)]
    rows = rows[rows[RESULT_VALUE].notna()]
    if rows.empty:
        return ["No figure of this model was written.", ""]
    table = rows.groupby(METRIC, sort=False).agg(
        mean=(RESULT_VALUE, "mean"), low=(RESULT_VALUE, "min"), high=(RESULT_VALUE, "max"), n=(N, "max")
    )
    lines = [
        "Over all test cases; lowest and highest of the folds in brackets.",
        "",
        "| metric | mean | n |",
        "|---|---|---|",
    ]
    rows_of = zip(table.index, table["mean"], table["low"], table["high"], table["n"], strict=True)
    lines += [f"| {name} | {mean:.3f} [{low:.3f}, {high:.3f}] | {n:,.0f} |" for name, mean, low, high, n in rows_of]
    return [*lines, ""]


def _against(comparisons: pd.DataFrame, model: str, protocol: str) -> list[str]:
    if comparisons.empty or "peer" not in comparisons:
        return []
    mine = (comparisons[PROTOCOL] == protocol) & (comparisons[SLICE] == SLICE_ALL) & (comparisons[MODEL] == model)
    rows = comparisons[mine & comparisons["difference"].notna()]
    if rows.empty:
        return []
    first = str(rows[METRIC].iloc[0])
    rows = rows[rows[METRIC] == first].sort_values("difference", kind="stable").head(5)
    told = [f"| {row.peer} | {row.difference:+.4f} [{row.low:.4f}, {row.high:.4f}] |" for row in rows.itertuples()]
    head = f"Difference of {first} to the peers nearest to it or ahead, with 95 % intervals over customers."
    return [head, "", "| peer | difference |", "|---|---|", *told, ""]


def _groups(fairness: pd.DataFrame, model: str, protocol: str) -> Sequence[str]:
    if fairness.empty or MODEL not in fairness or "axis" not in fairness:
        return ["No groups were measured.", ""]
    rows = fairness[(fairness[MODEL] == model) & (fairness[PROTOCOL] == protocol)]
    if rows.empty:
        return ["No groups were measured of this model.", ""]
    values = ["n too small" if pd.isna(value) else f"{value:.3f}" for value in rows["macro_f1"]]
    told = [
        f"| {_plain(axis)} | {_plain(group)} | {value} | {n:,.0f} |"
        for axis, group, value, n in zip(rows["axis"], rows["group"], values, rows["n"], strict=True)
    ]
    return ["Macro-F1 by group.", "", "| axis | group | macro-F1 | n |", "|---|---|---|---|", *told, ""]


def _plain(text: object) -> str:
    """A text from the data that cannot become Markdown or HTML of its own."""
    shown = str(text).replace("\n", " ")
    for sign in "\\`*_[]<>|#":
        shown = shown.replace(sign, f"&#{ord(sign)};")
    return shown
