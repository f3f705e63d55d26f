"""Paper E on the page: four tables, customers with few products, learning curves, and what was promised and kept."""

from math import isnan
from typing import Final

import pandas as pd

from crm_pipelines.columns import METRIC, MODEL, PROTOCOL, SLICE, SLICE_ALL, VARIANT, N
from crm_pipelines.reporting import paper_e, sections
from crm_pipelines.reporting.drawings import Lines, line_drawing, of_model
from crm_pipelines.reporting.formatting import count, interval, number, signed
from crm_pipelines.reporting.names import model_label, model_rank, protocol_label, slice_label, slice_rank
from crm_pipelines.reporting.paper_c_sections import beside_table, cited_table, variant_table
from crm_pipelines.reporting.paper_table import PaperTable
from crm_pipelines.reporting.results import PipelineResults
from crm_pipelines.reporting.tables import (
    efficiency_table,
    main_protocol,
    paired_table,
    summarise,
    variant_differences,
    wide,
)
from crm_pipelines.reporting.verdict import outcome
from crm_pipelines.reporting.view import Cell, Head, Label, Row, Table, model_row_label

SHOWN: Final = (
    *("ndcg@10", "ndcg@10_chance", "recall@10", "recall@10_chance", "hr@10", "map@7", "mrr"),
    *("coverage@10", "novelty@10", "popularity_divergence", *paper_e.PAIRS),
)
PLUS: Final = "product_transformer_plus"
_PAIRS: Final = (
    "Ranks are among all products that the customer does not hold and may be offered. The paper's precision, recall "
    "and F1 are on as many products drawn at random as products taken (it names no sampling); to say yes always has F1 "
    ".667 there, and a high figure says little about a list."
)
_VERDICTS: Final = {
    "better": "helps",
    "worse": "does harm",
    "even": "does not help measurably",
    "unknown": "is not known to help",
}


def recommendation_tables(pipeline: PipelineResults, source: str, anchor: str) -> tuple[PaperTable, ...]:
    """Every table of the pipeline; one without a number is left out.

    Args:
        pipeline: results of the models. source: its name. anchor: of the pipeline on the page.
    """
    data_set = paper_e.data_set_of(source)
    found = (
        _quality(pipeline, data_set, f"{anchor}-table-1"),
        _cold(pipeline, f"{anchor}-cold"),
        _costs(pipeline, data_set, f"{anchor}-table-2"),
        _ablation(3, pipeline, data_set, source, f"{anchor}-table-3"),
        _ablation(4, pipeline, data_set, source, f"{anchor}-table-4"),
        _transfer(pipeline, f"{anchor}-transfer"),
        _acceptance(pipeline, f"{anchor}-acceptance"),
    )
    return tuple(each for each in found if each is not None)


def _main(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows[VARIANT] == "main"]


def _quality(pipeline: PipelineResults, data_set: str | None, anchor: str) -> PaperTable | None:
    frame = paper_e.table_1(pipeline.metrics, pipeline.comparisons, data_set)
    if frame.empty:
        return None
    metrics = _main(pipeline.metrics)
    tables = []
    for protocol in dict.fromkeys(metrics[PROTOCOL]):
        rows = metrics[(metrics[PROTOCOL] == protocol) & (metrics[SLICE] == SLICE_ALL)]
        caption = f"{protocol_label(protocol).capitalize()}: every model"
        tables.append(sections.metric_table(wide(summarise(rows), SHOWN, "ndcg@10"), caption, PLUS))
    paired = [
        table for model in paper_e.FOCUS for table in sections.paired_tables(pipeline.comparisons, model, (SLICE_ALL,))
    ]
    return PaperTable(
        anchor,
        "Table 1: quality of the lists",
        _PAIRS,
        _present(beside_table(frame, "Product Transformer beside the strongest peer", paper_e.FOCUS), *tables),
        more=_present(cited_table(frame, paper_e.CITED), *paired),
        more_label="Rows the paper cites, and differences to every peer",
    )


def _cold(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    metrics = _main(pipeline.metrics)
    cold = metrics[metrics[SLICE].str.startswith("cold_") & (metrics[METRIC] == "ndcg@10")]
    tables = []
    for protocol, rows in cold.groupby(PROTOCOL, sort=False):
        summary = summarise(rows)
        slices = sorted(dict.fromkeys(summary[SLICE]), key=slice_rank)
        slices = [name for name in slices if summary.loc[summary[SLICE] == name, "n_high"].max() > 0]
        if not slices:
            continue
        by_slice = {name: summary[summary[SLICE] == name].set_index(MODEL) for name in slices}
        best = {name: sections.best_text(part["mean"], "ndcg@10") for name, part in by_slice.items()}
        body = [
            Row(
                model_row_label(model, focus=PLUS),
                tuple(_cold_cell(by_slice[name], model, best[name]) for name in slices),
            )
            for model in sorted(dict.fromkeys(rows[MODEL]), key=model_rank)
        ]
        heads = tuple(Head(slice_label(name), f"n = {count(by_slice[name]['n_high'].max())}") for name in slices)
        tables.append(
            Table(
                f"{protocol_label(str(protocol)).capitalize()}: NDCG@10 over the rest of the log",
                "Model",
                heads,
                tuple(body),
            )
        )
        tables += _cold_pairs(pipeline.comparisons, str(protocol), slices)
    if not tables:
        return None
    return PaperTable(
        anchor,
        "Customers with few products or none",
        "A new customer shows the first k products; all others that are taken later are relevant. A cold product was "
        "never taken before. Popularity is the first thing to beat: a network trained naively falls below it.",
        tuple(tables),
    )


def _cold_cell(part: pd.DataFrame, model: str, best: str | None) -> Cell:
    if model not in part.index:
        return sections.EMPTY
    row = dict(part.loc[model])
    if isnan(row["mean"]):
        return Cell(f"n too small (n = {count(row['n_high'])})", tone="muted")
    text = number(row["mean"])
    return Cell(text, sections.spread_text(row["std"], 3), text == best)


def _cold_pairs(comparisons: pd.DataFrame, protocol: str, slices: list[str]) -> list[Table]:
    """Differences of Product Transformer+ to every model in each slice, with their intervals."""
    rows = paired_table(comparisons, PLUS)
    rows = rows[(rows[PROTOCOL] == protocol) & (rows[METRIC] == "ndcg@10") & rows[SLICE].isin(slices)]
    if rows.empty:
        return []
    cells = {(str(r["peer"]), str(r[SLICE])): r for r in rows.to_dict("records")}
    body = []
    for peer in sorted(dict.fromkeys(rows["peer"]), key=model_rank):
        found = [cells.get((peer, name)) for name in slices]
        body.append(
            Row(
                model_row_label(peer),
                tuple(
                    sections.EMPTY
                    if r is None
                    else sections.difference_cell(r["difference"], r["low"], r["high"], r[N], "ndcg@10")
                    for r in found
                ),
            )
        )
    heads = tuple(Head(slice_label(name)) for name in slices)
    caption = f"{model_label(PLUS)} less each model, NDCG@10, with 95 % intervals over customers"
    return [Table(caption, "Model", heads, tuple(body))]


def _costs(pipeline: PipelineResults, data_set: str | None, anchor: str) -> PaperTable | None:
    frame = paper_e.table_2(pipeline.efficiency, pipeline.comparisons, pipeline.metrics, data_set)
    if frame.empty:
        return None
    return PaperTable(
        anchor,
        "Table 2: efficiency",
        "Training is one whole fit, pre-training included; inference makes the lists of 2,048 customers. The paper "
        "says neither how many customers nor how many epochs, and 220 to 290 million parameters for 24 or 100 products "
        "cannot be explained by what its text describes; that its whole model has fewer than its baseline neither.",
        _present(
            beside_table(frame, "Product Transformer beside the peer strongest in NDCG@10", paper_e.FOCUS),
            sections.metric_table(
                efficiency_table(pipeline.efficiency), "Every model", PLUS, "Measured, so it differs from run to run."
            ),
        ),
        more=_present(cited_table(frame, paper_e.CITED)),
        more_label="Rows the paper cites",
    )


def _ablation(
    table: int, pipeline: PipelineResults, data_set: str | None, source: str, anchor: str
) -> PaperTable | None:
    rows = pipeline.metrics if table == 3 else pipeline.efficiency
    made = paper_e.table_3 if table == 3 else paper_e.table_4
    frame = made(rows, pipeline.comparisons, data_set)
    if frame.empty:
        return None
    measured = bool((frame[VARIANT] != "main").mul(frame["mean"].notna()).any())
    what = "quality" if table == 3 else "cost"
    notes = tuple(_what_helps(pipeline.comparisons)) if table == 3 else ()
    return PaperTable(
        anchor,
        f"Table {table}: ablation, {what}",
        "Baseline, + transfer learning (tl), + graph attention (gnn), and both (the whole model). Networks without the "
        "graph have wider feed-forward layers instead, so that all have as many parameters; pre-training adds none.",
        (variant_table(frame, paper_e.FOCUS[0], f"Product Transformer and its parts: {what}"),),
        notes=notes,
        missing="" if measured else "The variants have not been run on this source.",
        command=""
        if measured
        else f'kedro run --pipelines=recommendation --params="source={source},recommendation.runs.studies=ablation"',
    )


def _what_helps(comparisons: pd.DataFrame) -> list[str]:
    """What each part gives and does not give, in words, from the intervals."""
    rows = variant_differences(comparisons, paper_e.FOCUS[0])
    rows = rows[(rows[METRIC] == "ndcg@10") & (rows[SLICE] == SLICE_ALL)]
    rows = rows[rows[PROTOCOL] == main_protocol(comparisons)] if len(rows) else rows
    said = []
    names = {
        "gnn": "Pre-training (the whole model less +gnn)",
        "tl": "The graph (the whole model less +tl)",
        "baseline": "Both together (the whole model less the baseline)",
    }
    for row in rows.to_dict("records"):
        name = names.get(str(row[VARIANT]))
        if name is None or isnan(row["difference"]):
            continue
        verdict = _VERDICTS[outcome(-row["high"], -row["low"])]
        said.append(
            f"{name}: {verdict} in NDCG@10, {signed(-row['difference'])} {interval(-row['high'], -row['low'])}."
        )
    return said


def _transfer(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    frame = pipeline.transfer
    if frame.empty:
        return None
    rows = [
        Row(
            Label(f"{100 * r['share']:g} %"),
            (
                Cell(count(r["customers"])),
                Cell(count(r["events"])),
                Cell(number(r["with_transfer"])),
                Cell(number(r["without_transfer"])),
                sections.difference_cell(r["difference"], r["low"], r["high"], r[N], "ndcg@10"),
            ),
        )
        for r in frame.to_dict("records")
    ]
    heads = (
        Head("Customers learnt from"),
        Head("Events"),
        Head("Pre-trained", "NDCG@10"),
        Head("From scratch", "NDCG@10"),
        Head("Difference", "95 % interval"),
    )
    log = str(frame["pretrained_on"].iloc[0])
    return PaperTable(
        anchor,
        "What pre-training gives, by how much there is to learn from",
        f"Product Transformer, pre-trained on a general log ({log}) and then fine-tuned on a share of this source's "
        "customers, beside the same network from scratch. Where the log is another catalogue, no id is shared and a "
        "product is known by its attributes; where it is the source's own, what is asked is not in it.",
        (Table("Learning curves", "Share of the training customers", heads, tuple(rows), "Means over seeds."),),
        notes=tuple(
            f"At {100 * r['share']:g} % of the customers pre-training "
            f"{_VERDICTS[outcome(r['low'], r['high'])]}, {signed(r['difference'])} {interval(r['low'], r['high'])}."
            for r in frame.to_dict("records")
        ),
        lines=_transfer_lines(frame),
    )


def _transfer_lines(frame: pd.DataFrame) -> tuple[Lines, ...]:
    """NDCG@10 by the share of the training customers, pre-trained and from scratch."""
    rows = frame.sort_values("share", kind="stable")
    series = {
        column: (of_model(paper_e.FOCUS[0], what), [float(value) for value in rows[column]], dashed)
        for column, what, dashed in (
            ("with_transfer", "pre-trained", False),
            ("without_transfer", "from scratch", True),
        )
    }
    places = [f"{100 * share:g} %" for share in rows["share"]]
    found = line_drawing("NDCG@10 by what was learnt from", "share of the training customers", places, series)
    return () if found is None else (found,)


def _acceptance(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    frame = pipeline.acceptance[pipeline.acceptance["part"] == "test"]
    if frame.empty:
        return None
    first = frame.iloc[0]
    pairs, taken = frame["pairs"].sum(), frame["taken"].sum()
    rows = [
        Row(
            Label(f"{r['bin']:.0f}"),
            (
                Cell(f"{100 * r['stated']:.3f} %"),
                Cell(f"{100 * r['observed']:.3f} %"),
                Cell(count(r["pairs"])),
                Cell(count(r["taken"])),
            ),
        )
        for r in frame.to_dict("records")
    ]
    share = 100 * first["customers_taking"] / max(first["customers"], 1)
    heads = (Head("Stated"), Head("Observed"), Head("Pairs"), Head("Taken"))
    return PaperTable(
        anchor,
        "Does a promise hold, and how rare is acceptance",
        f"{model_label(str(first[MODEL]))} makes the lists for use. Of {count(first['customers'])} customers of the "
        f"test {count(first['customers_taking'])} took a product ({share:.2f} %), which is {count(taken)} of "
        f"{count(pairs)} pairs of a customer and a product. Nothing is over- or undersampled for that: the loss is a "
        "softmax over products, and the probability of acceptance is calibrated on all pairs of validation, weighted.",
        (Table("Stated and observed acceptance, in bins of equal size", "Bin", heads, tuple(rows)),),
    )


def _present(*tables: Table | None) -> tuple[Table, ...]:
    return tuple(table for table in tables if table is not None)
