"""MovieLens 100K (GroupLens): ``u.data`` (tab), ``u.item`` (``|``, Latin-1), ``u.user`` (``|``), no header lines.

See docs/sources.md for the columns and the publisher's terms.
"""

from dataclasses import replace
from typing import Final

import ibis
import ibis.expr.types as ir

from crm_pipelines import columns as c
from crm_pipelines.config import SourceSpec
from crm_pipelines.sources import cells, entities, published
from crm_pipelines.sources.canonical import CanonicalTables, read_log
from crm_pipelines.sources.raw import ROW_NUMBER, RawFolder, RawTable

RATINGS: Final = ("user_id", "item_id", "rating", "timestamp")
USERS: Final = ("user_id", "age", "gender", "occupation", "zip_code")
GENRES: Final = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
ITEMS: Final = ("item_id", "title", "release_date", "video_date", "url", *GENRES)
NAMES: Final = {c.CUSTOMER_ID: "user_id", c.ITEM_ID: "item_id", c.VALUE: "rating", c.TIMESTAMP: "timestamp"}


def flag(genre: str) -> str:
    """Name of the 0/1 attribute of a genre: ``genre_sci_fi``, ``genre_childrens``."""
    return "genre_" + genre.lower().replace("'", "").replace("-", "_")


def read_users(raw: RawFolder, file: str) -> RawTable:
    """``u.user`` with columns ``user_id, age, gender, occupation, zip_code``."""
    return raw.csv(file, names=USERS, delimiter="|", quote="", encoding="latin-1")


def read_items(raw: RawFolder, file: str) -> RawTable:
    """``u.item`` with ``item_id, title, release_year, genre`` (the first flagged) and one ``genre_*`` flag each.

    The genre ``unknown`` (2 films) has no flag of its own.
    """
    items = raw.csv(file, names=ITEMS, delimiter="|", quote="", encoding="latin-1")
    table = items.table
    year = table["release_date"].re_extract(r"([0-9]{4})$", 1)
    columns: dict[str, ir.Value] = {
        "item_id": table["item_id"],
        "title": table["title"],
        "release_year": year.nullif(""),
        "genre": ibis.cases(*((cells.trimmed(table[genre]) == "1", genre) for genre in GENRES)),
        **{flag(genre): table[genre] for genre in GENRES if genre != "unknown"},
    }
    return replace(items, table=table.select(ROW_NUMBER, **columns), columns=tuple(columns))


def read(raw: RawFolder, spec: SourceSpec) -> CanonicalTables:
    """Read MovieLens 100K; ``customers.file`` is ``u.user``, ``items.file`` is ``u.item`` (both may be absent).

    Raises:
        UserError: see :func:`crm_pipelines.sources.canonical.read_log` and :mod:`crm_pipelines.sources.entities`.
    """
    published.check_block(spec, target="rating_classes")
    ratings = raw.csv(spec.interactions.file, names=RATINGS, delimiter="\t", quote="")
    files: dict[str, tuple[RawTable, str]] = {}
    if spec.customers.file is not None:
        files["customers"] = (read_users(raw, spec.customers.file), "user_id")
    if spec.items.file is not None:
        files["items"] = (read_items(raw, spec.items.file), "item_id")
    return entities.tables(spec, read_log(ratings, NAMES, spec), files)
