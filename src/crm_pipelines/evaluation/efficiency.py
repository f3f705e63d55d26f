"""What a run costs in time and memory, with the circumstances it was measured in.

Measured numbers differ from machine to machine and from run to run; they are reported with ``environment()`` and
never asserted. Works for any model; torch is looked at only when something else has imported it.
``flops`` counts parameters and arithmetic of torch models.
"""

import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from crm_pipelines.columns import METRIC, RESULT_COLUMNS, RESULT_VALUE, RUN_COLUMNS, SLICE, SLICE_ALL, N

INFERENCE_BATCH: Final = 2048
"""Events per call at which latency is measured."""
SAMPLING_SECONDS: Final = 0.02
MEGABYTE: Final = 1_000_000
PACKAGES: Final = ("numpy", "pandas", "scikit-learn", "torch", "lightgbm")


def resident_bytes() -> int:
    """Memory of this process that lies in RAM now; its peak so far where the system tells no more (not Linux)."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def _cuda() -> Any:
    """``torch.cuda`` when torch has been imported already and sees a GPU, else None; importing costs seconds."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() else None


def synchronise() -> None:
    """Wait for the GPU, so that a clock read next has seen all work; nothing without one."""
    cuda = _cuda()
    if cuda is not None:
        cuda.synchronize()


@dataclass
class Measurement:
    """Cost of the block under ``measure``; complete once the block has ended.

    Attributes:
        seconds: wall-clock time.
        peak_rss_mb: highest resident memory of the whole process while the block ran.
        added_rss_mb: the same less what was resident at its start.
        peak_gpu_mb: highest memory torch held on the GPU; 0 without one.
    """

    seconds: float = 0.0
    peak_rss_mb: float = 0.0
    added_rss_mb: float = 0.0
    peak_gpu_mb: float = 0.0

    def training_facts(self, epochs: int, events: int) -> dict[str, float]:
        """Results of a fit of ``epochs`` passes over ``events`` training events (1 pass for models without epochs)."""
        return {
            "fit_seconds": self.seconds,
            "epochs": float(epochs),
            "seconds_per_epoch": self.seconds / max(epochs, 1),
            "training_events_per_second": events * max(epochs, 1) / max(self.seconds, 1e-9),
            "peak_rss_mb": self.peak_rss_mb,
            "peak_gpu_mb": self.peak_gpu_mb,
        }


@contextmanager
def measure() -> Iterator[Measurement]:
    """Time a block and watch its memory.

    Written ``with measure() as cost: model.fit(inputs)``; ``cost`` is a ``Measurement``.

    Memory is sampled every 20 ms by a thread, and at both ends; a shorter peak can be missed.
    """
    result, done = Measurement(), threading.Event()
    start_bytes = resident_bytes()
    peaks = [start_bytes]

    def sample() -> None:
        while not done.wait(SAMPLING_SECONDS):
            peaks[0] = max(peaks[0], resident_bytes())

    cuda = _cuda()
    if cuda is not None:
        cuda.synchronize()
        cuda.reset_peak_memory_stats()
    sampler = threading.Thread(target=sample, name="memory-sampler", daemon=True)
    sampler.start()
    begun = time.perf_counter()
    try:
        yield result
    finally:
        synchronise()
        result.seconds = time.perf_counter() - begun
        done.set()
        sampler.join()
        peak = max(peaks[0], resident_bytes())
        result.peak_rss_mb = peak / MEGABYTE
        result.added_rss_mb = (peak - start_bytes) / MEGABYTE
        cuda = _cuda()  # the block itself may have imported torch
        result.peak_gpu_mb = cuda.max_memory_allocated() / MEGABYTE if cuda is not None else 0.0


def latency(call: Callable[[], object], repeats: int = 20) -> dict[str, float]:
    """``p50_ms`` and ``p95_ms`` of ``call`` over ``repeats`` timed calls, after three untimed ones, or as many."""
    if repeats < 1:
        raise ValueError("'repeats' must be at least 1")
    for _ in range(min(3, repeats)):
        call()
    synchronise()
    times = np.empty(repeats)
    for repeat in range(repeats):
        begun = time.perf_counter()
        call()
        synchronise()
        times[repeat] = time.perf_counter() - begun
    p50, p95 = np.percentile(times * 1000.0, [50, 95])
    return {"p50_ms": float(p50), "p95_ms": float(p95)}


def latencies(calls: Mapping[str, Callable[[], object]], batch: int, repeats: int = 20) -> dict[str, float]:
    """``latency_<name>_p50_ms`` and ``_p95_ms`` of each call, and what they say about throughput.

    Args:
        calls: usually ``features``, ``forward`` and ``end_to_end``, each for the same batch of events.
        batch: events per call, ``INFERENCE_BATCH`` where the data have as many.
        repeats: timed calls each.
    """
    values = {"inference_batch": float(batch)}
    for name, call in calls.items():
        timed = latency(call, repeats)
        values |= {f"latency_{name}_{quantile}": milliseconds for quantile, milliseconds in timed.items()}
        if name == "end_to_end":
            values["inference_events_per_second"] = 1000.0 * batch / max(timed["p50_ms"], 1e-9)
    return values


def _processor() -> str:
    """Name of the processor as the system gives it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def environment(device: str = "cpu", dtype: str = "float32") -> dict[str, str]:
    """The circumstances of a measurement: device, dtype, threads, processor, system, versions of what was used.

    Args:
        device: where the model ran, ``cpu`` or ``cuda``.
        dtype: numbers it computed in.
    """
    torch = sys.modules.get("torch")
    cuda = _cuda()
    facts = {
        "device": device,
        "gpu": cuda.get_device_name() if cuda is not None else "none",
        "dtype": dtype,
        "threads": str(torch.get_num_threads() if torch is not None else (os.cpu_count() or 1)),
        "cores": str(os.cpu_count() or 1),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    return facts


def efficiency_rows(run: Mapping[str, Any], values: Mapping[str, float | None], n: int) -> pd.DataFrame:
    """Measured numbers as result rows on slice ``all``: ``RESULT_COLUMNS``.

    Args:
        run: a value for each of ``RUN_COLUMNS``.
        values: name -> number; None (not measurable for this model) becomes NaN.
        n: events the measurement was made on.

    Raises:
        ValueError: a value is not a number; facts in words belong in the manifest beside ``environment()``.
    """
    words = [name for name, value in values.items() if value is not None and not isinstance(value, int | float)]
    if words:
        raise ValueError(f"not numbers: {', '.join(words)}; keep such facts with environment()")
    identity = {column: run[column] for column in RUN_COLUMNS}
    numbers = [float("nan") if value is None else float(value) for value in values.values()]
    rows = pd.DataFrame({**identity, SLICE: SLICE_ALL, METRIC: list(values), RESULT_VALUE: numbers, N: n})
    return rows[list(RESULT_COLUMNS)]
