"""Checks of the exercises of chapter 8, Decoding."""

import numpy as np
from scipy.linalg import solve

from helpers.decoding import identified
from helpers.exercises.answers import exercise, expect_array, expect_choice, expect_number

N_BEST = (10, 30, 100, 300, 1000)
LENGTHS = (0, 0.5, 1.0, 1.5)


@exercise(1)
def check_1(enough, fewer, loses, measured, predicted, noise):
    """Check how many voxels are enough, and which measure suffers when voxels are few or many.

    Parameters
    ----------
    enough : int
        The smallest of 10, 30, 100, 300 and 1,000 voxels with which the correlation identifies at
        least half of the trials among 100 candidates; 0 if none does.
    fewer : {"correlation", "likelihood"}
        Which identifies fewer trials with 30 voxels.
    loses : {"correlation", "likelihood", "likelihood, noise apart"}
        Which measure loses most from 100 to 1,000 voxels.
    measured : numpy.ndarray, shape (n_trials, n_voxels)
        Held-out trials of the first images of the pool, in order; the best voxels come last.
    predicted : numpy.ndarray, shape (n_pool, n_voxels)
        Predictions for the pool.
    noise : numpy.ndarray, shape (n_voxels, n_voxels)
        Covariance of the noise of a trial.
    """
    few = {n: (measured[:, -n:], predicted[:, -n:], noise[-n:, -n:]) for n in N_BEST}
    found = {n: _share(_correlation(*few[n][:2])) for n in N_BEST}
    wanted = next((n for n in N_BEST if found[n] >= 0.5), 0)
    mistakes = [
        (n, f"with so many voxels {share:.0%} of the trials are identified, less than half.")
        if share < 0.5
        else (n, "so many are enough, and fewer are, too.")
        for n, share in found.items()
    ]
    hint = "It should be one of 10, 30, 100, 300 and 1,000, or 0 if none of them is enough."
    expect_number("enough", enough, wanted, 0, mistakes, hint)
    thirty = {"correlation": found[30], "likelihood": _share(_likelihood(*few[30]))}
    says = "the other identifies fewer. Which of the two knows what the errors have in common?"
    _expect_lowest("fewer", fewer, thirty, says)
    change = {"correlation": found[1000] - found[100]}
    many, apart = (few[100], few[1000]), "likelihood, noise apart"
    before, after = (_share(_likelihood(*sets)) for sets in many)
    change["likelihood"] = after - before
    before, after = (_share(_likelihood(y, f, np.diag(S))) for y, f, S in many)
    change[apart] = after - before
    says = "another loses more. What does a voxel add whose errors are copies of others?"
    _expect_lowest("loses", loses, change, says)


@exercise(2)
def check_2(r_random, r_figure, honest, random, figure, level):
    """Check the correlation of drawn and true images over lengths, and where to choose a length.

    Parameters
    ----------
    r_random, r_figure : array_like, shape (4,)
        Mean correlation over trials, with lengths of 0, 0.5, 1 and 1.5 pixels.
    honest : {"random images", "these figures", "other figures"}
        On which pictures the length for the figures should be chosen.
    random, figure : tuple
        Images, responses, weights, intercepts and noise of the trials.
    level : numpy.ndarray, shape (n_voxels,)
        Intercepts of random trials, a part of those in `random`.
    """
    wanted, mistakes = {}, {}
    for name, (images, y, B, b, S) in {"r_random": random, "r_figure": figure}.items():
        to_pixels = np.linalg.solve(S, B.T)
        gains = [to_pixels @ _gain(B @ to_pixels, length) for length in LENGTHS]
        half = [_draw(y, B, b, gain) for gain in gains]
        dark = [_draw(y, B, b, gain, mean=0.0) for gain in gains]
        bare = [_draw(y, B, b - level, gain) for gain in gains]
        at_once = [np.corrcoef(images.ravel(), drawn.ravel())[0, 1] for drawn in half]
        wanted[name] = [_mean_r(images, drawn) for drawn in half]
        mistakes[name] = [
            (wanted[name][::-1], "the lengths are in another order."),
            ([_mean_r(images, d) for d in dark], "the prior's mean is .5 here, not 0."),
            ([_mean_r(images, d > 0.5) for d in half], "take the drawings as they are, in greys."),
            (at_once, "correlate each drawing with its image, and average over trials."),
        ]
        if name == "r_random":
            says = "random trials are not measured from rest: add `level`."
            mistakes[name].append(([_mean_r(images, d) for d in bare], says))
    mistakes["r_figure"].append((wanted["r_random"], "those are the random trials."))
    # Half of what the smallest of these mistakes changes in the twin.
    expect_array("r_random", r_random, wanted["r_random"], 0.002, mistakes["r_random"])
    expect_array("r_figure", r_figure, wanted["r_figure"], 0.002, mistakes["r_figure"])
    says = {
        "random images": "a length that suits pixels without extent makes up for other errors.",
        "these figures": "then the test has had a part in the choice, as with the voxels above.",
    }
    expect_choice("honest", honest, "other figures", says)


@exercise(3)
def check_3(r_whole, r_shared, noise_only, figure):
    """Check the drawings from 1, 2 and 4 trials of each figure.

    Parameters
    ----------
    r_whole, r_shared : array_like, shape (3,)
        Mean correlation over figures, with the noise S of a trial, and with S / n.
    noise_only : {"goes to 1", "stays below 1"}
        What happens with many trials, were noise all that is wrong.
    figure : tuple
        Images, responses, weights, intercepts and noise of the trials.
    """
    images, y, B, b, S = figure
    to_pixels = np.linalg.solve(S, B.T)
    gains = {n: n * to_pixels @ _gain(n * B @ to_pixels, 1.0) for n in (1, 2, 4)}
    distinct, which = np.unique(images, axis=0, return_inverse=True)
    places = [np.flatnonzero(which.reshape(-1) == k) for k in range(len(distinct))]
    whole, shared, single, last = [], [], [], []
    for n, gain in gains.items():
        first = np.array([y[rows[:n]].mean(axis=0) for rows in places])
        late = np.array([y[rows[-n:]].mean(axis=0) for rows in places])
        rows = np.concatenate([rows[:n] for rows in places])
        whole.append(_mean_r(distinct, _draw(first, B, b, gains[1])))
        shared.append(_mean_r(distinct, _draw(first, B, b, gain)))
        single.append(_mean_r(images[rows], _draw(y[rows], B, b, gains[1])))
        last.append(_mean_r(distinct, _draw(late, B, b, gains[1])))
    mistakes = [
        (single, "these are single trials. Average the responses of a figure, then draw."),
        (last, "these are the last trials of each figure."),
    ]
    swapped = (shared, "that is with S / n."), (whole, "that is with S.")
    expect_array("r_whole", r_whole, whole, 0.002, [*mistakes, swapped[0]])
    expect_array("r_shared", r_shared, shared, 0.002, [*mistakes, swapped[1]])
    says = "the mean of many trials would be what the model predicts, and so its image."
    expect_choice("noise_only", noise_only, "goes to 1", {"stays below 1": says})


def _expect_lowest(name, given, shares, says):
    """Expect the name of the lowest share, or one of them if they are equal."""
    lowest = [key for key, share in shares.items() if share == min(shares.values())]
    wanted = given if isinstance(given, str) and given in lowest else lowest[0]
    expect_choice(name, given, wanted, {key: says for key in shares if key not in lowest})


def _share(match):
    """Share of trials identified among 100 candidates, drawn as in the chapter."""
    return identified(match, np.arange(len(match)), min(100, match.shape[1]), random_state=8).mean()


def _correlation(measured, predicted):
    rows = [table - table.mean(axis=1, keepdims=True) for table in (measured, predicted)]
    y, f = (table / np.linalg.norm(table, axis=1, keepdims=True) for table in rows)
    return y @ f.T


def _likelihood(measured, predicted, noise):
    """-(y - f)' S^-1 (y - f) / 2 without y' S^-1 y, which all candidates share."""
    if noise.ndim == 1:  # variances, of noise that voxels do not share
        whitened = predicted.T / noise[:, np.newaxis]
    else:
        whitened = solve(noise, predicted.T, assume_a="pos")
    return measured @ whitened - np.einsum("ij,ji->i", predicted, whitened) / 2


def _gain(M, length):
    """C (I + M C)^-1 for row vectors, with M = B S^-1 B'; the helper takes another route."""
    places = np.arange(10)
    squared = np.subtract.outer(places, places) ** 2
    side = np.exp(-squared / (2 * length**2)) if length else np.eye(10)
    C = 0.25 * np.kron(side, side)
    return np.linalg.solve(np.eye(100) + C @ M, C)


def _draw(y, B, b, gain, mean=0.5):
    """Posterior means m + (y - B'm - b)' S^-1 B' (I + C M)^-1 C."""
    return mean + (y - mean * B.sum(axis=0) - b) @ gain


def _mean_r(images, drawn):
    x, y = (table - table.mean(axis=1, keepdims=True) for table in (images, drawn * 1.0))
    with np.errstate(invalid="ignore"):  # a drawing of one grey has no correlation: NaN
        r = (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return r.mean()
