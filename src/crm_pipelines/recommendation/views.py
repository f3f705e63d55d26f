"""Everything the inputs of a source are made of, and the inputs of one protocol."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.config import SourceSpec
from crm_pipelines.recommendation.config import OfferParameters
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.recommendation.preparation import described, made, split
from crm_pipelines.recommendation.sources import general_spec, product_spec
from crm_pipelines.runs import fingerprint

logger = logging.getLogger(__name__)

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Prepared:
    """Products taken, what is known of both sides, and the same of the log to pre-train on.

    Attributes:
        arrays: of `preparation.build`. customers, items: tables of attributes. spec: the block they come from.
        general_arrays, general_customers, general_items, general: the same of the general log; empty without one.
    """

    arrays: Arrays
    customers: pd.DataFrame
    items: pd.DataFrame
    spec: SourceSpec
    general_arrays: Arrays
    general_customers: pd.DataFrame
    general_items: pd.DataFrame
    general: SourceSpec | None

    @cached_property
    def fingerprint(self) -> str:
        """Of all of it."""
        from crm_pipelines.benchmark.results import data_fingerprint

        arrays = {"own": dict(self.arrays), "general": dict(self.general_arrays)}
        tables = (self.customers, self.items, self.general_customers, self.general_items)
        hashed = [int(pd.util.hash_pandas_object(table.astype(str), index=False).sum()) for table in tables]
        return fingerprint({"arrays": data_fingerprint(arrays), "tables": hashed})


Tables = tuple[Arrays, Any, Any, Arrays, pd.DataFrame, pd.DataFrame]
"""Arrays and tables of attributes of the products taken, and of the log to pre-train on, as the catalog has them."""


def prepared_of(found: Tables, source: SourceSpec, sources: Mapping[str, Any]) -> Prepared:
    """All that the views of a source are made of."""
    arrays, customers, items, general_arrays, general_customers, general_items = found
    return Prepared(
        arrays,
        customers.to_pandas(),
        items.to_pandas(),
        product_spec(source),
        general_arrays,
        general_customers,
        general_items,
        general_spec(source, sources),
    )


def view(prepared: Prepared, protocol: str, parameters: OfferParameters) -> ProductInputs:
    """The inputs of one protocol, with the general log beside them."""
    inputs = split(prepared.arrays, prepared.customers, prepared.items, prepared.spec, protocol, parameters)
    return replace(inputs, general=general_inputs(prepared, parameters, inputs, protocol))


def general_inputs(
    prepared: Prepared, parameters: OfferParameters, inputs: ProductInputs, protocol: str
) -> ProductInputs | None:
    """The general log, all of it known; under a cut in time what lies before the cut, None where nothing does."""
    if prepared.general is None or not prepared.general_arrays:
        return None
    arrays = prepared.general_arrays
    end = np.asarray(arrays["start"])[1:]
    if protocol == c.PROTOCOL_TIME and not prepared.general.interactions.in_order:
        learnt = np.arange(len(inputs.items)) < inputs.known_until[inputs.customer]
        latest = np.asarray(prepared.arrays["timestamp"])[learnt].max(initial=0)
        time, start = np.asarray(arrays["timestamp"]), np.asarray(arrays["start"])
        owner = np.repeat(np.arange(len(end)), np.diff(start))
        end = start[:-1] + np.bincount(owner[time <= latest], minlength=len(end))
        if not (end - start[:-1]).sum():
            logger.warning("'%s' begins after the cut in time and is not pre-trained on", prepared.general.title)
            return None
    general = made(arrays, "general", end, end)
    return described(general, arrays, prepared.general_customers, prepared.general_items, prepared.general, parameters)
