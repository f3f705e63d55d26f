"""Whom a product may be offered to."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.attributes import check_spelling, is_among
from crm_pipelines.config import EligibilityRule, EntitySpec
from crm_pipelines.errors import UserError
from crm_pipelines.failures import did_you_mean


def allowed_groups(
    customers: pd.DataFrame, products: Sequence[str], rules: Mapping[str, EligibilityRule], spec: EntitySpec, where: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Customers with the same rights as one group: group (U,) and what each group may be offered (K, I).

    A customer without an attribute that a rule asks for is not eligible.

    Args:
        customers: one row per customer, its declared attributes.
        products: ids of the I products.
        rules: product -> rule.
        spec: declares the attributes.
        where: the source, for messages.

    Raises:
        UserError: a rule names a product or an attribute that does not exist, or a value that customers write
            otherwise.
    """
    columns = np.ones((len(customers), len(rules)), dtype=np.bool_)
    at = {name: place for place, name in enumerate(products)}
    for place, (product, rule) in enumerate(rules.items()):
        if product not in at:
            raise UserError(
                f"{where}: 'eligible' names a product '{product}' that is not known{did_you_mean(product, at)}"
            )
        unknown = [name for name in rule.attributes if name not in spec.columns]
        if unknown:
            raise UserError(
                f"{where}: 'eligible.{product}' asks for '{unknown[0]}', which 'customers' does not declare"
                f"{did_you_mean(unknown[0], spec.columns)}"
            )
        for name, values in rule.values.items():
            check_spelling(customers[name], values, f"eligible.{product}.values.{name}")
            columns[:, place] &= is_among(customers[name], values).to_numpy(dtype=bool)
        for name, least in rule.at_least.items():
            columns[:, place] &= (pd.to_numeric(customers[name], errors="coerce") >= least).to_numpy(dtype=bool)
        for name, most in rule.at_most.items():
            columns[:, place] &= (pd.to_numeric(customers[name], errors="coerce") <= most).to_numpy(dtype=bool)
    kinds, group = np.unique(columns, axis=0, return_inverse=True)
    allowed = np.ones((len(kinds), len(products)), dtype=np.bool_)
    allowed[:, [at[product] for product in rules]] = kinds
    return group.reshape(-1).astype(np.int64), allowed
