"""What the checks of chapter 8's exercises say to wrong answers."""

import numpy as np
import pytest

from helpers.decoding import (
    correlations,
    identified,
    log_likelihoods,
    reconstruct,
    smooth_covariance,
)
from helpers.exercises import decoding

LAST = "likelihood, noise apart"
N_BEST = (10, 30, 100, 300, 1000)


@pytest.fixture(scope="module")
def trials():
    """Forty trials of 1,000 voxels, with noise that they share, and 150 candidates."""
    rng = np.random.default_rng(3)
    pool = rng.integers(0, 2, (150, 100)).astype(float)
    shared = rng.normal(size=(30, 1000))
    shared[:, :700] *= 5  # most of it in voxels that come in last, when all 1,000 are taken
    noise = 3 * np.eye(1000) + 6 * shared.T @ shared / 30
    predicted = pool @ rng.normal(size=(100, 1000)) / 3 + 1
    error = rng.normal(size=(40, 1000)) * np.sqrt(3)
    error += rng.normal(size=(40, 30)) @ shared * np.sqrt(6 / 30)
    return 0.7 * predicted[:40] + error, predicted, noise


@pytest.fixture(scope="module")
def shares(trials):
    """Shares identified by the chapter's helpers, for each measure and number of voxels."""
    found = {}
    for n in N_BEST:
        y, f, S = trials[0][:, -n:], trials[1][:, -n:], trials[2][-n:, -n:]
        matches = {
            "correlation": correlations(y, f),
            "likelihood": log_likelihoods(y, f, S),
            LAST: log_likelihoods(y, f, np.diag(np.diag(S))),
        }
        for name, match in matches.items():
            found[name, n] = identified(match, np.arange(40), 100, random_state=8).mean()
    return found


def said(capsys, check, *answers):
    check(*answers)
    return capsys.readouterr().out


def test_fewer_voxels(trials, shares, capsys):
    enough = next(n for n in N_BEST if shares["correlation", n] >= 0.5)
    names = ("correlation", "likelihood")
    fewer, more = sorted(names, key=lambda name: shares[name, 30])
    change = {k: shares[k, 1000] - shares[k, 100] for k in (*names, LAST)}
    most, *others = sorted(change, key=change.get)
    assert 10 < enough < 1000 and shares[fewer, 30] < shares[more, 30]
    assert change[most] < min(change[name] for name in others)
    for answers, says in [
        ((enough, fewer, most), "right."),
        ((..., fewer, most), "`enough` is still empty"),
        ((10, fewer, most), "less than half"),
        ((1000, fewer, most), "so many are enough, and fewer are"),
        ((50, fewer, most), "should be one of 10, 30"),
        ((enough, more, most), "the other identifies fewer"),
        ((enough, LAST, most), "should be one of 'correlation' or 'likelihood'"),
        ((enough, None, most), "`fewer` is still empty"),
        ((enough, fewer, others[0]), "another loses more"),
        ((enough, fewer, others[1]), "another loses more"),
        ((enough, fewer, np.array(["correlation"])), "should be one of"),
    ]:
        assert says in said(capsys, decoding.check_1, *answers, *trials)


def test_equal_shares_are_both_right(capsys):
    # Without noise every measure identifies every trial, and none loses any.
    predicted = np.random.default_rng(1).normal(size=(120, 1000))
    data = (predicted[:20], predicted, np.eye(1000))
    for answers in ((10, "likelihood", "correlation"), (10, "correlation", LAST)):
        assert "right." in said(capsys, decoding.check_1, *answers, *data)
    assert "fewer are, too" in said(capsys, decoding.check_1, 30, "likelihood", LAST, *data)


def test_nothing_identified(capsys):
    rng = np.random.default_rng(1)
    data = (rng.normal(size=(20, 1000)), rng.normal(size=(120, 1000)), np.eye(1000))
    assert "`enough` is 30: with so many" in said(capsys, decoding.check_1, 30, "", "", *data)
    assert "`fewer`" in said(capsys, decoding.check_1, 0, "", "", *data)


@pytest.fixture(scope="module")
def sets():
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
    return np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(images, drawn, strict=True)])


def draw(y, B, b, S, length=1.0, mean=0.5):
    return reconstruct(y, B, b, S, np.full(100, mean), smooth_covariance(0.25, length))[0]


def over_lengths(one_set, without=0.0, **options):
    images, y, B, b, S = one_set
    lengths = (0, 0.5, 1.0, 1.5)
    return images, [draw(y, B, b - without, S, length, **options) for length in lengths]


def test_lengths(sets, capsys):
    random, figure, level = sets
    right, bare, dark, greys, at_once = [], [], [], [], []
    for one_set in (random, figure):
        images, drawn = over_lengths(one_set)
        right.append([mean_r(images, d) for d in drawn])
        greys.append([mean_r(images, d > 0.5) for d in drawn])
        at_once.append([np.corrcoef(images.ravel(), d.ravel())[0, 1] for d in drawn])
        images, drawn = over_lengths(one_set, mean=0.0)
        dark.append([mean_r(images, d) for d in drawn])
        images, drawn = over_lengths(one_set, without=level)
        bare.append([mean_r(images, d) for d in drawn])
    words = {"random images": "makes up for other errors", "these figures": "had a part"}
    cases = [
        ((*right, "other figures"), "right."),
        ((None, right[1], "other figures"), "`r_random` is still empty"),
        ((right[0][:3], right[1], "other figures"), "has the shape (3,)"),
        ((bare[0], right[1], "other figures"), "`r_random`: random trials are not measured"),
        ((right[0], right[0], "other figures"), "those are the random trials"),
        ((right[0], np.add(right[1], 0.01), "other figures"), "wrong in 4 of 4"),
        ((*right, "nowhere"), "should be one of"),
        *(((*right, word), says) for word, says in words.items()),
    ]
    for wrong, says in [
        ([row[::-1] for row in right], "in another order"),
        (dark, "the prior's mean is .5"),
        (greys, "in greys"),
        (at_once, "average over trials"),
    ]:
        cases.append(((wrong[0], right[1], "other figures"), f"`r_random`: {says}"[:11]))
        cases.append(((wrong[0], right[1], "other figures"), says))
        cases.append(((right[0], wrong[1], "other figures"), says))
    for answers, says in cases:
        assert says in said(capsys, decoding.check_2, *answers, *sets)


def test_look_twice(sets, capsys):
    images, y, B, b, S = sets[1]
    figures = [np.flatnonzero((images == image).all(axis=1)) for image in images[:4]]
    firsts = {n: np.array([y[rows[:n]].mean(axis=0) for rows in figures]) for n in (1, 2, 4)}
    whole = [mean_r(images[:4], draw(mean, B, b, S)) for mean in firsts.values()]
    shared = [mean_r(images[:4], draw(mean, B, b, S / n)) for n, mean in firsts.items()]
    lasts = [np.array([y[rows[-n:]].mean(axis=0) for rows in figures]) for n in (1, 2, 4)]
    last = [mean_r(images[:4], draw(mean, B, b, S)) for mean in lasts]
    rows = [np.concatenate([rows[:n] for rows in figures]) for n in (1, 2, 4)]
    single = [mean_r(images[some], draw(y[some], B, b, S)) for some in rows]
    for answers, says in [
        ((whole, shared, "goes to 1"), "right."),
        ((..., shared, "goes to 1"), "`r_whole` is still empty"),
        ((single, shared, "goes to 1"), "these are single trials"),
        ((last, shared, "goes to 1"), "the last trials"),
        ((shared, whole, "goes to 1"), "`r_whole`: that is with S / n"),
        ((whole, whole, "goes to 1"), "`r_shared`: that is with S"),
        ((whole, shared[:2], "goes to 1"), "has the shape (2,)"),
        ((whole, shared, "stays below 1"), "what the model predicts"),
        ((whole, shared, 1), "should be one of"),
    ]:
        assert says in said(capsys, decoding.check_3, *answers, sets[1])
