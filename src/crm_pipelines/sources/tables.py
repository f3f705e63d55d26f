"""One's own tables: CSV with a header line, JSON lines or parquet, their columns named in the source block."""

from dataclasses import replace
from typing import Final

import ibis

from crm_pipelines import columns as c
from crm_pipelines.config import SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.sources import entities
from crm_pipelines.sources.canonical import CanonicalTables, read_log
from crm_pipelines.sources.raw import RawFolder

MAPPABLE: Final[tuple[str, ...]] = (c.CUSTOMER_ID, c.ITEM_ID, c.TIMESTAMP, c.BEHAVIOUR, c.VALUE, c.TEXT)


def read(raw: RawFolder, spec: SourceSpec) -> CanonicalTables:
    """Read own tables.

    A canonical column that ``interactions.columns`` does not map is looked for under its own name; ``value`` and
    ``text`` may be absent, and so may ``behaviour`` when the classes come from ratings.

    Raises:
        UserError: see :func:`crm_pipelines.sources.canonical.read_log` and :mod:`crm_pipelines.sources.entities`.
    """
    if spec.extra_files:
        raise UserError(f"Source '{spec.title}': reader 'tables' knows no extra files; remove 'extra_files'")
    named = spec.interactions.columns
    unknown = sorted(set(named) - set(MAPPABLE))
    if unknown:
        raise UserError(
            f"Source '{spec.title}': 'interactions.columns' maps '{unknown[0]}', which is none of {', '.join(MAPPABLE)}"
        )
    log = raw.read(spec.interactions.file)
    target: tuple[str, ...] = (c.VALUE,) if spec.interactions.rating_classes else (c.BEHAVIOUR,)
    known = MAPPABLE
    if spec.interactions.one_kind and not spec.interactions.behaviours:  # a list of orders, say
        if c.BEHAVIOUR in named:
            raise UserError(
                f"Source '{spec.title}': 'interactions.columns' maps 'behaviour', so 'interactions.behaviours' must "
                "say what its labels mean (label in the file: class)"
            )
        target, known = (), tuple(name for name in MAPPABLE if name != c.BEHAVIOUR)
    elif spec.interactions.one_kind and named.get(c.BEHAVIOUR, c.BEHAVIOUR) not in log.columns:
        label = next(iter(spec.interactions.behaviours))
        kinds = {named.get(c.BEHAVIOUR, c.BEHAVIOUR): ibis.literal(label)}
        log = replace(log, table=log.table.mutate(**kinds), columns=(*log.columns, *kinds))
    needed = dict.fromkeys((c.CUSTOMER_ID, c.ITEM_ID, c.TIMESTAMP, *target, *named))
    names = {name: named.get(name, name) for name in known if name in needed or name in log.columns}
    for name in needed:
        how = "" if name in named else f" (map it: 'columns: {{{name}: NAME IN FILE}}')"
        log.require([names[name]], f"'interactions.columns.{name}'{how}")
    attributes = entities.log_attributes(spec)
    log.require(attributes, "'customers' or 'items' (a side without 'file' takes its attributes from the log)")
    return entities.tables(spec, read_log(log, names, spec, attributes), entities.own_files(raw, spec))
