"""The check of the exercise of chapter 4, Receptive fields."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from helpers.exercises.answers import exercise, expect_array, expect_number

ROUNDED = 0.006  # lets an answer pass that is rounded to two digits
DEGREES_PER_PIXEL = 1.15
BINS = ((0, 5), (5, 10), (10, 20), (20, 40))  # mm


@exercise(1)
def check_1(rho, medians, recording, chosen, centres, areas, hemisphere):
    """Check how distance in the image grows with distance in the brain.

    Parameters
    ----------
    rho : float
        Rank correlation of the two distances over pairs of V1 voxels of the right hemisphere.
    medians : numpy.ndarray, shape (4,)
        Median distance of the centres in the bins of distance in the brain, in pixels.
    recording : Recording
        The random runs.
    chosen : numpy.ndarray of int, shape (n_chosen,)
        The columns of the chosen voxels.
    centres : numpy.ndarray, shape (n_chosen, 2)
        Row and column of each chosen voxel's field, in pixels.
    areas, hemisphere : numpy.ndarray, shape (n_chosen,)
        Area and hemisphere of each chosen voxel.
    """
    steps = recording.voxels[chosen]
    places = steps * recording.masker.mask_img_.header.get_zooms()[:3]
    v1, right = np.char.startswith(areas, "V1"), hemisphere == "RH"
    both = "pairs within the left hemisphere, or across the two, are included. Which do you need?"
    mistakes = [
        (
            _pairs(steps, centres, v1 & right),
            "your distances are in voxels, whose edges differ. Convert to mm.",
        ),
        (_pairs(places, centres, v1), both),
        (
            _pairs(places, centres, v1 & ~right),
            "that is the left hemisphere. The exercise asks for the right one.",
        ),
        (
            _pairs(places, centres, right),
            "areas other than V1 are included. V1 is V1d and V1v together.",
        ),
    ]
    pairs = _pairs(places, centres, v1 & right)
    wrong = [(_rank_correlation(*distances), says) for distances, says in mistakes]
    wrong.append(
        (
            np.corrcoef(*pairs)[0, 1],
            "that is the correlation of the distances. Take that of their ranks.",
        )
    )
    expect_number("rho", rho, _rank_correlation(*pairs), 0.001, wrong)
    wrong = [(_in_bins(np.median, *distances), says) for distances, says in mistakes]
    wrong.append(
        (
            _in_bins(np.mean, *pairs),
            "these are means. Take the medians, which a few failed fits do not move.",
        )
    )
    wanted = _in_bins(np.median, *pairs)
    wrong.append((DEGREES_PER_PIXEL * wanted, "these are degrees. Divide by the width of a pixel."))
    expect_array("medians", medians, wanted, ROUNDED, wrong)


def _pairs(places, centres, here):
    """Give each pair of voxels once: distances in the brain, and of the centres."""
    once = np.triu_indices(np.sum(here), k=1)
    return cdist(places[here], places[here])[once], cdist(centres[here], centres[here])[once]


def _rank_correlation(a, b):
    return np.corrcoef(rankdata(a), rankdata(b))[0, 1]


def _in_bins(summary, in_brain, in_image):
    bins = [in_image[(in_brain > near) & (in_brain <= far)] for near, far in BINS]
    return np.array([summary(values) if len(values) else np.nan for values in bins])
