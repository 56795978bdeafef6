"""How much of single trials a model could explain at best, from images that were shown repeatedly.

The response to trial j of image i is the image's own response plus noise with variance s2,
different in each trial. Two sums of squares part the variation of n trials of m images:

    B, of the images' averages around the mean of all trials (each trial counts once), and
    W, of the trials around the average of their image.

W has the noise alone: W / (n - m) is s2 on average. B has the images, and also what is left of the
noise in their averages: (m - 1) s2. So B / (B + W) is too large, and the ceiling is

    (B - (m - 1) W / (n - m)) / (B + W).

Scores are meant to be compared with it, so it speaks of the images that were shown, in the
proportions in which they were shown, and not of a population they were drawn from.
"""

from typing import NamedTuple

import numpy as np

from helpers.blocks import image_blocks
from helpers.checks import check_table
from helpers.constant_voxels import is_constant, warn_constant


class Trials(NamedTuple):
    """What was measured each time an image was shown, in the order of the recording."""

    responses: np.ndarray  # (n_trials, n_voxels), means over the volumes of each block
    pixels: np.ndarray  # (n_trials, n_pixels), the image shown
    image: np.ndarray  # (n_trials,), number of the image; the same pixels have the same number
    runs: np.ndarray  # (n_trials,), the run of each trial


def trials(recording):
    """Average the responses to each block of equal image rows; blocks of rest are left out.

    Parameters
    ----------
    recording : helpers.recordings.Recording
        Its responses are already shifted against its images, in all runs.

    Returns
    -------
    Trials

    Raises
    ------
    ValueError
        If there is no image in the recording.
    """
    starts, stops = image_blocks(recording)
    if not len(starts):
        raise ValueError(
            f"None of {len(recording.runs)} rows shows an image; expected blocks of rows with lit "
            "pixels. Check the label files."
        )
    rows = zip(starts, stops, strict=True)
    responses = [recording.bold[a:b].mean(axis=0, dtype=np.float64) for a, b in rows]
    pixels = recording.stimuli[starts]
    image = np.unique(pixels, axis=0, return_inverse=True)[1].reshape(-1)
    return Trials(np.array(responses), pixels, image, recording.runs[starts])


def single_trial_ceiling(responses, image):
    """Estimate the share of the variance of single trials that lies between images [1]_.

    Parameters
    ----------
    responses : array_like, shape (n_trials, n_voxels)
        One response a trial, any unit.
    image : array_like, shape (n_trials,)
        Which image each trial showed; any labels. Images may be shown unequally often.

    Returns
    -------
    ndarray, shape (n_voxels,)
        At most 1. Voxels without any difference between images scatter around 0, so that about
        half of them are negative. NaN where a voxel is constant.

    Raises
    ------
    ValueError
        If no image is shown twice, if there is one image only, if there is not one image a trial,
        or for NaN and infinite values.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over all trials.

    References
    ----------
    .. [1] Benjamini, Y., & Yu, B. (2013). The shuffle estimator for explainable variance in fMRI
       experiments. Annals of Applied Statistics, 7(4), 2007-2033. There images are a random
       sample of all images; here they are the images of interest.
    """
    responses = check_table("responses", responses)
    image, counts = _count_images(image, len(responses))
    constant = is_constant(responses)
    warn_constant(constant, "over all trials", "Their ceilings are NaN")
    deviations = responses - responses.mean(axis=0)
    shown = image[:, np.newaxis] == np.arange(len(counts))
    averages = shown.T @ deviations / counts[:, np.newaxis]
    between = counts @ averages**2
    within = ((deviations - averages[image]) ** 2).sum(axis=0)
    noise = within / (len(image) - len(counts))
    total = np.where(constant, np.nan, between + within)
    return (between - (len(counts) - 1) * noise) / total


def _count_images(image, n_trials):
    """Return images numbered from 0 and how often each was shown, or say what is missing."""
    image = np.asarray(image)
    if image.shape != (n_trials,):
        raise ValueError(
            f"image has shape {image.shape}; expected one image for each of the {n_trials} trials, "
            f"that is shape ({n_trials},). Pass trials(recording).image."
        )
    labels, image, counts = np.unique(image, return_inverse=True, return_counts=True)
    if len(labels) == n_trials:
        raise ValueError(
            f"No image is shown twice: {n_trials} trials, {n_trials} images. Expected repeats, "
            "because only they tell noise from differences between images. Use the figure runs: "
            'datasets.recording(dataset, kind="figure").'
        )
    if len(labels) == 1:
        raise ValueError(
            f"All {n_trials} trials show the same image; expected two or more images, because the "
            "ceiling is about differences between them."
        )
    return image, counts
