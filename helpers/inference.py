"""Whether a score is more than chance, and how good it could be at best.

One half tells what scores look like when images and responses do not belong together. The other
estimates the noise ceiling of single trials, from images that were shown repeatedly.
"""

import numpy as np
from tqdm import tqdm

from helpers._engine.folds import tabulate
from helpers._engine.permutations import prepare_images, score_orders
from helpers._engine.validation import (
    check_dtype,
    check_lengths,
    check_penalties,
    check_several_runs,
    check_shape,
    check_table,
    is_constant,
    warn_constant,
)

__all__ = [
    "max_p_values",
    "p_values",
    "permute_runs",
    "single_trial_ceiling",
]

BATCH = 250  # permutations that are finished together; an interrupt loses no more than these
TIE = 1e-4  # R2 as close as this are the same: single precision may cost as much


def permute_runs(null, X, Y, *, groups, alpha=100.0, cv=10, random_state=0, dtype=np.float32):
    """Fill in the null distribution of the mean R2: score again with runs in another order.

    Each permutation puts the responses' runs in a random order; images and folds stay. Whole runs
    move, because neighbouring volumes resemble each other [1]_. The score is the one of
    ``RidgeCV([alpha], cv=cv).fit(X, Y_permuted, groups=groups).best_score_``;
    `helpers._engine.permutations` explains why it takes milliseconds.

    The test asks *which image* a voxel responds to. If the timing is the same in every run, a voxel
    that responds to anything on the screen scores as well in another order: it is not significant.

    The caller makes `null`, full of NaN. In memory: ``null = np.full((1000, Y.shape[1]), np.nan)``.
    In a file, which outlives the kernel: ``null = np.lib.format.open_memmap("null.npy", "w+",
    np.float32, (1000, Y.shape[1]))`` and ``null[:] = np.nan``; after a restart,
    ``null = np.load("null.npy", mmap_mode="r+")``.

    An interrupt (stop button, Ctrl-C) leaves finished rows filled. Call again with the same
    arguments to go on: the result is that of one call.

    Parameters
    ----------
    null : ndarray of float, shape (n_permutations, n_voxels)
        Rows without any number are filled in place. A voxel that is constant over a fold gets NaN.
    X : array_like, shape (n_samples, n_features)
        Features, for example pixels.
    Y : array_like, shape (n_samples, n_voxels)
        Measured responses.
    groups : array_like, shape (n_samples,)
        The run that each sample belongs to. All runs have the same number of samples.
    alpha : float
        Penalty, above zero.
    cv : int, splitter or iterable of (train, test)
        Folds of whole runs, as for `helpers.ridge.RidgeCV`.
    random_state : int
        Row i has the order ``np.random.default_rng([random_state, i]).permutation(n_runs)``. A
        number, so that interrupted work goes on with the same orders. The order of
        the recording may come up by chance. With few runs it often does, and rightly keeps p
        large: 4 runs have 24 orders, so p is hardly below 1/24.
    dtype : {numpy.float32, numpy.float64}
        Precision of the sums. Single precision takes about half the time and costs less than
        1e-4 of R2, commonly 1e-6.

    Raises
    ------
    ValueError
        For runs of different length, splits that cut a run, several penalties, a `null` of another
        shape or from other arguments, and for what `helpers.ridge.RidgeCV` refuses.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over a fold.

    References
    ----------
    .. [1] Winkler, A. M., Webster, M. A., Vidaurre, D., Nichols, T. E., & Smith, S. M. (2015).
       Multi-level block permutation. NeuroImage, 123, 253-268.
    """
    X, Y = check_table("X", X), check_shape("Y", Y)
    check_lengths(X, Y)
    finished = _finished(null, Y.shape[1])
    runs = _check_equal(check_several_runs(groups, len(X)))
    alpha, seed = _check_one(alpha), _check_seed(random_state)
    table = _check_whole(tabulate(cv, X, Y, groups), runs)
    images = prepare_images(X, runs, table, alpha, check_dtype(dtype))
    rngs = [np.random.default_rng([seed, row]) for row in range(len(null))]
    orders = np.array([rng.permutation(runs[-1] + 1) for rng in rngs])
    for row in np.flatnonzero(finished)[:1]:
        _check_origin(null[row], score_orders(images, Y, orders[[row]])[0], row)
    to_do = np.flatnonzero(~finished)
    with tqdm(total=len(null), initial=int(finished.sum()), unit="permutation") as bar:
        for start in range(0, len(to_do), BATCH):
            rows = to_do[start : start + BATCH]
            null[rows] = score_orders(images, Y, orders[rows])
            bar.update(len(rows))
    constant = np.isnan(null.sum(axis=0))
    warn_constant(constant, "over a fold in some order of the runs", "Their scores are NaN")


def p_values(null, scores):
    """Return how probable a score as high as the observed one is by chance.

    The observed score counts as one of the permutations, so p is never zero [1]_.

    Parameters
    ----------
    null : ndarray, shape (n_permutations, n_voxels)
        From `permute_runs`; rows that are still to do are left out.
    scores : array_like, shape (n_voxels,)
        Observed mean R2 over the same folds, with the same penalty.

    Returns
    -------
    ndarray, shape (n_voxels,)
        For each voxel by itself, (1 + number of permutations that reach the score) / (1 + number
        of permutations); NaN where a score is NaN.

    Raises
    ------
    ValueError
        If shapes do not fit, or no permutation is finished.

    References
    ----------
    .. [1] Phipson, B., & Smyth, G. K. (2010). Permutation p-values should never be zero.
       Statistical Applications in Genetics and Molecular Biology, 9(1), 39.
    """
    scores, rows = _check_scores(null, scores)
    reached = np.where(np.isnan(scores), np.nan, 1)
    for row in rows:
        reached += np.where(np.isnan(null[row]), np.nan, null[row] >= scores - TIE)
    return reached / (1 + len(rows))


def max_p_values(null, scores):
    """Return how probable it is that chance lifts any voxel as far as this one is lifted.

    These p-values are corrected for the number of voxels: with those up to .05, the chance of even
    one false voxel is at most 5 %. Each permutation contributes its maximum over voxels [1]_, as
    in nilearn's ``permuted_ols``. Voxels have null distributions of different place and width, so
    every score is first counted in standard deviations from the mean of its voxel's own.

    Parameters
    ----------
    null : ndarray, shape (n_permutations, n_voxels)
        From `permute_runs`; rows that are still to do are left out.
    scores : array_like, shape (n_voxels,)
        Observed mean R2 over the same folds, with the same penalty.

    Returns
    -------
    ndarray, shape (n_voxels,)
        (1 + number of permutations whose maximum reaches the voxel's score) / (1 + number of
        permutations); NaN where a score is NaN. Such voxels have no part in the maximum.

    Raises
    ------
    ValueError
        As `p_values`.

    References
    ----------
    .. [1] Nichols, T. E., & Holmes, A. P. (2002). Nonparametric permutation tests for functional
       neuroimaging: a primer with examples. Human Brain Mapping, 15(1), 1-25.
    """
    scores, rows = _check_scores(null, scores)
    # The recording counts as a permutation, also in what is usual for a voxel.
    n = 1 + len(rows)
    mean = (scores + null[rows].sum(axis=0, dtype=np.float64)) / n
    squares = (scores - mean) ** 2
    for row in rows:
        squares += (null[row] - mean) ** 2
    spread = np.sqrt(np.where(squares > 0, squares, np.nan) / n)
    reached = np.ones(len(scores))
    for row in rows:
        highest = np.nanmax((null[row] - mean) / spread, initial=-np.inf)
        reached += highest >= (scores - TIE - mean) / spread
    return np.where(np.isnan(scores), np.nan, reached / n)


def _check_scores(null, scores):
    """Return the scores as an array, and which permutations are finished."""
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1:
        raise ValueError(
            f"scores has shape {scores.shape}; expected one mean R2 a voxel. Take the mean over "
            "the folds, as best_score_ of RidgeCV does."
        )
    rows = np.flatnonzero(_finished(null, len(scores)))
    if not rows.size:
        raise ValueError("null holds no finished permutation; expected some. Run permute_runs.")
    return scores, rows


def _finished(null, n_voxels):
    """Say which rows hold a number, (n_permutations,)."""
    is_float = isinstance(null, np.ndarray) and np.issubdtype(null.dtype, np.floating)
    if not is_float or null.shape[1:] != (n_voxels,):
        given = f"has shape {null.shape}, {null.dtype}" if hasattr(null, "dtype") else "is no array"
        raise ValueError(
            f"null {given}; expected floating-point numbers, permutations by {n_voxels} voxels. "
            f"Start with null = np.full((1000, {n_voxels}), np.nan)."
        )
    return np.array([not np.isnan(row).all() for row in null], dtype=bool)


def _check_equal(runs):
    """Refuse runs of different length, which cannot change places."""
    lengths = np.bincount(runs)
    if len(set(lengths)) > 1:
        raise ValueError(
            f"Runs have {', '.join(map(str, lengths))} samples; expected equal numbers, because "
            "runs change places. Leave the runs of another length out of X, Y and groups."
        )
    return runs


def _check_whole(table, runs):
    """Refuse splits that cut a run, whose parts could not change places."""
    by_run = table.reshape(len(table), runs[-1] + 1, -1)
    if (by_run != by_run[:, :, :1]).any():
        raise ValueError(
            "cv has a split between samples of one run; expected whole runs, because these change "
            "places. Pass a number of folds, or LeaveOneGroupOut() or GroupKFold()."
        )
    return table


def _check_seed(random_state):
    if not isinstance(random_state, int | np.integer) or random_state < 0:
        raise ValueError(
            f"random_state is {random_state!r}; expected a whole number from 0 up, so that a later "
            "call can go on with the same orders."
        )
    return random_state


def _check_one(alpha):
    if np.ndim(alpha):
        raise ValueError(
            f"alpha has shape {np.shape(alpha)}; expected one number. Each penalty has a null "
            "distribution of its own: call once for each."
        )
    return float(check_penalties(alpha))


def _check_origin(row, expected, number):
    """Refuse to go on with rows that other arguments gave, or that are no scores at all."""
    if not np.allclose(row, expected, rtol=TIE, atol=TIE, equal_nan=True):
        raise ValueError(
            f"Row {number} of null holds numbers, but not those of these arguments; expected NaN "
            "in rows that are to do. Pass the arguments that null was begun with, or start again "
            f"with null[:] = np.nan."
        )


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
            'data.recording(dataset, kind="figure").'
        )
    if len(labels) == 1:
        raise ValueError(
            f"All {n_trials} trials show the same image; expected two or more images, because the "
            "ceiling is about differences between them."
        )
    return image, counts
