"""The whole demo world: one call from parameters to tables that share their ids."""

from dataclasses import dataclass

import pandas as pd

from crm_pipelines.simulate.bank import bill_table, contract_table, holding_table
from crm_pipelines.simulate.catalogue import customer_table, metadata
from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.feedback import review_table, survey_table, ticket_table
from crm_pipelines.simulate.interactions import EventLog, draw_event_log, published_interactions
from crm_pipelines.simulate.population import Customers, Items, draw_customers, draw_items
from crm_pipelines.simulate.rhythm import Rhythm, draw_rhythm
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
    """Tables of the demo world, each in the layout of the file it is written to.

    Attributes:
        interactions: ``UserBehavior.csv`` (Taobao).
        reviews: ``reviews_5.json`` (Amazon 2018).
        metadata: ``meta.json`` (Amazon 2018).
        customers: ``customers.csv``.
        bills: ``bills.csv`` (UCI credit default).
        contracts: ``telco.csv`` (Telco churn).
        tickets: ``tickets.csv``.
        surveys: ``surveys.csv``.
        holdings: ``holdings.csv`` (Santander).
        truth: never written.
    """

    interactions: pd.DataFrame
    reviews: pd.DataFrame
    metadata: pd.DataFrame
    customers: pd.DataFrame
    bills: pd.DataFrame
    contracts: pd.DataFrame
    tickets: pd.DataFrame
    surveys: pd.DataFrame
    holdings: pd.DataFrame
    truth: Truth


def build_world(parameters: SimulateParameters) -> World:
    """Draw the world that ``parameters`` describe; the same parameters give the same world."""
    rhythm = draw_rhythm(parameters)
    customers, late_from = draw_customers(parameters, rhythm)
    items = draw_items(parameters, rhythm, late_from, (len(BRANDS), len(ADJECTIVES)))
    events = draw_event_log(parameters, customers, items, rhythm)
    return World(
        interactions=published_interactions(parameters, events, customers, items),
        reviews=review_table(parameters, events, customers, items),
        metadata=metadata(parameters, items),
        customers=customer_table(parameters, customers),
        bills=bill_table(parameters, customers),
        contracts=contract_table(parameters, customers),
        tickets=ticket_table(parameters, events, customers, items),
        surveys=survey_table(parameters, customers),
        holdings=holding_table(parameters, customers),
        truth=Truth(customers, items, rhythm, events, late_from),
    )
