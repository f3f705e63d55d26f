"""Products held month by month, in the layout of the Santander product recommendation competition (Kaggle 2016).

A row is a customer in a month: ``fecha_dato``, ``ncodpers``, perhaps profile columns, and a flag ``ind_<product>_ult1``
for each product. What a customer holds at the first sight is ``held``: it was taken at an unknown earlier time. A flag
that rises between two sights is ``added``, one that falls ``dropped``. See docs/sources.md.
"""

import re
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crm_pipelines import columns as c
from crm_pipelines.config import SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.sources import cells, entities, published, timestamps
from crm_pipelines.sources.canonical import CanonicalTables, Log
from crm_pipelines.sources.raw import RawFolder, RawTable

MONTH: Final = "fecha_dato"
CUSTOMER: Final = "ncodpers"
FLAG: Final = re.compile(r"ind_(\w+)_ult1")
HELD, ADDED, DROPPED = "held", "added", "dropped"
LABELS: Final = (HELD, ADDED, DROPPED)
NAMES: Final = {
    "ahor_fin": ("savings account", "account"),
    "aval_fin": ("guarantees", "loan"),
    "cco_fin": ("current account", "account"),
    "cder_fin": ("derivatives account", "investment"),
    "cno_fin": ("payroll account", "account"),
    "ctju_fin": ("junior account", "account"),
    "ctma_fin": ("mas particular account", "account"),
    "ctop_fin": ("particular account", "account"),
    "ctpp_fin": ("particular plus account", "account"),
    "deco_fin": ("short-term deposits", "deposit"),
    "deme_fin": ("medium-term deposits", "deposit"),
    "dela_fin": ("long-term deposits", "deposit"),
    "ecue_fin": ("electronic account", "account"),
    "fond_fin": ("funds", "investment"),
    "hip_fin": ("mortgage", "loan"),
    "plan_fin": ("pension plan", "investment"),
    "pres_fin": ("loans", "loan"),
    "reca_fin": ("taxes", "service"),
    "tjcr_fin": ("credit card", "card"),
    "valo_fin": ("securities", "investment"),
    "viv_fin": ("home account", "account"),
    "nomina": ("payroll", "service"),
    "nom_pens": ("pension payments", "service"),
    "recibo": ("direct debit", "service"),
}
"""Product -> its name by the competition's description, and the kind we put it under."""
DESCRIBED: Final = ("name", "kind")


def read(raw: RawFolder, spec: SourceSpec) -> CanonicalTables:
    """Read the file; customers have a file of their own or the profile columns of their first row.

    Raises:
        UserError: no product column, a flag that is not 0 or 1, a time that cannot be read, a declared attribute that
            exists nowhere.
    """
    published.check_block(spec, target="behaviours")
    if set(spec.interactions.behaviours) != set(LABELS):
        raise UserError(f"Source '{spec.title}': reader 'holdings' needs 'behaviours' for {', '.join(LABELS)}")
    unknown = sorted(set(spec.items.columns) - set(DESCRIBED))
    if unknown:
        raise UserError(
            f"Source '{spec.title}': reader 'holdings' knows 'name' and 'kind' of items, not '{unknown[0]}'"
        )
    found = raw.read(spec.interactions.file)
    found.require([MONTH, CUSTOMER], f"the reader 'holdings' of source '{spec.title}'")
    products = {name: match[1] for name in found.columns if (match := FLAG.fullmatch(name))}
    if not products:
        raise UserError(f"{found.file}: no column is called ind_<product>_ult1; each product needs one, of 0 and 1")
    log, notes = _changes(found, products, spec)
    known = Log(log, {}, found.file, notes, found.keep)
    sides = entities.sides(spec)
    if spec.customers.file is not None:
        profiles = raw.read(spec.customers.file)
        customers, counted = entities.from_file(profiles, spec.customers.id or CUSTOMER, sides[0], known, spec)
        notes = {**notes, **counted}
    else:
        customers = _profiles(found, spec)
    items = pa.table(
        {
            c.ITEM_ID: sorted(products.values()),
            **{
                name: [NAMES.get(product, (None, None))[DESCRIBED.index(name)] for product in sorted(products.values())]
                for name in spec.items.columns
            },
        },
        schema=pa.schema([(name, pa.string()) for name in (c.ITEM_ID, *spec.items.columns)]),
    )
    return CanonicalTables(log, customers, raw.table(items, "products"), notes)


def _changes(found: RawTable, products: dict[str, str], spec: SourceSpec) -> tuple[ir.Table, dict[str, int]]:
    """The canonical log of what is held at first, added and dropped."""
    table = found.table
    month = cells.trimmed(table[MONTH])
    seconds = timestamps.to_seconds(month, timestamps.ISO, spec.interactions.utc_offset_hours)
    ids = cells.Ids(found, CUSTOMER, spec.interactions.ids)
    rules = [*ids.rules(), timestamps.rule(MONTH, month, seconds, timestamps.ISO)]
    flags = {name: cells.number(table[name]) for name in products}
    for name, flag in flags.items():
        rules.append(cells.number_rule(name, table[name]))
        wrong = flag.notnull() & ~flag.isin([0.0, 1.0])
        rules.append(cells.Rule(name, wrong, "is neither 0 nor 1", cells.trimmed(table[name]), droppable=False))
    blank = sum((flag.isnull().cast("int64") for flag in flags.values()), start=ibis.literal(0))
    answers, notes = cells.inspect(
        found, rules, spec.interactions.unreadable, {**ids.questions(), "blank": blank.sum()}
    )
    typed = table.select(
        who=ids.normalised(answers), time=seconds, number=found.row(), **{name: flags[name] for name in products}
    )
    typed = typed.filter(typed.who.notnull() & typed.time.notnull())
    again = ibis.row_number().over(ibis.window(group_by=["who", "time"], order_by="number"))
    typed = found.keep(typed.mutate(place=again))
    rows, repeated = int(typed.count().execute()), int((typed.place > 0).sum().execute() or 0)
    typed = typed.filter(typed.place == 0)
    sight = ibis.window(group_by="who", order_by="time")
    typed = typed.mutate(before=typed.time.lag().over(sight), after=typed.time.lead().over(sight))
    long = typed.pivot_longer(list(products), names_to="column", values_to="flag")
    long = found.keep(long.filter(long.flag == 1.0).drop("flag", "place"))
    same = ibis.window(group_by=["who", "column"], order_by="time")
    long = long.mutate(held_before=long.time.lag().over(same), held_after=long.time.lead().over(same))
    taken = long.filter(long.before.isnull() | (long.held_before.isnull()) | (long.held_before != long.before))
    taken = taken.select("who", "column", "number", time=taken.time, label=taken.before.isnull().ifelse(HELD, ADDED))
    ended = long.filter(long.after.notnull() & (long.held_after.isnull() | (long.held_after != long.after)))
    ended = ended.select("who", "column", "number", time=ended.after, label=ibis.literal(DROPPED))
    events = taken.union(ended)
    names = ibis.memtable(pa.table({"column": list(products), "item": list(products.values())}))
    events = events.join(names, "column")
    # Products seen at once have no order; this one is the same everywhere and favours none of them.
    mixed = (events.who + ":" + events["item"]).hash()
    number = ibis.row_number().over(ibis.window(order_by=[events.time, events.who, mixed, events["item"]])) + 1
    log = found.keep(
        events.select(
            **{
                c.CUSTOMER_ID: events.who,
                c.ITEM_ID: events["item"],
                c.TIMESTAMP: events.time,
                c.BEHAVIOUR: events.label.cases(*spec.interactions.behaviours.items(), else_=ibis.null("string")),
                c.VALUE: ibis.null("float64"),
                c.TEXT: ibis.null("string"),
                c.ROW: number.cast("int64"),
            }
        )
    )
    notes = {
        "interactions": int(log.count().execute()),
        "customer_months": rows,
        "customer_months_repeated": repeated,
        "flags_left_blank": int(answers["blank"] or 0),
        **notes,
    }
    return log, notes


def _profiles(found: RawTable, spec: SourceSpec) -> ir.Table:
    """The declared columns of each customer's first row: what was known before anything was added."""
    found.require(spec.customers.columns, "'customers'")
    rules = [cells.number_rule(name, found.table[name]) for name in spec.customers.numeric]
    ids = cells.Ids(found, CUSTOMER, spec.interactions.ids)
    answers, _ = cells.inspect(found, rules, spec.interactions.unreadable, ids.questions())
    typed = {
        name: cells.number(found.table[name]) if name in spec.customers.numeric else cells.trimmed(found.table[name])
        for name in spec.customers.columns
    }
    table = found.table.select(
        **{c.CUSTOMER_ID: ids.normalised(answers), "month": cells.trimmed(found.table[MONTH])}, **typed
    )
    table = table.filter(table[c.CUSTOMER_ID].notnull())
    first = ibis.row_number().over(ibis.window(group_by=c.CUSTOMER_ID, order_by="month"))
    table = table.mutate(place=first).filter(lambda t: t["place"] == 0).drop("place", "month")
    return found.keep(table.order_by(c.CUSTOMER_ID))
