"""What the checks of chapter 6's exercises say to wrong answers."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from helpers.exercises import recovering_the_truth

N_RUNS, LENGTH, N_CHOSEN = 10, 40, 24


@pytest.fixture(autouse=True)
def strongest_pixel(monkeypatch):
    """Let the strongest pixel stand for the fitted centre: a fit to a grid takes too long here."""
    monkeypatch.setattr(
        recovering_the_truth,
        "fit_gaussians",
        lambda weights: SimpleNamespace(centre=brightest(weights)),
    )


def brightest(weights):
    return np.stack(np.divmod(weights.argmax(axis=1), 10), axis=1).astype(float)


def centres(X, Y):
    """Ridge by its normal equations."""
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    return brightest(np.linalg.solve(X.T @ X + 100 * np.eye(100), X.T @ Y).T)


def r2(X, Y, runs):
    """Mean score of each voxel over the runs, held out one by one."""
    predicted = cross_val_predict(Ridge(100.0), X, Y, groups=runs, cv=LeaveOneGroupOut())
    rows = [runs == run for run in range(N_RUNS)]
    scores = [r2_score(Y[row], predicted[row], multioutput="raw_values") for row in rows]
    return np.mean(scores, axis=0)


@pytest.fixture(scope="module")
def twin():
    """Ten runs of voxels with one pixel each, which answer after 2 or, most of them, 3 volumes."""
    rng = np.random.default_rng(5)
    images = rng.integers(0, 2, (N_RUNS, LENGTH, 100)).astype(float)
    pixel = rng.integers(0, 100, N_CHOSEN + 2)
    late = np.arange(len(pixel)) % 4 > 0
    bold = rng.standard_normal((N_RUNS, LENGTH, len(pixel)))
    for run, shown in zip(bold, images[:, :, pixel], strict=True):
        run[2:, ~late] += 3 * shown[:-2, ~late]
        run[3:, late] += 3 * shown[:-3, late]
    # The last two voxels are not chosen, so no answer holds them.
    chosen = np.arange(N_CHOSEN)
    truth = SimpleNamespace(
        centre=np.stack(np.divmod(pixel, 10), axis=1).astype(float),
        peak=np.where(late, 5.1, 3.2),
        ceiling_random=np.full(len(pixel), 0.7),
    )

    def shifted(shift):
        X, Y = images[:, : LENGTH - shift], bold[:, shift:]
        runs = np.repeat(np.arange(N_RUNS), LENGTH - shift)
        return X.reshape(len(runs), -1), Y.reshape(len(runs), -1), runs

    X, Y, runs = shifted(2)
    recording = SimpleNamespace(stimuli=X, bold=Y, runs=runs)
    return SimpleNamespace(shifted=shifted, recording=recording, truth=truth, chosen=chosen)


def test_longer_delay(twin, capsys):
    X, Y, runs = twin.shifted(3)
    Y = Y[:, twin.chosen]
    score, centre = r2(X, Y, runs), centres(X, Y)
    X_2, Y_2, runs_2 = twin.shifted(2)
    Y_2 = Y_2[:, twin.chosen]
    score_2, centre_2 = r2(X_2, Y_2, runs_2), centres(X_2, Y_2)
    errors = [
        np.median(np.linalg.norm(found - twin.truth.centre[twin.chosen], axis=1))
        for found in (centre, centre_2)
    ]
    moved = bool(abs(errors[0] - errors[1]) > 0.1)
    for answers, says in [
        ((5.0, moved, score, centre), "right."),
        ((5.5, moved, score, centre), "right."),
        ((None, moved, score, centre), "`best_peak` is still empty"),
        ((3.5, moved, score, centre), "which ones respond a volume later?"),
        ((6.0, moved, score, centre), "that is the delay itself"),
        ((5.0, not moved, score, centre), "does that move its field?"),
        ((5.0, "no", score, centre), "should be one of False or True"),
        ((5.0, moved, score_2, centre), "scores with a delay of 2"),
        ((5.0, moved, score / 0.7, centre), "shares of the ceiling"),
        ((5.0, moved, np.append(score, 0), centre), "has the shape (25,); it should be (24,)"),
        ((5.0, moved, "score", centre), "is str; it should hold numbers"),
        ((5.0, moved, score, centre_2), "centres with a delay of 2"),
        ((5.0, moved, score, centre[:, ::-1]), "row and column are exchanged"),
        ((5.0, moved, score, centre * np.nan), "no finite numbers"),
        ((5.0, moved, score, centre + np.eye(24, 2)), "wrong in 2 of 48 values"),
    ]:
        recovering_the_truth.check_2(*answers, twin.recording, twin.truth, twin.chosen)
        assert says.lower() in capsys.readouterr().out.lower()


def test_error_bar(twin, capsys):
    X, Y, runs = twin.shifted(2)
    Y, true = Y[:, twin.chosen], twin.truth.centre[twin.chosen]

    def distance(one, other):
        return np.hypot(*(one - other).T)

    def of(rows):
        return centres(X[rows], Y[rows])

    even, odd = of(np.isin(runs, [0, 2, 4, 6, 8])), of(np.isin(runs, [1, 3, 5, 7, 9]))
    between, error = distance(even, odd), distance(even, true)
    volumes = distance(of(np.s_[::2]), of(np.s_[1::2]))
    for answers, says in [
        ((between, error, "order"), "right."),
        ((..., error, "order"), "`between` is still empty"),
        ((distance(of(runs < 5), of(runs > 4)), error, "order"), "the first and the last runs"),
        ((volumes, error, "order"), "you split single volumes"),
        ((between**2, error, "order"), "take the square root"),
        ((np.abs(even - odd).sum(axis=1), error, "order"), "how long is the straight line?"),
        ((even - odd, error, "order"), "has the shape (24, 2); it should be (24,)"),
        ((between, distance(odd, true), "order"), "that is the error of the odd runs"),
        ((between, distance(of(runs < 10), true), "order"), "the error with all runs"),
        ((between, between, "order"), "the distance between the halves again"),
        ((between, error + 1, "order"), "`half_error` is wrong in 24 of 24"),
        ((between, error, "noise"), "noise of its own"),
        ((between, error, "neither"), "should be one of 'noise' or 'order'"),
    ]:
        recovering_the_truth.check_1(*answers, twin.recording, twin.truth, twin.chosen)
        assert says.lower() in capsys.readouterr().out.lower()
