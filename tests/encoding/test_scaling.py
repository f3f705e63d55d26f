"""Ranges are those of the fitted rows, whatever the size of the chunks they are read in."""

import json

import numpy as np
import pytest

from crm_pipelines.encoding import FeatureScaler

MATRIX = np.random.default_rng(0).lognormal(size=(50, 3)).astype(np.float32)


def test_fitted_rows_fill_the_unit_interval_and_have_unit_variance() -> None:
    rows = np.arange(30)
    scaler = FeatureScaler.fit(MATRIX, rows)
    ranged, standard = scaler.transform(MATRIX[rows]), scaler.standardise(MATRIX[rows])
    assert ranged.dtype == standard.dtype == np.float32
    np.testing.assert_allclose([ranged.min(axis=0), ranged.max(axis=0)], [[0] * 3, [1] * 3], atol=1e-6)
    np.testing.assert_allclose([standard.mean(axis=0), standard.std(axis=0)], [[0] * 3, [1] * 3], atol=1e-5)


def test_min_max_after_standardisation_is_min_max() -> None:
    scaler = FeatureScaler.fit(MATRIX)
    standard = scaler.standardise(MATRIX)
    again = FeatureScaler.fit(standard).transform(standard)
    np.testing.assert_allclose(again, scaler.transform(MATRIX), atol=1e-5)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_and_memory_maps_change_nothing(chunk: int, tmp_path) -> None:
    np.save(tmp_path / "m.npy", MATRIX)
    mapped = np.load(tmp_path / "m.npy", mmap_mode="r")
    rows = np.array([3, 8, 9, 20, 41])
    np.testing.assert_allclose(
        list(FeatureScaler.fit(mapped, rows, chunk).to_dict().values()),
        [f(MATRIX[rows].astype(float), axis=0) for f in (np.mean, np.std, np.min, np.max)],
        rtol=1e-9,
    )


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_missing_values_are_left_out_also_where_a_whole_chunk_is_missing(chunk: int) -> None:
    matrix = np.array([[np.nan, 1.0], [np.inf, 2.0], [3.0, np.nan], [5.0, 6.0]])
    scaler = FeatureScaler.fit(matrix, chunk=chunk)
    np.testing.assert_allclose(scaler.mean, [4.0, 3.0])
    np.testing.assert_allclose(scaler.std, [1.0, np.std([1, 2, 6])])
    assert (scaler.minimum, scaler.maximum) == ((3.0, 1.0), (5.0, 6.0))


def test_rows_outside_the_fit_do_not_matter_and_leave_the_interval_unless_clipped() -> None:
    matrix = np.array([[0.0], [10.0], [1e6]])
    scaler = FeatureScaler.fit(matrix, np.array([0, 1]))
    assert scaler.transform(matrix).ravel().tolist() == [0.0, 1.0, 1e5]
    assert scaler.transform(matrix, clip=True).ravel().tolist() == [0.0, 1.0, 1.0]


def test_constant_and_missing_features_become_harmless() -> None:
    scaler = FeatureScaler.fit(np.array([[5.0, 0.0, np.nan], [5.0, 4.0, np.nan], [5.0, np.inf, np.nan]]))
    assert scaler.transform(np.array([[9.0, np.nan, 7.0]])).tolist() == [[0.0, 0.5, 0.0]]


def test_empty_inputs_and_json_round_trip() -> None:
    assert FeatureScaler.fit(np.empty((4, 0))).transform(np.empty((4, 0))).shape == (4, 0)
    assert FeatureScaler.fit(MATRIX, np.array([], dtype=np.int64)).transform(MATRIX).tolist() == [[0.0] * 3] * 50
    scaler = FeatureScaler.fit(MATRIX)
    assert FeatureScaler.from_dict(json.loads(json.dumps(scaler.to_dict()))) == scaler
