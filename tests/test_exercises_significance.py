"""What the checks of chapter 7's exercises say to wrong answers."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from helpers import inference, ridge
from helpers.data import Trials
from helpers.exercises import significance
from helpers.inference import single_trial_ceiling

RIGHT_P, RIGHT_SHARE = [0.05, 0.01, 0.002], [1, 0.2, 0.04]


def said(capsys, check, *answers):
    check(*answers)
    return capsys.readouterr().out


def test_permutations(capsys):
    rng = np.random.default_rng(4)
    null, score = rng.normal(size=(600, 200)), rng.normal(size=200)
    score[:40] = 9  # the best in every permutation
    n_smallest = int(np.sum(score > null[:19].max(axis=0)))
    for answers, says in [
        ((RIGHT_P, RIGHT_SHARE, 0), "right."),
        ((..., RIGHT_SHARE, 0), "`smallest_p` is still empty"),
        (([1 / 19, 1 / 99, 1 / 499], RIGHT_SHARE, 0), "above and below the line"),
        (([0, 0, 0], RIGHT_SHARE, 0), "at least once"),
        (([0.1, 0.02, 0.004], RIGHT_SHARE, 0), "no other order has to"),
        ((0.05, RIGHT_SHARE, 0), "has the shape ()"),
        ((RIGHT_P, [200, 40, 8], 0), "numbers of voxels"),
        ((RIGHT_P, [0.0025, 0.0005, 0.0001], 0), "at the last rank only"),
        ((RIGHT_P, RIGHT_P, 0), "these are the p"),
        ((RIGHT_P, [0, 0.8, 0.96], 0), "the other side"),
        ((RIGHT_P, RIGHT_SHARE, n_smallest), "so many have the smallest p"),
        ((RIGHT_P, RIGHT_SHARE, 10), "by luck alone"),
        ((RIGHT_P, RIGHT_SHARE, 33), "Look at the first"),
        ((RIGHT_P, RIGHT_SHARE, None), "`passed_19` is still empty"),
    ]:
        assert says in said(capsys, significance.check_1, *answers, null, score)


def test_all_voxels_pass_if_luck_reaches_none(capsys):
    null, score = np.zeros((600, 30)), np.ones(30)
    passed = np.sum(false_discovery_control(inference.p_values(null[:19], score)) <= 0.05)
    assert passed == 30
    answers = (RIGHT_P, RIGHT_SHARE, 30)
    assert "right." in said(capsys, significance.check_1, *answers, null, score)


@pytest.fixture(scope="module")
def repeats():
    """Six images with 8 or 10 trials, 50 voxels; half of them in the area."""
    rng = np.random.default_rng(5)
    image = rng.permutation(np.repeat(np.arange(6), [8, 8, 8, 10, 10, 10]))
    responses = rng.normal(size=(6, 50)) * np.linspace(0, 2, 50) + 3
    responses = responses[image] + rng.normal(size=(len(image), 50))
    trial = Trials(responses, np.zeros((len(image), 100)), image, np.zeros(len(image), int))
    return trial, np.arange(50) % 2 == 0, np.linspace(0, 0.7, 50)


def test_fewer_repeats(repeats, capsys):
    trial, area, true = repeats
    naive, corrected = [], []
    for count in (2, 3, 4, 8):
        earlier = [np.sum(trial.image[:t] == i) for t, i in enumerate(trial.image)]
        y, image = (
            trial.responses[np.array(earlier) < count],
            trial.image[np.array(earlier) < count],
        )
        averages = np.stack([y[image == i].mean(axis=0) for i in range(6)])[image]
        naive.append(averages.var(axis=0) / y.var(axis=0))
        corrected.append(single_trial_ceiling(y, image))
    naive, corrected = np.array(naive), np.array(corrected)
    a, b = naive[:, area].mean(axis=1), corrected[:, area].mean(axis=1)
    errors = corrected[:, area] - true[area]
    c = errors.std(axis=1)
    for answers, says in [
        ((a, b, c), "right."),
        ((None, b, c), "`naive_by_count` is still empty"),
        ((b, b, c), "`naive_by_count`: that is the other"),
        ((naive.mean(axis=1), b, c), "over all voxels"),
        ((a[:3], b, c), "has the shape (3,)"),
        ((a, a, c), "`corrected_by_count`: that is the other"),
        ((a, corrected.mean(axis=1), c), "over all voxels"),
        ((a, np.maximum(corrected, 0)[:, area].mean(axis=1), c), "luck that goes up"),
        ((a, b + 0.01, c), "wrong in 4 of 4"),
        ((a, b, corrected[:, area].std(axis=1)), "Subtract these first"),
        ((a, b, np.abs(errors).mean(axis=1)), "the mean size of the error"),
        ((a, b, errors.mean(axis=1)), "the mean error, the bias"),
        ((a, b, errors.var(axis=1)), "that is the variance"),
        ((a, b, (naive[:, area] - true[area]).std(axis=1)), "of the naive ceiling"),
        ((a, b, "large"), "it should hold numbers"),
    ]:
        assert says in said(capsys, significance.check_2, *answers, *repeats)


@pytest.fixture(scope="module")
def recording():
    """Three runs of 143 rows as in the book; of each four voxels, the first is looked at.

    Of these a third answer to images, a third to anything on the screen, a third to nothing; all
    of them have noise with a memory.
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
        ((pieces_p(recording, 0, 11, False), p_cycles, *words), "`p_11`: pieces have means"),
        ((p_11, pieces_p(recording, 10, 12, False), *words), "`p_cycles`: pieces have means"),
        ((p_11, pieces_p(recording, 0, 12), *words), "begin at another row"),
        ((pieces_p(recording, 10, 11), p_cycles, *words), "begin at another row"),
        ((p_cycles, p_cycles, *words), "from the other pieces"),
        ((p_11, p_11, *words), "`p_cycles`: that is from the other pieces"),
        ((p_11, 1 - p_cycles, *words), "`p_cycles` is wrong in"),
        ((p_11, p_cycles, "which image", "which image"), "a whole number of cycles"),
        ((p_11, p_cycles, "any response", "any response"), "the same rhythm"),
        ((p_11, p_cycles, "any", "which image"), "should be one of"),
    ]:
        assert says in said(capsys, significance.check_3, *answers, recording, 1000.0)
