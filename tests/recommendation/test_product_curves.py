"""Learning curves of transfer: who is learnt from at each share, and what is pre-trained on."""

import numpy as np
import pandas as pd

from banks import PARAMETERS, SPEC, bank, drawn
from crm_pipelines.benchmark.product_curves import COLUMNS, OWN_LOG, subset, transfer_curves
from crm_pipelines.config import RunParameters
from crm_pipelines.models.recommendation.product_transformer import ProductTransformerConfig
from crm_pipelines.models.sequence.neural import SequenceTraining
from crm_pipelines.recommendation.config import CurveParameters
from crm_pipelines.recommendation.preparation import build
from crm_pipelines.recommendation.views import Prepared

QUICK = SequenceTraining(epochs=1, batch_size=16)
TINY = ProductTransformerConfig(longest=8, width=4, layers=1, inner=4, training=QUICK, pretraining=QUICK)
RUNS = RunParameters(seeds=(42,), processes=1, threads=1, resamples=100)


def prepared() -> Prepared:
    frame, people, goods = drawn()
    arrays, _ = build(frame, people["customer_id"], goods["item_id"], SPEC.offers, "bank.csv")
    return Prepared(arrays, people, goods, SPEC, {}, pd.DataFrame(), pd.DataFrame(), None)


def test_a_share_of_the_customers_is_learnt_from_and_the_same_is_asked():
    whole = bank()
    part = subset(whole, 0.25, seed=1)
    learnt = np.flatnonzero(np.diff(part.known.start))
    assert len(learnt) == round(0.25 * len(np.flatnonzero(np.diff(whole.known.start))))
    assert np.isin(part.customer[part.train], learnt).all()
    assert part.asked is whole.asked


def test_without_a_general_log_the_own_one_is_pre_trained_on():
    curves = CurveParameters(shares=(0.3, 1.0), seeds=(1, 2))
    found = transfer_curves(prepared(), TINY, PARAMETERS, curves, RUNS)
    assert tuple(found.columns) == COLUMNS
    assert found["share"].tolist() == [0.3, 1.0]
    assert set(found["pretrained_on"]) == {OWN_LOG}
    assert (found["low"] <= found["difference"]).all()
    assert (found["difference"] <= found["high"]).all()
    np.testing.assert_allclose(found["with_transfer"] - found["without_transfer"], found["difference"], atol=1e-9)


def test_no_curve_is_drawn_of_a_large_catalogue():
    assert transfer_curves(prepared(), TINY, PARAMETERS, CurveParameters(most_products=5), RUNS).empty
