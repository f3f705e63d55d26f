"""Today's records of churn as inputs of a kept model."""

from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest

from crm_pipelines.config import ChurnSpec, EntitySpec
from crm_pipelines.errors import UserError
from crm_pipelines.records.snapshots import today_records
from crm_pipelines.scoring.kept import Kept
from crm_pipelines.scoring.records import inputs_of

DAY = 86_400
SPEC = ChurnSpec(within_days=5, steps=2, step_days=5, snapshots=1)
KEPT = Kept(
    Path("kept"),
    {
        "pipeline": "engagement",
        "fold": 0,
        "classes": ["stays", "leaves"],
        "numeric": ["events_total"],
        "categorical": {},
        "channels": ["buy", "view"],
        "steps": ["step -2", "step -1"],
    },
)


def today(behaviour: str) -> tuple[pd.DataFrame, object]:
    log = pd.DataFrame({"customer_id": ["a", "a", "b"], "item_id": "x", "timestamp": [0, 8 * DAY, 9 * DAY]})
    log = log.assign(behaviour=behaviour, value=np.nan, row=[1, 2, 3])
    found = today_records(ibis.memtable(log), pd.DataFrame({"customer_id": ["a", "b"]}), SPEC, EntitySpec())
    return found.records.to_pandas(), found.layout


def test_a_behaviour_that_no_longer_happens_is_nought_and_no_missing_column():
    """As a rare one does not in a newer, shorter file; a step before the first event stays blank."""
    inputs = inputs_of(KEPT, *today("view"), "log.csv")
    buy, view = inputs.sequence[:, :, 0], inputs.sequence[:, :, 1]
    np.testing.assert_array_equal(buy, [[0, 0], [np.nan, 0]])
    np.testing.assert_array_equal(view, [[1, 1], [np.nan, 1]])


def test_other_steps_than_those_of_training_are_refused():
    records, layout = today("view")
    other = layout.model_copy(update={"steps": ("step -1",)})
    with pytest.raises(UserError, match="column 'buy@step -2' is missing, which the kept model"):
        inputs_of(KEPT, records, other, "log.csv")
