"""Nested cross-validation: each fold's penalty is chosen without it."""

import numpy as np

from helpers._engine.folds import halves
from helpers._engine.held_out import BLOCK, Plan, score_sums, sum_folds
from helpers._engine.splits import leave_each_out, make_fold
from helpers._engine.threads import for_blocks


def inner_plans(plan, X, runs):
    """Prepare, for each fold, the cross-validation over the others.

    Parameters
    ----------
    plan : Plan
    X : ndarray, shape (n_samples, n_features)
    runs : ndarray, shape (n_samples,)

    Returns
    -------
    list of Plan
    """
    plans = []
    for fold in plan.folds:
        others = [other for other in plan.folds if other is not fold]
        if len(others) == 1:
            rows = np.arange(len(X))[others[0].rows]
            others = [make_fold(X, part) for part in halves(rows, runs)]
        splits = leave_each_out(others, plan.alphas, plan.dtype)
        plans.append(Plan(others, splits, plan.alphas, plan.dtype))
    return plans


def score(plan, inner, Y):
    """Score each fold at the penalty that the other folds choose, voxel by voxel.

    Parameters
    ----------
    plan : Plan
    inner : list of Plan
        From `inner_plans`.
    Y : array, shape (n_samples, n_voxels)

    Returns
    -------
    ndarray, shape (n_voxels,)
        Mean R2 over the folds; NaN where a voxel is constant over one.
    """
    nested = np.empty(Y.shape[1])
    parts = list({fold: None for each in [plan, *inner] for fold in each.folds})

    def work(block):
        sums = dict(zip(parts, sum_folds(parts, Y, block, plan.dtype), strict=True))
        scores = score_sums(plan.splits, [sums[fold] for fold in plan.folds])
        chosen = np.empty(scores.shape[1:])
        for f, choice in enumerate(inner):
            means = score_sums(choice.splits, [sums[fold] for fold in choice.folds]).mean(axis=1)
            best = scores[means.argmax(axis=0), f, np.arange(means.shape[1])]
            chosen[f] = np.where(np.isnan(means).any(axis=0), np.nan, best)
        nested[block] = chosen.mean(axis=0)

    for_blocks(work, Y.shape[1], BLOCK)
    return nested
