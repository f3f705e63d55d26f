"""What customers say, as sections of the page: Table 1 of paper D, sentiment, words, entities, themes, pain points."""

from collections.abc import Sequence
from math import isnan
from typing import Final

import pandas as pd

from crm_pipelines.columns import METRIC, MODEL, SLICE_ALL, Y_TRUE, N
from crm_pipelines.reporting import paper_d, sections
from crm_pipelines.reporting.charts import class_style
from crm_pipelines.reporting.drawings import Lines, line_drawing, named
from crm_pipelines.reporting.formatting import count, interval, number, signed
from crm_pipelines.reporting.names import metric_name, model_label, model_rank, protocol_label
from crm_pipelines.reporting.paper_table import PUBLISHED_HEAD, PaperTable, Record, published_cell
from crm_pipelines.reporting.results import PipelineResults
from crm_pipelines.reporting.tables import efficiency_table, focus_models, main_protocol, performance_table
from crm_pipelines.reporting.view import Cell, Head, Label, Row, Table, Tone, model_row_label

SIGNIFICANT: Final = 0.05
MOST_THEMES_DRAWN: Final = 5
_FIRST: Final = (
    "macro_f1",
    "accuracy",
    "majority_accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
)
_COST: Final = ("inference_events_per_second", "latency_end_to_end_p50_ms", "latency_forward_p50_ms", "fit_seconds")
_IMPOSSIBLE: Final = (
    "The paper does not say whether its Table 1 is about segments, behaviour or sentiment, nor on what split; its "
    "abstract gives 95.3 % for sentiment. Its data are not public, so the figures stand beside ours on other data and "
    "are no target: accuracy means little where most documents are of one class."
)


def feedback_tables(pipeline: PipelineResults, anchor: str) -> tuple[PaperTable, ...]:
    """Every section of one source; one without a number is left out.

    Args:
        pipeline: what the pipeline wrote.
        anchor: of the pipeline on the page.
    """
    found = (
        _performance(pipeline, f"{anchor}-table-1"),
        _by_class(pipeline, f"{anchor}-classes"),
        _words(pipeline.words, f"{anchor}-words"),
        _entities(pipeline.entity_scores, pipeline.entity_counts, f"{anchor}-entities"),
        _themes(pipeline.themes, pipeline.pain_points, f"{anchor}-themes"),
    )
    return tuple(each for each in found if each is not None)


def _performance(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    if pipeline.metrics.empty:
        return None
    frame = paper_d.table_1(pipeline.metrics, pipeline.tests)
    focus = next(iter(focus_models(pipeline.comparisons)), None)
    table = performance_table(pipeline.metrics)
    texts = {
        (str(r[MODEL]), str(r[METRIC])): number(r["published"], metric_name(r[METRIC]).digits)
        for r in frame[frame["published"].notna()].to_dict("records")
    }
    caption = f"{protocol_label(main_protocol(pipeline.metrics)).capitalize()}, all test documents"
    tests = [_tests(pipeline.tests, model) for model in paper_d.FOCUS]
    paired = [
        one
        for model in focus_models(pipeline.comparisons)
        for one in sections.paired_tables(pipeline.comparisons, model, (SLICE_ALL,))
    ]
    return PaperTable(
        anchor,
        "Table 1: sentiment, published beside measured",
        "Means over folds and seeds with their standard deviation. Precision, recall and F1 are weighted by the size "
        "of a class, so that recall is accuracy; macro-F1 counts classes alike. Decisions follow offsets chosen on "
        f"validation for macro-F1, the same way for every model. {_IMPOSSIBLE}",
        _present(
            _beside(frame),
            sections.metric_table(table, f"{caption}: every model", focus, metrics=_FIRST, published=texts),
            sections.metric_table(
                efficiency_table(pipeline.efficiency),
                "Scoring on one thread, from raw texts to probabilities, 2,048 documents at once",
                focus,
                "Measured, so it differs from run to run.",
                metrics=_COST,
            ),
        ),
        more=_present(*tests, *_other_protocols(pipeline.metrics, focus), *paired),
        more_label="Tests against every peer, other protocols, bootstrap over customers",
    )


def _beside(frame: pd.DataFrame) -> Table | None:
    """Published, ours, strongest peer, difference with p: a row per measure."""
    run = set(frame.loc[frame["runs"] > 0, MODEL])
    ours = [model for model in paper_d.FOCUS if model in run]
    if not ours:
        return None
    rows = []
    for metric, part in frame.groupby(METRIC, sort=False):
        name, digits = str(metric), metric_name(str(metric)).digits
        records = {str(r[MODEL]): r for r in part.to_dict("records")}
        theirs = records.get(paper_d.FOCUS[0], {}).get("published", float("nan"))
        cells = [published_cell("" if isnan(theirs) else number(theirs, digits))]
        mine = [records.get(model) for model in ours]
        cells += [
            sections.EMPTY
            if r is None or isnan(r["mean"])
            else Cell(number(r["mean"], digits), sections.spread_text(r["std"], digits))
            for r in mine
        ]
        first = next(iter(records.values()))
        cells.append(
            Cell(number(first["peer_mean"], digits), model_label(str(first["peer"])))
            if isinstance(first["peer"], str)
            else sections.EMPTY
        )
        cells += [sections.EMPTY if r is None else _test_cell(r, name) for r in mine]
        rows.append(Row(Label(metric_name(name).label), tuple(cells)))
    heads = (
        PUBLISHED_HEAD,
        *(Head(model_label(model), "ours") for model in ours),
        Head("Strongest peer", "of ours"),
        *(Head("Difference", f"{model_label(model)} less peer, p") for model in ours),
    )
    return Table(
        "The network beside the strongest peer",
        "Measure",
        heads,
        tuple(rows),
        "Differences with 95 % intervals and p of a paired t-test over folds whose variance is corrected for the "
        "overlap of training sets (Nadeau and Bengio 2003). p is not corrected for the number of tests.",
    )


def _test_cell(r: Record, metric: str) -> Cell:
    if isnan(r["difference"]):
        return sections.EMPTY
    digits = metric_name(metric).digits
    tone: Tone = "even"
    if r["p"] < SIGNIFICANT:
        tone = "better" if r["difference"] > 0 else "worse"
    return Cell(signed(r["difference"], digits), f"{interval(r['low'], r['high'], digits)}, {_p(r['p'])}", tone=tone)


def _p(value: float) -> str:
    if isnan(value):
        return "one fold, no test"
    return "p < 0.001" if value < 0.001 else f"p = {number(value)}"


def _tests(tests: pd.DataFrame, model: str) -> Table | None:
    rows = tests[tests[MODEL] == model] if len(tests) else tests
    if rows.empty:
        return None
    metrics = [name for name in paper_d.TABLE_1_METRICS if name in set(rows[METRIC])]
    cells = {(r["peer"], r[METRIC]): r for r in rows.to_dict("records")}
    peers = sorted(dict.fromkeys(rows["peer"]), key=model_rank)
    body = tuple(
        Row(
            model_row_label(peer),
            tuple(_test_cell(cells[peer, m], m) if (peer, m) in cells else sections.EMPTY for m in metrics),
        )
        for peer in peers
    )
    folds = int(rows["folds"].max())
    return Table(
        f"{model_label(model)} less peer: corrected paired t-test over {folds} folds",
        "Peer",
        tuple(Head(metric_name(m).label) for m in metrics),
        body,
    )


def _other_protocols(metrics: pd.DataFrame, focus: str | None) -> list[Table | None]:
    main = main_protocol(metrics)
    return [
        sections.metric_table(
            performance_table(metrics[metrics["protocol"] == protocol]),
            f"{protocol_label(protocol).capitalize()}, all test documents: every model",
            focus,
            metrics=_FIRST,
        )
        for protocol in dict.fromkeys(metrics["protocol"])
        if protocol != main
    ]


def _by_class(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    frame = pipeline.classes
    if frame.empty:
        return None
    classes = list(dict.fromkeys(frame["class"]))
    models = sorted(dict.fromkeys(frame[MODEL]), key=model_rank)
    means = frame.groupby([MODEL, "class"])[["precision", "recall", "f1"]].agg(["mean", "std"])
    cases = frame.groupby("class")[N].sum() / max(frame[MODEL].nunique() * frame["seed"].nunique(), 1)
    best = {label: means.xs(label, level="class")["f1", "mean"].max() for label in classes}
    body = []
    for model in models:
        cells = []
        for label in classes:
            row = means.loc[(model, label)]
            f1 = float(row["f1", "mean"])
            note = f"P {number(float(row['precision', 'mean']))}, R {number(float(row['recall', 'mean']))}"
            spread = sections.spread_text(float(row["f1", "std"]), 3)
            cells.append(Cell(f"{number(f1)} {spread}".strip(), note, best=f1 == best[label] and len(models) > 1))
        body.append(Row(model_row_label(model), tuple(cells)))
    heads = tuple(Head(label, f"n = {count(float(cases[label]))}") for label in classes)
    return PaperTable(
        anchor,
        "Sentiment by class",
        "F1 of each class with precision and recall below it: means over the shuffled folds. The neutral class is the "
        "hard one; its documents praise and complain in one breath.",
        (Table("F1 by class", "Model", heads, tuple(body)),),
        more=tuple(_confusion(pipeline.confusion, model, classes) for model in models),
        more_label="Confusion of every model",
    )


def _confusion(confusion: pd.DataFrame, model: str, classes: Sequence[str]) -> Table:
    rows = confusion[confusion[MODEL] == model]
    counts = {(r["class"], r["decided"]): float(r[N]) for r in rows.to_dict("records")}
    body = []
    for label in classes:
        total = sum(counts.get((label, other), 0.0) for other in classes)
        body.append(
            Row(
                Label(label),
                tuple(
                    Cell(
                        count(counts.get((label, o), 0.0)), f"{100 * counts.get((label, o), 0.0) / max(total, 1):.0f} %"
                    )
                    for o in classes
                ),
            )
        )
    heads = tuple(Head(label, "decided") for label in classes)
    return Table(f"{model_label(model)}: true class by row, all folds together", "True class", heads, tuple(body))


def _words(words: pd.DataFrame, anchor: str) -> PaperTable | None:
    if words.empty:
        return None
    body = []
    for _, part in words.groupby("document", sort=False):
        first = part.iloc[0]
        ranked = part.sort_values("weight", ascending=False, kind="stable")
        speak = [
            f"{r['word']} ({signed(r['weight'], 2)})" for r in ranked[ranked["weight"] > 0].head(5).to_dict("records")
        ]
        against = ranked[ranked["weight"] < 0].tail(3).iloc[::-1].to_dict("records")
        deny = [f"{r['word']} ({signed(r['weight'], 2)})" for r in against]
        right = first[Y_TRUE] == first["decided"]
        body.append(
            Row(
                Label(" ".join(str(word) for word in part["word"])),
                (
                    Cell(str(first[Y_TRUE]), words=True),
                    Cell(
                        str(first["decided"]),
                        number(first["probability"], 2),
                        tone="" if right else "worse",
                        words=True,
                    ),
                    Cell(", ".join(speak) or "–", words=True),
                    Cell(", ".join(deny) or "–", words=True),
                ),
            )
        )
    model = model_label(str(words[MODEL].iloc[0]))
    return PaperTable(
        anchor,
        "Words behind decisions",
        "Test documents of the last fold, drawn at random and shown as their tokens. A word's weight is what the "
        "log-probability of the most probable class loses when the word is left out: above zero it speaks for it.",
        (
            Table(
                f"{model}, the model of lowest log-loss on validation",
                "Document",
                (
                    Head("Label", words=True),
                    Head("Most probable", "probability", words=True),
                    Head("Speak for it", words=True),
                    Head("Speak against it", words=True),
                ),
                tuple(body),
            ),
        ),
    )


def _entities(scores: pd.DataFrame, found: pd.DataFrame, anchor: str) -> PaperTable | None:
    if scores.empty and found.empty:
        return None
    tables: list[Table | None] = []
    if len(scores):
        test = scores[scores["part"] == "test"]
        models = list(dict.fromkeys(test[MODEL]))
        cells = {(r["type"], r[MODEL]): r for r in test.to_dict("records")}
        kinds = [k for k in dict.fromkeys(test["type"]) if k != "all"]
        body = []
        for kind in (*kinds, "all"):
            row = []
            for model in models:
                r = cells.get((kind, model))
                text = "0.000" if r is None else number(r["f1"])
                note = "" if r is None else f"P {number(r['precision'])}, R {number(r['recall'])}"
                row.append(Cell(text, note))
            true = max(float(cells[kind, m]["true"]) for m in models if (kind, m) in cells)
            body.append(
                Row(Label("all types" if kind == "all" else kind), (*row, Cell(count(true))), foot=kind == "all")
            )
        heads = (*(Head(model_label(m), "span F1") for m in models), Head("True spans"))
        tables.append(
            Table("Annotated test sentences: exact span and type", "Type", heads, tuple(body), "Micro average below.")
        )
    for kind, part in found.groupby("type", sort=False) if len(found) else ():
        top = part.head(8)
        body = [
            Row(Label(str(r["text"])), (Cell(count(r["documents"])), Cell(str(r["source"]), words=True)))
            for r in top.to_dict("records")
        ]
        tables.append(
            Table(
                "Named most often: " + str(kind), "Name", (Head("Documents"), Head("Found by", words=True)), tuple(body)
            )
        )
    return PaperTable(
        anchor,
        "Entities",
        "Products, brands and places of the catalogue are looked for by spaCy's EntityRuler; where a source has "
        "annotated sentences, a BiLSTM-CRF learns from them and marks what no list knows. The rule takes runs of "
        "capitalised words for names and lets lists of the training sentences and of places say of what.",
        _present(*tables[:1]) if len(scores) else _present(*tables[:3]),
        more=_present(*tables[1:]) if len(scores) else _present(*tables[3:]),
        more_label="What is named most often",
    )


def _themes(themes: pd.DataFrame, pain: pd.DataFrame, anchor: str) -> PaperTable | None:
    if themes.empty:
        return None
    overall = themes[themes["period"] == "all"].sort_values("documents", ascending=False, kind="stable")
    body = tuple(
        Row(
            Label(str(r["theme"])),
            (Cell(count(r["documents"])), Cell(_percent(r["share"])), Cell(_percent(r["negative"]))),
        )
        for r in overall.to_dict("records")
    )
    tables = [
        Table(
            "Themes",
            "Theme",
            (Head("Documents"), Head("Share"), Head("Negative", "mean probability")),
            body,
            "Non-negative factors of TF-IDF over stems, named by the words behind their strongest stems.",
        )
    ]
    if len(pain):
        rows = tuple(
            Row(
                Label(str(r["theme"])),
                (
                    Cell(count(r["expected_negative"])),
                    Cell(_percent(r["negative"])),
                    Cell(number(r["lift"], 2), tone="worse" if r["lift"] > 1.1 else ""),
                    Cell(
                        "–" if isnan(r["trend"]) else signed(100 * r["trend"], 1),
                        tone="muted" if isnan(r["trend"]) else "",
                    ),
                ),
            )
            for r in pain.to_dict("records")
        )
        heads = (
            Head("Expected negative", "documents"),
            Head("Negative", "mean probability"),
            Head("Lift", "over all documents"),
            Head("Trend", "points, later half less earlier"),
        )
        tables.insert(0, Table("Pain points: theme × negative sentiment", "Theme", heads, rows))
    return PaperTable(
        anchor,
        "Themes and pain points",
        "What documents are about, how gladly, and where it hurts. Sentiment is out of fold, or by a model of earlier "
        "documents.",
        tuple(tables),
        lines=_theme_lines(themes),
        more=_present(_history(themes, "share", "Share of documents"), _history(themes, "negative", "Negative")),
        more_label="Themes over time",
    )


def _theme_lines(themes: pd.DataFrame) -> tuple[Lines, ...]:
    """Share and negative sentiment of the largest themes by period."""
    dated = themes[themes["period"] != "all"].sort_values("start", kind="stable")
    periods = list(dict.fromkeys(dated["period"]))
    names = themes[themes["period"] == "all"].sort_values("documents", ascending=False, kind="stable")["theme"]
    drawn = []
    for column, title in (("share", "Share of documents by theme"), ("negative", "Negative sentiment by theme")):
        series = {}
        for position, name in enumerate(names.head(MOST_THEMES_DRAWN)):
            mine = dated[dated["theme"] == name].set_index("period")[column].reindex(periods)
            hue, dash = class_style(position)
            series[str(name)] = (named(str(name), hue, 62), [float(value) for value in mine], dash != "none")
        drawn.append(line_drawing(title, "period", [str(period) for period in periods], series))
    return tuple(each for each in drawn if each is not None)


def _history(themes: pd.DataFrame, column: str, what: str) -> Table | None:
    dated = themes[themes["period"] != "all"]
    if dated.empty:
        return None
    periods = list(dict.fromkeys(dated.sort_values("start")["period"]))
    cells = {(r["theme"], r["period"]): r[column] for r in dated.to_dict("records")}
    names = dict.fromkeys(themes[themes["period"] == "all"].sort_values("documents", ascending=False)["theme"])
    body = tuple(
        Row(Label(str(name)), tuple(Cell(_percent(cells.get((name, p), float("nan")))) for p in periods))
        for name in names
    )
    return Table(f"{what} by theme and period", "Theme", tuple(Head(p, "from") for p in periods), body)


def _percent(share: float) -> str:
    return "–" if isnan(share) else f"{100 * share:.1f} %"


def _present(*tables: Table | None) -> tuple[Table, ...]:
    return tuple(table for table in tables if table is not None)
