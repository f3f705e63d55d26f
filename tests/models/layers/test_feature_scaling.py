"""Features enter networks standardised and as normal scores of their ranks."""

import numpy as np
import pytest
import torch
from scipy.stats import norm, rankdata

from crm_pipelines.models.layers.scaling import LIMIT, QUANTILES, FeatureScaling


def scaled(rows: torch.Tensor, x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    layer = FeatureScaling(rows.shape[1])
    layer.fit(rows)
    out = layer(x)
    assert out.shape == (len(x), layer.width)
    standardised, scores = out.chunk(2, dim=1)
    return standardised.numpy(), scores.numpy()


def test_the_first_half_is_standardised_and_cut():
    rows = torch.tensor([[0.0], [2.0]]).repeat(50, 1)
    standardised, _ = scaled(rows, torch.tensor([[0.0], [1.0], [3.0], [1e9]]))
    np.testing.assert_allclose(standardised[:, 0], [-1, 0, 2, LIMIT])


def test_the_second_half_is_the_normal_score_of_the_rank():
    """Against scipy: ranks of a skewed sample without ties."""
    sample = np.random.default_rng(0).lognormal(sigma=3, size=(2_000, 1)).astype(np.float32)
    _, scores = scaled(torch.from_numpy(sample), torch.from_numpy(sample))
    expected = norm.ppf((rankdata(sample[:, 0]) - 0.5) / len(sample))
    middle = np.abs(expected) < 2
    assert np.abs(scores[:, 0] - expected)[middle].max() < 0.06
    furthest = norm.ppf(1 - 0.5 / QUANTILES)
    assert np.abs(scores).max() <= furthest + 1e-6
    assert np.corrcoef(scores[:, 0], expected.clip(-furthest, furthest))[0, 1] > 0.995


def test_ties_share_the_middle_of_their_ranks_and_a_constant_column_says_nothing():
    rows = torch.tensor([[0.0, 7.0]] * 500 + [[1.0, 7.0]] * 500)
    standardised, scores = scaled(rows, torch.tensor([[0.0, 7.0], [1.0, 7.0], [0.5, 7.0]]))
    np.testing.assert_allclose(scores[:2, 0], norm.ppf([0.25, 0.75]), atol=0.02)
    np.testing.assert_allclose(scores[2, 0], 0, atol=0.02)
    np.testing.assert_allclose(scores[:, 1], 0, atol=1e-6)
    np.testing.assert_allclose(standardised[:, 1], 0, atol=1e-6)


@pytest.mark.parametrize("spread", [1e-6, 1.0, 1e6])
def test_scores_ascend_with_the_value(spread):
    """Over all signs and sizes, also beyond what was seen in training, and through a state saved and loaded."""
    sample = np.random.default_rng(1).normal(size=(3_000, 1)) * spread
    rows = torch.from_numpy(np.concatenate([sample, np.zeros((1_000, 1)), sample.round()]).astype(np.float32))
    layer, loaded = FeatureScaling(1), FeatureScaling(1)
    layer.fit(rows)
    loaded.load_state_dict(layer.state_dict())
    exponents = np.logspace(-45, 38, 4_000, dtype=np.float64)
    x = torch.from_numpy(np.sort(np.concatenate([-exponents, [0.0], exponents, rows[:, 0]])).astype(np.float32))
    scores = layer(x.unsqueeze(1))[:, 1]
    assert torch.isfinite(scores).all()
    assert (scores.diff() >= -1e-4).all()
    assert torch.equal(loaded(x.unsqueeze(1))[:, 1], scores)
    assert layer(torch.tensor([[0.0], [-0.0]]))[:, 1].diff() == 0


def test_missing_values_are_left_out_and_a_column_without_any_says_nothing():
    whole = torch.from_numpy(np.random.default_rng(2).lognormal(size=(400, 1)).astype(np.float32))
    gaps = torch.full((300, 1), torch.nan)
    rows = torch.cat([torch.cat([whole, gaps]), torch.full((700, 1), torch.nan)], dim=1)
    layer, alone = FeatureScaling(2), FeatureScaling(1)
    layer.fit(rows)
    alone.fit(whole)
    x = torch.cat([whole, torch.ones_like(whole)], dim=1)
    torch.testing.assert_close(layer(x)[:, [0, 2]], alone(whole))
    assert torch.isfinite(layer(x)).all()


def test_numbers_too_small_for_a_processor_in_a_hurry_count_as_zero():
    rows = torch.cat([torch.randn(300), torch.full((100,), 1e-41), torch.full((100,), -1e-41)]).unsqueeze(1)
    scaling = FeatureScaling(1)
    scaling.fit(rows)
    some = torch.tensor([[0.0], [1e-41], [-1e-41], [0.5]])
    usual, level = scaling(some)[:, 1], scaling.level.clone()
    assert len(set(usual[:3].tolist())) == 1
    torch.set_flush_denormal(True)
    try:
        scaling._draw()
        hurried = scaling(some)[:, 1]
    finally:
        torch.set_flush_denormal(False)
    assert torch.equal(scaling.level, level)
    assert torch.equal(hurried, usual)
