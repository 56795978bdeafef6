"""What the checks of chapter 12's exercises say to wrong answers."""

import numpy as np
import pytest
from small_recordings import draw, mean_r, random_and_figure_trials, said

from helpers.exercises import reconstruction


@pytest.fixture(scope="module")
def sets():
    return random_and_figure_trials()


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
