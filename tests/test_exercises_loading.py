"""What the checks of chapter 1's exercises say to wrong answers."""

from types import SimpleNamespace

import numpy as np
import pytest

from helpers.exercises import loading


@pytest.fixture(scope="module")
def recording():
    """Three runs as in the book, cut to a few voxels: 10 rest rows, 4 blocks of 3 on and 3 off."""
    rng = np.random.default_rng(1)
    block = np.r_[np.ones(3, bool), np.zeros(3, bool)]
    is_on = np.tile(np.r_[np.zeros(10, bool), np.tile(block, 4)], 3)
    stimuli = np.full((len(is_on), 100), -1.0)
    stimuli[is_on] = np.repeat(rng.integers(0, 2, (12, 100)), 3, axis=0)
    return SimpleNamespace(
        stimuli=stimuli, bold=np.zeros((len(is_on), 5)), is_on=is_on, runs=np.repeat(range(3), 34)
    )


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (((99, 100), (99, 5), "rest"), "right."),
        ((..., ..., ...), "`shape_of_X` is still empty"),
        (((102, 100), (99, 5), "rest"), "the shape with a shift of 2"),
        (((101, 100), (99, 5), "rest"), "Where is a shift applied?"),
        (((93, 100), (99, 5), "rest"), "does each run lose already"),
        (((105, 100), (99, 5), "rest"), "Count in the other direction"),
        (((100, 99), (99, 5), "rest"), "each row is a sample"),
        (((99, 100), (99, 100), "rest"), "`shape_of_Y` is wrong in 1 of 2"),
        (((99, 100), (99, 5), "image"), "What is on the screen then?"),
        (((99, 100), (99, 5), "both"), "should be one of 'image' or 'rest'"),
        ((99, (99, 5), "rest"), "has the shape (); it should be (2,)"),
        (("99 x 100", (99, 5), "rest"), "is str; it should hold numbers"),
    ],
)
def test_shapes(recording, capsys, answers, says):
    loading.check_1(*answers, recording)
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ((10, 3, 24.0, False), "right."),
        ((np.int64(10), 3, 24, np.False_), "right."),
        ((11, 3, 24.0, False), "counts rows from 0"),
        ((12, 3, 24.0, False), "loses its first rows"),
        ((2, 3, 24.0, False), "too small"),
        ((10, 36, 24.0, False), "the rows with any image"),
        ((10, 3, 20.0, False), "when the image appears"),
        ((10, 3, 16.0, False), "you went back in time"),
        ((10, 3, 12.0, False), "How many seconds does a volume take"),
        ((10, 3, np.nan, False), "no finite number"),
        ((10, 3, 24.0, True), "Has the curve stopped climbing?"),
        ((10, 3, 24.0, 0), "should be one of False or True"),
        (([10], 3, 24.0, False), "should be one number"),
    ],
)
def test_first_image(recording, capsys, answers, says):
    loading.check_2(*answers, recording)
    assert says in capsys.readouterr().out


def test_fair_coins(recording, capsys):
    images = recording.stimuli[recording.is_on][::3]
    shares, expected = images.mean(axis=0), 0.5 / np.sqrt(12)
    every_row = recording.stimuli
    for answers, says in [
        ((shares, expected), "right."),
        ((every_row.mean(axis=0), expected), "What does their -1 do"),
        (((every_row > 0).mean(axis=0), expected), "rest rows as dark images"),
        ((images.sum(axis=0), expected), "these are counts"),
        ((shares[:10], expected), "has the shape (10,); it should be (100,)"),
        ((shares * np.nan, expected), "no finite numbers"),
        ((shares + np.eye(100)[3], expected), "wrong in 1 of 100 values"),
        ((shares, 0.5 / 6), "you count rows"),
        ((shares, 0.25 / 12), "that is the variance"),
        ((shares, 0.5), "holds for a single throw"),
        ((shares, shares.std()), "that is what you measured"),
        ((shares, None), "`expected` is still empty"),
    ]:
        loading.check_3(*answers, recording)
        assert says in capsys.readouterr().out
