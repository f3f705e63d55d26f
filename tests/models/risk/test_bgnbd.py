"""BG/NBD against simulated customers, whose rates and life spans are known."""

import numpy as np
import pytest
from risk_tables import changed, table

from crm_pipelines.models.risk.base import NotApplicableError
from crm_pipelines.models.risk.bgnbd import BGNBD, BGNBDConfig, log_likelihood

TRUE = np.array([1.2, 4.0, 0.9, 2.5])
"""r, alpha (weeks), a, b"""


def customers(n: int = 6_000, weeks: float = 40.0, ahead: float = 90 / 7, seed: int = 0):
    """Repeat purchases, age at the last, age, and whether there is none in the time ahead."""
    draw = np.random.default_rng(seed)
    r, alpha, a, b = TRUE
    x, last, quiet = np.zeros(n), np.zeros(n), np.zeros(n, dtype=np.int64)
    for i in range(n):
        rate, leaves = draw.gamma(r, 1 / alpha), draw.beta(a, b)
        time, later = 0.0, 0
        while True:
            time += draw.exponential(1 / rate)
            if time > weeks + ahead:
                break
            if time <= weeks:
                x[i] += 1
                last[i] = time
            else:
                later += 1
            if draw.random() < leaves:
                break
        quiet[i] = later == 0
    return x, last, np.full(n, weeks), quiet


@pytest.fixture(scope="module")
def simulated():
    x, last, age, quiet = customers()
    inputs = table(n=len(x))
    numeric = inputs.numeric.copy()
    numeric[:, 0], numeric[:, 1], numeric[:, 2] = (age - last) * 7, age * 7, x + 1
    return changed(inputs, numeric=numeric, labels=quiet)


def test_the_parameters_are_found_again(simulated):
    model = BGNBD(BGNBDConfig(penalties=(0.0,)))
    model.fit(simulated)
    r, alpha, a, b = np.exp(model.logarithms)
    assert r / alpha == pytest.approx(TRUE[0] / TRUE[1], rel=0.15)
    assert a / (a + b) == pytest.approx(TRUE[2] / TRUE[2:].sum(), rel=0.2)


def test_the_risk_is_the_share_that_buys_nothing(simulated):
    """In five equal groups of risk, predicted and found shares agree."""
    model = BGNBD(BGNBDConfig(penalties=(0.0,)))
    model.fit(simulated)
    rows = np.arange(len(simulated))
    risk = model.predict_proba(simulated, rows)[:, 1]
    for group in np.array_split(np.argsort(risk), 5):
        assert risk[group].mean() == pytest.approx(simulated.labels[group].mean(), abs=0.05)


def test_the_likelihood_of_a_customer_without_repeat_purchases():
    """Then nobody has left: the gamma mixture of no event, (alpha / (alpha + T))^r."""
    r, alpha, _, _ = TRUE
    found = log_likelihood(TRUE, np.zeros(1), np.zeros(1), np.full(1, 10.0))
    assert found[0] == pytest.approx(r * np.log(alpha / (alpha + 10.0)))


def test_a_table_without_such_columns_is_not_applicable():
    inputs = table(n=100)
    names = ("a", "b", "c", "d", "e")
    with pytest.raises(NotApplicableError, match="recency_days"):
        BGNBD(BGNBDConfig()).fit(changed(inputs, numeric_names=names))
