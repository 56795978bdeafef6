"""What the check of chapter 9's exercise says to wrong answers."""

import numpy as np
from scipy.stats import false_discovery_control

from helpers import inference
from helpers.exercises import significance

RIGHT_P, RIGHT_SHARE = [0.05, 0.01, 0.002], [1, 0.2, 0.04]


def said(capsys, *answers):
    significance.check_1(*answers)
    return capsys.readouterr().out


def test_permutations(capsys):
    rng = np.random.default_rng(4)
    null, score = rng.normal(size=(600, 200)), rng.normal(size=200)
    score[:40] = 9  # the best in every permutation
    n_smallest = int(np.sum(score > null[:19].max(axis=0)))
    for answers, says in [
        ((RIGHT_P, RIGHT_SHARE, 0), "right."),
        ((..., RIGHT_SHARE, 0), "`smallest_p` is still empty"),
        (([1 / 19, 1 / 99, 1 / 499], RIGHT_SHARE, 0), "counts as a permutation, too"),
        (([0, 0, 0], RIGHT_SHARE, 0), "can P be 0"),
        (([0.1, 0.02, 0.004], RIGHT_SHARE, 0), "the recording does, once"),
        ((0.05, RIGHT_SHARE, 0), "has the shape ()"),
        ((RIGHT_P, [200, 40, 8], 0), "numbers of voxels"),
        ((RIGHT_P, [0.0025, 0.0005, 0.0001], 0), ".05 times the smallest P"),
        ((RIGHT_P, RIGHT_P, 0), "these are the smallest P"),
        ((RIGHT_P, [0, 0.8, 0.96], 0), "need not have"),
        ((RIGHT_P, RIGHT_SHARE, n_smallest), "so many voxels have the smallest P"),
        ((RIGHT_P, RIGHT_SHARE, 10), "by luck"),
        ((RIGHT_P, RIGHT_SHARE, 33), "first number of `share_needed`"),
        ((RIGHT_P, RIGHT_SHARE, None), "`passed_19` is still empty"),
    ]:
        assert says in said(capsys, *answers, null, score)


def test_all_voxels_pass_if_luck_reaches_none(capsys):
    null, score = np.zeros((600, 30)), np.ones(30)
    passed = np.sum(false_discovery_control(inference.p_values(null[:19], score)) <= 0.05)
    assert passed == 30
    assert "right." in said(capsys, RIGHT_P, RIGHT_SHARE, 30, null, score)
