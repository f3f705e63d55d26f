"""The hybrid: branches of which the fusion knows the width only, and customers who lack some of them."""

import dataclasses

import numpy as np
import pytest
import torch
from risk_tables import table
from sklearn.metrics import roc_auc_score

from crm_pipelines.models.layers.fusion import Branch, EventsBranch, HistoryBranch, LateFusion, VectorBranch
from crm_pipelines.models.risk.hybrid import Hybrid, HybridConfig
from crm_pipelines.models.risk.hybrid_plus import HybridPlus, HybridPlusConfig
from crm_pipelines.models.risk.neural import RiskTraining

SMALL = {
    "maps": 4,
    "output_dim": 8,
    "token": 2,
    "hidden": (16, 8),
    "training": RiskTraining(epochs=8, batch_size=128, learning_rate=5e-3),
}


@pytest.fixture(scope="module")
def inputs():
    """Customers half of whom wrote something, and what they wrote says who buys; columns say nothing of it."""
    base = table(n=1_200, planted=False)
    draw = np.random.default_rng(3)
    text = draw.normal(size=(1_200, 5)).astype(np.float32)
    text[:, 0] += 2.0 * (2 * base.labels - 1)
    text[draw.random(1_200) < 0.5] = np.nan
    events = draw.normal(size=(1_200, 6, 4)).astype(np.float32)
    events[np.arange(6) < draw.integers(0, 7, 1_200)[:, None]] = np.nan
    return dataclasses.replace(base, modalities={"events": events, "text": text})


@pytest.fixture(scope="module")
def model(inputs):
    fitted = Hybrid(HybridConfig(**SMALL), 1)
    fitted.fit(inputs)
    return fitted


def test_every_branch_says_as_much_as_it_promises():
    mask = torch.ones(3, 4, dtype=torch.bool)
    for branch, arguments in (
        (HistoryBranch(2, 3, (2, 3), 7), (torch.randn(3, 4, 2), mask)),
        (EventsBranch(2, 6), (torch.randn(3, 4, 2), mask)),
        (VectorBranch(4, 5), (torch.randn(3, 4),)),
    ):
        assert isinstance(branch, Branch)
        assert branch(*arguments).shape == (3, branch.output_dim)


def test_what_stands_in_a_missing_modality_changes_nothing():
    fusion = LateFusion({"a": 2, "b": 3}, (4,), 0.0, 0.5, beside=1).eval()
    said = {"a": torch.randn(5, 2), "b": torch.randn(5, 3)}
    present = {"a": torch.tensor([True, True, False, False, True]), "b": torch.ones(5, dtype=torch.bool)}
    expected = fusion(said, present, torch.zeros(5, 1))
    other = {"a": torch.where(present["a"].unsqueeze(1), said["a"], torch.full((5, 2), 1e6)), "b": said["b"]}
    assert torch.equal(fusion(other, present, torch.zeros(5, 1)), expected)


def test_a_customer_without_text_gets_a_score_and_one_with_text_a_better_one(model, inputs):
    silent = np.isnan(inputs.modalities["text"]).all(axis=1)
    scores = model.predict_proba(inputs, inputs.test)[:, 1]
    assert np.isfinite(scores).all()
    spoke = ~silent[inputs.test]
    assert roc_auc_score(inputs.labels[inputs.test][spoke], scores[spoke]) > 0.85
    assert 0.35 < roc_auc_score(inputs.labels[inputs.test][~spoke], scores[~spoke]) < 0.65


def test_everybody_silent_is_predicted_too(model, inputs):
    nobody = dict.fromkeys(inputs.modalities, None)
    nothing = {name: np.full_like(inputs.modalities[name], np.nan) for name in nobody}
    assert np.isfinite(model.predict_proba(dataclasses.replace(inputs, modalities=nothing), inputs.test)).all()


def test_each_modality_can_be_left_out(inputs):
    for name, changes in Hybrid.studies["ablation"].items():
        config = HybridConfig(**{**SMALL, **changes, "training": RiskTraining(epochs=1)})
        ablated = Hybrid(config, 1)
        ablated.fit(inputs)
        assert name.removeprefix("no_") not in ablated.network.branches
        assert np.isfinite(ablated.predict_proba(inputs, inputs.test)).all()


def test_value_bands_are_thirds_of_training_purchases(inputs):
    planted = table(n=1_200)
    amount = np.where(planted.labels == 1, np.exp(planted.numeric[:, 2]), np.nan).astype(np.float32)
    known = dataclasses.replace(planted, amount=amount)
    fitted = Hybrid(HybridConfig(**SMALL, band_weight=1.0), 1)
    fitted.fit(known)
    bought = known.train[known.labels[known.train] == 1]
    np.testing.assert_allclose(fitted.edges.numpy(), np.quantile(amount[bought], [1 / 3, 2 / 3]), rtol=1e-5)
    profiles, bands = fitted.fused(known, known.test)
    assert profiles.shape == (len(known.test), SMALL["hidden"][-1])
    np.testing.assert_allclose(bands.sum(axis=1), 1, atol=1e-6)
    buyers = known.test[known.labels[known.test] == 1]
    truth = np.searchsorted(fitted.edges.numpy(), amount[buyers], side="right")
    assert (fitted.fused(known, buyers)[1].argmax(axis=1) == truth).mean() > 0.5


def test_the_average_keeps_a_customer_in_one_part(inputs):
    several = dataclasses.replace(inputs, customer=inputs.customer // 3)
    plus = HybridPlus(HybridPlusConfig(**SMALL, parts=3), 1)
    plus._customers = several.customer[several.train]
    for rest, own in plus._parts(several.labels[several.train]):
        assert not set(plus._customers[rest]) & set(plus._customers[own])
