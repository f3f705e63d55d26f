"""Reads the result files of every run below one folder.

Layout: ``<root>/<source>/<pipeline>/<table>.csv`` for each of ``TABLE_COLUMNS`` and ``environment.json``;
``<root>/<source>/preprocessing/{cleaning_report,imputation_report}.csv``, ``splits.json``,
``overview.json`` and ``ingestion_notes.json``; the same of records in ``<root>/<source>/records``. A file that is not
there is a section the report leaves out.
"""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import pandas as pd
import pyarrow.parquet as pq

from crm_pipelines.columns import (
    FOLD,
    METRIC,
    MODEL,
    PAPER,
    PIPELINE,
    PROTOCOL,
    RESULT_COLUMNS,
    RESULT_VALUE,
    SEED,
    SLICE,
    SOURCE,
    N,
)
from crm_pipelines.errors import UserError
from crm_pipelines.reporting.names import source_rank
from crm_pipelines.runs import MEASURED, NOT_APPLICABLE
from crm_pipelines.runtime_parameters import KEDRO_ENVIRONMENT

logger = logging.getLogger(__name__)

PREPROCESSING: Final = "preprocessing"
RECORDS: Final = "records"
SEQUENCES: Final = "sequences"
PRODUCTS: Final = "products"
PURCHASES: Final = "purchases"
DOCUMENTS: Final = "documents"
SCORING: Final = "scoring"
CHECK: Final = "check"
CARDS: Final = "cards"
NO_PIPELINES: Final = (PREPROCESSING, RECORDS, SEQUENCES, DOCUMENTS, PURCHASES, PRODUCTS, SCORING, CHECK, CARDS)
"""Folders below a source that hold no results of models."""
COUNTED_IN_ROWS: Final = ("action_1", "churn_band", "risk_band", "segment", "data")
"""Columns of ``customer_actions`` whose values are counted; others are counted in its overview."""
BANDED: Final = {"churn_band": "churn_probability", "risk_band": "risk"}
"""Those of them that are bands -> the number that they are bands of."""
MOST_KINDS: Final = 12
"""Values of a column shown; a column with more of them is not one of kinds."""
STAGES: Final = {
    SEQUENCES: "Sequences and churn (paper B)",
    PURCHASES: "Purchases (paper D)",
    PRODUCTS: "Products (paper E)",
}
"""Folders of stages whose reports are shown as they are -> heading."""
REPORT_FILE: Final = "index.html"

_RUN: Final = (PAPER, PIPELINE, SOURCE, PROTOCOL)
_PREFERENCE: Final = (N, "share", "weight", "same_age", "low", "high")
_RATES: Final = ("true_positive_rate", "false_positive_rate")
_EXPLAINED: Final = ("event_id", "customer", "item", "y_true", "predicted", "probability")
_OF_SEGMENT: Final = (
    *("purchase_probability", "observed", "observed_n", "next_spend", "purchase_recency_days", "purchases_total"),
    *("spend_total", "tenure_days", "sentiment", "documents_total"),
)
TABLE_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "metrics": RESULT_COLUMNS,
    "efficiency": RESULT_COLUMNS,
    "comparisons": (*_RUN, SLICE, MODEL, "peer", METRIC, "difference", "low", "high", N, "customers"),
    "fairness": (*_RUN, MODEL, "axis", "group", N, "macro_f1", "low", "high"),
    "reliability": (*_RUN, MODEL, "class", "bin", "confidence", "frequency", N),
    "attention_by_day": ("side", "period", "day", "weekday", "behaviour", *_PREFERENCE),
    "attention_by_feature": ("side", "feature", "level", *_PREFERENCE),
    "embedding_map": ("x", "y", "kind", "behaviour", "segment", "customer", "cold", "own_x", "own_y"),
    "curves": (*_RUN, MODEL, "share", "threshold", *_RATES, "precision", "lift", N),
    "attention": (MODEL, "step", "position", "class", "weight", N),
    "importance": (MODEL, "feature", "attribution", "permutation", N),
    "intervals": (MODEL, "decile", "risk", "observed", "low", "high", "amount_coverage", N),
    "world_losses": ("seed", MODEL, "epoch", "loss"),
    "world_scores": ("seed", MODEL, METRIC, RESULT_VALUE),
    "policy": ("policy", RESULT_VALUE, "low", "high", "cost_per_contact", "matched", N),
    "effects": ("action", "effect", "contacts"),
    "forecasts": (MODEL, FOLD, "date", "expected", "observed", N),
    "value_bands": (MODEL, FOLD, "accuracy", "macro_f1", N),
    "segments": ("segment", "name", "customers", "share", *_OF_SEGMENT),
    "segment_quality": ("grouping", "groups", "purchase_auc", "spend_r2", "spread", "agreement", "low", "high"),
    "bands": (MODEL, "band", N, "stated", "observed", "low", "high"),
    "tests": (MODEL, "peer", METRIC, "difference", "low", "high", "t", "p", "folds"),
    "classes": (MODEL, FOLD, SEED, "class", "precision", "recall", "f1", N),
    "confusion": (MODEL, "class", "decided", N),
    "words": ("document", MODEL, "y_true", "decided", "probability", "position", "word", "weight"),
    "entity_scores": (MODEL, "part", "type", "precision", "recall", "f1", "true", "found", "right"),
    "entity_counts": ("type", "source", "text", "documents"),
    "themes": ("theme", "period", "start", "documents", "share", "negative", "negative_share"),
    "pain_points": ("theme", "documents", "share", "negative", "expected_negative", "lift", "trend"),
    "acceptance": (MODEL, "part", "bin", "stated", "observed", "pairs", "taken", "customers", "customers_taking"),
    "transfer": (
        *(PROTOCOL, "pretrained_on", "share", "customers", "events", "with_transfer", "without_transfer"),
        *("difference", "low", "high", N),
    ),
    "explanations": (*_EXPLAINED, "rank", "side", "past_event", "past_item", "past_behaviour", "days_ago", "weight"),
}
"""Columns of the result files of a pipeline."""

CLEANING_COLUMNS: Final = ("step", "reason", "rows")

UNCOUNTED_OPERATIONS: Final = "uncounted_operations"
CONTACT_BUDGET: Final = "contact_budget"
NOT_OF_THE_MACHINE: Final = (KEDRO_ENVIRONMENT, UNCOUNTED_OPERATIONS, CONTACT_BUDGET, NOT_APPLICABLE, MEASURED)
"""Keys of ``environment.json`` that say something else than what was measured on."""
USUAL_ENVIRONMENTS: Final = ("", "base", "local")
TEST_ENVIRONMENT: Final = "test"

_NUMBERS: Final = {
    FOLD, SEED, RESULT_VALUE, N, "difference", "low", "high", "customers", "macro_f1", "bin", "confidence",
    "frequency", "accuracy", "share", "weight", "same_age", "x", "y", "own_x", "own_y", "probability", "rank",
    "days_ago", "threshold", "precision", "lift", "position", "attribution", "permutation", "decile", "risk",
    *_OF_SEGMENT, "expected", "groups", "purchase_auc", "spend_r2", "spread", "agreement", "stated",
    "observed", "amount_coverage", "epoch", "loss", "cost_per_contact", "matched", "effect", "contacts", "t", "p",
    "folds", "recall", "f1", "true", "found", "right", "documents", "start", "negative", "negative_share",
    "expected_negative", "trend", "pairs", "taken", "customers_taking", "events", "with_transfer",
    "without_transfer", *_RATES,
}  # fmt: skip


def empty_table(name: str) -> pd.DataFrame:
    """A table of ``TABLE_COLUMNS`` without rows."""
    return pd.DataFrame(
        {column: pd.Series(dtype="float64" if column in _NUMBERS else "str") for column in TABLE_COLUMNS[name]}
    )


def result_table(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """A result table of the current run as reporting takes it.

    One without rows gets all its columns: a pipeline of one model, say, has nothing to compare.
    """
    return empty_table(name) if table.empty else table


@dataclass(frozen=True)
class PipelineResults:
    """What one pipeline wrote for one source; tables have the columns of ``TABLE_COLUMNS``, possibly no rows."""

    name: str
    metrics: pd.DataFrame = field(default_factory=lambda: empty_table("metrics"))
    efficiency: pd.DataFrame = field(default_factory=lambda: empty_table("efficiency"))
    comparisons: pd.DataFrame = field(default_factory=lambda: empty_table("comparisons"))
    fairness: pd.DataFrame = field(default_factory=lambda: empty_table("fairness"))
    reliability: pd.DataFrame = field(default_factory=lambda: empty_table("reliability"))
    attention_by_day: pd.DataFrame = field(default_factory=lambda: empty_table("attention_by_day"))
    attention_by_feature: pd.DataFrame = field(default_factory=lambda: empty_table("attention_by_feature"))
    embedding_map: pd.DataFrame = field(default_factory=lambda: empty_table("embedding_map"))
    explanations: pd.DataFrame = field(default_factory=lambda: empty_table("explanations"))
    curves: pd.DataFrame = field(default_factory=lambda: empty_table("curves"))
    attention: pd.DataFrame = field(default_factory=lambda: empty_table("attention"))
    importance: pd.DataFrame = field(default_factory=lambda: empty_table("importance"))
    intervals: pd.DataFrame = field(default_factory=lambda: empty_table("intervals"))
    world_losses: pd.DataFrame = field(default_factory=lambda: empty_table("world_losses"))
    world_scores: pd.DataFrame = field(default_factory=lambda: empty_table("world_scores"))
    policy: pd.DataFrame = field(default_factory=lambda: empty_table("policy"))
    effects: pd.DataFrame = field(default_factory=lambda: empty_table("effects"))
    tests: pd.DataFrame = field(default_factory=lambda: empty_table("tests"))
    forecasts: pd.DataFrame = field(default_factory=lambda: empty_table("forecasts"))
    value_bands: pd.DataFrame = field(default_factory=lambda: empty_table("value_bands"))
    segments: pd.DataFrame = field(default_factory=lambda: empty_table("segments"))
    segment_quality: pd.DataFrame = field(default_factory=lambda: empty_table("segment_quality"))
    bands: pd.DataFrame = field(default_factory=lambda: empty_table("bands"))
    classes: pd.DataFrame = field(default_factory=lambda: empty_table("classes"))
    confusion: pd.DataFrame = field(default_factory=lambda: empty_table("confusion"))
    words: pd.DataFrame = field(default_factory=lambda: empty_table("words"))
    entity_scores: pd.DataFrame = field(default_factory=lambda: empty_table("entity_scores"))
    entity_counts: pd.DataFrame = field(default_factory=lambda: empty_table("entity_counts"))
    themes: pd.DataFrame = field(default_factory=lambda: empty_table("themes"))
    pain_points: pd.DataFrame = field(default_factory=lambda: empty_table("pain_points"))
    acceptance: pd.DataFrame = field(default_factory=lambda: empty_table("acceptance"))
    transfer: pd.DataFrame = field(default_factory=lambda: empty_table("transfer"))
    environment: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RecordsResults:
    """What was written about a source's table of records.

    Attributes:
        overview: ``title``, ``records``, ``customers``, ``class_counts``, ``numeric``, ``categorical``, ``steps``.
        splits: one mapping per protocol and fold: ``protocol``, ``fold``, ``records``, ``train``, ``validation``,
            ``test`` (records).
        cleaning: ``step``, ``reason``, ``rows``; None where absent.
        columns: ``column, role, missing, values, use``; None where absent.
        notes: what was counted while reading the files, by name.
    """

    overview: Mapping[str, Any] = field(default_factory=dict)
    splits: Sequence[Mapping[str, Any]] = ()
    cleaning: pd.DataFrame | None = None
    columns: pd.DataFrame | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoringResults:
    """What was written about today's customers.

    Attributes:
        overview: counts, as `scoring` writes them.
        counts: column of ``customer_actions`` -> value -> customers. contacts: whom to contact first, without ids.
        drift: the rows that drifted.
    """

    overview: Mapping[str, Any]
    counts: Mapping[str, Mapping[str, float]]
    contacts: pd.DataFrame
    drift: pd.DataFrame


@dataclass(frozen=True)
class DocumentsResults:
    """What was written about a source's documents.

    Attributes:
        overview: ``title``, ``documents``, ``customers``, ``channels``, ``labelled``, ``class_counts``, ``start``,
            ``end``, ``not_learnt``.
        cleaning: ``step``, ``reason``, ``rows``; None where absent.
        languages: ``language, documents, share``; None where absent.
        notes: what was counted while reading the files, by name.
    """

    overview: Mapping[str, Any] = field(default_factory=dict)
    cleaning: pd.DataFrame | None = None
    languages: pd.DataFrame | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StageResults:
    """What a stage before the models counted and dropped, by table.

    Attributes:
        title: what the stage prepares.
        cleaning: heading -> ``step``, ``reason``, ``rows``.
        notes: heading -> what was counted while reading, by name.
    """

    title: str
    cleaning: Mapping[str, pd.DataFrame]
    notes: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class SourceResults:
    """What was written for one source.

    Attributes:
        name: the source's name in the configuration.
        overview: ``title``, ``events``, ``customers``, ``items``, ``start``, ``end`` (UTC seconds), ``class_counts``.
        splits: one mapping per protocol and fold: ``protocol``, ``fold``, ``validation_start``, ``test_start``,
            ``test_end`` (UTC seconds; null where the test goes to the end of the data), ``train``, ``validation``,
            ``test`` (events).
        cleaning: ``step``, ``reason``, ``rows``; None where absent.
        imputation: as written; None where absent.
        notes: what was counted while reading the files, by name.
        pipelines: by name.
        records: of its table of records; None where it has none.
        scoring: of today's customers; None where they were not scored.
        check: ``severity, where, what, advice`` of a check; None where it was not checked.
        documents: of its documents; None where it has none.
        stages: of sequences, purchases and products, where those were prepared.
        requirements: ``pipeline, requirement, needed, found, met, advice`` of a check.
        called: its title in the configuration, for results that do not say it.
    """

    name: str
    overview: Mapping[str, Any] = field(default_factory=dict)
    splits: Sequence[Mapping[str, Any]] = ()
    cleaning: pd.DataFrame | None = None
    imputation: pd.DataFrame | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    pipelines: tuple[PipelineResults, ...] = ()
    records: RecordsResults | None = None
    scoring: ScoringResults | None = None
    check: pd.DataFrame | None = None
    documents: DocumentsResults | None = None
    stages: tuple[StageResults, ...] = ()
    requirements: pd.DataFrame | None = None
    called: str = ""

    @property
    def title(self) -> str:
        """The title that the results hold, else the one in the configuration, else the name."""
        overviews = (self.overview, *(part.overview for part in (self.records, self.documents) if part))
        return str(next((found for each in overviews if (found := each.get("title"))), self.called or self.name))


@dataclass(frozen=True)
class Results:
    """Every source that has been run, in the order of the page.

    Attributes:
        root: the folder read.
        sources: what was found.
        left_out: (source, message) for each whose files cannot be read, such as those of an earlier version.
    """

    root: Path
    sources: tuple[SourceResults, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, root: Path) -> Self:
        """Collect what lies below ``root``; a folder that does not exist holds no results.

        A source with a file that cannot be read, lacks a column or holds text where a number belongs is left out with
        a warning: what one source left behind shall not hide the others.
        """
        folders = [folder for folder in root.iterdir() if folder.is_dir()] if root.is_dir() else []
        sources, left_out = [], []
        for folder in sorted(folders, key=lambda folder: source_rank(folder.name)):
            try:
                source = _read_source(folder)
            except UserError as error:
                logger.warning("the report leaves out '%s': %s", folder.name, error)
                left_out.append((folder.name, str(error)))
            else:
                sources += [] if source is None else [source]
        return cls(root, tuple(sources), tuple(left_out))

    def check(self, name: str) -> None:
        """Stop where the results of one source, which were asked for, had to be left out.

        Raises:
            UserError: naming the file.
        """
        for source, message in self.left_out:
            if source == name:
                raise UserError(message)

    def source(self, name: str) -> SourceResults:
        """The results of one source; without any, an empty set of that name."""
        return next((source for source in self.sources if source.name == name), SourceResults(name))

    @property
    def report_path(self) -> Path:
        """Where the HTML report of these results lies."""
        return self.root / REPORT_FILE


def _read_source(folder: Path) -> SourceResults | None:
    below = folder / PREPROCESSING
    splits = read_json(below / "splits.json")
    imputation = below / "imputation_report.csv"
    source = SourceResults(
        name=folder.name,
        overview=_mapping(below / "overview.json"),
        splits=_split_list(below / "splits.json", splits),
        cleaning=_read_cleaning(below / "cleaning_report.csv"),
        imputation=read_table(imputation, ()) if imputation.is_file() else None,
        notes=_mapping(below / "ingestion_notes.json"),
        pipelines=tuple(
            pipeline
            for child in sorted(folder.iterdir())
            if child.is_dir() and child.name not in NO_PIPELINES and (pipeline := _read_pipeline(child)) is not None
        ),
        records=_read_records(folder / RECORDS),
        documents=_read_documents(folder / DOCUMENTS),
        scoring=_read_scoring(folder / SCORING),
        check=_read_check(folder / CHECK),
        stages=tuple(stage for name in STAGES if (stage := _read_stage(folder / name, STAGES[name])) is not None),
        requirements=_read_requirements(folder / CHECK),
    )
    found = source.overview or source.splits or source.pipelines or source.records or source.documents or source.scoring
    nothing = not found and source.cleaning is None
    return None if nothing else source


def _read_records(folder: Path) -> RecordsResults | None:
    if not folder.is_dir():
        return None
    columns, splits = folder / "columns.csv", read_json(folder / "splits.json")
    return RecordsResults(
        overview=_mapping(folder / "overview.json"),
        splits=tuple(splits or ()),
        cleaning=_read_cleaning(folder / "cleaning_report.csv"),
        columns=read_table(columns, {"missing", "values"}) if columns.is_file() else None,
        notes=_mapping(folder / "ingestion_notes.json"),
    )


def _read_scoring(folder: Path) -> ScoringResults | None:
    paths = {name: folder / f"{file}.csv" for name, file in {"contacts": "contact_list", "drift": "drift"}.items()}
    if not all(path.is_file() for path in paths.values()):
        return None
    overview = _mapping(folder / "overview.json")
    told = {"decision": overview.get("decisions"), "confidence": overview.get("confidence")}
    counts = {name: dict(found) for name, found in told.items() if isinstance(found, Mapping)}
    drift = read_table(paths["drift"], {"reference", "today", "value", "n"})
    _check_columns(drift, ("system", "name", "measure", "value", "severity"), paths["drift"])
    numbers = {"churn_probability", "risk", "expected_value"}
    return ScoringResults(
        overview=overview,
        counts={**counts, **_counted(folder / "customer_actions.parquet")},
        contacts=read_table(paths["contacts"], numbers).drop(columns="customer_id", errors="ignore"),
        drift=drift[drift["severity"] != "none"],
    )


def _counted(path: Path) -> dict[str, dict[str, float]]:
    """How often each value occurs, of a few columns of the table of customers: read one by one, never an id."""
    if not path.is_file():
        return {}
    found: dict[str, dict[str, float]] = {}
    there = set(pq.read_schema(path).names)
    for name in there & set(COUNTED_IN_ROWS):
        score = BANDED.get(name, "")
        table = pq.read_table(path, columns=[name, score] if score in there else [name]).to_pandas()
        kinds = table[table[name].notna() & (table[name] != "")].groupby(name, observed=True)
        sizes = kinds.size()
        if 1 < len(sizes) <= MOST_KINDS:  # bands from low to high, all else from many to few
            rank = kinds[score].mean() if score in table else -sizes
            found[name] = {str(kind): float(sizes[kind]) for kind in rank.sort_values(kind="stable").index}
    return found


def _read_check(folder: Path) -> pd.DataFrame | None:
    path = folder / "findings.csv"
    return read_table(path, ()) if path.is_file() else None


def _read_requirements(folder: Path) -> pd.DataFrame | None:
    path = folder / "requirements.csv"
    return read_table(path, ()) if path.is_file() else None


def _read_stage(folder: Path, title: str) -> StageResults | None:
    """Every cleaning report and every list of notes in a folder, under what its name says."""
    if not folder.is_dir():
        return None
    cleaning = {}
    for path in sorted(folder.glob("*.csv")):
        table = read_table(path, {"rows"})
        if tuple(table.columns) == CLEANING_COLUMNS and len(table):
            cleaning[path.stem.replace("_", " ").capitalize()] = table
    notes = {path.stem.replace("_", " ").capitalize(): _mapping(path) for path in sorted(folder.glob("*_notes.json"))}
    notes = {name: found for name, found in notes.items() if found}
    return StageResults(title, cleaning, notes) if cleaning or notes else None


def _read_documents(folder: Path) -> DocumentsResults | None:
    if not folder.is_dir():
        return None
    languages = folder / "languages.csv"
    return DocumentsResults(
        overview=_mapping(folder / "overview.json"),
        cleaning=_read_cleaning(folder / "cleaning_report.csv"),
        languages=read_table(languages, {"documents", "share"}) if languages.is_file() else None,
        notes=_mapping(folder / "ingestion_notes.json"),
    )


def _read_pipeline(folder: Path) -> PipelineResults | None:
    paths = {name: folder / f"{name}.csv" for name in TABLE_COLUMNS}
    found = {name: _read_result(name, path) for name, path in paths.items() if path.is_file()}
    if all(table.empty for table in found.values()):  # a stage that had nothing to do for this source
        return None
    return PipelineResults(folder.name, environment=_mapping(folder / "environment.json"), **found)


def _read_result(name: str, path: Path) -> pd.DataFrame:
    table = result_table(name, read_table(path, _NUMBERS))
    _check_columns(table, TABLE_COLUMNS[name], path)
    return table


def _read_cleaning(path: Path) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    table = read_table(path, {"rows"})
    _check_columns(table, CLEANING_COLUMNS, path)
    return table


def environment_mark(environment: Mapping[str, Any]) -> str:
    """A warning where runs were made with another Kedro environment than the usual one; empty where not."""
    name = str(environment.get(KEDRO_ENVIRONMENT, ""))
    if name in USUAL_ENVIRONMENTS:
        return ""
    if name == TEST_ENVIRONMENT:
        return "Run with --env=test: models as small as they can be, for tests. These numbers mean nothing."
    return f"Run with --env={name}: its settings differ from the usual ones."


def read_table(path: Path, numbers: Collection[str]) -> pd.DataFrame:
    """A CSV file whose columns named in ``numbers`` are float64; all others are text, also a name like ``nan``.

    Raises:
        UserError: naming the file and the missing column, or the row and column that hold no number.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read as CSV ({error}); delete it and run the pipeline that writes it"
        ) from error
    for column in [name for name in table.columns if name in numbers]:
        values = pd.to_numeric(table[column].replace("", None), errors="coerce").astype("float64")
        wrong = values.isna() & ~table[column].str.lower().isin(["", "nan"])
        if wrong.any():
            at = int(wrong.to_numpy().argmax())
            raise UserError(f"{path}: line {at + 2}, column '{column}' holds '{table[column].iloc[at]}', not a number")
        table[column] = values
    return table


def _check_columns(table: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise UserError(
            f"{path}: column '{missing[0]}' is missing; delete the file and run the pipeline that writes it"
        )


def read_json(path: Path) -> Any:
    """Content of a JSON file, None where there is no file; UserError where it is not JSON."""
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); delete it and run the pipeline that writes it") from error


def _mapping(path: Path) -> Mapping[str, Any]:
    content = read_json(path)
    if content is not None and not isinstance(content, dict):
        raise UserError(f"{path}: must hold a JSON object")
    return content or {}


def _split_list(path: Path, content: Any) -> tuple[Mapping[str, Any], ...]:
    """The folds of ``splits.json``: a list of objects with the keys named in ``SourceResults``."""
    keys = {PROTOCOL, FOLD, "validation_start", "test_start", "test_end", "train", "validation", "test"}
    if not isinstance(content or [], list):
        raise UserError(f"{path}: must hold a JSON list of folds")
    for fold in content or []:
        if not isinstance(fold, dict) or keys - set(fold):
            raise UserError(f"{path}: every fold must be an object with the keys {', '.join(sorted(keys))}")
    return tuple(content or ())
