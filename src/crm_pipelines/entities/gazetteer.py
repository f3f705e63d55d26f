"""Names of the catalogue: products and brands of a source, and places, looked for by spaCy's EntityRuler.

The ruler is a blank English pipeline: it needs no model and compares tokens without regard to capitals, the longest
name first. See https://spacy.io/api/entityruler.
"""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import ibis.expr.types as ir
import pandas as pd

from crm_pipelines.config import SourceSpec
from crm_pipelines.entities.places import places
from crm_pipelines.entities.spans import Sentence
from crm_pipelines.errors import UserError
from crm_pipelines.sources import amazon, cells, entities
from crm_pipelines.sources.raw import RawFolder
from crm_pipelines.text.config import EntityParameters

BRAND, PLACE, PRODUCT = "brand", "place", "product"
CATALOGUE: Final = "catalogue"
TAGGER: Final = "tagger"
NAME_COLUMNS: Final = ("name", "type")
MOST_WORDS: Final = 8
"""A longer title is a description: nobody writes it out."""
_EXTRAS: Final = re.compile(r"\s*[\(\[,;:/|].*$")


class Found(NamedTuple):
    """An entity in a text: characters ``start`` to ``end`` (one past the last)."""

    start: int
    end: int
    text: str
    type: str
    source: str


def catalogue_names(raw: RawFolder, spec: SourceSpec) -> pd.DataFrame:
    """`NAME_COLUMNS` of a source's products and brands, from its table of items, and of places.

    Products are the values of the items' declared text columns, brands those of a column ``brand``. A title that begins
    with its brand is also known without its first qualifier ("Lumora Travel Kettle" as "Lumora Kettle").
    """
    table, columns = _item_table(raw, spec)
    found: list[tuple[str, str]] = []
    if table is not None:
        frame = table.select(**{name: cells.trimmed(table[name]) for name in columns}).distinct().to_pandas()
        brands = frame["brand"].dropna().astype(str).map(html.unescape) if "brand" in frame else pd.Series(dtype=str)
        found += [(name, BRAND) for name in brands]
        for column in (name for name in columns if name != "brand"):
            for position, title in frame[column].dropna().items():
                plain = _EXTRAS.sub("", html.unescape(str(title))).strip()
                found.append((plain, PRODUCT))
                brand = frame["brand"].get(position) if "brand" in frame else None
                if isinstance(brand, str):
                    found += [(short, PRODUCT) for short in _shorter(plain, html.unescape(brand))]
    found += [(name, PLACE) for name in sorted(places())]
    names = pd.DataFrame(found, columns=list(NAME_COLUMNS))
    return names.drop_duplicates("name").sort_values(["type", "name"], kind="stable", ignore_index=True)


def _shorter(title: str, brand: str) -> Iterator[str]:
    """How people call a product whose title is brand, qualifier, noun."""
    rest = title[len(brand) :].split() if title.lower().startswith(f"{brand.lower()} ") else []
    if len(rest) > 1:
        yield f"{brand} {' '.join(rest[1:])}"


def _item_table(raw: RawFolder, spec: SourceSpec) -> tuple[ir.Table | None, list[str]]:
    """The items' table and its columns of names; None without one."""
    if amazon.METADATA in spec.extra_files:
        metadata, _ = amazon.read_metadata(raw, spec.extra_files[amazon.METADATA])
        return metadata.table, ["title", "brand"]
    files = entities.own_files(raw, spec)
    if "items" not in files:
        return None, []
    table, _ = files["items"]
    columns = [*spec.items.text, *(name for name in spec.items.categorical if name == "brand")]
    return (table.table, columns) if columns else (None, [])


class Gazetteer:
    """Names of the catalogue as patterns.

    Raises:
        UserError: spaCy is not installed.
    """

    def __init__(self, names: pd.DataFrame, parameters: EntityParameters) -> None:
        try:
            import spacy
        except ImportError as error:
            raise UserError("the catalogue's names are looked for by spaCy: pip install -e . installs it") from error
        self.nlp: Any = spacy.blank("en")
        self.nlp.max_length = 2_000_000
        ruler: Any = self.nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER", "validate": False})
        kept = [
            (name, kind)
            for name, kind in zip(names["name"], names["type"], strict=True)
            if len(name) >= parameters.least_characters and len(name.split()) <= MOST_WORDS and not name.isdigit()
        ]
        self.cased = {name.lower() for name, kind in kept if kind != PRODUCT and " " not in name}
        patterns = [{"label": kind, "pattern": name} for name, kind in kept[: parameters.most_names]]
        ruler.add_patterns(patterns)
        self.size = len(patterns)

    def find(self, texts: Sequence[str]) -> Iterator[list[Found]]:
        """Names in each text. Single words count as brands and places only with a capital: "orlando" may be anybody."""
        for document in self.nlp.pipe(texts, batch_size=512):
            yield [
                Found(e.start_char, e.end_char, e.text, e.label_, CATALOGUE)
                for e in document.ents
                if e.text.lower() not in self.cased or e.text[:1].isupper()
            ]


_TOKEN: Final = re.compile(r"\w+(?:['’]\w+)?|[^\w\s]")


def tokens_with_places(text: str) -> list[tuple[int, int]]:
    """Start and end of each token of a text, as annotated sentences are tokenised: words and single marks."""
    return [match.span() for match in _TOKEN.finditer(text)]


def tagged(tagger: Any, texts: Sequence[str]) -> Iterator[list[Found]]:
    """Entities that a trained tagger finds in each text."""
    places_of = [tokens_with_places(text) for text in texts]
    tokens = [[text[a:b] for a, b in spans] for text, spans in zip(texts, places_of, strict=True)]
    for text, spans, found in zip(texts, places_of, tagger.find(tokens), strict=True):
        yield [
            Found(spans[s.start][0], spans[s.end - 1][1], text[spans[s.start][0] : spans[s.end - 1][1]], s.type, TAGGER)
            for s in found
        ]


def without_overlaps(found: Iterable[Found]) -> list[Found]:
    """Entities of one text in order; of overlapping ones the catalogue's stay, then the longer."""
    kept: list[Found] = []
    for entity in sorted(found, key=lambda e: (e.source != CATALOGUE, e.start - e.end, e.start)):
        if all(entity.end <= other.start or entity.start >= other.end for other in kept):
            kept.append(entity)
    return sorted(kept)


def sentence_texts(sentences: Sequence[Sentence]) -> list[str]:
    """Sentences as texts, their tokens with blanks between them."""
    return [" ".join(sentence.tokens) for sentence in sentences]
