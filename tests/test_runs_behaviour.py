"""Runs of behaviour models: which there are, what each predicts, and what becomes of them when one is stopped."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from crm_pipelines.benchmark import behaviour
from crm_pipelines.benchmark.behaviour import execute, plan_runs, predict, slices_of_test
from crm_pipelines.benchmark.results import SLICES, Tables, data_fingerprint, tabulate
from crm_pipelines.columns import RESULT_COLUMNS, RUN_COLUMNS
from crm_pipelines.config import RunParameters, SplitParameters
from crm_pipelines.datasets import RunsDataset
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.behaviour.counts import CountsConfig, LastBehaviour, Majority
from crm_pipelines.runs import PendingRun, StoredRun
from prepared import CLASSES, prepare, shop

RUNS = RunParameters(seeds=(1, 2), threads=1, resamples=100)
CONFIG = CountsConfig()


@pytest.fixture(autouse=True, scope="module")
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def quick_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Latencies are tested where they are measured."""
    monkeypatch.setattr(behaviour, "_latencies", lambda *_: {"latency_forward_p50_ms": 1.0})


@cache
def views() -> dict[str, EventInputs]:
    split = SplitParameters(held_out_below=8, held_out_share=0.25, minimum={"train": 100, "validation": 10, "test": 30})
    prepared = prepare(shop(), split)
    return {f"{name}/fold=0": prepared.inputs(name) for name in ("time", "held_out")}


def inputs() -> EventInputs:
    return views()["time/fold=0"]


def plan(name: str = "last_behaviour", config: CountsConfig = CONFIG, data: str = "d", runs: RunParameters = RUNS):
    loads = {key: (lambda view=view: view) for key, view in views().items()}
    return plan_runs(name, {"main": config}, "small", loads, data, runs, utc_offset_hours=0.0)


class TestPlan:
    def test_there_is_one_run_for_every_fold_and_seed_and_one_with_held_out_entities(self):
        assert set(plan()) == {
            "main/time/fold=0/seed=1",
            "main/time/fold=0/seed=2",
            "main/held_out/fold=0/seed=1",
        }

    def test_nothing_is_loaded_or_trained_by_planning(self):
        def load() -> EventInputs:
            raise AssertionError("loaded")

        planned = plan_runs("majority", {"main": CONFIG}, "small", {"time/fold=0": load}, "d", RUNS, 0.0)
        assert len(planned) == 2

    def test_every_run_has_a_fingerprint_of_its_own_and_the_same_each_time(self):
        marks = [run.fingerprint for run in plan().values()]
        assert len(set(marks)) == 3
        assert [run.fingerprint for run in plan().values()] == marks

    @pytest.mark.parametrize(
        "changed",
        [
            {"config": CountsConfig(smoothing=2.0)},
            {"data": "other"},
            {"runs": RUNS.model_copy(update={"threads": 2})},
            {"name": "majority"},
        ],
        ids=lambda changed: next(iter(changed)),
    )
    def test_whatever_may_change_a_result_changes_the_fingerprint(self, changed):
        assert {run.fingerprint for run in plan(**changed).values()}.isdisjoint(
            run.fingerprint for run in plan().values()
        )

    def test_so_does_the_code(self, monkeypatch):
        before = {run.fingerprint for run in plan().values()}
        monkeypatch.setattr(behaviour, "code_version", lambda *_: "newer")
        assert before.isdisjoint(run.fingerprint for run in plan().values())

    def test_more_seeds_or_resamples_leave_the_runs_there_are(self):
        few = plan()
        more = plan(runs=RunParameters(seeds=(1, 2, 3), threads=1, resamples=500))
        assert {key: more[key].fingerprint for key in few} == {key: run.fingerprint for key, run in few.items()}


class TestDataFingerprint:
    PARTS = {"a": {"x": np.arange(6), "y": np.zeros((0, 2))}, "b": {"x": np.array(["u", "v"])}}  # noqa: RUF012

    def test_it_is_of_values_and_not_of_their_order(self):
        turned = {name: dict(reversed(arrays.items())) for name, arrays in reversed(self.PARTS.items())}
        copied = {name: {key: array.copy() for key, array in arrays.items()} for name, arrays in turned.items()}
        assert data_fingerprint(copied) == data_fingerprint(self.PARTS)

    def test_memory_maps_count_as_what_they_hold(self, tmp_path):
        np.save(tmp_path / "x.npy", np.arange(6))
        mapped = {**self.PARTS, "a": {**self.PARTS["a"], "x": np.load(tmp_path / "x.npy", mmap_mode="r")}}
        assert data_fingerprint(mapped) == data_fingerprint(self.PARTS)

    @pytest.mark.parametrize(
        "x",
        [np.array([0, 1, 2, 3, 4, 6]), np.arange(6, dtype=np.int32), np.arange(6).reshape(2, 3), np.arange(7)],
        ids=["value", "type", "shape", "length"],
    )
    def test_any_difference_shows(self, x):
        assert data_fingerprint({**self.PARTS, "a": {**self.PARTS["a"], "x": x}}) != data_fingerprint(self.PARTS)

    def test_names_count(self):
        assert data_fingerprint({"a": {"x": np.arange(2)}}) != data_fingerprint({"a": {"z": np.arange(2)}})


class TestSlices:
    def test_all_is_the_test_part_and_warm_what_has_two_known_entities(self):
        view = inputs()
        store = view.store
        slices = slices_of_test(view)
        assert slices["all"].tolist() == view.test.tolist()
        cut = store.timestamp[view.test[0]]
        known = [set(ids[store.timestamp < cut].tolist()) for ids in (store.customer, store.item)]
        warm = [e for e in view.test.tolist() if store.customer[e] in known[0] and store.item[e] in known[1]]
        assert slices["warm"].tolist() == warm
        assert 0 < len(warm) < len(view.test)

    def test_cold_slices_are_of_entities_without_a_past_and_never_warm(self):
        for view in views().values():
            slices = slices_of_test(view)
            cut = view.store.timestamp[view.test[0]]
            cold = {name: events for name, events in slices.items() if name.startswith("cold_")}
            assert "cold_customer@0" in cold
            for name, events in cold.items():
                side = name.removeprefix("cold_").split("@")[0]
                entity = getattr(view.store, side)
                assert set(events) <= set(view.test)
                assert not set(events) & set(slices["warm"])
                for event in events:
                    assert view.store.timestamp[entity == entity[event]].min() >= cut

    def test_shots_are_the_labelled_events_before_the_query(self):
        for view in views().values():
            for name, events in view.cold.items():
                side, k = name.removeprefix("cold_").split("@")
                entity = getattr(view.store, side)
                for event in events:
                    earlier = (entity[:event] == entity[event]) & (view.labels[:event] >= 0)
                    assert int(earlier.sum()) == int(k)


class TestPredictions:
    @pytest.fixture(scope="class")
    @staticmethod
    def table() -> pd.DataFrame:
        model = LastBehaviour(CONFIG)
        model.fit(inputs())
        return predict(model, inputs())

    def test_every_slice_holds_its_events_once(self, table):
        expected = {"validation": inputs().validation, **slices_of_test(inputs())}
        assert {name: sorted(rows["event_id"]) for name, rows in table.groupby("slice")} == {
            name: sorted(events.tolist()) for name, events in expected.items() if len(events)
        }

    def test_rows_are_of_their_events(self, table):
        view = inputs()
        events = table["event_id"].to_numpy()
        assert (table["y_true"] == np.asarray(CLASSES)[view.labels[events]]).all()
        assert (table["customer"] == view.store.customer[events]).all()
        for axis in ("gender", "tenure", "frequency"):
            assert (table[f"group_{axis}"] == view.groups[axis][events]).all()
        np.testing.assert_allclose(table[[f"p_{name}" for name in CLASSES]].sum(axis=1), 1)

    def test_an_event_has_the_same_probabilities_in_every_slice(self, table):
        per_event = table.groupby("event_id")[[f"p_{name}" for name in CLASSES]].nunique()
        assert (per_event == 1).all(axis=None)

    def test_a_slice_without_queries_is_passed_over(self):
        view = replace(inputs(), cold={"cold_item@10": np.array([], dtype=np.int64)})
        model = Majority(CONFIG)
        model.fit(view)
        assert set(predict(model, view)["slice"]) == {"validation", "all", "warm"}


def test_a_run_says_what_it_was_and_what_it_cost(tmp_path):
    identity = dict(zip(RUN_COLUMNS, ("A", "coldstart", "small", "majority", "main", "time", 0, 7), strict=True))
    run = execute(identity, CONFIG, inputs(), threads=1, utc_offset_hours=0.0, timed_calls=1)
    assert run.manifest.pop("majority") in CLASSES
    assert run.manifest == {**identity, "config": {"smoothing": 1.0}, "threads": 1, "classes": list(CLASSES)}
    assert run.efficiency["events"] == len(inputs().train)
    assert run.efficiency["values"]["parameters"] == len(CLASSES)
    assert run.efficiency["values"]["fit_seconds"] >= 0
    assert run.efficiency["environment"]
    run.save_model(tmp_path / "model")
    again = Majority.load(tmp_path / "model").predict_proba(inputs(), inputs().test)
    assert (again == run.predictions.query("slice == 'all'")[[f"p_{name}" for name in CLASSES]].to_numpy()).all()


def stored(folder: Path) -> dict[str, tuple[bytes, dict]]:
    """Predictions and manifest of every stored run."""
    return {
        path.parent.relative_to(folder).as_posix(): (
            path.read_bytes(),
            json.loads((path.parent / "run.json").read_text()),
        )
        for path in folder.rglob("predictions.parquet")
    }


class TestStopping:
    """Ctrl-C, or the end of the machine, in the middle of a benchmark."""

    @staticmethod
    def stopping_at(pending: dict[str, PendingRun], at: int, executed: list[str]) -> dict[str, PendingRun]:
        """The runs, noting which are executed; the one at this place is stopped when it has predicted."""

        def wrapped(place: int, key: str, run: PendingRun) -> PendingRun:
            def go():
                executed.append(key)
                result = run.execute()
                if place == at:
                    raise KeyboardInterrupt
                return result

            return PendingRun(run.fingerprint, go)

        return {key: wrapped(place, key, run) for place, (key, run) in enumerate(pending.items())}

    def test_the_finished_run_is_kept_and_only_the_rest_is_done_again(self, tmp_path):
        undisturbed, stopped = (RunsDataset(filepath=str(tmp_path / name)) for name in ("a", "b"))
        undisturbed.save(plan())
        keys = list(plan())

        executed: list[str] = []
        with pytest.raises(KeyboardInterrupt):
            stopped.save(self.stopping_at(plan(), 1, executed))
        assert executed == keys[:2]
        assert set(stored(tmp_path / "b")) == {keys[0]}
        assert not stopped.exists()
        assert not list(tmp_path.rglob(".partial*"))

        executed.clear()
        stopped.save(self.stopping_at(plan(), -1, executed))
        assert executed == keys[1:]
        assert stored(tmp_path / "b") == stored(tmp_path / "a")

    def test_the_tables_are_those_of_an_undisturbed_benchmark(self, tmp_path):
        one_seed = RUNS.model_copy(update={"seeds": (1,)})
        results = []
        for name, disturbed in (("a", False), ("b", True)):
            runs: list[StoredRun] = []
            for model in ("majority", "last_behaviour"):
                dataset = RunsDataset(filepath=str(tmp_path / name / model))
                if disturbed:
                    with pytest.raises(KeyboardInterrupt):
                        dataset.save(self.stopping_at(plan(model, runs=one_seed), 1, []))
                dataset.save(plan(model, runs=one_seed))
                runs += dataset.load()
            results.append(tabulate(runs, ["last_behaviour"], 100))
        one, other = results
        for table in ("metrics", "comparisons", "fairness", "reliability"):
            assert getattr(one, table).to_csv() == getattr(other, table).to_csv()

    def test_a_killed_benchmark_ends_with_the_same_tables(self, tmp_path):
        """Another process is killed, not stopped, at some moment; nothing it half did may count."""
        script = (
            "import sys; from test_runs_behaviour import RunsDataset, plan;"
            "[RunsDataset(filepath=f'{sys.argv[1]}/{m}').save(plan(m)) for m in ('majority', 'last_behaviour')]"
        )
        folder = tmp_path / "killed"
        tests = Path(__file__).parent
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), *sys.path])}
        process = subprocess.Popen([sys.executable, "-c", script, str(folder)], env=environment)
        moment = np.random.default_rng().integers(1, 4)  # runs that are stored when the blow falls
        deadline = time.monotonic() + 120

        def finished() -> int:
            places = os.walk(folder)  # unlike a glob it goes on where a folder vanishes under its hands
            return sum("run.json" in names for place, _, names in places if ".partial" not in place)

        while finished() < moment and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(np.random.default_rng().uniform(0, 0.5))
        process.kill()
        process.wait()
        assert finished() >= moment
        tables = []
        for place in (folder, tmp_path / "undisturbed"):
            runs: list[StoredRun] = []
            for model in ("majority", "last_behaviour"):
                dataset = RunsDataset(filepath=str(place / model))
                dataset.save(plan(model))
                runs += dataset.load()
            tables.append(tabulate(runs, ["last_behaviour"], 100))
        assert not list(folder.rglob(".partial*"))
        for name in ("metrics", "comparisons", "fairness", "reliability"):
            assert getattr(tables[0], name).to_csv() == getattr(tables[1], name).to_csv()


class TestTables:
    @pytest.fixture(scope="class")
    @staticmethod
    def runs(tmp_path_factory: pytest.TempPathFactory) -> list[StoredRun]:
        folder = tmp_path_factory.mktemp("runs")
        found: list[StoredRun] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(behaviour, "_latencies", lambda *_: {"latency_forward_p50_ms": 1.0})
            for model in ("majority", "last_behaviour"):
                dataset = RunsDataset(filepath=str(folder / model))
                dataset.save(plan(model))
                found += dataset.load()
        return found

    @pytest.fixture(scope="class")
    @staticmethod
    def tables(runs: list[StoredRun]) -> Tables:
        return tabulate(runs, ["last_behaviour", "absent"], 100)

    def test_every_run_has_every_slice(self, runs, tables):
        assert tuple(tables.metrics.columns) == tuple(tables.efficiency.columns) == RESULT_COLUMNS
        per_run = tables.metrics.groupby(list(RUN_COLUMNS))["slice"].unique()
        assert len(per_run) == len(runs) == 6
        assert all(set(names) == set(SLICES) for names in per_run)
        assert set(tables.efficiency["slice"]).isdisjoint({"validation"})
        assert tables.environment

    def test_the_baseline_that_looks_at_nothing_is_at_chance(self, tables):
        rows = tables.metrics.query("model == 'majority' and slice == 'all'")
        values = rows.set_index(["protocol", "seed", "metric"])["value"].unstack()
        assert (values["roc_auc"] == 0.5).all()
        np.testing.assert_allclose(values["balanced_accuracy"], 1 / len(CLASSES))
        assert (values.groupby("protocol").nunique() <= 1).all(axis=None)  # it draws nothing from its seed

    def test_comparisons_are_of_challengers_that_ran(self, tables):
        assert set(zip(tables.comparisons["model"], tables.comparisons["peer"], strict=True)) == {
            ("last_behaviour", "majority")
        }
        assert set(tables.comparisons["protocol"]) == {"time", "held_out"}

    def test_variants_are_run_on_the_last_fold_in_time_and_compared_with_their_model(self, tmp_path):
        dataset = RunsDataset(filepath=str(tmp_path / "last_behaviour"))
        loads = {key: (lambda view=view: view) for key, view in views().items()}
        rough = {"main": CONFIG, "rough": CountsConfig(smoothing=500.0)}
        planned = plan_runs("last_behaviour", rough, "small", loads, "d", RUNS, 0.0)
        assert [key for key in planned if key.startswith("rough/")] == [f"rough/time/fold=0/seed={s}" for s in (1, 2)]
        dataset.save(planned)
        tables = tabulate(dataset.load(), [], 100)
        assert set(tables.metrics["variant"]) == {"main", "rough"}
        assert set(tables.fairness["model"]) == {"last_behaviour"}
        rows = tables.comparisons.query("metric == 'accuracy' and slice == 'all'")
        assert rows[["protocol", "model", "peer"]].to_numpy().tolist() == [
            ["time", "last_behaviour", "last_behaviour:rough"]
        ]
        of_variant = tables.metrics.query("metric == 'accuracy' and slice == 'all' and protocol == 'time'")
        means = of_variant.groupby("variant")["value"].mean()
        assert rows["difference"].item() == pytest.approx(means["main"] - means["rough"])

    def test_no_runs_give_empty_tables(self):
        empty = tabulate([], ["last_behaviour"], 100)
        assert all(getattr(empty, name).empty for name in ("metrics", "efficiency", "comparisons", "fairness"))
        assert empty.environment == {}
