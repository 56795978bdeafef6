"""What the checks of the exercises say to wrong answers: The shape of the response."""

import numpy as np
import pytest
from small_recordings import N_VOXELS, block_design, fold_scores, late

from helpers.exercises import further_response_shape


@pytest.fixture(scope="module")
def data():
    return block_design()


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
        ((None, spreads, False, 3, 6), "`regressor_scores` is still empty"),
        ((short, spreads, False, 3, 6), "Where does `range` stop?"),
        ((score((4,), (5,), (8,)), spreads, False, 3, 6), "all delays at once"),
        ((scores.mean(axis=1), spreads, False, 3, 6), "has the shape (3,); it should be (3, 20)"),
        ((scores[:, ::-1], spreads, False, 3, 6), "`regressor_scores` is wrong in"),
        ((scores, raw, False, 3, 6), "still contain their means"),
        ((scores, spreads**2, False, 3, 6), "these are squares"),
        ((scores, spreads[0], False, 3, 6), "`conditions` has the shape ()"),
        ((scores, spreads, True, 3, 6), "mean over the voxels in `well`"),
        ((scores, spreads, False, 6, 3), "the most alike"),
        ((scores, spreads, False, 4, 6), "an image stays for three"),
        ((scores, spreads, False, 3, 3), "that delay is the opposite"),
        ((scores, spreads, False, 3, 7), "the next one comes after six"),
    ]:
        well = np.arange(N_VOXELS) < 12
        further_response_shape.check_1(*answers, well, data.on, data.Y, data.runs)
        assert says in capsys.readouterr().out
