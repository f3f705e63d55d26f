"""What would follow if the shop offered support: the truth of the demo world, for measuring a satisfaction lift.

Nothing of it is written to a file. Support lifts the mood of customers who are dissatisfied and does little for others,
which is planted here and nowhere else: a lift computed from it says that the software finds whom it was told to find.
"""

from typing import Final

import numpy as np

from crm_pipelines.simulate.population import Customers
from crm_pipelines.simulate.streams import BoolArray, FloatArray

LIFTED: Final = 0.8
"""Standard deviations by which support lifts the mood of a customer half a deviation or more below average."""
LIFTED_OTHERS: Final = 0.05
DISSATISFIED: Final = -0.5


def answered(customers: Customers) -> FloatArray:
    """(customers,) expected answer to the survey's question about satisfaction, 1 to 5, before anything is done."""
    return np.asarray(np.clip(3.6 + 0.9 * customers.satisfaction, 1.0, 5.0), dtype=np.float64)


def answered_after(customers: Customers, supported: BoolArray) -> FloatArray:
    """The same after support was offered to some."""
    lift = np.where(customers.satisfaction <= DISSATISFIED, LIFTED, LIFTED_OTHERS) * supported
    return np.asarray(np.clip(3.6 + 0.9 * (customers.satisfaction + lift), 1.0, 5.0), dtype=np.float64)


def satisfaction_lift(customers: Customers, supported: BoolArray) -> float:
    """Equation 8 of paper D over all customers: (after - before) / before."""
    before = answered(customers).mean()
    return float((answered_after(customers, supported).mean() - before) / before)
