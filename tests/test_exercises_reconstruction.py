"""What the checks of chapter 11's exercises say to wrong answers."""

import numpy as np
import pytest

from helpers.decoding import reconstruct, smooth_covariance
from helpers.exercises import reconstruction


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


def said(capsys, check, *answers):
    check(*answers)
    return capsys.readouterr().out


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
        ((single, shared, "goes to 1"), "drawings of single trials"),
        ((last, shared, "goes to 1"), "the last trials"),
        ((shared, whole, "goes to 1"), "`r_whole`: that is with S / n"),
        ((whole, whole, "goes to 1"), "`r_shared`: that is with S"),
        ((whole, shared[:2], "goes to 1"), "has the shape (2,)"),
        ((whole, shared, "stays below 1"), "if the model were true"),
        ((whole, shared, 1), "should be one of"),
    ]:
        assert says in said(capsys, reconstruction.check_1, *answers, sets[1])
