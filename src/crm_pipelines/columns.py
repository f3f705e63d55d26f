"""Names of columns, slices and protocols: each is spelled once, here, and imported everywhere else."""

from typing import Final

# Canonical tables -----------------------------------------------------------------------------------------
CUSTOMER_ID: Final = "customer_id"
ITEM_ID: Final = "item_id"
TIMESTAMP: Final = "timestamp"
"""Seconds since 1970-01-01 UTC."""
BEHAVIOUR: Final = "behaviour"
VALUE: Final = "value"
"""Rating, amount or quantity of an interaction; null where the log gives none."""
TEXT: Final = "text"
ROW: Final = "row"
"""Position of the record in its raw file, from 1; the tie-breaker wherever events share a timestamp."""

INTERACTION_COLUMNS: Final = (CUSTOMER_ID, ITEM_ID, TIMESTAMP, BEHAVIOUR, VALUE, TEXT, ROW)

# Records ----------------------------------------------------------------------------------------------------
RECORD_ID: Final = "record_id"
LABEL: Final = "label"
GRADE: Final = "grade"
"""Name of the class of a record's outcome."""
AMOUNT: Final = "amount"
"""Amount of the period after the record; null where the source has none."""
POSITION: Final = "position"
"""When the record was made: UTC seconds, or its place in a file that is in the order of time; null without either."""

RECORD_COLUMNS: Final = (RECORD_ID, CUSTOMER_ID, LABEL, AMOUNT, POSITION, ROW)
"""Columns of every table of records; its attributes and ``<channel>@<step>`` follow."""

# Documents ----------------------------------------------------------------------------------------------------
DOCUMENT_ID: Final = "document_id"
"""``<part>-<id>``: the name of its part in the source block and its id there, or its row where it has none."""
CHANNEL: Final = "channel"
"""``review``, ``ticket``, ``mention`` or ``survey``."""
SUMMARY: Final = "summary"
"""Headline of a document; null where it has none."""

DOCUMENT_COLUMNS: Final = (DOCUMENT_ID, CUSTOMER_ID, ITEM_ID, TIMESTAMP, CHANNEL, SUMMARY, TEXT, LABEL, GRADE, ROW)
"""``label`` is the sentiment that its author gave the document, ``grade`` the mark that it comes from; these, customer,
item and time may be null.
"""

CHANNELS: Final = ("review", "ticket", "mention", "survey")
SENTIMENTS: Final = ("negative", "neutral", "positive")

LANGUAGE: Final = "language"
"""ISO 639-1 code, or ``und`` where a document is too short to tell."""
SENTIMENT: Final = "sentiment"
THEME: Final = "theme"
ENTITIES: Final = "entities"
FITTED: Final = "fitted"
"""How a document's sentiment came about: one of `FITTED_VALUES`."""
OUT_OF_FOLD: Final = "out_of_fold"
"""By a model that was fitted on other documents, all from before the cut."""
BEFORE_CUT: Final = "before_cut"
"""By the model of all labelled documents before the cut."""
LEXICON: Final = "lexicon"
"""No model was fitted: a lexicon says which sentiment it is."""
FITTED_VALUES: Final = (OUT_OF_FOLD, BEFORE_CUT, LEXICON)
EMBEDDING_WIDTH: Final = 32

# Dense integer ids, in order of first appearance in (timestamp, row) order -----------------------------------
CUSTOMER: Final = "customer"
ITEM: Final = "item"
EVENT_ID: Final = "event_id"
"""Position of an event in the event store, that is in (timestamp, row) order."""

# Predictions ----------------------------------------------------------------------------------------------
SLICE: Final = "slice"
Y_TRUE: Final = "y_true"
PROBABILITY_PREFIX: Final = "p_"
GROUP_PREFIX: Final = "group_"

SLICE_VALIDATION: Final = "validation"
SLICE_ALL: Final = "all"
SLICE_WARM: Final = "warm"
SIDES: Final = (CUSTOMER, ITEM)
SHOTS: Final = (0, 1, 5, 10)

PROTOCOL_TIME: Final = "time"
PROTOCOL_HELD_OUT: Final = "held_out"
PROTOCOL_STRATIFIED: Final = "stratified"
PROTOCOL_LAST_OUT: Final = "leave_last_out"
PROTOCOL_LAST_THREE: Final = "leave_last_three"

# Results: one row per number ----------------------------------------------------------------------------
PAPER: Final = "paper"
PIPELINE: Final = "pipeline"
SOURCE: Final = "source"
MODEL: Final = "model"
VARIANT: Final = "variant"
PROTOCOL: Final = "protocol"
FOLD: Final = "fold"
SEED: Final = "seed"
METRIC: Final = "metric"
RESULT_VALUE: Final = "value"
N: Final = "n"

RUN_COLUMNS: Final = (PAPER, PIPELINE, SOURCE, MODEL, VARIANT, PROTOCOL, FOLD, SEED)
RESULT_COLUMNS: Final = (*RUN_COLUMNS, SLICE, METRIC, RESULT_VALUE, N)

MAIN_VARIANT: Final = "main"
"""The variant of a model with nothing switched off."""


def cold_slice(side: str, shots: int) -> str:
    """Name of a cold-start slice, for example ``cold_item@1``."""
    return f"cold_{side}@{shots}"


def step_column(channel: str, step: str) -> str:
    """Name of a cell of a record's sequence, for example ``bill@2005-09``."""
    return f"{channel}@{step}"


def probability(label: str) -> str:
    """Name of the probability column of a class, for example ``p_buy``."""
    return f"{PROBABILITY_PREFIX}{label}"


def embedding_column(position: int) -> str:
    """Name of a column of a document's embedding, for example ``embedding_00``."""
    return f"embedding_{position:02d}"


EMBEDDING_COLUMNS: Final = tuple(embedding_column(position) for position in range(EMBEDDING_WIDTH))
