"""The four tables of paper B (Sequence and Churn Transformer): what it publishes beside what was measured here.

``published/paper_b.csv`` holds every number of its Tables II to IV. Tables II and IV give other accuracies and losses
for the same models after the same ten epochs: 0.85 and 0.78 in the one, 0.0167 and 0.4000 in the other.
"""

from importlib.resources import files
from math import log
from typing import Final

import pandas as pd

from crm_pipelines.columns import METRIC, MODEL, RESULT_VALUE

EPOCHS: Final = 10
ITEMS: Final = 50
CHANCE: Final = {
    ("sequence_transformer", "accuracy"): 1 / (ITEMS - 3),
    ("churn_transformer", "accuracy"): 0.5,
    ("sequence_transformer", "loss"): log(ITEMS),
    ("churn_transformer", "loss"): log(2),
}
"""What knowing nothing reaches: three steps from the 48 to 46 items that are left, a coin, and equal probabilities."""
SCORES: Final = {"sequence_transformer": "step_accuracy", "churn_transformer": "churn_accuracy"}
"""The measured score that stands beside the published accuracy."""


def published() -> pd.DataFrame:
    """``table, model, metric, epoch, value``."""
    path = files("crm_pipelines.reporting") / "published" / "paper_b.csv"
    with path.open(encoding="utf-8") as stream:
        return pd.read_csv(stream)


def performance(losses: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Tables II and IV: ``model, metric, table_2, table_4, mean, std, chance``.

    Args:
        losses: ``seed, model, epoch, loss``. scores: ``seed, model, metric, value``.
    """
    theirs = published()
    rows = []
    for model, score in SCORES.items():
        ours = {
            "accuracy": scores[(scores[MODEL] == model) & (scores[METRIC] == score)][RESULT_VALUE],
            "loss": losses[(losses[MODEL] == model) & (losses["epoch"] == EPOCHS)]["loss"],
        }
        for metric, values in ours.items():
            named = theirs[(theirs[MODEL] == model) & (theirs[METRIC] == metric)]
            printed = {f"table_{table}": float(named.loc[named["table"] == table, "value"].iloc[0]) for table in (2, 4)}
            chance = CHANCE[model, metric]
            rows.append(
                {MODEL: model, METRIC: metric, **printed, "mean": values.mean(), "std": values.std(), "chance": chance}
            )
    return pd.DataFrame(rows)


def loss_curves(losses: pd.DataFrame) -> pd.DataFrame:
    """Table III: ``model, epoch, published, mean, std`` of the training loss."""
    theirs = published()
    theirs = theirs[theirs["table"] == 3][[MODEL, "epoch", "value"]].rename(columns={"value": "published"})
    ours = losses.groupby([MODEL, "epoch"], sort=False)["loss"].agg(mean="mean", std="std").reset_index()
    return theirs.merge(ours, how="left", on=[MODEL, "epoch"])
