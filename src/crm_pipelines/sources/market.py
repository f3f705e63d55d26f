"""Currencies, a share index, a long bond and single shares as products; next month's out-performers are the relevant.

Our reading of paper E's row "Quandl", which names neither customers nor relevance (docs/papers/E.md, decision 043).
An investor arrives each month and has seen the out-performers of the ``WINDOW`` months before; what out-performs in
his own month is what he had better been shown. An out-performer is among the best ``SHARE`` of the cross-section by
return over its own volatility in the year before, so that the wildest instrument is not always first.

Files: ``interactions.file`` exchange rates by month (``Date, Country, Exchange rate``, units for a US dollar);
``extra_files`` ``index`` (Shiller: ``SP500, Dividend, Long Interest Rate``) and ``shares`` and ``more_shares`` (daily
closes: ``Symbol, Date, Adj_Close`` and ``Company, Date, Close``).
"""

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from crm_pipelines import columns as c
from crm_pipelines.config import SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.sources import published
from crm_pipelines.sources.canonical import CanonicalTables
from crm_pipelines.sources.raw import RawFolder

WINDOW: Final = 12
VOLATILITY: Final = 12
SHARE: Final = 0.2
FEWEST: Final = 10
"""Instruments of a month below which nothing is said about it."""
DURATION: Final = 7.0
"""Years of the long bond: its price falls by so many per cent where its rate rises by one."""
SEEN, OUTPERFORMED = "seen", "outperformed"
LABELS: Final = (SEEN, OUTPERFORMED)
FILES: Final = ("index", "shares", "more_shares")
KINDS: Final = ("kind", "name")


def read(raw: RawFolder, spec: SourceSpec) -> CanonicalTables:
    """Read the series and make months of out-performers of them.

    Raises:
        UserError: a column is missing, a price or date cannot be read, or the series are too short.
    """
    published.check_block(spec, target="behaviours", files=FILES)
    if set(spec.interactions.behaviours) != set(LABELS):
        raise UserError(f"Source '{spec.title}': reader 'market' needs 'behaviours' for {', '.join(LABELS)}")
    series: list[pd.DataFrame] = []
    notes: dict[str, int] = {}
    rates = _prices(raw, spec.interactions.file, "Country", "Date", "Exchange rate", notes)
    rates["price"] = 1 / rates["price"]  # of the currency, in dollars
    series.append(rates.assign(kind="currency"))
    if "index" in spec.extra_files:
        series += _index(raw, spec.extra_files["index"], notes)
    own: set[str] = set()
    for role, (name, price) in {"more_shares": ("Company", "Close"), "shares": ("Symbol", "Adj_Close")}.items():
        if role in spec.extra_files:
            found = _prices(raw, spec.extra_files[role], name, "Date", price, notes)
            found = found[~found["instrument"].isin({"AAPL"} if "Apple" in own else set())]
            own |= set(found["instrument"])
            series.append(found.assign(kind="share"))
    prices = pd.concat(series, ignore_index=True)
    kinds = prices.drop_duplicates("instrument").set_index("instrument")["kind"].sort_index()
    best = outperformers(returns(prices))
    if len(best) <= WINDOW:
        raise UserError(
            f"{spec.interactions.file}: {len(best)} months have {FEWEST} instruments with a year of prices before; "
            f"more than {WINDOW} are needed"
        )
    log = _investors(best, spec)
    notes = {"interactions": len(log), "months": len(best), "instruments": len(kinds), **notes}
    customers = pa.table({c.CUSTOMER_ID: sorted(set(log[c.CUSTOMER_ID]))})
    columns = {c.ITEM_ID: list(kinds.index), "kind": list(kinds), "name": list(kinds.index)}
    unknown = sorted(set(spec.items.columns) - set(KINDS))
    if unknown:
        raise UserError(f"Source '{spec.title}': reader 'market' knows 'kind' and 'name' of items, not '{unknown[0]}'")
    items = pa.table({name: columns[name] for name in (c.ITEM_ID, *spec.items.columns)})
    table = pa.table(
        {
            **{name: pa.array(log[name], pa.string()) for name in (c.CUSTOMER_ID, c.ITEM_ID)},
            c.TIMESTAMP: pa.array(log[c.TIMESTAMP], pa.int64()),
            c.BEHAVIOUR: pa.array(log[c.BEHAVIOUR], pa.string()),
            c.VALUE: pa.array(log[c.VALUE], pa.float64()),
            c.TEXT: pa.nulls(len(log), pa.string()),
            c.ROW: pa.array(np.arange(1, len(log) + 1), pa.int64()),
        }
    )
    return CanonicalTables(
        raw.table(table, "market"), raw.table(customers, "investors"), raw.table(items, "instruments"), notes
    )


def returns(prices: pd.DataFrame) -> pd.DataFrame:
    """Logarithmic returns by month (M, I) of the last price of each month.

    Args:
        prices: ``instrument, date, price``, in any order.
    """
    month = prices["date"].dt.to_period("M")
    last = (
        prices.assign(month=month).sort_values("date", kind="stable").groupby(["month", "instrument"])["price"].last()
    )
    wide = last.unstack("instrument").sort_index()
    wide = wide.reindex(pd.period_range(wide.index[0], wide.index[-1], freq="M"))
    return pd.DataFrame(np.log(wide.to_numpy()), index=wide.index, columns=wide.columns).diff()


def outperformers(found: pd.DataFrame) -> dict[pd.Period, pd.Series]:
    """Month -> scores of its out-performers, best first; months with too few instruments are left out.

    A month's volatility is that of the year *before* it.

    Args:
        found: of `returns`.
    """
    scale = found.rolling(VOLATILITY, min_periods=VOLATILITY).std().shift(1)
    scores = (found / scale.where(scale > 0)).where(found.notna())
    best: dict[pd.Period, pd.Series] = {}
    for month in scores.index:
        known = scores.loc[month].dropna()
        if len(known) >= FEWEST:
            best[month] = known.nlargest(max(1, round(SHARE * len(known))))
    return best


def _investors(best: dict[pd.Period, pd.Series], spec: SourceSpec) -> pd.DataFrame:
    """The log: of each month's investor, what was seen in the months before and what out-performed in his own."""
    months = sorted(best)
    labels = spec.interactions.behaviours
    parts = []
    for place in range(WINDOW, len(months)):
        for at in months[place - WINDOW : place + 1]:
            scores = best[at]
            own = at == months[place]
            # What is to be foreseen stands in the order of names, what was seen the best last, as the latest.
            named = scores.sort_index() if own else scores.iloc[::-1]
            parts.append(
                pd.DataFrame(
                    {
                        c.CUSTOMER_ID: str(months[place]),
                        c.ITEM_ID: named.index.astype(str),
                        c.TIMESTAMP: int(at.start_time.tz_localize("UTC").timestamp()),
                        c.BEHAVIOUR: labels[OUTPERFORMED if own else SEEN],
                        c.VALUE: named.to_numpy(dtype=float),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def _prices(raw: RawFolder, file: str, name: str, date: str, price: str, notes: dict[str, int]) -> pd.DataFrame:
    """``instrument, date, price`` of a file; blanks and noughts are left out and counted, as are dates out of order."""
    found = raw.read(file)
    found.require([name, date, price], "the reader 'market'")
    table = found.table.order_by(found.row()).select(
        instrument=found.table[name], date=found.table[date], price=found.table[price]
    )
    frame = table.to_pandas()
    when = _dates(frame["date"], file, date)
    value = pd.to_numeric(frame["price"], errors="coerce")
    wrong = value.isna() & frame["price"].notna() & (frame["price"].str.strip() != "")
    if wrong.any():
        at = int(wrong.to_numpy().argmax())
        raise UserError(f"{file}, row {at + 1}, column '{price}': '{frame['price'].iloc[at]}' is not a number")
    kept = (value > 0) & when.notna()
    falling = when.groupby(frame["instrument"]).diff() < pd.Timedelta(0)
    notes[f"{file}: rows_without_a_price"] = int((~kept).sum())
    notes[f"{file}: dates_out_of_order"] = int(falling.sum())
    return pd.DataFrame(
        {"instrument": frame["instrument"].str.strip()[kept], "date": when[kept], "price": value[kept]}
    ).reset_index(drop=True)


def _dates(cells: pd.Series, file: str, column: str) -> pd.Series:
    """Dates written ``2014-01-02`` or ``1/2/15`` (month first)."""
    pattern = "%m/%d/%y" if cells.head(1).str.contains("/").any() else "%Y-%m-%d"
    found = pd.to_datetime(cells, format=pattern, errors="coerce")
    wrong = found.isna() & cells.notna()
    if wrong.any():
        at = int(wrong.to_numpy().argmax())
        raise UserError(f"{file}, row {at + 1}, column '{column}': '{cells.iloc[at]}' is not a date")
    return found


def _index(raw: RawFolder, file: str, notes: dict[str, int]) -> list[pd.DataFrame]:
    """The share index with dividends, and a long bond from its rate, both as prices that start at 1."""
    found = raw.read(file)
    names = ("Date", "SP500", "Dividend", "Long Interest Rate")
    found.require(names, "the reader 'market'")
    frame = found.table.order_by(found.row()).select(*names).to_pandas()
    when = _dates(frame["Date"], file, "Date")
    numbers = frame[list(names[1:])].apply(pd.to_numeric, errors="coerce")
    numbers.index = pd.Index(when)
    numbers = numbers.sort_index()
    notes[f"{file}: dates_out_of_order"] = int((when.diff() < pd.Timedelta(0)).sum())
    level, paid, rate = (numbers[name].where(numbers[name] > 0) for name in names[1:])
    growth = np.log((level + paid.fillna(0) / 12) / level.shift(1))
    bond = rate.shift(1) / 1200 - DURATION * rate.diff() / 100
    series = {"S&P 500": (growth, "index"), "US long bond": (bond, "bond")}
    return [
        pd.DataFrame(
            {"instrument": name, "date": values.dropna().index, "price": np.exp(values.dropna().cumsum()), "kind": kind}
        ).reset_index(drop=True)
        for name, (values, kind) in series.items()
    ]
