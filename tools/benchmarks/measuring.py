"""How everything is measured: the recording, seconds, memory, the machine, and rows of results."""

import gc
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from math import floor, log10
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import psutil
from threadpoolctl import threadpool_info

from helpers import data
from helpers.ridge import run_folds

# ---- the recording

ALPHAS = np.logspace(0, 5, 20)
N_FOLDS = 10
WARM = 64  # voxels of a warm-up call
QUICK = 16  # a quick run takes every 16th voxel


@dataclass(frozen=True, eq=False)
class Setting:
    """A recording to measure on."""

    quick: bool
    X: np.ndarray  # (n_samples, n_features)
    Y: np.ndarray  # (n_samples, n_voxels), float32 as the masker gives it
    runs: np.ndarray  # (n_samples,)

    @property
    def folds(self):
        """Folds of whole runs, as scikit-learn's ``cv`` takes them."""
        return run_folds(self.runs, N_FOLDS)

    def repeat(self, n_runs):
        """Return how often to measure: once in a quick run."""
        return 1 if self.quick else n_runs

    def sizes(self):
        """Return the numbers that a reader needs to judge the others."""
        n_samples, n_features = self.X.shape
        return {
            "samples": n_samples,
            "features": n_features,
            "voxels": self.Y.shape[1],
            "penalties": len(ALPHAS),
            "folds": N_FOLDS,
        }


def load(quick):
    """Load the twin.

    Parameters
    ----------
    quick : bool
        Whether to take few voxels and measure once, to try the benchmarks out.

    Returns
    -------
    Setting
    """
    recording = data.recording(data.load("twin"))
    bold = np.ascontiguousarray(recording.bold[:, :: QUICK if quick else 1])
    return Setting(quick, recording.stimuli, bold, recording.runs)


# ---- seconds, memory, and how they grow

SHORT = 2  # seconds of a turn, after which a side is not called again in it
CALLS = 5  # calls of a side in a turn, at most


class Timing(NamedTuple):
    """Median seconds of several calls, and what the last one returned."""

    seconds: float
    result: Any


def compare(*sides, n_runs):
    """Time several functions in turns, so that all of them meet the same state of the machine.

    A function that takes less than two seconds is called several times in its turn: a single call
    would mostly find what the others left in the processor's memory.

    Parameters
    ----------
    *sides : callable
        Called without arguments. Warm them up before: the first call of a library loads code.
    n_runs : int
        Turns of each.

    Returns
    -------
    list of Timing
        One a side.
    """
    seconds, results = [[] for _ in sides], [None for _ in sides]
    for _ in range(n_runs):
        for i, side in enumerate(sides):
            results[i] = None
            gc.collect()  # what the other side left behind is not this side's work
            times, results[i] = _turn(side)
            seconds[i] += times
    return [Timing(median(times), result) for times, result in zip(seconds, results, strict=True)]


def _turn(side):
    times, result = [], None
    while len(times) < CALLS and sum(times) < SHORT:
        start = time.perf_counter()
        result = side()
        times.append(time.perf_counter() - start)
    return times, result


def slope(x, y):
    """Fit a straight line to the logarithms: y grows as x to the power of its slope.

    Parameters
    ----------
    x, y : sequence of float, above zero

    Returns
    -------
    float
        1 is linear growth, 0 is none.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or values that have no logarithm.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.shape != y.shape or len(np.unique(x)) < 2 or min(x.min(), y.min()) <= 0:
        raise ValueError(
            f"x is {x} and y is {y}; expected two or more different sizes, with a value above "
            "zero for each: add a size, or repeat the measurement."
        )
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def peak_mb():
    """Return the most memory that this process has held so far, in MB (10^6 bytes).

    Pages of a memory-mapped file count while they are mapped.

    Returns
    -------
    float
    """
    if sys.platform.startswith("linux"):
        # Not getrusage: there a new process starts with its parent's peak.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / 1e6
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


# ---- the machine and the libraries that the numbers belong to

PACKAGES = ["numpy", "scipy", "scikit-learn", "himalaya", "nilearn"]


def describe():
    """Describe the machine without its name.

    Returns
    -------
    dict
    """
    blas = {f"{pool['internal_api']} {pool['version']}" for pool in _blas()}
    if not blas:  # threadpoolctl does not know macOS's own
        blas = {np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]}
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": psutil.virtual_memory().total / 1e9,
        "system": platform.system(),
        "blas": ", ".join(sorted(blas)),
        "threads": threads(),
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
    }


def threads():
    """Return how many threads a matrix product gets; set OMP_NUM_THREADS to change it.

    Returns
    -------
    int
    """
    return max((pool["num_threads"] for pool in _blas()), default=1)


def _blas():
    return [pool for pool in threadpool_info() if pool["user_api"] == "blas"]


def _processor():
    if sys.platform.startswith("linux"):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return platform.processor() or platform.machine()


# ---- rows of results

DIGITS = 3  # another run differs in the third digit already


def ratio_row(id, name, compared_with, ours, theirs, *, goal=None, agreement=None, **details):
    """Make a row that holds our time against what a user would use instead.

    Parameters
    ----------
    id : str
    name, compared_with : str
        What is computed, and with what else.
    ours, theirs : float
        Seconds.
    goal : float, optional
        The least ratio wanted.
    agreement : (str, float), optional
        How well the results of both sides agree: what was compared, and the number.
    **details
        ``n_runs``, ``dtype``, ``threads``, ``note``.

    Returns
    -------
    dict
    """
    return {
        "id": id,
        "name": name,
        "compared_with": compared_with,
        "ours_s": ours,
        "theirs_s": theirs,
        "ratio": theirs / ours,
        "goal": goal,
        "agreement": agreement and dict(zip(("what", "value"), agreement, strict=True)),
        **_details(**details),
    }


def limit_row(id, name, value, unit, *, limit=None, at_most=True, **details):
    """Make a row that holds a number against a limit.

    Parameters
    ----------
    id, name : str
    value : float
    unit : str
    limit : float, optional
        None for a number that is stated only.
    at_most : bool
        Whether the number shall be at most the limit, or at least.
    **details
        As for `ratio_row`.

    Returns
    -------
    dict
    """
    row = {"id": id, "name": name, "value": float(value), "unit": unit, "limit": limit}
    return row | {"at_most": at_most} | _details(**details)


def _details(n_runs, dtype, threads, note=""):
    return {"n_runs": n_runs, "dtype": dtype, "threads": str(threads), "note": note}


def reached(row):
    """Say whether a row keeps its goal or limit.

    Parameters
    ----------
    row : dict

    Returns
    -------
    bool or None
        None where there is no goal.
    """
    if "ratio" in row:
        return None if row["goal"] is None else row["ratio"] >= row["goal"]
    if row["limit"] is None:
        return None
    return row["value"] <= row["limit"] if row["at_most"] else row["value"] >= row["limit"]


def rounded(value):
    """Round all floats to three significant digits; whole numbers stay.

    Parameters
    ----------
    value : dict, list, tuple, number, str or None

    Returns
    -------
    The same, with dictionaries and lists made anew.
    """
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    if isinstance(value, float) and value != 0:
        return round(value, DIGITS - 1 - floor(log10(abs(value))))
    return value
