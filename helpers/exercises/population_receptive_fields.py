"""The check of the exercise of chapter 5, Population receptive fields."""

import warnings

import numpy as np

from helpers.exercises.answers import exercise, expect_choice, expect_number
from helpers.receptive_fields import PRF, BoundWarning

ROUNDED = 0.006  # lets an answer pass that is rounded to two digits
EARLY = 3.0  # seconds
PEAKS = np.arange(3, 7.5, 0.5)


@exercise(1)
def check_1(changes_more, size_ratio, r2_ratio, peak, X, Y, good, runs, prf):
    """Check what a wrong delay does to fields, and when the good voxel responds.

    Parameters
    ----------
    changes_more : {"size", "r2"}
        What changes more in the typical voxel if the response is taken to peak at 3 s.
    size_ratio, r2_ratio : float
        Medians, over the voxels with a field, of what a peak at 3 s gives divided by what `prf`
        has.
    peak : float
        The peak, in seconds, that explains most of the good voxel.
    X : numpy.ndarray, shape (n_samples, n_pixels + 1)
        Pixels, 0 where they are off, and the stimulus regressor.
    Y : numpy.ndarray, shape (n_samples, n_voxels)
        Measured responses.
    good : numpy.ndarray, shape (n_samples,)
        Those of the good voxel.
    runs : numpy.ndarray of int, shape (n_samples,)
        The run of each sample.
    prf : helpers.receptive_fields.PRF
        Fitted to all voxels, with a peak at 5 s and sizes in degrees.
    """
    here = prf.has_field_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BoundWarning)  # medians do not mind a few limits
        early = PRF(hrf_peak=EARLY, pixel_size=prf.pixel_size).fit(X, Y[:, here], groups=runs)
    sizes, r2 = early.size_ / prf.size_[here], early.r2_ / prf.r2_[here]
    size, explained = np.nanmedian(sizes), np.nanmedian(r2)
    words = ["size", "r2"] if abs(np.log(size)) > abs(np.log(explained)) else ["r2", "size"]
    says = "the other changes more. A wrong delay shrinks all weights alike. Which one sees that?"
    expect_choice("changes_more", changes_more, words[0], {words[1]: says})

    upside_down = "the ratio is upside down. Divide the new value by that of `prf`."
    mean = "that is the mean of the ratios. Take their median."
    units = "you divide pixels by degrees. Give the new fit the same pixel_size."
    mistakes = [(size / prf.pixel_size, units), (1 / size, upside_down), (np.nanmean(sizes), mean)]
    expect_number("size_ratio", size_ratio, size, ROUNDED, mistakes)
    mistakes = [(1 / explained, upside_down), (np.nanmean(r2), mean)]
    expect_number("r2_ratio", r2_ratio, explained, ROUNDED, mistakes)

    best = PRF(hrf_peak=PEAKS).fit(X, good, groups=runs).hrf_peak_
    mistakes = [
        (best / 2, "that is in volumes. Give seconds."),
        (5.0, "that is what we assumed so far. Pass all peaks at once, and read hrf_peak_."),
    ]
    expect_number("peak", peak, best, 0.01, mistakes)
