"""Amazon product reviews, 2014 and 2018 editions (J. McAuley, J. Ni, UCSD): one JSON object a line.

Both editions share ``reviewerID, asin, overall, unixReviewTime, summary, reviewText``; the rest is not used.
Product metadata (``meta_*.json``, 2018 layout) is a file of its own. See docs/sources.md.
"""

import html
import json
from dataclasses import replace
from typing import Final

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from crm_pipelines import columns as c
from crm_pipelines.config import SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.sources import cells, entities, published
from crm_pipelines.sources.canonical import CanonicalTables, Log, read_log
from crm_pipelines.sources.raw import ROW_NUMBER, RawFolder, RawTable

METADATA: Final = "metadata"
NAMES: Final = {c.CUSTOMER_ID: "reviewerID", c.ITEM_ID: "asin", c.TIMESTAMP: "unixReviewTime", c.VALUE: "overall"}
ATTRIBUTES: Final = ("title", "brand", "category", "price")

_PRICE: Final = r"^\$? ?([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]{1,2})?$"
_MARKUP: Final = r"^<[a-zA-Z/]"


def read_reviews(raw: RawFolder, file: str, spec: SourceSpec, label: str | None = None) -> Log:
    """The reviews as a log: ``value`` is the rating, ``text`` the summary, a line break and the review text.

    Args:
        raw: folder of raw files.
        file: path of the reviews.
        spec: the source block.
        label: behaviour label given to every review, None where the rating decides the class.

    Raises:
        UserError: see :func:`crm_pipelines.sources.canonical.read_log`.
    """
    reviews = raw.json_lines(file)
    reviews.require(NAMES.values(), "the Amazon review format")
    parts = [_part(reviews, name) for name in ("summary", "reviewText")]
    summary, body = parts
    both = summary.notnull() & body.notnull()
    columns: dict[str, ir.Value] = {name: reviews.table[name] for name in NAMES.values()}
    columns["text"] = both.ifelse(summary + "\n" + body, ibis.coalesce(summary, body))
    names = {**NAMES, c.TEXT: "text"}
    if label is not None:
        columns["label"] = ibis.literal(label)
        names[c.BEHAVIOUR] = "label"
    table = reviews.table.select(ROW_NUMBER, **columns)
    return read_log(replace(reviews, table=table, columns=tuple(columns)), names, spec)


def _part(reviews: RawTable, name: str) -> ir.StringValue:
    return cells.trimmed(reviews.table[name]) if name in reviews.columns else ibis.null("string")


def read_metadata(raw: RawFolder, file: str) -> tuple[RawTable, dict[str, int]]:
    """Product metadata as a raw table ``asin, title, brand, category, price``.

    ``category`` is the second element of the category path (the first is the department), else its last one;
    HTML entities are unescaped; titles and prices that are scraped page markup become null.

    Returns:
        The table and counts: ``metadata_titles_not_text`` and ``metadata_prices_unreadable``.

    Raises:
        UserError: no ``asin``, or a line that is not JSON (the 2014 metadata are Python literals: convert them).
    """
    meta = raw.json_lines(file)
    meta.require(["asin"], "the Amazon metadata format")
    path = _part(meta, "category") if "category" in meta.columns else _part(meta, "categories")
    texts = {name: _part(meta, name) for name in ("title", "brand", "price")}
    frame = meta.table.select(ROW_NUMBER, "asin", path=path, **texts).execute()
    frame = frame.astype(dict.fromkeys(["asin", "path", *texts], "string"))  # also where all are null
    title = _unescaped(frame["title"])
    markup = title.str.contains(_MARKUP, regex=True, na=False)
    price = frame["price"].where(frame["price"].str.match(_PRICE, na=False))
    clean = frame[[ROW_NUMBER, "asin"]].assign(
        title=title.mask(markup),
        brand=_unescaped(frame["brand"]),
        category=frame["path"].map(_category, na_action="ignore"),
        price=price.str.replace(r"[$, ]", "", regex=True),
    )
    schema = ibis.schema({ROW_NUMBER: "int64", "asin": "string", **dict.fromkeys(ATTRIBUTES, "string")})
    table = raw.table(pa.Table.from_pandas(clean, schema=schema.to_pyarrow(), preserve_index=False), f"{file}.items")
    counts = {
        "metadata_titles_not_text": int(markup.sum()),
        "metadata_prices_unreadable": int((frame["price"].notna() & price.isna()).sum()),
    }
    return replace(meta, table=table, columns=("asin", *ATTRIBUTES)), counts


def _unescaped(texts: pd.Series) -> pd.Series:
    """Texts without HTML entities; a string column also where all are null."""
    return texts.map(html.unescape, na_action="ignore").astype("string")


def _category(path: str) -> str | None:
    """The second element of a category path, else the last; None for an empty one.

    The path is a JSON list of texts (2018), a list of such lists (2014), or plain text.
    """
    try:
        parts = json.loads(path)
    except ValueError:
        parts = [path]
    while isinstance(parts, list) and parts and isinstance(parts[0], list):
        parts = parts[0]
    if not isinstance(parts, list) or not parts:
        return None
    return html.unescape(str(parts[min(1, len(parts) - 1)])).strip() or None


def item_files(raw: RawFolder, spec: SourceSpec) -> tuple[dict[str, tuple[RawTable, str]], dict[str, int]]:
    """Attribute files of a source whose items may come from Amazon metadata, and what was counted reading them.

    Raises:
        UserError: both ``items.file`` and ``extra_files.metadata`` are named.
    """
    files = entities.own_files(raw, spec)
    if METADATA not in spec.extra_files:
        return files, {}
    if "items" in files:
        raise UserError(f"Source '{spec.title}': name either 'items.file' or 'extra_files.metadata', not both")
    metadata, counts = read_metadata(raw, spec.extra_files[METADATA])
    return {**files, "items": (metadata, "asin")}, counts


def read(raw: RawFolder, spec: SourceSpec) -> CanonicalTables:
    """Read Amazon reviews, with metadata where ``extra_files.metadata`` names them.

    Raises:
        UserError: see :func:`crm_pipelines.sources.canonical.read_log` and :mod:`crm_pipelines.sources.entities`.
    """
    published.check_block(spec, target="rating_classes", files=(METADATA,))
    log = read_reviews(raw, spec.interactions.file, spec)
    files, counts = item_files(raw, spec)
    tables = entities.tables(spec, log, files)
    return replace(tables, notes={**tables.notes, **counts})
