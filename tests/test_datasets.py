"""What a catalog entry writes is there whole or not at all, and reads back as it was."""

import errno
import json
import logging
import os
import time
from functools import partial
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kedro.io import DataCatalog, DatasetError
from scipy.sparse import csr_array, random_array

from crm_pipelines.datasets import (
    ArraysDataset,
    CSVTable,
    FigureJSON,
    HTMLFile,
    JSONFile,
    ParquetTable,
    RawFolderDataset,
    RunsDataset,
    SparseDataset,
    TableDataset,
)
from crm_pipelines.datasets.atomic import replacing
from crm_pipelines.datasets.runs import finish_runs
from crm_pipelines.errors import UserError
from crm_pipelines.failures import explain
from crm_pipelines.runs import PendingRun, Run, code_version, fingerprint

FRAME = pd.DataFrame({"item_id": ["a", "b"], "value": [0.1, None]})


def contents(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


# Atomic writing -------------------------------------------------------------------------------------------


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_else(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="stopped"), replacing(target) as partial:
        partial.write_text("half of the new")
        raise RuntimeError("stopped")
    assert target.read_text() == "old"
    assert contents(tmp_path) == {"table.csv"}


def test_a_failed_write_keeps_the_old_folder(tmp_path):
    target = tmp_path / "arrays"
    target.mkdir()
    (target / "old.npy").write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(target) as partial:
        partial.mkdir()
        (partial / "new.npy").write_text("half")
        raise KeyboardInterrupt
    assert contents(tmp_path) == {"arrays", "arrays/old.npy"}


def test_a_folder_is_replaced_whole(tmp_path):
    for name in ("old", "new"):
        with replacing(tmp_path / "world") as partial:
            partial.mkdir()
            (partial / name).write_text(name)
    assert contents(tmp_path) == {"world", "world/new"}


def test_what_a_killed_run_left_is_cleared_and_a_half_done_exchange_is_undone(tmp_path):
    (tmp_path / ".partial-world").mkdir()
    (tmp_path / ".partial-world" / "half").write_text("half")
    (tmp_path / ".previous-world").mkdir()
    (tmp_path / ".previous-world" / "old").write_text("old")
    with pytest.raises(RuntimeError), replacing(tmp_path / "world"):
        raise RuntimeError
    assert contents(tmp_path) == {"world", "world/old"}


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "free some space"), (errno.EROFS, "make the folder writable"), (errno.EACCES, "make the folder")],
)
def test_full_disks_and_protected_folders_are_told_in_one_message(tmp_path, number, advice):
    with pytest.raises(UserError, match=advice) as error, replacing(tmp_path / "metrics.csv"):
        raise OSError(number, os.strerror(number))
    assert "metrics.csv" in str(error.value)
    assert "data_root" in str(error.value)


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path):
    (tmp_path / "data").write_text("not a folder")
    dataset = CSVTable(filepath=str(tmp_path / "data" / "metrics.csv"))
    with pytest.raises(DatasetError) as error:
        dataset.save(FRAME)
    assert "cannot write" in explain(error.value)


# Round trips ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [CSVTable, ParquetTable])
def test_frames_return_as_they_were(tmp_path, kind):
    dataset = kind(filepath=str(tmp_path / "table"))
    dataset.save(FRAME)
    pd.testing.assert_frame_equal(dataset.load(), FRAME)
    assert dataset.preview()["data"][0] == ["a", 0.1]
    assert dataset.exists()


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_float_survives_a_csv_file(tmp_path, values):
    dataset = CSVTable(filepath=str(tmp_path / "numbers.csv"))
    dataset.save(pd.DataFrame({"value": values}))
    assert dataset.load()["value"].tolist() == values


def test_arrays_inside_a_table_can_be_previewed(tmp_path):
    dataset = ParquetTable(filepath=str(tmp_path / "cold_start_sets.parquet"))
    dataset.save(pd.DataFrame({"support": [np.array([1, 2]), np.array([3])]}))
    assert dataset.preview()["data"] == [[[1, 2]], [[3]]]


def test_text_files_are_the_same_bytes_each_time(tmp_path):
    csv, page, figure = tmp_path / "t.csv", tmp_path / "i.html", tmp_path / "f.json"
    CSVTable(filepath=str(csv)).save(FRAME)
    HTMLFile(filepath=str(page)).save("<p>ä\n</p>")
    FigureJSON(filepath=str(figure)).save(go.Figure(go.Bar(y=[1, 2])))
    assert csv.read_bytes() == b"item_id,value\na,0.1\nb,\n"
    assert page.read_bytes() == "<p>ä\n</p>".encode()
    assert FigureJSON(filepath=str(figure)).load().data[0].y == (1, 2)


def test_json_takes_numpy_and_turns_nan_into_null(tmp_path):
    dataset = JSONFile(filepath=str(tmp_path / "splits.json"))
    dataset.save({"cut": np.int64(7), "shares": np.array([0.1, np.nan]), "loss": float("nan")})
    assert dataset.load() == {"cut": 7, "shares": [0.1, None], "loss": None}
    assert json.loads(dataset.preview()) == dataset.load()


@pytest.fixture
def table(tmp_path) -> TableDataset:
    return TableDataset(filepath=str(tmp_path / "events.parquet"))


def test_ibis_tables_return_and_may_overwrite_the_file_they_come_from(table):
    table.save(ibis.memtable(FRAME))
    loaded = table.load()
    table.save(loaded.filter(loaded.value.notnull()))
    assert table.load().to_pandas()["item_id"].tolist() == ["a"]
    assert table.preview() == {"index": [0], "columns": ["item_id", "value"], "data": [["a", 0.1]]}


def test_a_table_that_fails_to_compute_leaves_the_old_one(table, tmp_path):
    table.save(FRAME)
    broken = table.load().mutate(value=ibis.literal("no number").cast("float64"))
    with pytest.raises(DatasetError):
        table.save(broken)
    assert contents(tmp_path) == {"events.parquet"}
    assert table.load().count().to_pandas() == 2


def test_tables_and_raw_files_share_one_backend(table, tmp_path, monkeypatch):
    class RawFolder:
        def __init__(self, root, connection):
            self.root, self.connection = root, connection

    monkeypatch.setattr("crm_pipelines.sources.raw.RawFolder", RawFolder)
    connection = {"backend": "duckdb", "database": ":memory:"}
    raw = RawFolderDataset(filepath=str(tmp_path), connection=connection)
    assert raw.load().connection is table.connection
    assert raw.load().root == tmp_path
    with pytest.raises(DatasetError, match="only read"):
        raw.save({})


def test_arrays_are_mapped_not_read_and_objects_are_refused(tmp_path):
    dataset = ArraysDataset(filepath=str(tmp_path / "features"))
    dataset.save({"time/train": np.arange(3), "empty": np.zeros((0, 2), np.float32)})
    loaded = dataset.load()
    assert list(loaded) == ["empty", "time/train"]
    assert isinstance(loaded["time/train"], np.memmap)
    assert loaded["time/train"].tolist() == [0, 1, 2]
    assert loaded["empty"].shape == (0, 2)
    with pytest.raises(DatasetError, match="Object arrays"):
        dataset.save({"objects": np.array([{}])})
    assert list(dataset.load()) == ["empty", "time/train"]


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "", ".hidden"])
def test_names_cannot_lead_out_of_the_folder(tmp_path, name):
    with pytest.raises(DatasetError, match="cannot name a file"):
        ArraysDataset(filepath=str(tmp_path / "features")).save({name: np.arange(3)})


def test_sparse_arrays_return(tmp_path):
    matrix = csr_array(random_array((5, 4), density=0.4, rng=np.random.default_rng(0)))
    dataset = SparseDataset(filepath=str(tmp_path / "adjacency"))
    dataset.save({"time/0": matrix})
    assert (dataset.load()["time/0"] != matrix).nnz == 0


@pytest.mark.parametrize("kind", [TableDataset, CSVTable, ParquetTable, JSONFile, ArraysDataset, SparseDataset])
def test_a_missing_file_is_told_with_what_to_do(tmp_path, kind):
    catalog = DataCatalog({"wanted": kind(filepath=str(tmp_path / "nothing"))})
    with pytest.raises(DatasetError) as error:
        catalog.load("wanted")
    assert "nothing does not exist: run the pipeline that writes it first" in explain(error.value)


# Runs -----------------------------------------------------------------------------------------------------

KEYS = ("main/time/fold=0/seed=42", "main/time/fold=0/seed=100")


class Bench:
    """Pending runs that count how often each was executed."""

    def __init__(self) -> None:
        self.executed: list[str] = []

    def runs(self, version: str = "1", stop_at: str = "", keys: tuple[str, ...] = KEYS) -> dict[str, PendingRun]:
        return {key: PendingRun(fingerprint({"key": key, "v": version}), self._execute(key, stop_at)) for key in keys}

    def _execute(self, key, stop_at):
        def execute() -> Run:
            if key == stop_at:
                raise KeyboardInterrupt
            self.executed.append(key)
            return Run(
                predictions=pd.DataFrame({"event_id": [1], "p_buy": [0.25]}),
                efficiency={"seconds": np.float64(1.5)},
                history=[{"loss": float("nan")}],
                manifest={"model": "tfpnet"},
                save_model=lambda folder: (folder / "config.json").write_text("{}"),
            )

        return execute


@pytest.fixture
def runs(tmp_path) -> RunsDataset:
    return RunsDataset(filepath=str(tmp_path / "tfpnet"))


def test_a_stored_run_returns_with_all_its_parts(runs):
    runs.save(Bench().runs())
    first, second = runs.load()
    assert (first.key, second.key) == KEYS
    assert first.predictions()["p_buy"].tolist() == [0.25]
    assert first.efficiency() == {"seconds": 1.5}
    assert first.history() == [{"loss": None}]
    assert first.manifest["model"] == "tfpnet"
    assert (first.model_path / "config.json").read_text() == "{}"


def test_a_run_is_executed_once_and_again_only_when_its_fingerprint_changes(runs, caplog):
    bench = Bench()
    with caplog.at_level(logging.INFO, "crm_pipelines"):
        runs.save(bench.runs())
        runs.save(bench.runs())
        assert bench.executed == list(KEYS)
        runs.save(bench.runs(version="2"))
    assert bench.executed == [*KEYS, *KEYS]
    assert "done, 1 of 2, about 10 s left" in caplog.text
    assert "seed=42: kept (same data, parameters and code)" in caplog.text


def _run(version: int) -> Run:
    if version == 3:
        raise UserError("no such thing")
    predictions = pd.DataFrame({"event_id": [version], "p_buy": np.random.default_rng(version).random(1)})
    return Run(predictions, {"process": os.getpid()}, [], {"model": "tfpnet"})


def test_runs_side_by_side_are_those_of_one_after_the_other(tmp_path):
    pending = {f"main/seed={n}": PendingRun(str(n), partial(_run, n)) for n in range(3)}
    alone, beside = (RunsDataset(filepath=str(tmp_path / str(n)), processes=n) for n in (1, 2))
    for dataset in (alone, beside):
        dataset.save(pending)
    for one, other in zip(alone.load(), beside.load(), strict=True):
        assert one.key == other.key
        pd.testing.assert_frame_equal(one.predictions(), other.predictions())
    if (os.cpu_count() or 1) > 1:
        assert os.getpid() not in {run.efficiency()["process"] for run in beside.load()}


def test_a_mistake_in_a_run_beside_others_is_told_as_ever_and_the_others_are_kept(tmp_path):
    dataset = RunsDataset(filepath=str(tmp_path / "tfpnet"), processes=2)
    with pytest.raises(DatasetError) as error:
        dataset.save({f"main/seed={n}": PendingRun(str(n), partial(_run, n)) for n in (1, 2, 3)})
        dataset.load()
    assert explain(error.value) == "no such thing"
    assert not dataset.exists()
    assert (tmp_path / "tfpnet" / "main/seed=1" / "run.json").is_file()


def _run_after(awaited: Path | None, done: Path) -> Run:
    for _ in range(600):
        if awaited is None or awaited.exists():
            break
        time.sleep(0.05)
    else:
        raise UserError(f"nobody wrote {awaited.name}")
    done.touch()
    return _run(0)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two processors")
def test_the_next_model_starts_beside_the_last_run_of_the_one_before(tmp_path):
    first, second = (RunsDataset(filepath=str(tmp_path / name), processes=2) for name in ("gnn", "gru"))
    waits = partial(_run_after, tmp_path / "gru_done", tmp_path / "gnn_done")
    first.save({"main/seed=1": PendingRun("1", partial(_run, 1)), "main/seed=2": PendingRun("2", waits)})
    assert not first.exists()
    starts = partial(_run_after, None, tmp_path / "gru_done")
    second.save({"main/seed=1": PendingRun("1", starts), "main/seed=2": PendingRun("2", partial(_run, 2))})
    assert first.exists()  # the second waited for the first, not for its own last run
    finish_runs()
    assert second.exists()
    assert [len(dataset.load()) for dataset in (first, second)] == [2, 2]


def test_a_stopped_benchmark_is_not_complete_and_goes_on_where_it_was(runs):
    bench = Bench()
    with pytest.raises(KeyboardInterrupt):
        runs.save(bench.runs(stop_at=KEYS[1]))
    assert not runs.exists()
    with pytest.raises(DatasetError, match="not complete"):
        runs.load()
    runs.save(bench.runs())
    assert bench.executed == list(KEYS)
    assert len(runs.load()) == 2


def test_runs_no_longer_asked_for_are_kept_but_not_loaded(runs):
    bench = Bench()
    runs.save(bench.runs())
    runs.save(bench.runs(keys=KEYS[:1]))
    assert [run.key for run in runs.load()] == [KEYS[0]]
    runs.save(bench.runs())
    assert bench.executed == list(KEYS)


def test_a_damaged_manifest_makes_the_run_due_again(runs):
    bench = Bench()
    runs.save(bench.runs())
    (runs.path / KEYS[0] / "run.json").write_text("{ torn")
    runs.save(bench.runs())
    assert bench.executed == [*KEYS, KEYS[0]]


@pytest.mark.parametrize("key", ["../main", "/main", "main//seed", ""])
def test_a_key_cannot_lead_out_of_the_folder(runs, key):
    with pytest.raises(DatasetError, match="cannot name a run"):
        runs.save(Bench().runs(keys=(key,)))


def test_fingerprints_depend_on_values_not_on_their_order():
    assert fingerprint({"a": 1, "b": [2.0]}) == fingerprint({"b": [2.0], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_the_code_version_covers_what_it_is_asked_for():
    assert code_version() == code_version()
    assert code_version("runs.py") != code_version("errors.py") != code_version()
