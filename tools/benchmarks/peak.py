"""The distance to the limit: what share of the machine's matrix-multiplication rate is reached.

A product of an (m, k) with a (k, n) matrix takes 2 m k n floating-point operations, one
multiplication and one addition for each of its terms. Let n, p, v, K and a stand for the numbers
of samples, features, voxels, folds and penalties, and d for the directions in which a training set
varies (p, unless features depend on each other). `helpers._engine.held_out` multiplies

- sums: X'Y of each fold, 2 n p v for all folds together;
- rotations, for each fold: Q' times X'Y of the training set and of the fold, 4 p d v; the part of
  X'Y from the folds' means, 2 p K v; the terms that are linear in the weights, 2 a d v;
- triangle, for each fold: R scaled for each penalty times Q'X'Y. A strip of R with r rows that
  starts in column s takes 2 a r (d - s) v. Exact triangles would take a d (d + 1) v.

Squaring what the triangle gives, and adding it up, takes 2 operations a value. That and all sums of
single numbers are not counted: they wait for memory, not for arithmetic, and appear as time. Nor
are the eigen- and triangular decompositions: they involve no voxel, and appear as the plan's time.
"""

import numpy as np

from benchmarks.machine import threads
from benchmarks.setting import ALPHAS, N_FOLDS
from benchmarks.timing import compare
from helpers import ridge
from helpers._engine import held_out
from helpers._engine.threads import for_blocks

SIDE = 4000  # rows and columns of the product that stands for the machine's rate


def operations(plan, n_samples, n_voxels):
    """Count the operations of the matrix products, by step.

    Parameters
    ----------
    plan : helpers._engine.held_out.Plan
    n_samples, n_voxels : int

    Returns
    -------
    dict of int
        For "sums", "rotations" and "triangle".
    """
    n_features, n_folds = plan.splits[0].x_weighted.shape
    a_column = {"sums": 2 * n_samples * n_features, "rotations": 0, "triangle": 0}
    for split in plan.splits:
        a_column["rotations"] += 4 * split.rotation.size + 2 * n_features * n_folds
        a_column["rotations"] += 2 * split.shrinkage.size
        a_column["triangle"] += sum(2 * strip.size for _, strip in split.strips)
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
    return {dtype: _measure(setting, dtype) for dtype in ("float64", "float32")}


def _measure(setting, dtype):
    X, Y = setting.X, setting.Y.astype(dtype)
    plan = held_out.make_plan(X, setting.runs, ALPHAS, N_FOLDS, dtype)
    square = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(dtype)

    def whole():
        ridge.cross_validate(X, Y, setting.runs, ALPHAS, N_FOLDS, dtype)

    functions = {
        "whole": whole,
        "product": lambda: square @ square,
        "plan": lambda: held_out.make_plan(X, setting.runs, ALPHAS, N_FOLDS, dtype),
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
        "dtype": dtype,
        "threads": threads(),
        "n_runs": n_runs,
    }


def _steps(plan, Y):
    """Return functions that repeat one step of `helpers._engine.held_out` each, over all voxels."""
    rng = np.random.default_rng(0)
    n_features = len(plan.splits[0].rotation)
    numbers = rng.standard_normal((n_features, held_out.BLOCK)).astype(plan.dtype)

    def sums(block):
        held_out.sum_folds(plan.folds, Y, block, plan.dtype)

    def rotations(block):
        z = numbers[:, : len(range(*block.indices(Y.shape[1])))]
        for split in plan.splits:
            split.rotation.T @ (z + split.x_weighted @ z[: len(plan.folds)])
            split.shrinkage @ (split.rotation.T @ z)

    def triangle(block, squared=False):
        z = numbers[:, : len(range(*block.indices(Y.shape[1])))]
        for split in plan.splits:
            for start, strip in split.strips:
                product = strip @ z[start : split.rotation.shape[1]]
                if squared:
                    product = product.reshape(len(plan.alphas), -1, z.shape[1])
                    np.einsum("apv,apv->av", product, product)

    def squares(block):
        triangle(block, squared=True)

    works = {"sums": sums, "rotations": rotations, "triangle": triangle, "squares": squares}
    return {
        name: (lambda work=work: for_blocks(work, Y.shape[1], held_out.BLOCK))
        for name, work in works.items()
    }


def shares(seconds, counts, rate):
    """Set the time of each step and its operations against the machine's rate.

    Parameters
    ----------
    seconds : dict of float
        Of the "whole", the "plan", and the steps; "squares" with the products they follow.
    counts : dict of int
        Operations of a step's products.
    rate : float
        Of the machine, in 10^9 operations a second.

    Returns
    -------
    dict
    """
    steps = {step: seconds[step] for step in ("plan", "sums", "rotations", "triangle")}
    steps["squares"] = seconds["squares"] - seconds["triangle"]
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
    "plan": "features alone: eigen- and triangular decompositions",
    "sums": "means and X'Y of each fold",
    "rotations": "X'Y in the directions of the training set",
    "triangle": "products with the triangular factor",
    "squares": "squaring and adding up what they give",
    "rest": "the rest: sums of folds, copies, R2, the best penalty",
}
