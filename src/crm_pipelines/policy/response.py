"""How customers answer to actions, learnt from a log of contacts made with known chances.

A logistic regression of being lost on what is known of the customer when contacted, on the action, and on the product
of both, so that an action may keep one kind of customer and leave another cold (an S-learner with interactions;
Künzel et al. 2019, "Metalearners for estimating heterogeneous treatment effects", arXiv:1706.03461). Contacts weigh by
one over their chance; products are shrunk more than the actions' own effects, and how much is chosen on customers that
were left out. What a customer who stays is worth is a ridge regression of the spend.
"""

from typing import Final, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from crm_pipelines.columns import BEHAVIOUR, CUSTOMER_ID, TIMESTAMP

Floats = NDArray[np.float64]
DAY: Final = 86_400
MOST_BEHAVIOURS: Final = 6
MOST_LEVELS: Final = 10
OWN, CUSTOMER_SIDE = 5.0, 2.0
"""Columns of the actions and of the customer are scaled up by these against products, which shrinks them less."""
STRENGTHS: Final = (0.003, 0.01, 0.03, 0.1, 0.3)
"""Inverse strengths of the penalty that are tried."""
PARTS: Final = 3
AT_ONCE: Final = 50_000
"""Customers whose answers are computed together."""


def activity(log: pd.DataFrame, customer_ids: NDArray[np.str_], moments: NDArray[np.int64]) -> pd.DataFrame:
    """What the log says of customers strictly before given moments.

    Args:
        log: ``customer_id, timestamp, behaviour``, in any order.
        customer_ids, moments: (n,) whom and when (UTC seconds).

    Returns:
        (n) rows: ``events`` and one column for each of the commonest behaviours, as log(1 + count); ``recency`` and
        ``tenure``, log(1 + days) since the last and the first event, missing where there is none.
    """
    code, names = pd.factorize(log[CUSTOMER_ID].astype("str"))
    time = log[TIMESTAMP].to_numpy(dtype=np.int64)
    order = np.lexsort((time, code))
    code, time = code[order], time[order]
    label = log[BEHAVIOUR].astype("str")
    which, labels = pd.factorize(label)
    which = which[order].astype(np.int16)
    wanted = names.get_indexer(pd.Index(customer_ids, dtype="str"))
    known = wanted >= 0
    wanted = np.where(known, wanted, 0)
    # One ascending key for (customer, time): the first event not before the moment ends the history.
    low = int(min(time.min(initial=0), moments.min(initial=0)))
    span = int(max(time.max(initial=0), moments.max(initial=0))) - low + 1
    start = np.searchsorted(code, wanted)
    end = np.where(known, np.searchsorted(code * span + time - low, wanted * span + moments - low), start)
    count = end - start
    some = count > 0
    columns = {"events": np.log1p(count)}
    for name in label.value_counts().index[:MOST_BEHAVIOURS]:
        before = np.concatenate([[0], np.cumsum(which == labels.get_loc(name))])
        columns[f"events_{name}"] = np.log1p(before[end] - before[start])
    for name, place in (("recency", end - 1), ("tenure", start)):
        days = np.full(len(moments), np.nan)
        days[some] = (moments[some] - time[place[some]]) / DAY
        columns[name] = np.log1p(days)
    return pd.DataFrame(columns)


class Answers(NamedTuple):
    """What is expected of n customers.

    Attributes:
        lost: (n, A) probability of being lost after each action.
        worth: (n,) spend of one who stays.
    """

    lost: Floats
    worth: Floats


class ResponseModel:
    """Being lost and spend by customer and action.

    Args:
        actions: A names; contacts with others are not learnt from.
        numeric, categorical: columns of the customers.
    """

    def __init__(self, actions: tuple[str, ...], numeric: tuple[str, ...], categorical: tuple[str, ...]) -> None:
        self.actions = actions
        numbers = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
        levels = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_LEVELS, sparse_output=False)
        self._encode = ColumnTransformer(
            [("numbers", numbers, list(numeric)), ("levels", levels, list(categorical))], sparse_threshold=0
        )
        self._columns = [*numeric, *categorical]
        self._lost = LogisticRegression()
        self._spend: Pipeline | Ridge = Ridge(alpha=10.0)

    def fit(
        self,
        customers: pd.DataFrame,
        action: NDArray[np.str_],
        spend: Floats,
        chance: Floats,
        groups: NDArray[np.str_],
    ) -> Self:
        """Learn from n contacts.

        Args:
            customers: n rows of attributes as of the contact.
            action, spend, chance: (n,) what was done, what came of it, and how likely it was done; a customer without
                any spend is lost.
            groups: (n,) whose contact it is.
        """
        use = np.isin(action, self.actions)
        x = self._encode.fit_transform(self._table(customers[use]))
        number = np.array([self.actions.index(name) for name in action[use]])
        z, lost, weight = self._design(x, number), spend[use] <= 0, 1.0 / chance[use]
        weight = weight / weight.mean()
        self._lost = self._chosen(z, lost, weight, groups[use])
        stayed = ~lost
        self._spend = Ridge(alpha=10.0).fit(x[stayed], spend[use][stayed])
        return self

    def answers(self, customers: pd.DataFrame) -> Answers:
        """What is expected of n customers, some of whom are looked at together."""
        firsts = range(0, max(len(customers), 1), AT_ONCE)
        parts = [self._answers(customers.iloc[first : first + AT_ONCE]) for first in firsts]
        return Answers(*(np.concatenate(each) for each in zip(*parts, strict=True)))

    def _answers(self, customers: pd.DataFrame) -> Answers:
        x = self._encode.transform(self._table(customers))
        each = [
            self._lost.predict_proba(self._design(x, np.full(len(x), number)))[:, 1]
            for number in range(len(self.actions))
        ]
        return Answers(np.column_stack(each), np.maximum(self._spend.predict(x), 0.0))

    def _table(self, customers: pd.DataFrame) -> pd.DataFrame:
        table = customers[self._columns].copy()
        for name in self._columns:
            if not pd.api.types.is_numeric_dtype(table[name]):
                table[name] = table[name].astype(str)
        return table

    def _design(self, x: Floats, number: NDArray[np.int64]) -> Floats:
        """(n, columns) [customer | action | customer x action]."""
        which = np.eye(len(self.actions))[number]
        products = (which[:, :, None] * x[:, None, :]).reshape(len(x), -1)
        return np.concatenate([CUSTOMER_SIDE * x, OWN * which, products], axis=1)

    @staticmethod
    def _chosen(z: Floats, lost: NDArray[np.bool_], weight: Floats, groups: NDArray[np.str_]) -> LogisticRegression:
        """The penalty that tells most of customers left out, fitted on all."""

        def fitted(strength: float, rows: NDArray[np.int64]) -> LogisticRegression:
            model = LogisticRegression(C=strength, max_iter=1000)
            return model.fit(z[rows], lost[rows], sample_weight=weight[rows])

        def left_out(strength: float) -> float:
            losses = [
                log_loss(
                    lost[kept],
                    fitted(strength, learnt).predict_proba(z[kept])[:, 1],
                    sample_weight=weight[kept],
                    labels=[False, True],
                )
                for learnt, kept in folds
            ]
            return float(np.mean(losses))

        folds = list(GroupKFold(min(PARTS, len(np.unique(groups)))).split(z, lost, groups))
        folds = [(learnt, kept) for learnt, kept in folds if len(np.unique(lost[learnt])) == 2]
        losses = [left_out(strength) for strength in STRENGTHS]
        return fitted(STRENGTHS[int(np.argmin(losses))], np.arange(len(z)))
