"""What the check of chapter 10's exercise says to wrong answers."""

import numpy as np
import pytest

from helpers.data import Trials
from helpers.exercises import noise_ceiling
from helpers.inference import single_trial_ceiling


def said(capsys, *answers):
    noise_ceiling.check_1(*answers)
    return capsys.readouterr().out


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
    earlier = np.array([np.sum(trial.image[:t] == i) for t, i in enumerate(trial.image)])
    for count in (2, 3, 4, 8):
        y, image = trial.responses[earlier < count], trial.image[earlier < count]
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
        ((b, b, c), "`naive_by_count`: this is the other"),
        ((naive.mean(axis=1), b, c), "over all voxels"),
        ((a[:3], b, c), "has the shape (3,)"),
        ((a, a, c), "`corrected_by_count`: this is the other"),
        ((a, corrected.mean(axis=1), c), "over all voxels"),
        ((a, np.maximum(corrected, 0)[:, area].mean(axis=1), c), "were set to 0"),
        ((a, b + 0.01, c), "wrong in 4 of 4"),
        ((a, b, corrected[:, area].std(axis=1)), "Subtract these before"),
        ((a, b, np.abs(errors).mean(axis=1)), "the mean size of the error"),
        ((a, b, errors.mean(axis=1)), "the mean error, the bias"),
        ((a, b, errors.var(axis=1)), "this is the variance"),
        ((a, b, (naive[:, area] - true[area]).std(axis=1)), "of the naive ceiling"),
        ((a, b, "large"), "it should hold numbers"),
    ]:
        assert says in said(capsys, *answers, *repeats)
