"""One measurement in a process of its own, so that its memory is its own.

`run_point` starts ``python -m benchmarks.points`` with a task and its arguments as JSON, and
reads the result from its standard output.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks import setting
from benchmarks.timing import peak_mb
from helpers import inference, receptive_fields, ridge, scaling

FOLDER = Path(__file__).parents[1]  # in which Python finds this package
N_SCAN_RUNS = 20  # of made-up recordings; two to a fold
ENOUGH = 10  # seconds after which a point is not measured again


def run_point(task, **arguments):
    """Do a task of this module in a new process.

    Parameters
    ----------
    task : {"growth", "voxels", "permutations", "lasso"}
    **arguments
        Of the task's function.

    Returns
    -------
    dict
        What the function returns, and ``peak_mb``.

    Raises
    ------
    subprocess.CalledProcessError
        If the task fails; its message is on stderr.
    """
    command = [sys.executable, "-m", "benchmarks.points", json.dumps({"task": task} | arguments)]
    quiet = os.environ | {"TQDM_DISABLE": "1"}
    done = subprocess.run(command, cwd=FOLDER, env=quiet, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def made_up(samples, features):
    """Make up features and runs.

    Parameters
    ----------
    samples, features : int

    Returns
    -------
    X : ndarray, shape (samples, features)
    runs : ndarray of int, shape (samples,)
    """
    X = np.random.default_rng(0).standard_normal((samples, features))
    return X, np.arange(samples) * N_SCAN_RUNS // samples


def growth(samples, features, voxels):
    """Score made-up voxels in memory, in float64."""
    X, runs = made_up(samples, features)
    Y = np.random.default_rng(1).standard_normal((samples, voxels))
    return _repeat(lambda: ridge.cross_validate(X, Y, runs, setting.ALPHAS, setting.N_FOLDS))


def voxels(bold, samples, features):
    """Score a file of voxels block by block, in float32."""
    X, runs = made_up(samples, features)

    def score():
        with TemporaryDirectory() as folder:
            scaling.score_blocks(folder, X, bold, runs, setting.ALPHAS, setting.N_FOLDS)

    return _repeat(score)


def permutations(n, quick):
    """Score the twin with runs in other orders, once."""
    twin = setting.load(quick)
    null = np.full((n, twin.Y.shape[1]), np.nan)
    start = time.perf_counter()
    inference.permute_runs(null, twin.X, twin.Y, twin.runs, n_folds=setting.N_FOLDS)
    assert np.isfinite(null).all()
    return {"seconds": time.perf_counter() - start, "dtype": "float32"}


def lasso(quick):
    """Estimate the twin's receptive fields, once."""
    twin = setting.load(quick)
    start = time.perf_counter()
    receptive_fields.lasso(twin.X, twin.Y, twin.runs)
    return {"seconds": time.perf_counter() - start}


def _repeat(work):
    """Time work up to three times; long work fewer times."""
    seconds = []
    while len(seconds) < 3 and sum(seconds) < ENOUGH:
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return {"seconds": median(seconds), "n_runs": len(seconds)}


def _warm_up():
    X, runs = made_up(100, 10)
    ridge.cross_validate(X, X, runs, setting.ALPHAS)


TASKS = {"growth": growth, "voxels": voxels, "permutations": permutations, "lasso": lasso}

if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    task = TASKS[arguments.pop("task")]
    _warm_up()
    before = peak_mb()
    result = task(**arguments)
    print(json.dumps(result | {"peak_mb": peak_mb(), "added_mb": peak_mb() - before}))
