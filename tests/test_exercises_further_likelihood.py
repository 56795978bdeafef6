"""What the checks of the likelihood page's exercises say to wrong answers."""

import numpy as np
import pytest
from small_recordings import draw, mean_r, random_and_figure_trials, said

from helpers.exercises import further_likelihood


@pytest.fixture(scope="module")
def sets():
    return random_and_figure_trials()


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
    words = {"random images": "make up for there", "these figures": "has a part"}
    cases = [
        ((*right, "other figures"), "right."),
        ((None, right[1], "other figures"), "`r_random` is still empty"),
        ((right[0][:3], right[1], "other figures"), "has the shape (3,)"),
        ((bare[0], right[1], "other figures"), "`r_random`: random trials are not measured"),
        ((right[0], right[0], "other figures"), "numbers of the random trials"),
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
        assert says in said(capsys, further_likelihood.check_1, *answers, *sets)
