"""What the checks of the exercises say to wrong answers: What the score hides."""

import numpy as np
import pytest
from small_recordings import N_RUNS, block_design, fold_scores

from helpers.exercises import what_the_score_hides


@pytest.fixture(scope="module")
def data():
    return block_design()


def test_honest_hundred(data, capsys):
    """Gains of all sizes among 160 voxels, so that it depends on the folds who is chosen."""
    rng = np.random.default_rng(8)
    X, runs, gain = data.images, data.runs, 0.15 * rng.random(160)
    Y = X @ (gain * rng.standard_normal((30, 160))) + rng.standard_normal((len(X), 160))
    scores = fold_scores(X, Y, runs, 1000.0, 10)
    honest, shortcut = [], []
    for run in range(N_RUNS):
        train = runs != run
        inner = fold_scores(X[train], Y[train], runs[train], 1000.0, 9).mean(axis=0)
        honest.append(scores[run, np.argsort(inner)[-100:]].mean())
        others = np.delete(scores, run, axis=0).mean(axis=0)
        shortcut.append(scores[run, np.argsort(others)[-100:]].mean())
    best = np.argsort(scores.mean(axis=0))[-100:]
    flattering, each = scores[:, best].mean(), np.sort(scores, axis=1)
    for answers, says in [
        ((honest, flattering), "right."),
        ((np.array(honest, dtype=np.float32), flattering), "right."),
        ((..., flattering), "`honest` is still empty"),
        ((np.mean(honest), flattering), "has the shape (); it should be (10,)"),
        ((shortcut, flattering), "trained on the fold that you score"),
        ((scores[:, best].mean(axis=1), flattering), "had a part in the choice of its voxels"),
        ((each[:, -100:].mean(axis=1), flattering), "each fold chose its own best"),
        ((each[:, :100].mean(axis=1), flattering), "the worst voxels"),
        ((np.add(honest, 0.01), flattering), "`honest` is wrong in 10 of 10"),
        ((honest, np.mean(honest)), "the mean of `honest`"),
        ((honest, each[:, -100:].mean()), "by the mean over all folds"),
        ((honest, scores.mean()), "the mean over all voxels"),
        ((honest, flattering + 0.01), "too large"),
    ]:
        what_the_score_hides.check_1(*answers, X, Y, runs)
        assert says in capsys.readouterr().out
