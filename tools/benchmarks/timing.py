"""Seconds, memory, and how they grow."""

import gc
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import psutil

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
