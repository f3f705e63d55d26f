"""The whole demo world: one call from parameters to what is true in it, and tables that share their ids."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pandas as pd

from crm_pipelines.simulate.bank import bill_table, contract_table, holding_table
from crm_pipelines.simulate.catalogue import customer_table, metadata
from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.contacts import contact_table
from crm_pipelines.simulate.feedback import mention_table, review_table, survey_table, ticket_table
from crm_pipelines.simulate.interactions import EventLog, draw_event_log, published_interactions
from crm_pipelines.simulate.population import Customers, Items, draw_customers, draw_items
from crm_pipelines.simulate.rhythm import Rhythm, draw_rhythm
from crm_pipelines.simulate.sheets import Sheet
from crm_pipelines.simulate.vocabulary import ADJECTIVES, BRANDS


@dataclass(frozen=True)
class Truth:
    """What the files do not say: the latent traits behind them, and the events without the files' faults."""

    customers: Customers
    items: Items
    rhythm: Rhythm
    events: EventLog
    late_from: float


@dataclass(frozen=True)
class World:
    """The demo world: what is true in it, and the tables that files tell of it.

    A table is drawn when it is asked for, from a stream of its own: a large world is never in memory whole.

    Attributes:
        parameters: what the world was drawn from.
        truth: never written.
    """

    parameters: SimulateParameters
    truth: Truth

    def sheet(self, table: str) -> Sheet:
        """A table of `TABLES`, drawn anew."""
        return TABLES[table](self.parameters, self.truth)

    @cached_property
    def interactions(self) -> pd.DataFrame:
        """``UserBehavior.csv`` (Taobao)."""
        return self.sheet("interactions").whole()

    @cached_property
    def reviews(self) -> pd.DataFrame:
        """``reviews_5.json`` (Amazon 2018)."""
        return self.sheet("reviews").whole()

    @cached_property
    def metadata(self) -> pd.DataFrame:
        """``meta.json`` (Amazon 2018)."""
        return self.sheet("metadata").whole()

    @cached_property
    def customers(self) -> pd.DataFrame:
        """``customers.csv``."""
        return self.sheet("customers").whole()

    @cached_property
    def bills(self) -> pd.DataFrame:
        """``bills.csv`` (UCI credit default)."""
        return self.sheet("bills").whole()

    @cached_property
    def contracts(self) -> pd.DataFrame:
        """``telco.csv`` (Telco churn)."""
        return self.sheet("contracts").whole()

    @cached_property
    def tickets(self) -> pd.DataFrame:
        """``tickets.csv``."""
        return self.sheet("tickets").whole()

    @cached_property
    def surveys(self) -> pd.DataFrame:
        """``surveys.csv``."""
        return self.sheet("surveys").whole()

    @cached_property
    def holdings(self) -> pd.DataFrame:
        """``holdings.csv`` (Santander)."""
        return self.sheet("holdings").whole()

    @cached_property
    def contacts(self) -> pd.DataFrame:
        """``contacts.csv``."""
        return self.sheet("contacts").whole()


TABLES: Final[dict[str, Callable[[SimulateParameters, Truth], Sheet]]] = {
    "interactions": lambda p, t: published_interactions(p, t.events, t.customers, t.items),
    "reviews": lambda p, t: review_table(p, t.events, t.customers, t.items),
    "metadata": lambda p, t: metadata(p, t.items),
    "customers": lambda p, t: Sheet.of(customer_table(p, t.customers)),
    "bills": lambda p, t: Sheet.of(bill_table(p, t.customers)),
    "contracts": lambda p, t: Sheet.of(contract_table(p, t.customers)),
    "tickets": lambda p, t: Sheet.of(ticket_table(p, t.events, t.customers, t.items)),
    "mentions": lambda p, t: mention_table(p, t.events, t.customers, t.items),
    "surveys": lambda p, t: Sheet.of(survey_table(p, t.customers)),
    "holdings": lambda p, t: Sheet.of(holding_table(p, t.customers)),
    "contacts": lambda p, t: Sheet.of(contact_table(p, t.customers)),
}
"""How each table is drawn."""


def build_world(parameters: SimulateParameters) -> World:
    """Draw the world that ``parameters`` describe; the same parameters give the same world."""
    rhythm = draw_rhythm(parameters)
    customers, late_from = draw_customers(parameters, rhythm)
    items = draw_items(parameters, rhythm, late_from, (len(BRANDS), len(ADJECTIVES)))
    events = draw_event_log(parameters, customers, items, rhythm)
    return World(parameters, Truth(customers, items, rhythm, events, late_from))
