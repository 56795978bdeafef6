"""What the checks of the exercises say to wrong answers: Time and delays."""

import numpy as np
import pytest
from small_recordings import LENGTH, N_RUNS, block_design, fold_scores, late

from helpers.exercises import time_and_delays


@pytest.fixture(scope="module")
def data():
    return block_design()


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
        (("most", "any response", found), "Can the test notice a response"),
        (("most", "which image", ...), "`wrong_score` is still empty"),
        (("most", "which image", found.mean()), "has the shape (); it should be (20,)"),
        (("most", "which image", score(data.images)), "the scores of the right images"),
        (("most", "which image", score(exchanged(data.images, -1))), "the run before"),
        (("most", "which image", score(wrong, lag=0)), "not delayed"),
        (("most", "which image", score(wrong, alpha=100.0)), "the task asks for 1000"),
        (("most", "which image", score(wrong, n_folds=10)), "the task asks for `cv=5`"),
        (("most", "which image", found + 0.1), "wrong in 20 of 20"),
    ]:
        time_and_delays.check_1(*answers, data.images, data.Y, data.runs)
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
        time_and_delays.check_1(kept, "which image", found, data.images, Y, data.runs)
        assert said in capsys.readouterr().out
