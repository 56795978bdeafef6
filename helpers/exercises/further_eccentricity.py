"""The check of the exercise of "Going further: how far from the centre of gaze"."""

import numpy as np

from helpers.exercises.answers import exercise, expect_array, expect_choice

ROUNDED = 0.006  # lets an answer pass that is rounded to two digits
AREAS = (("V1d", "V1v"), ("V2d", "V2v"), ("V3", "VP"), ("V3A",), ("V4v",))
LAST_BIN = 4  # inner edge of the outermost bin that is kept


@exercise(1)
def check_1(difference, inside, scores, areas, inner_edge):
    """Check the areas' shares of voxels above 0 in the inner bins of eccentricity.

    Parameters
    ----------
    difference : str
        What becomes of the difference between V1 and V3 in the inner bins.
    inside : numpy.ndarray, shape (5,)
        Share of voxels above 0 among those of V1, V2, V3, V3A and V4v in the inner bins.
    scores : numpy.ndarray, shape (n_voxels,)
        Mean score of each voxel.
    areas : numpy.ndarray of str, shape (n_voxels,)
        Name of each voxel's area, dorsal and ventral halves apart.
    inner_edge : numpy.ndarray of int, shape (n_voxels,)
        Inner edge of each voxel's bin; -1 outside all bins.
    """
    known = inner_edge >= 0
    everywhere = _shares(scores, areas, np.full(len(scores), True))
    wanted = _shares(scores, areas, known & (inner_edge <= LAST_BIN))
    grows = wanted[0] - wanted[2] > everywhere[0] - everywhere[2]
    says = {
        "larger": (
            "which of the two areas has more voxels, relative to its size, in the bins that are "
            "left out?"
        ),
        "smaller": (
            "compare how many voxels of V1 and of V3 lie in the outer bins, as shares of the area."
        ),
    }
    right = "larger" if grows else "smaller"
    del says[right]
    expect_choice("difference", difference, right, says)
    halves = [
        _shares(scores, areas, known & (inner_edge <= LAST_BIN), names)
        for names in ((("V1d",), ("V2d",), ("V3",)), (("V1v",), ("V2v",), ("VP",)))
    ]
    counts = _counts(scores > 0, areas, known & (inner_edge <= LAST_BIN))
    mistakes = [
        (everywhere, "these are the shares over all bins. Which voxels does the exercise keep?"),
        (
            _shares(scores, areas, known & (inner_edge > LAST_BIN)),
            "these are the voxels that you should leave out, those of the outer bins.",
        ),
        (
            _shares(scores, areas, known & (inner_edge < LAST_BIN)),
            "the bin `lag4to5` is missing; its inner edge is 4.",
        ),
        (
            _shares(scores, areas, known & (inner_edge <= LAST_BIN + 1)),
            "the bin `lag5to6` is in it, but the inner edges should end at 4.",
        ),
        (
            counts / _counts(np.full(len(scores), True), areas, known),
            "you divide by the voxels of all bins. Divide by those that you keep.",
        ),
        (counts, "these are counts. Divide by the number of voxels that you keep in each area."),
        (100 * wanted, "a share lies between 0 and 1."),
        (1 - wanted, "these are the shares of voxels that do not score above 0."),
    ]
    mistakes += [
        (
            np.concatenate([half, wanted[3:]]),
            "only one half of V1, V2 and V3 is in these shares. Join both halves.",
        )
        for half in halves
    ]
    expect_array("inside", inside, wanted, ROUNDED, mistakes)


def _counts(which, areas, here, names=AREAS):
    return np.array([np.sum(which & here & np.isin(areas, halves)) for halves in names])


def _shares(scores, areas, here, names=AREAS):
    sizes = _counts(np.full(len(scores), True), areas, here, names)
    return _counts(scores > 0, areas, here, names) / np.maximum(sizes, 1)
