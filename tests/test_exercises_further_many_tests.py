"""What the check of the exercise of "Going further: thousands of tests" says to wrong answers."""

from types import SimpleNamespace

import numpy as np
import pytest

from helpers import inference, ridge
from helpers.exercises import further_many_tests


def said(capsys, *answers):
    further_many_tests.check_1(*answers)
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def recording():
    """Three runs of 143 rows as in the book; of each four voxels, the first is looked at.

    A third of these respond to images, a third to anything on the screen, a third to nothing; all
    of them have autocorrelated noise.
    """
    rng = np.random.default_rng(6)
    is_on = np.tile(np.r_[np.zeros(10, bool), np.arange(133) % 6 < 3], 3)
    stimuli = np.where(is_on[:, None], 0.0, -1.0) * np.ones(100)
    stimuli[is_on] = np.repeat(rng.integers(0, 2, (is_on.sum() // 3 + 1, 100)), 3, axis=0)[
        : is_on.sum()
    ]
    noise = rng.normal(size=(429, 240))
    for t in range(1, 429):
        noise[t] += 0.8 * noise[t - 1]
    which = np.arange(240) // 4 % 3
    weights = rng.normal(size=(100, 240)) * (which == 0) * 0.1
    bold = np.maximum(stimuli, 0) @ weights + 1.5 * is_on[:, None] * (which == 1) + noise
    for run in range(3):
        bold[143 * run : 143 * (run + 1)] -= bold[143 * run : 143 * (run + 1)].mean(axis=0)
    return SimpleNamespace(
        stimuli=stimuli, bold=bold, is_on=is_on, runs=np.repeat(np.arange(3), 143)
    )


def pieces_p(recording, start, size, centred=True):
    """Exchange pieces by the chapter's way, `permute_runs`."""
    n_pieces = (143 - start) // size
    rows = np.arange(start, start + n_pieces * size)
    rows = np.r_[rows, rows + 143]
    x, y = recording.stimuli[rows], recording.bold[rows][:, ::4]
    if centred:
        means = [np.split(table, 2 * n_pieces) for table in (x, y)]
        x, y = (np.vstack([p - p.mean(axis=0) for p in parts]) for parts in means)
    null = np.full((300, y.shape[1]), np.nan)
    inference.permute_runs(
        null, x, y, groups=np.arange(len(rows)) // size, alpha=1000.0, cv=2, dtype=np.float64
    )
    observed = ridge.RidgeCV((1000.0,), cv=2).fit(x, y, groups=recording.runs[rows]).cv_scores_[0]
    return inference.p_values(null, observed.mean(axis=0))


def test_two_runs(recording, capsys):
    p_11, p_cycles = pieces_p(recording, 0, 11), pieces_p(recording, 10, 12)
    words = ("any response", "which image")
    for answers, says in [
        ((p_11, p_cycles, *words), "right."),
        ((..., p_cycles, *words), "`p_11` is still empty"),
        ((p_11, None, *words), "`p_cycles` is still empty"),
        ((p_11[:5], p_cycles, *words), "has the shape (5,); it should be (60,)"),
        ((5 * p_11, p_cycles, *words), "`p_11` is wrong in"),
        ((p_11 * np.nan, p_cycles, *words), "no finite numbers"),
        (
            (pieces_p(recording, 0, 11, False), p_cycles, *words),
            "`p_11`: the pieces still have means",
        ),
        (
            (p_11, pieces_p(recording, 10, 12, False), *words),
            "`p_cycles`: the pieces still have means",
        ),
        ((p_11, pieces_p(recording, 0, 12), *words), "should the first piece begin"),
        ((pieces_p(recording, 10, 11), p_cycles, *words), "should the first piece begin"),
        ((p_cycles, p_cycles, *words), "from the other kind of pieces"),
        ((p_11, p_11, *words), "`p_cycles`: this is from the other kind"),
        ((p_11, 1 - p_cycles, *words), "`p_cycles` is wrong in"),
        ((p_11, p_cycles, "which image", "which image"), "a whole number of cycles"),
        ((p_11, p_cycles, "any response", "any response"), "whole cycles change places"),
        ((p_11, p_cycles, "any", "which image"), "should be one of"),
    ]:
        assert says in said(capsys, *answers, recording, 1000.0)
