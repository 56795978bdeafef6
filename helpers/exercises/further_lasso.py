"""Checks of the exercises of "Going further: receptive fields by the lasso"."""

import numpy as np
from sklearn.linear_model import Ridge

from helpers.exercises.answers import exercise, expect_array, expect_choice, expect_number
from helpers.receptive_fields import fit_gaussians

ROUNDED = 0.006  # lets an answer pass that is rounded to two digits
DEGREES_PER_PIXEL = 1.15
THRESHOLDS = (0.05, 0.1, 0.2, 0.3)


@exercise(1)
def check_1(same_scores, same_distance, same_share, distance, share, even, odd, fits, hemisphere):
    """Check what an exchange of rows and columns does to scores and fields.

    Parameters
    ----------
    same_scores, same_distance, same_share : bool
        Whether each stays as it was.
    distance : float
        Median distance between the centres of the two halves, in pixels.
    share : float
        Share of the left hemisphere's voxels with a centre in the right half of the image.
    even, odd, fits : GaussianFits
        Fits to even runs, odd runs and all runs, with the pixels in order.
    hemisphere : numpy.ndarray, shape (n_voxels,)
        LH or RH for each voxel.
    """
    says = "does ridge know where a pixel lies? It gives each one a weight, whatever its place."
    expect_choice("same_scores", same_scores, True, {False: says})
    says = "both halves are read in the same wrong order. How do their centres move?"
    expect_choice("same_distance", same_distance, True, {False: says})
    says = "the hemispheres stay where they are. What becomes of a column in the exchanged image?"
    expect_choice("same_share", same_share, False, {True: says})
    # The fields of exchanged images are the exchanged fields: no need to fit anything.
    apart = np.hypot(*(even.centre - odd.centre).T)
    one_only = np.hypot(*(even.centre - odd.centre[:, ::-1]).T)
    mistakes = [
        (
            np.median(one_only),
            "only one half has its pixels exchanged. Exchange them in all images.",
        ),
        (
            apart.mean(),
            "that is the mean, which a few voxels that jump far make larger. Take the median.",
        ),
        (
            DEGREES_PER_PIXEL * np.median(apart),
            "that is in degrees. Divide by the width of a pixel.",
        ),
    ]
    expect_number("distance", distance, np.median(apart), ROUNDED, mistakes)
    left = hemisphere == "LH"
    in_order, exchanged = fits.centre[:, 1] > 4.5, fits.centre[:, 0] > 4.5
    wanted = exchanged[left].mean()
    mistakes = [
        (
            in_order[left].mean(),
            "that is the share with the pixels in order. Use the fields of the exchanged images.",
        ),
        (
            1 - in_order[left].mean(),
            "that would be the share in a mirror image. Rows become columns.",
        ),
        (
            (fits.centre[left, 0] >= 4.5).mean(),
            "a centre on the midline, column 4.5, counts for neither half.",
        ),
        (exchanged.mean(), "both hemispheres are included. Keep the voxels of the left one."),
        (exchanged[~left].mean(), "that is the right hemisphere. Keep the voxels of the left one."),
        (100 * wanted, "a share lies between 0 and 1. Divide the percentage by 100."),
    ]
    # Exchanged, a few fields may match another Gaussian; both hemispheres lie hardly further off.
    expect_number("share", share, wanted, 0.004, mistakes)


@exercise(2)
def check_2(counts, v1_shares, matches, large_shares, scores, areas, recording):
    """Check what the choice of voxels does to their summary.

    Parameters
    ----------
    counts, v1_shares, matches, large_shares : numpy.ndarray, shape (4,)
        Number of voxels, share in V1, median match and share with a size of at least a pixel.
    scores : numpy.ndarray, shape (n_voxels,)
        Mean score of each voxel.
    areas : numpy.ndarray, shape (n_voxels,)
        Name of each voxel's area.
    recording : Recording
        The random runs.
    """
    kept = np.array([scores > threshold for threshold in THRESHOLDS])
    v1_halves = [areas == "V1d", areas == "V1v"]
    in_v1 = np.logical_or(*v1_halves)
    fits = _fits(recording, kept[0])
    summaries = np.array([_summary(fits, here[kept[0]], in_v1[kept[0]]) for here in kept])
    from_0_1 = summaries[[1, 1, 2, 3]]  # of a reader who starts from the chapter's voxels
    means = [fits.match[here[kept[0]]].mean() for here in kept]
    alone = "one half of V1 is missing. Its masks are V1d (dorsal) and V1v (ventral)."
    turned = "these are shares of V1. Divide by the voxels that you kept instead."
    own = {
        "counts": [
            (kept.mean(axis=1), "these are shares. Count the voxels."),
            (
                (~kept).sum(axis=1),
                "these are the voxels that you left out. Count those that you kept.",
            ),
        ],
        "v1_shares": [
            *(([half[here].mean() for here in kept], alone) for half in v1_halves),
            ([here[in_v1].mean() for here in kept], turned),
        ],
        "matches": [(means, "these are means. Take the medians.")],
        "large_shares": [
            (
                summaries[:, 3] * summaries[:, 0],
                "these are counts. Divide by the number of voxels that you kept.",
            ),
            (
                1 - summaries[:, 3],
                "these are the shares of sizes below a pixel. Which side did you count?",
            ),
        ],
    }
    given = (counts, v1_shares, matches, large_shares)
    for place, (name, mistakes) in enumerate(own.items()):
        missing = "a threshold of 0.05 keeps voxels that `chosen` leaves out. Fit those as well."
        mistakes.append((from_0_1[:, place], missing))
        expect_array(name, given[place], summaries[:, place], ROUNDED, mistakes)


def _fits(recording, voxels):
    model = Ridge(alpha=100.0).fit(recording.stimuli, recording.bold[:, voxels])
    return fit_gaussians(model.coef_)


def _summary(fits, kept, in_v1):
    return (
        kept.sum(),
        in_v1[kept].mean(),
        np.median(fits.match[kept]),
        (fits.size[kept] >= 1).mean(),
    )
