"""Small recordings and trials, made of random numbers, that tests of several pages share.

Beside them stand what these tests compute by hand, and what a check of an exercise prints.
"""

from types import SimpleNamespace

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from helpers.decoding import reconstruct, smooth_covariance

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


def short_runs():
    """Twenty short runs of 30 pixels, so that some fits have fewer images than weights."""
    rng = np.random.default_rng(2)
    stimuli = np.repeat(rng.integers(0, 2, (20 * 7, 30)), 2, axis=0).astype(float)
    bold = stimuli @ rng.standard_normal((30, 2)) + 4 * rng.standard_normal((280, 2))
    bold -= bold.mean(axis=0)
    return SimpleNamespace(
        stimuli=stimuli, bold=bold.astype(np.float32), runs=np.repeat(range(20), 14)
    )


def runs_with_rest():
    """Six runs with rest rows coded -1, offsets, and four voxels."""
    rng = np.random.default_rng(2)
    runs = np.repeat(np.arange(6), 25)
    X = rng.integers(0, 2, size=(len(runs), 10)).astype(float)
    X[rng.random(len(runs)) < 0.5] = -1
    Y = X @ rng.normal(size=(10, 4)) + 3 * rng.normal(size=(len(runs), 4)) + [0.0, 1.0, -2.0, 40.0]
    return X, Y, runs


def runs_and_regressor():
    """Six runs of ten pixels, about half of the rows rest, and the stimulus regressor."""
    rng = np.random.default_rng(3)
    runs = np.repeat(np.arange(6), 40)
    on = rng.random((len(runs), 1)) < 0.5
    X = np.where(on, rng.integers(0, 2, size=(len(runs), 10)), 0.0)
    Y = X @ rng.normal(size=(10, 3)) + on + rng.normal(size=(len(runs), 3))
    return X, on.astype(float), Y, runs


def random_and_figure_trials():
    """Random trials, four figures with 5 trials each, and the level of the random trials."""
    rng = np.random.default_rng(2)
    level, found = rng.normal(size=60), []
    squares = np.kron(rng.integers(0, 2, (4, 5, 5)), np.ones((2, 2))).reshape(4, 100)
    for images in (rng.integers(0, 2, (15, 100)) * 1.0, np.tile(squares, (5, 1))):
        B, b = rng.normal(size=(100, 60)), rng.normal(size=60) + level
        root = rng.normal(size=(60, 60)) / 3
        S = 20 * (root @ root.T + np.eye(60))
        noise = rng.normal(size=(len(images), 60)) @ np.linalg.cholesky(S).T
        found.append((images, images @ B + b + 2 + noise, B, b, S))
    return *found, level


def mean_r(images, drawn):
    """Mean correlation of drawings with their images."""
    return np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(images, drawn, strict=True)])


def draw(y, B, b, S, length=1.0, mean=0.5):
    """Drawings of trials with a smooth prior."""
    return reconstruct(y, B, b, S, np.full(100, mean), smooth_covariance(0.25, length))[0]


def said(capsys, check, *answers):
    """What a check prints about these answers."""
    check(*answers)
    return capsys.readouterr().out
