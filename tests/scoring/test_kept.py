"""A kept model is refused where it is not what was written, and says why."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from crm_pipelines.datasets import KeptDataset
from crm_pipelines.errors import UserError
from crm_pipelines.scoring.kept import BEHAVIOUR, CHURN, Keeping, Kept, nothing


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A kept model of two files and an array."""
    model = tmp_path / "fitted"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "trees.txt").write_text("tree")
    keeping = Keeping(BEHAVIOUR, {"model": "lightgbm", "classes": ["a", "b"]}, model, {"numbers": np.arange(3)})
    folder = tmp_path / "kept"
    KeptDataset(filepath=str(folder)).save(keeping)
    return folder


def test_what_was_kept_returns(kept):
    found = KeptDataset(filepath=str(kept)).load()
    assert found.usable(BEHAVIOUR)
    assert found.name == "lightgbm"
    assert (found.model / "trees.txt").read_text() == "tree"
    np.testing.assert_array_equal(found.array("numbers"), [0, 1, 2])


def test_the_same_model_gives_the_same_bytes(kept, tmp_path):
    again = Keeping(
        BEHAVIOUR, {"model": "lightgbm", "classes": ["a", "b"]}, tmp_path / "fitted", {"numbers": np.arange(3)}
    )
    KeptDataset(filepath=str(tmp_path / "again")).save(again)
    for path in kept.rglob("*"):
        if path.is_file():
            assert (tmp_path / "again" / path.relative_to(kept)).read_bytes() == path.read_bytes()


def test_nothing_kept_is_no_error(tmp_path):
    assert KeptDataset(filepath=str(tmp_path / "nowhere")).load() is None
    dataset = KeptDataset(filepath=str(tmp_path / "empty"))
    dataset.save(nothing(CHURN))
    assert not dataset.load().usable(CHURN)


def test_a_folder_whose_replacement_was_cut_off_is_found(kept):
    kept.replace(kept.with_name(".previous-kept"))
    assert KeptDataset(filepath=str(kept)).load().name == "lightgbm"


def change(folder: Path, **values: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **values}))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: change(folder, format=1), "kept in format 1, this version reads 2"),
        (lambda folder: change(folder, version="9.0.1"), "kept by version '9.0.1'"),
        (lambda folder: change(folder, files=[]), "lists no files"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "no readable manifest"),
        (lambda folder: (folder / "manifest.json").unlink(), "no readable manifest"),
        (lambda folder: (folder / "model/trees.txt").write_text("other"), "'model/trees.txt' is not as it was written"),
        (lambda folder: (folder / "model/trees.txt").unlink(), "'model/trees.txt' is missing"),
        (lambda folder: (folder / "model/more.bin").write_bytes(b"x"), "'model/more.bin' was not written"),
        (lambda folder: shutil.rmtree(folder / "model"), "is missing"),
    ],
)
def test_what_is_not_as_it_was_written_is_refused_with_the_reason(kept, damage, says):
    damage(kept)
    with pytest.raises(UserError, match="run the pipeline that writes it again") as refused:
        Kept.load(kept)
    assert says in str(refused.value)


def test_the_model_of_another_system_is_refused(kept):
    with pytest.raises(UserError, match="holds the model of 'behaviour' where that of 'churn' is expected"):
        Kept.load(kept).usable(CHURN)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.write_text, (self.path, "sprung"))


def test_no_array_is_unpickled(kept, tmp_path):
    """Also not where somebody who can write the folder has made the checksums fit."""
    hostile = np.array([Trap(tmp_path / "sprung")], dtype=object)
    np.save(kept / "numbers.npy", hostile, allow_pickle=True)
    with pytest.raises(UserError, match="is not as it was written"):
        Kept.load(kept)
    found = Kept(kept, {})
    with pytest.raises(ValueError, match="allow_pickle"):
        found.array("numbers")
    assert not (tmp_path / "sprung").exists()


def test_weights_that_are_a_pickle_are_refused(tmp_path):
    from crm_pipelines.training.weights import load_weights

    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "weights.safetensors").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(UserError, match="no readable model here"):
        load_weights(tmp_path)
    assert not (tmp_path / "sprung").exists()
