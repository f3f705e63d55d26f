"""Arrays that are computed while they are written: the bytes of numpy.save, and no silent mistakes."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from crm_pipelines.datasets import ArraysDataset
from crm_pipelines.streamed import StreamedArray, stored_rows

ARRAYS = hnp.arrays(
    st.sampled_from([np.dtype("<f4"), np.dtype("<i8"), np.dtype("<U3"), np.dtype("?")]),
    hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=9),
)


@settings(max_examples=40, deadline=None)
@given(array=ARRAYS, size=st.integers(1, 5))
def test_the_file_has_the_bytes_of_the_whole(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, size: int):
    streamed = StreamedArray.of_rows(array.shape, array.dtype, lambda part: array[part], size)
    path, whole = tmp_path_factory.mktemp("streamed") / "a.npy", io.BytesIO()
    streamed.save(path)
    np.save(whole, array)
    assert path.read_bytes() == whole.getvalue()
    assert np.asarray(streamed).tobytes() == array.tobytes()


def test_parts_that_are_not_what_was_announced_are_refused(tmp_path: Path):
    short = StreamedArray((3,), np.dtype("i8"), lambda: iter([np.arange(2)]))
    with pytest.raises(ValueError, match="2 rows came"):
        short.save(tmp_path / "short.npy")
    other = StreamedArray((2,), np.dtype("f4"), lambda: iter([np.arange(2)]))
    with pytest.raises(ValueError, match="a part is int64"):
        other.save(tmp_path / "other.npy")
    with pytest.raises(ValueError, match="a part is int64"):
        np.asarray(other)


def test_a_stopped_computation_leaves_the_old_arrays(tmp_path: Path):
    def stopped():
        yield np.arange(2)
        raise RuntimeError("stopped")

    dataset = ArraysDataset(filepath=str(tmp_path / "arrays"))
    dataset.save({"a": np.arange(3)})
    with pytest.raises(Exception, match="stopped"):
        dataset.save({"a": StreamedArray((4,), np.dtype("i8"), stopped)})
    assert dataset.load()["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("shape", [(7,), (7, 3), (7, 2, 2), (7, 0)])
def test_rows_of_a_stored_array_are_read_in_slices(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    np.save(tmp_path / "array.npy", array)
    rows = stored_rows(tmp_path / "array.npy")
    for part in (slice(0, 3), slice(3, 7), slice(5, 99), slice(7, 9)):
        found = rows(part)
        assert (found.dtype, found.tolist()) == (array.dtype, array[part].tolist())
