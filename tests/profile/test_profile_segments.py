"""Segments: found where they are planted, named by what sets them apart, stable only where they exist."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from crm_pipelines.profile.config import SegmentParameters
from crm_pipelines.profile.segments import distinctions, fit_segments, name_segments, rfm_groups

PARAMETERS = SegmentParameters(counts=(2, 3, 4, 5), resamples=8)


def planted(n: int = 600, apart: float = 6.0, seed: int = 0) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Profiles in three groups ``apart`` deviations from one another, and facts that differ between them."""
    draw = np.random.default_rng(seed)
    group = draw.integers(0, 3, n)
    profiles = draw.normal(size=(n, 5))
    profiles[:, 0] += apart * (group == 1)
    profiles[:, 1] += apart * (group == 2)
    facts = pd.DataFrame(
        {
            "purchase_recency_days": draw.normal(50 - 40 * (group == 1), 3),
            "spend_total": draw.normal(100 + 500 * (group == 2), 10),
            "sentiment_now": np.where(draw.random(n) < 0.5, np.nan, draw.normal(size=n)),
        }
    )
    return profiles, facts, group


def test_planted_groups_are_found_and_stable():
    profiles, facts, group = planted()
    found = fit_segments(profiles, facts, PARAMETERS)
    assert len(found.names) == 3
    assert adjusted_rand_score(group, found.assign(profiles)) > 0.99
    assert found.stability > 0.95


def test_noise_is_not_stable():
    profiles, facts, _ = planted(apart=0.0)
    found = fit_segments(profiles, facts, PARAMETERS)
    assert found.stability < 0.7
    assert found.stability_low <= found.stability <= found.stability_high


def test_names_say_what_sets_a_segment_apart_and_differ():
    profiles, facts, group = planted()
    found = fit_segments(profiles, facts, PARAMETERS)
    of_group = {int(group[found.assign(profiles) == segment][0]): name for segment, name in enumerate(found.names)}
    assert "recent" in of_group[1]
    assert "high value" in of_group[2]
    assert len(set(found.names)) == 3


def test_segments_that_are_alike_are_numbered():
    facts = pd.DataFrame({"spend_total": np.arange(100.0)})
    names = name_segments(facts, np.arange(100) % 2, 2, 2)
    assert len(set(names)) == 2


def test_what_is_missing_for_everybody_distinguishes_nobody():
    facts = pd.DataFrame({"spend_total": [1.0, 2, 3, 4], "sentiment_now": np.nan})
    found = distinctions(facts, np.asarray([0, 0, 1, 1]), 2)
    assert (found["sentiment_now"] == 0).all()
    assert found.loc[1, "spend_total"] > 0 > found.loc[0, "spend_total"]


def test_the_same_seed_gives_the_same_segments():
    profiles, facts, _ = planted()
    first, again = (fit_segments(profiles, facts, PARAMETERS) for _ in range(2))
    np.testing.assert_array_equal(first.centres, again.centres)
    assert first.stability == again.stability


@pytest.mark.parametrize("count", [2, 4, 5])
def test_rfm_groups_follow_the_summed_scores(count):
    draw = np.random.default_rng(0)
    facts = pd.DataFrame(
        {
            "purchase_recency_days": draw.exponential(30, 400),
            "purchases_total": draw.integers(1, 30, 400),
            "spend_total": draw.lognormal(3, 1, 400),
        }
    )
    groups = rfm_groups(facts, facts, count)
    assert len(np.unique(groups)) <= count
    best = facts["purchase_recency_days"].rank() - facts["purchases_total"].rank() - facts["spend_total"].rank()
    assert groups[best.argmin()] == groups.max()
    assert groups[best.argmax()] == 0
