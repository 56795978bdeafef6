"""What the checks of chapter 3's exercises say to wrong answers."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from helpers.exercises import brain_mapping

ORDER = ["V1", "V2", "none"]


@pytest.fixture(scope="module")
def area_scores():
    """Of 10 voxels above 0 in V1 keep 6, of 5 in V2 keep 2, of 4 without an area keep 1."""
    scores, areas = [], []
    for name, low, middle, high in (("V1", 10, 4, 6), ("V2", 5, 3, 2), ("none", 20, 3, 1)):
        scores += [-0.02] * low + [0.05] * middle + [0.3] * high
        areas += [name] * (low + middle + high)
    order = np.random.default_rng(0).permutation(len(scores))
    return np.array(scores)[order], np.array(areas)[order]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (("none", (0.6, 0.4, 0.25), 9 / 19), "right."),
        (("none", [0.6, 0.4, 0.25], 0.47), "right."),
        (("V1", (0.6, 0.4, 0.25), 9 / 19), "it loses the most voxels"),
        (("V2", (0.6, 0.4, 0.25), 9 / 19), "keeps a smaller share"),
        (("best", (0.6, 0.4, 0.25), 9 / 19), "should be one of 'V1' or 'V2' or 'none'"),
        ((..., (0.6, 0.4, 0.25), 9 / 19), "`loses_most` is still empty"),
        (("none", (0.4, 0.6, 0.75), 9 / 19), "the shares that leave the map"),
        (("none", (0.3, 0.2, 1 / 24), 9 / 19), "you divide by all voxels"),
        (("none", (6 / 19, 2 / 19, 1 / 19), 9 / 19), "those of the area itself"),
        (("none", (6, 2, 1), 9 / 19), "these are counts"),
        (("none", (60, 40, 25), 9 / 19), "`stays`: a share lies between 0 and 1"),
        (("none", {"V1": 0.6}, 9 / 19), "should hold numbers"),
        (("none", (0.6, 0.4, 0.25), 1.25 / 3), "small areas count as much"),
        (("none", (0.6, 0.4, 0.25), 9 / 54), "you divide by all voxels"),
        (("none", (0.6, 0.4, 0.25), 10 / 19), "the share that leaves the map"),
        (("none", (0.6, 0.4, 0.25), 900 / 19), "between 0 and 1"),
    ],
)
def test_a_higher_threshold(area_scores, capsys, answers, says):
    brain_mapping.check_1(*answers, *area_scores, ORDER)
    assert says in capsys.readouterr().out


@pytest.fixture(scope="module")
def smooth():
    """A mask without symmetry, and scores that are alike in neighbours, less so along k."""
    rng = np.random.default_rng(5)
    volume = gaussian_filter(rng.standard_normal((12, 11, 9)), (2.0, 1.4, 0.7)) + 0.3
    mask = rng.random(volume.shape) < 0.6
    mask[:, :4] = False
    return volume[mask], mask


def neighbours(volume, mask, axis=2):
    """Correlate pairs of neighbours, found one by one."""
    step = np.eye(3, dtype=int)[axis]
    inside = {tuple(place) for place in np.argwhere(mask)}
    pairs = [(place, tuple(place + step)) for place in np.argwhere(mask)]
    values = [(volume[tuple(a)], volume[b]) for a, b in pairs if b in inside]
    return np.corrcoef(np.transpose(values))[0, 1]


def test_the_wrong_order(smooth, capsys):
    scores, mask = smooth
    right, wrong = np.zeros(mask.shape), np.zeros(mask.shape)
    right[mask] = scores
    wrong.T[mask.T] = scores
    one, two = neighbours(right, mask), neighbours(wrong, mask)
    assert one > two + 0.2  # the data show what the exercise is about
    noticed = (False, False, True, True)
    everything = np.ones(mask.shape, bool)
    for answers, says in [
        ((noticed, one, two), "right."),
        (([0, 0, 1, 1], round(one, 4), round(two, 4)), "right."),
        (((True, False, True, True), one, two), "would the number of voxels above 0 change"),
        (((False, True, True, True), one, two), "would a histogram change"),
        (((False, True, False, True), one, two), "would a histogram change"),
        (((False, False, False, True), one, two), "which voxel's score is at"),
        (((False, False, True, False), one, two), "Are they still neighbours"),
        (((False, True), one, two), "has the shape (2,); it should be (4,)"),
        ((("voxel", "neighbours"), one, two), "should hold numbers"),
        ((noticed, neighbours(right, everything), two), "the zeros around the mask"),
        ((noticed, one, neighbours(wrong, everything)), "the zeros around the mask"),
        ((noticed, neighbours(right, mask, axis=0), two), "neighbours along i"),
        ((noticed, neighbours(right, mask, axis=1), two), "neighbours along j"),
        ((noticed, np.corrcoef(scores[:-1], scores[1:])[0, 1], two), "the row of scores"),
        ((noticed, two, one), "`likeness_right` is %.4g: that is the volume filled in the wrong"),
        ((noticed, one, one), "that is the volume filled in the right order"),
        ((noticed, one, ...), "`likeness_wrong` is still empty"),
    ]:
        brain_mapping.check_2(*answers, scores, mask)
        assert says.replace("%.4g", f"{two:.4g}") in capsys.readouterr().out
