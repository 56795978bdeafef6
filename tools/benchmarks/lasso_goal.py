"""Receptive fields of the whole mask against a loop of LassoLarsCV over voxels."""

import warnings

import numpy as np
from joblib import Parallel, delayed
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoLarsCV
from threadpoolctl import threadpool_limits

from benchmarks.points import run_point
from benchmarks.rows import limit_row, ratio_row
from benchmarks.timing import compare
from helpers import receptive_fields
from helpers._engine.folds import run_folds
from helpers._engine.lasso_choice import fit_with_best_penalty

N_FOLDS = 5
N_JOBS = 2
LOOPED = 256  # voxels of the loop, evenly spaced; the mask's time is scaled from theirs


def fit_voxel(X, y, folds):
    """Fit one voxel with scikit-learn.

    Parameters
    ----------
    X : ndarray, shape (n_samples, n_pixels)
    y : ndarray, shape (n_samples,)
    folds : list of (train, test)

    Returns
    -------
    coef : ndarray, shape (n_pixels,)
    alpha : float
    """
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of paths that end early
        model = LassoLarsCV(max_iter=10, cv=folds).fit(X, y)
    return model.coef_, model.alpha_


def measure(setting):
    """Measure the goals of receptive fields.

    Parameters
    ----------
    setting : Setting

    Returns
    -------
    ratios, limits : list of dict
    """
    X, Y, runs = setting.X, setting.Y.astype(np.float64), setting.runs
    folds = run_folds(runs, N_FOLDS)
    n_looped = 16 if setting.quick else LOOPED
    chosen = np.linspace(0, Y.shape[1] - 1, n_looped).astype(int)

    def loop(voxels):
        return Parallel(N_JOBS)(delayed(fit_voxel)(X, Y[:, voxel], folds) for voxel in voxels)

    def whole_mask():
        return receptive_fields.lasso(X, Y, runs, N_FOLDS)

    receptive_fields.lasso(X, Y[:, :8], runs, N_FOLDS)
    loop(chosen[:8])
    n_runs = setting.repeat(3)
    (ours,) = compare(whole_mask, n_runs=n_runs)
    (theirs,) = compare(lambda: loop(chosen), n_runs=1)
    details = {"dtype": "float64", "threads": f"{N_JOBS} threads; {N_JOBS} processes of 1 thread"}
    ratio = ratio_row(
        "lasso",
        f"lasso: receptive fields of {Y.shape[1]:,} voxels, {N_FOLDS} folds",
        "loop of scikit-learn's LassoLarsCV over voxels",
        ours.seconds,
        theirs.seconds * Y.shape[1] / n_looped,
        goal=20,
        n_runs=n_runs,
        **details,
        note=f"The loop ran once, on {n_looped} evenly spaced voxels; its time is scaled to all.",
    )
    details["threads"] = f"{N_JOBS}"
    limits = _agreement(X, Y[:, chosen], runs, theirs.result, n_runs=1, **details)
    return [ratio], [_memory(setting, details), *limits]


def _memory(setting, details):
    peak = run_point("lasso", quick=setting.quick)["peak_mb"]
    return limit_row(
        "lasso-memory",
        "lasso: most memory of a process that does it",
        peak / 1e3,
        "GB",
        limit=1,
        n_runs=1,
        **details,
        note="With Python, the libraries and the recording in float32 and float64.",
    )


def _agreement(X, Y, runs, looped, **details):
    """Compare the looped voxels with scikit-learn's support, penalty and coefficients."""
    theirs, their_alphas = map(np.array, zip(*looped, strict=True))
    ours = receptive_fields.lasso(X, Y, runs, N_FOLDS)
    tests = [test for _, test in run_folds(runs, N_FOLDS)]
    _, our_alphas = fit_with_best_penalty(X, Y, tests)
    support = ((ours != 0) == (theirs != 0)).all(axis=1)
    penalty = np.isclose(our_alphas, their_alphas, rtol=1e-6, atol=0)
    difference = abs(ours - theirs)[support].max(initial=0)
    share = {"unit": "%", "limit": 99, "at_most": False, **details}
    share["note"] = f"Of {len(ours)} evenly spaced voxels, against scikit-learn."
    return [
        limit_row(
            "lasso-support", "lasso: voxels with the same pixels", 100 * support.mean(), **share
        ),
        limit_row(
            "lasso-penalty", "lasso: voxels with the same penalty", 100 * penalty.mean(), **share
        ),
        limit_row(
            "lasso-coefficients",
            "lasso: largest difference of a coefficient",
            difference,
            "response per pixel",
            limit=1e-6,
            **details,
            note="Over voxels with the same pixels.",
        ),
    ]
