"""What the checks of chapter 6's exercises say to wrong answers."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from helpers.exercises import better_models

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


@pytest.fixture(scope="module")
def data():
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


def exchanged(images, step):
    runs = images.reshape(N_RUNS, LENGTH, -1)
    return np.stack([runs[(run + step) % N_RUNS] for run in range(N_RUNS)]).reshape(images.shape)


def test_wrong_run(data, capsys):
    def score(images, lag=3, alpha=1000.0, n_folds=5):
        table = late(images, (lag,))
        return fold_scores(table, data.Y, data.runs, alpha, n_folds).mean(axis=0)

    wrong = exchanged(data.images, 1)
    found = score(wrong)
    for answers, says in [
        (("most", "which image", found), "right."),
        (("half", "which image", found), "more is left"),
        (("nothing", "which image", found), "more is left"),
        (("all", "which image", found), "should be one of 'half' or 'most' or 'nothing'"),
        (("most", "any response", found), "the test cannot notice that"),
        (("most", "which image", ...), "`wrong_score` is still empty"),
        (("most", "which image", found.mean()), "has the shape (); it should be (20,)"),
        (("most", "which image", score(data.images)), "the scores of the right images"),
        (("most", "which image", score(exchanged(data.images, -1))), "the run before"),
        (("most", "which image", score(wrong, lag=0)), "not delayed"),
        (("most", "which image", score(wrong, alpha=100.0)), "the penalty is 1000"),
        (("most", "which image", score(wrong, n_folds=10)), "`options` say 5"),
        (("most", "which image", found + 0.1), "wrong in 20 of 20"),
    ]:
        better_models.check_1(*answers, data.images, data.Y, data.runs)
        assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    ("on_gain", "says"),
    [
        (0.0, {"nothing": "right.", "half": "less is left", "most": "less is left"}),
        (1.75, {"nothing": "more is left", "half": "right.", "most": "less is left"}),
    ],
)
def test_what_is_left_is_worked_out_from_the_data(data, capsys, on_gain, says):
    rng = np.random.default_rng(7)
    pixels = late(data.images - 0.5 * data.on, (3,))
    noise = 0.1 * rng.standard_normal((len(pixels), 5))
    Y = pixels @ rng.standard_normal((30, 5)) + on_gain * late(data.on, (3,)) + noise
    found = fold_scores(late(exchanged(data.images, 1), (3,)), Y, data.runs, 1000.0, 5).mean(axis=0)
    for kept, said in says.items():
        better_models.check_1(kept, "which image", found, data.images, Y, data.runs)
        assert said in capsys.readouterr().out


def test_more_delays(data, capsys):
    def tables(*lags):
        return [late(data.on, each) for each in lags]

    def score(*lags):
        found = [fold_scores(each, data.Y, data.runs, 1.0, 5) for each in tables(*lags)]
        return np.mean(found, axis=1)

    given = (1, 2, 3, 4), range(6), range(9)
    scores = score(*given)
    spreads = np.array([np.linalg.cond(each - each.mean(axis=0)) for each in tables(*given)])
    raw = [np.linalg.cond(each) for each in tables(*given)]
    short = score((1, 2, 3), range(5), range(8))
    for answers, says in [
        ((scores, spreads, False, 3, 6), "right."),
        ((list(scores), spreads.round(), np.False_, 3, 6), "right."),
        ((None, spreads, False, 3, 6), "`column_scores` is still empty"),
        ((short, spreads, False, 3, 6), "`range` stops before its end"),
        ((score((4,), (5,), (8,)), spreads, False, 3, 6), "all delays at once"),
        ((scores.mean(axis=1), spreads, False, 3, 6), "has the shape (3,); it should be (3, 20)"),
        ((scores[:, ::-1], spreads, False, 3, 6), "`column_scores` is wrong in"),
        ((scores, raw, False, 3, 6), "means are still in"),
        ((scores, spreads**2, False, 3, 6), "are squares"),
        ((scores, spreads[0], False, 3, 6), "`conditions` has the shape ()"),
        ((scores, spreads, True, 3, 6), "compare the means over `in_v1`"),
        ((scores, spreads, False, 6, 3), "most alike"),
        ((scores, spreads, False, 4, 6), "an image stays for three"),
        ((scores, spreads, False, 3, 3), "that one is the opposite"),
        ((scores, spreads, False, 3, 7), "the next one comes after six"),
    ]:
        in_v1 = np.arange(N_VOXELS) < 12
        better_models.check_2(*answers, in_v1, data.on, data.Y, data.runs)
        assert says in capsys.readouterr().out


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
        ((scores[:, best].mean(axis=1), flattering), "had a part in the choice"),
        ((each[:, -100:].mean(axis=1), flattering), "each fold chose its own best"),
        ((each[:, :100].mean(axis=1), flattering), "the worst voxels"),
        ((np.add(honest, 0.01), flattering), "`honest` is wrong in 10 of 10"),
        ((honest, np.mean(honest)), "the honest mean"),
        ((honest, each[:, -100:].mean()), "Choose by the mean of all"),
        ((honest, scores.mean()), "the mean of all voxels"),
        ((honest, flattering + 0.01), "too large"),
    ]:
        better_models.check_3(*answers, X, Y, runs)
        assert says in capsys.readouterr().out
