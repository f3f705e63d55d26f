"""The bank of the demo world: monthly bills (UCI credit default), contracts (Telco churn), products (Santander).

Bills and products belong to customers who were there before the period; contracts also to one in ten of the
newcomers, whose total charges are still blank as in the published file. Planted here: default follows financial
stress, late payments, segment and having left the shop; churn of the contract is the churn of the shop, seen
through contract type, satisfaction and segment; some products draw others in the months after.
"""

from datetime import date

import numpy as np
import pandas as pd

from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.population import CHURN_PER_30_DAYS, GENDERS, SATISFACTION_HAZARD, Customers
from crm_pipelines.simulate.streams import BoolArray, FloatArray, IntArray, choice_by_row, sigmoid, stream, texts

MONTHS = 6
DEFAULT_LABEL = "default payment next month"
DEFAULT_BY_SEGMENT = np.array([0.3, -0.4, 0.1, 0.0])

PRODUCTS = (
    "ahor_fin",
    "aval_fin",
    "cco_fin",
    "cder_fin",
    "cno_fin",
    "ctju_fin",
    "ctma_fin",
    "ctop_fin",
    "ctpp_fin",
    "deco_fin",
    "deme_fin",
    "dela_fin",
    "ecue_fin",
    "fond_fin",
    "hip_fin",
    "plan_fin",
    "pres_fin",
    "reca_fin",
    "tjcr_fin",
    "valo_fin",
    "viv_fin",
    "nomina",
    "nom_pens",
    "recibo",
)
"""Products in the published order; a column is ``ind_<product>_ult1``."""

OWNED_AT_FIRST = np.array([
    0.002, 0.001, 0.655, 0.003, 0.08, 0.01, 0.02, 0.13, 0.05, 0.01, 0.01, 0.05,
    0.09, 0.03, 0.02, 0.02, 0.01, 0.06, 0.08, 0.04, 0.01, 0.09, 0.09, 0.14,
])  # fmt: skip
"""Share of customers with each product in the first month, close to the published ones."""

DRAWS = (
    ("nomina", "nom_pens", 0.6),
    ("nomina", "recibo", 0.2),
    ("recibo", "tjcr_fin", 0.15),
    ("cno_fin", "nomina", 0.15),
    ("ctop_fin", "ecue_fin", 0.1),
    ("ecue_fin", "valo_fin", 0.1),
    ("dela_fin", "fond_fin", 0.12),
)
"""(owned, added, probability a month): a customer with the first product adds the second."""

LIKED_BY_SEGMENT = (
    ("deco_fin", "reca_fin"),
    ("fond_fin", "plan_fin"),
    ("ecue_fin", "ctop_fin"),
    ("tjcr_fin", "dela_fin"),
)
"""Products that each segment adds with probability :data:`LIKED_RATE` a month."""
LIKED_RATE, DROP_RATE = 0.06, 0.01


def bill_table(parameters: SimulateParameters, customers: Customers) -> pd.DataFrame:
    """``bills.csv``: the UCI credit default layout; suffix 1 (and PAY_0) is the latest of six months."""
    rng = stream(parameters.seed, "bills")
    c = np.flatnonzero(~customers.late)
    n = c.shape[0]
    stress, segment = customers.stress[c], customers.segment[c]
    male = customers.gender[c] == GENDERS.index("M")
    limit = np.maximum(np.round(np.exp(rng.normal(11.7 - 0.25 * stress, 0.7)) / 10_000), 1).astype(np.int64) * 10_000
    status = _payment_status(rng, stress + DEFAULT_BY_SEGMENT[segment])  # (n, months), latest first
    use = sigmoid(-0.6 + 0.7 * stress[:, None] + 0.4 * customers.activity[c, None] + rng.normal(0, 0.5, (n, MONTHS)))
    use[status == -2] = 0.0
    bill = np.round(limit[:, None] * use).astype(np.int64)
    part = np.where(status > 0, 0.0, np.where(status == 0, 0.04 + 0.1 * rng.random((n, MONTHS)), 1.0))
    earlier = np.concatenate([bill[:, 1:], bill[:, -1:]], axis=1)
    paid = np.round(np.where(status <= -1, earlier, bill) * part).astype(np.int64)
    score = -2.2 + 0.6 * np.maximum(status[:, 0], 0) + 0.6 * stress + 0.8 * use[:, 0] + DEFAULT_BY_SEGMENT[segment]
    score += 0.7 * customers.churned(parameters.horizon)[c]
    default = rng.random(n) < sigmoid(score)
    table = {
        "ID": customers.identifier[c],
        "LIMIT_BAL": limit,
        "SEX": np.where(male, 1, 2),
        "EDUCATION": 1 + choice_by_row(rng, np.tile([0.35, 0.47, 0.16, 0.02], (n, 1))),
        "MARRIAGE": 1 + choice_by_row(rng, np.tile([0.46, 0.53, 0.01], (n, 1))),
        "AGE": customers.age[c],
    }
    for month in range(MONTHS):
        table["PAY_0" if month == 0 else f"PAY_{month + 1}"] = status[:, month]
    table |= {f"BILL_AMT{month + 1}": bill[:, month] for month in range(MONTHS)}
    table |= {f"PAY_AMT{month + 1}": paid[:, month] for month in range(MONTHS)}
    return pd.DataFrame(table | {DEFAULT_LABEL: default.astype(np.int64)})


def contract_table(parameters: SimulateParameters, customers: Customers) -> pd.DataFrame:
    """``telco.csv``: the Telco churn layout; ``TotalCharges`` is a blank where tenure is 0, as published."""
    rng = stream(parameters.seed, "contracts")
    newcomers = rng.random(customers.size) < 0.1
    c = np.flatnonzero(~customers.late | newcomers)
    n = c.shape[0]
    segment = customers.segment[c]
    hazard = CHURN_PER_30_DAYS[segment] * np.exp(-SATISFACTION_HAZARD * customers.satisfaction[c])
    risk = np.log(hazard) - np.log(CHURN_PER_30_DAYS.mean())  # 0 on average
    tenure = np.maximum((customers.tenure_days[c] + parameters.days) // 30, 0)
    tenure[customers.late[c]] = 0
    none = np.zeros(n)
    contract = choice_by_row(rng, np.exp(np.column_stack([1.0 + 1.1 * risk, none, -0.9 * risk])))
    internet = choice_by_row(rng, np.exp(np.column_stack([0.2 + none, 0.3 + 0.5 * risk, -0.6 - 0.3 * risk])))
    phone = rng.random(n) < 0.9
    online = internet < 2
    several = rng.random(n) < 0.45
    extras = {
        name: rng.random(n) < sigmoid(-0.3 - slope * risk)
        for name, slope in (
            ("OnlineSecurity", 0.6), ("OnlineBackup", 0.3), ("DeviceProtection", 0.2),
            ("TechSupport", 0.6), ("StreamingTV", 0.0), ("StreamingMovies", 0.0),
        )
    }  # fmt: skip
    payment = choice_by_row(rng, np.exp(np.column_stack([0.4 + 0.6 * risk, none, none, none])))
    services = sum((e & online).astype(np.float64) for e in extras.values())
    monthly = 20.0 * phone + 5.0 * (several & phone) + np.array([25.0, 48.0, 0.0])[internet] + 5.0 * services
    monthly = np.round(np.maximum(monthly, 18.0) + rng.normal(0, 1.0, n), 2)
    total = np.round(monthly * tenure * (1 + 0.03 * rng.standard_normal(n)), 2)
    answers = texts(("No", "Yes"))
    table: dict[str, object] = {
        "customerID": customers.identifier[c],
        "gender": np.where(customers.gender[c] == GENDERS.index("M"), "Male", "Female"),
        "SeniorCitizen": (customers.age[c] >= 65).astype(np.int64),
        "Partner": answers[rng.integers(0, 2, n)],
        "Dependents": answers[(rng.random(n) < 0.3).astype(np.int64)],
        "tenure": tenure,
        "PhoneService": answers[phone.astype(np.int64)],
        "MultipleLines": np.where(phone, answers[several.astype(np.int64)], "No phone service"),
        "InternetService": texts(("DSL", "Fiber optic", "No"))[internet],
    }
    table |= {name: np.where(online, answers[e.astype(np.int64)], "No internet service") for name, e in extras.items()}
    methods = ("Electronic check", "Mailed check", "Bank transfer (automatic)", "Credit card (automatic)")
    table |= {
        "Contract": texts(("Month-to-month", "One year", "Two year"))[contract],
        "PaperlessBilling": answers[(rng.random(n) < sigmoid(0.4 + 0.3 * risk)).astype(np.int64)],
        "PaymentMethod": texts(methods)[payment],
        "MonthlyCharges": monthly,
        "TotalCharges": np.where(tenure > 0, total.astype(str), " ").astype(object),
        "Churn": answers[customers.churned(parameters.horizon)[c].astype(np.int64)],
    }
    return pd.DataFrame(table)


def holding_table(parameters: SimulateParameters, customers: Customers) -> pd.DataFrame:
    """``holdings.csv``: the Santander layout: one row per month and customer, 24 flags, ordered by month.

    As published, a few cells of the two payroll products are empty.
    """
    rng = stream(parameters.seed, "holdings")
    c = np.flatnonzero(~customers.late)
    n = c.shape[0]
    at = {name: position for position, name in enumerate(PRODUCTS)}
    owns = rng.random((n, len(PRODUCTS))) < OWNED_AT_FIRST
    liked = np.zeros((len(LIKED_BY_SEGMENT), len(PRODUCTS)))
    for segment, names in enumerate(LIKED_BY_SEGMENT):
        liked[segment, [at[name] for name in names]] = LIKED_RATE
    months: list[pd.DataFrame] = []
    for month in _month_days(parameters):
        columns: dict[str, object] = {"fecha_dato": month, "ncodpers": customers.identifier[c]}
        flags = owns.astype(np.int8)
        columns |= {f"ind_{name}_ult1": flags[:, k] for name, k in at.items()}
        frame = pd.DataFrame(columns)
        payroll = ["ind_nomina_ult1", "ind_nom_pens_ult1"]
        frame[payroll] = frame[payroll].astype("Int8")
        frame.loc[rng.random(n) < 0.002, payroll] = pd.NA
        months.append(frame)
        owns = _next_month(rng, owns, liked[customers.segment[c]], at)
    return pd.concat(months, ignore_index=True)


def _next_month(rng: np.random.Generator, owns: BoolArray, liked: FloatArray, at: dict[str, int]) -> BoolArray:
    """Holdings a month later: what a segment likes, what a product draws, and a few dropped."""
    add = 0.02 * OWNED_AT_FIRST + liked
    for owned, added, rate in DRAWS:
        add[:, at[added]] += rate * owns[:, at[owned]]
    drop = rng.random(owns.shape) < DROP_RATE
    return np.asarray((owns & ~drop) | (~owns & (rng.random(owns.shape) < add)), dtype=np.bool_)


def _payment_status(rng: np.random.Generator, stress: FloatArray) -> IntArray:
    """Repayment status by month, latest first: -2 no use, -1 paid in full, 0 revolving, k months late."""
    level = np.empty((stress.shape[0], MONTHS))
    level[:, -1] = stress + 0.6 * rng.standard_normal(stress.shape[0])
    for month in range(MONTHS - 2, -1, -1):  # from the oldest to the latest
        level[:, month] = 0.7 * level[:, month + 1] + 0.3 * stress + 0.5 * rng.standard_normal(stress.shape[0])
    late = np.clip(1 + np.floor((level - 0.9) * 1.5), 1, 8)
    status = np.where(level > 0.9, late, np.where(level > -0.6, 0, np.where(level > -1.4, -1, -2)))
    return status.astype(np.int64)


def _month_days(parameters: SimulateParameters) -> list[str]:
    """The 28th of each of the months before ``start_date``, oldest first, as published."""
    last = parameters.start_date.year * 12 + parameters.start_date.month - 2
    months = range(last - parameters.holding_months + 1, last + 1)
    return [date(m // 12, m % 12 + 1, 28).isoformat() for m in months]
