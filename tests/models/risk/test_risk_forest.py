"""Trees as arrays against scikit-learn's own prediction."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from crm_pipelines.models.layers import forest
from crm_pipelines.models.layers.forest import TreeArrays


@pytest.fixture(scope="module")
def data():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(600, 5)).astype(np.float32)
    x[draw.random(x.shape) < 0.1] = np.nan
    return x, (np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 1]) ** 2 > 0.5).astype(np.int64)


def test_predictions_are_those_of_scikit_learn_missing_values_included(data):
    x, y = data
    estimator = RandomForestClassifier(15, min_samples_leaf=3, random_state=0).fit(x[:400], y[:400])
    trees = TreeArrays.of(estimator.estimators_, estimator.classes_, 2)
    np.testing.assert_allclose(trees.predict_proba(x), estimator.predict_proba(x), atol=1e-12)


def test_chunks_change_nothing(data, monkeypatch):
    x, y = data
    estimator = RandomForestClassifier(5, random_state=0).fit(x, y)
    trees = TreeArrays.of(estimator.estimators_, estimator.classes_, 2)
    whole = trees.predict_proba(x)
    monkeypatch.setattr(forest, "CELLS", 35)
    np.testing.assert_array_equal(trees.predict_proba(x), whole)


def test_one_class_only_is_certain(data):
    x, _ = data
    estimator = RandomForestClassifier(3, random_state=0).fit(x, np.ones(len(x), dtype=int))
    trees = TreeArrays.of(estimator.estimators_, estimator.classes_, 2)
    np.testing.assert_array_equal(trees.predict_proba(x[:4]), np.tile([0.0, 1.0], (4, 1)))
