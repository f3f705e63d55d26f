"""Taobao ``UserBehavior.csv`` (Alibaba Tianchi data set 649): five columns, no header line.

``user_id, item_id, category_id, behavior_type (pv, cart, fav, buy), timestamp (Unix seconds)``; the category is
an attribute of the item. See docs/sources.md.
"""

from typing import Final

from crm_pipelines import columns as c
from crm_pipelines.config import SourceSpec
from crm_pipelines.sources import entities, published
from crm_pipelines.sources.canonical import CanonicalTables, Log, read_log
from crm_pipelines.sources.raw import RawFolder

COLUMNS: Final = ("user_id", "item_id", "category", "behavior_type", "timestamp")
NAMES: Final = {c.CUSTOMER_ID: "user_id", c.ITEM_ID: "item_id", c.BEHAVIOUR: "behavior_type", c.TIMESTAMP: "timestamp"}


def read_behaviour_log(raw: RawFolder, spec: SourceSpec, files: tuple[str, ...] = ()) -> Log:
    """The log alone, with the item attribute ``category``; ``files`` are the roles ``extra_files`` may name.

    Raises:
        UserError: see :func:`crm_pipelines.sources.canonical.read_log`.
    """
    published.check_block(spec, target="behaviours", files=files)
    return read_log(raw.csv(spec.interactions.file, names=COLUMNS, delimiter=","), NAMES, spec, ("category",))


def read(raw: RawFolder, spec: SourceSpec) -> CanonicalTables:
    """Read a Taobao log; customers have no attributes unless a file of their own is named.

    Raises:
        UserError: see :func:`crm_pipelines.sources.canonical.read_log` and :mod:`crm_pipelines.sources.entities`.
    """
    return entities.tables(spec, read_behaviour_log(raw, spec), entities.own_files(raw, spec))
