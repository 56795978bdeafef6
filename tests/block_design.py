"""A small recording with blocks, as exercises about chapters 6 and 7 have it, and its scores."""

from types import SimpleNamespace

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

N_RUNS, LENGTH, N_VOXELS = 10, 70, 20


def fold_scores(X, Y, runs, alpha, n_folds):
    """R2 of each voxel on folds of equally many runs that follow one another: folds x voxels."""
    labels = np.unique(runs)
    scores = []
    for held_out in np.split(labels, n_folds):
        test = np.isin(runs, held_out)
        predicted = Ridge(alpha).fit(X[~test], Y[~test]).predict(X[test])
        scores.append(r2_score(Y[test], predicted, multioutput="raw_values"))
    return np.array(scores)


def late(table, lags):
    """The table delayed within each run, lag after lag."""
    parts = table.reshape(N_RUNS, LENGTH, -1)
    moved = [np.pad(parts, ((0, 0), (lag, 0), (0, 0)))[:, :LENGTH] for lag in lags]
    return np.concatenate(moved, axis=2).reshape(N_RUNS * LENGTH, -1)


def block_design():
    """Runs of ten blocks, 3 volumes of an image and 3 of rest, and what answers 3 volumes later."""
    rng = np.random.default_rng(6)
    on = np.zeros((N_RUNS, LENGTH))
    on[:, 5:65] = np.tile([1, 1, 1, 0, 0, 0], 10)
    drawn = rng.integers(0, 2, (N_RUNS, 10, 30)).astype(float)
    images = np.zeros((N_RUNS, LENGTH, 30))
    images[:, 5:65] = np.repeat(drawn, 6, axis=1)
    images *= on[:, :, np.newaxis]
    images, on = images.reshape(N_RUNS * LENGTH, 30), on.reshape(-1, 1)
    weights = 0.3 * rng.standard_normal((30, N_VOXELS))
    Y = late(images, (3,)) @ weights + 2 * late(on, (3,)) + rng.standard_normal((len(on), N_VOXELS))
    runs = np.repeat(np.arange(N_RUNS), LENGTH)
    return SimpleNamespace(images=images, on=on, Y=Y, runs=runs)
