"""Checks of the exercises of chapter 4, Receptive fields."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import rankdata
from sklearn.linear_model import Ridge

from helpers.exercises.answers import exercise, expect_array, expect_choice, expect_number
from helpers.receptive_fields import fit_gaussians

ROUNDED = 0.006  # lets an answer pass that is rounded to two digits
DEGREES_PER_PIXEL = 1.15
THRESHOLDS = (0.05, 0.1, 0.2, 0.3)
BINS = ((0, 5), (5, 10), (10, 20), (20, 40))  # mm


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
    says = "ridge has a weight for each pixel and does not ask where the pixel lies."
    expect_choice("same_scores", same_scores, True, {False: says})
    says = "both halves are read in the same wrong order, so both centres move alike."
    expect_choice("same_distance", same_distance, True, {False: says})
    says = "the brain's hemispheres stay where they are, and the columns become rows."
    expect_choice("same_share", same_share, False, {True: says})
    # The fields of exchanged images are the exchanged fields: no need to fit anything.
    apart = np.hypot(*(even.centre - odd.centre).T)
    one_only = np.hypot(*(even.centre - odd.centre[:, ::-1]).T)
    mistakes = [
        (np.median(one_only), "one half alone has its pixels exchanged."),
        (apart.mean(), "that is the mean. Some voxels jump far; take the median."),
        (DEGREES_PER_PIXEL * np.median(apart), "that is in degrees."),
    ]
    expect_number("distance", distance, np.median(apart), ROUNDED, mistakes)
    left = hemisphere == "LH"
    in_order, exchanged = fits.centre[:, 1] > 4.5, fits.centre[:, 0] > 4.5
    wanted = exchanged[left].mean()
    mistakes = [
        (in_order[left].mean(), "that is the share with the pixels in order."),
        (
            1 - in_order[left].mean(),
            "that would be a mirror image. Rows become columns.",
        ),
        ((fits.centre[left, 0] >= 4.5).mean(), "a centre on the midline lies in neither half."),
        (exchanged.mean(), "both hemispheres are in it."),
        (exchanged[~left].mean(), "that is the right hemisphere."),
        (100 * wanted, "a share lies between 0 and 1."),
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
    alone = "one half of V1 is missing: it has a dorsal and a ventral one."
    turned = "these are shares of V1. The exercise asks for shares of the voxels that you kept."
    own = {
        "counts": [
            (kept.mean(axis=1), "these are shares. How many voxels are there?"),
            ((~kept).sum(axis=1), "these are the voxels left out."),
        ],
        "v1_shares": [
            *(([half[here].mean() for here in kept], alone) for half in v1_halves),
            ([here[in_v1].mean() for here in kept], turned),
        ],
        "matches": [(means, "these are means. Take the medians.")],
        "large_shares": [
            (summaries[:, 3] * summaries[:, 0], "these are counts. Divide by the voxels kept."),
            (1 - summaries[:, 3], "these are the shares below a pixel."),
        ],
    }
    given = (counts, v1_shares, matches, large_shares)
    for place, (name, mistakes) in enumerate(own.items()):
        missing = "for 0.05 you need voxels that `chosen` leaves out. Fit those as well."
        mistakes.append((from_0_1[:, place], missing))
        expect_array(name, given[place], summaries[:, place], ROUNDED, mistakes)


@exercise(3)
def check_3(rho, medians, recording, chosen, centres, areas, hemisphere):
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
    both = "pairs from the other hemisphere are in it, or across the two."
    mistakes = [
        (_pairs(steps, centres, v1 & right), "distances are in voxels. Their edges differ in mm."),
        (_pairs(places, centres, v1), both),
        (_pairs(places, centres, v1 & ~right), "that is the left hemisphere."),
        (_pairs(places, centres, right), "areas other than V1 are in it."),
    ]
    pairs = _pairs(places, centres, v1 & right)
    wrong = [(_rank_correlation(*distances), says) for distances, says in mistakes]
    wrong.append((np.corrcoef(*pairs)[0, 1], "that is not the correlation of ranks."))
    expect_number("rho", rho, _rank_correlation(*pairs), 0.001, wrong)
    wrong = [(_in_bins(np.median, *distances), says) for distances, says in mistakes]
    wrong.append((_in_bins(np.mean, *pairs), "these are means. Take the medians."))
    wanted = _in_bins(np.median, *pairs)
    wrong.append((DEGREES_PER_PIXEL * wanted, "these are degrees. The exercise asks for pixels."))
    expect_array("medians", medians, wanted, ROUNDED, wrong)


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


def _pairs(places, centres, here):
    """Give each pair of voxels once: distances in the brain, and of the centres."""
    once = np.triu_indices(np.sum(here), k=1)
    return cdist(places[here], places[here])[once], cdist(centres[here], centres[here])[once]


def _rank_correlation(a, b):
    return np.corrcoef(rankdata(a), rankdata(b))[0, 1]


def _in_bins(summary, in_brain, in_image):
    bins = [in_image[(in_brain > near) & (in_brain <= far)] for near, far in BINS]
    return np.array([summary(values) if len(values) else np.nan for values in bins])
