"""The distance to the limit: what share of the machine's matrix-multiplication rate is reached.

A product of an (m, k) with a (k, n) matrix takes 2 m k n floating-point operations, one
multiplication and one addition for each of its terms. Let n, p, v, K and a stand for the numbers
of samples, features, voxels, folds and penalties, and d for the directions in which a training set
varies (p, unless features depend on each other). `helpers._engine.ridge` takes

- sums: X'Y of each fold, 2 n p v for all folds together;
- means, for each fold: adding up X'Y of the training set, and the parts from the folds' means,
  4 K p v;
- products, for each fold: Q' times X'Y of the training set and of the fold, 4 p d v; C times the
  first, 2 d d v;
- penalties, for each fold: two sums over the directions for each penalty, 4 a d v.

All sums of single numbers are not counted: they wait for memory, not for arithmetic, and appear as
time. Nor are the eigendecompositions: they involve no voxel, and appear as the plan's time.
"""

import numpy as np

from benchmarks.measuring import ALPHAS, N_FOLDS, compare, threads
from helpers._engine.folds import tabulate
from helpers._engine.ridge import make_plan
from helpers._engine.sums import BLOCK, VoxelSums, pool, sum_voxels
from helpers._engine.threads import for_blocks

SIDE = 4000  # rows and columns of the product that stands for the machine's rate


def operations(plan, n_samples, n_voxels):
    """Count the operations of the matrix products, by step.

    Parameters
    ----------
    plan : helpers._engine.ridge.SumsPlan
    n_samples, n_voxels : int

    Returns
    -------
    dict of int
        For "sums", "means", "products" and "penalties".
    """
    n_pieces, n_features = plan.features.mean.shape
    a_column = {
        "sums": 2 * n_samples * n_features,
        "means": len(plan.splits) * 4 * n_pieces * n_features,
        "products": sum(4 * s.rotation.size + 2 * s.products.size for s in plan.splits),
        "penalties": sum(2 * split.shrinkage.size for split in plan.splits),
    }
    return {step: count * n_voxels for step, count in a_column.items()}


def measure(setting):
    """Measure rates and shares in both precisions.

    Parameters
    ----------
    setting : Setting

    Returns
    -------
    dict of dict
        By precision.
    """
    return {dtype: _measure(setting, np.dtype(dtype)) for dtype in ("float64", "float32")}


def _measure(setting, dtype):
    X, Y = setting.X, setting.Y.astype(dtype)
    table = tabulate(N_FOLDS, X, Y, setting.runs)
    plan = make_plan(X, table, ALPHAS, dtype)
    square = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(dtype)
    functions = {
        "whole": lambda: make_plan(X, table, ALPHAS, dtype).score(Y),
        "product": lambda: square @ square,
        "plan": lambda: make_plan(X, table, ALPHAS, dtype),
        **_steps(plan, Y),
    }
    for function in functions.values():
        function()
    n_runs = setting.repeat(5)
    timings = compare(*functions.values(), n_runs=n_runs)
    seconds = {name: t.seconds for name, t in zip(functions, timings, strict=True)}
    rate = 2 * SIDE**3 / seconds.pop("product") / 1e9
    counts = operations(plan, *Y.shape)
    return {
        **shares(seconds, counts, rate),
        "dtype": dtype.name,
        "threads": threads(),
        "n_runs": n_runs,
    }


def _steps(plan, Y):
    """Return functions that repeat one step of `helpers._engine.ridge` each, over all voxels."""
    rng = np.random.default_rng(0)
    n_pieces, n_features = plan.features.mean.shape
    xy = rng.standard_normal((n_pieces, n_features, BLOCK)).astype(plan.dtype)
    some = VoxelSums(rng.standard_normal((n_pieces, BLOCK)), xy, xy[:, 0])
    terms = np.concatenate([xy[0], xy[1]])

    def of(array, block):
        return array[..., : len(range(*block.indices(Y.shape[1])))]

    def sums(block):
        sum_voxels(plan.features, Y, block)

    def means(block):
        within, right = of(some.xy, block), of(some.mean, block).astype(plan.dtype)
        for split in plan.splits:
            for members in (split.train > 0, split.test):
                pool(members, plan.features.n, within, split.from_mean, right)

    def products(block):
        z = of(xy[0], block)
        for split in plan.splits:
            split.rotation @ z
            split.rotation @ z
            split.products @ z[: len(split.products)]

    def penalties(block):
        for split in plan.splits:
            split.shrinkage @ of(terms, block)[: split.shrinkage.shape[1]]

    works = {"sums": sums, "means": means, "products": products, "penalties": penalties}
    return {
        name: (lambda work=work: for_blocks(work, Y.shape[1], BLOCK))
        for name, work in works.items()
    }


def shares(seconds, counts, rate):
    """Set the time of each step and its operations against the machine's rate.

    Parameters
    ----------
    seconds : dict of float
        Of the "whole", the "plan", and the steps.
    counts : dict of int
        Operations of a step's products.
    rate : float
        Of the machine, in 10^9 operations a second.

    Returns
    -------
    dict
    """
    steps = {step: seconds[step] for step in ("plan", *counts)}
    steps["rest"] = seconds["whole"] - sum(steps.values())
    total = sum(counts.values()) / 1e9
    return {
        "matmul_gflops": rate,
        "seconds": seconds["whole"],
        "gflop": total,
        "gflops": total / seconds["whole"],
        "share": total / seconds["whole"] / rate,
        "steps": [
            {
                "id": step,
                "name": NAMES[step],
                "seconds": time,
                "gflop": counts[step] / 1e9 if step in counts else None,
                "share": counts[step] / 1e9 / time / rate if step in counts else None,
            }
            for step, time in steps.items()
        ],
    }


NAMES = {
    "plan": "features alone: eigendecompositions and tables",
    "sums": "means and X'Y of each fold",
    "means": "X'Y of each training set, with its means",
    "products": "products with Q and C",
    "penalties": "two sums for each penalty",
    "rest": "the rest: products of single numbers, copies, R2",
}
