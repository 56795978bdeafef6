"""Whether a score is more than chance, and how good it could be at best.

One half tells what scores look like when images and responses do not belong together. The other
estimates the noise ceiling of single trials, from images that were shown repeatedly.
"""

import warnings
from math import factorial, prod

import numpy as np
import pandas as pd
from tqdm import tqdm

from helpers._engine.folds import TRAIN, tabulate
from helpers._engine.permutations import kinds_of_runs, prepare_images, score_orders, score_shifts
from helpers._engine.ridge import make_plan
from helpers._engine.sums import exponents
from helpers._engine.validation import (
    LARGEST,
    FewOrdersWarning,
    check_dtype,
    check_labels,
    check_lengths,
    check_penalties,
    check_several_runs,
    check_shape,
    check_table,
    is_constant,
    read_numbers,
    refuse_masked,
    rows_of_runs,
    warn_constant,
)

__all__ = [
    "FewOrdersWarning",
    "max_p_values",
    "p_values",
    "permute_runs",
    "shift_runs",
    "single_trial_ceiling",
]

BATCH = 250  # permutations that are finished together; an interrupt loses no more than these
BATCH_OF_SHIFTS = 25  # the same for shifts, each of which takes longer
PERFECT = 50  # voxels without noise that say how small a p the shifts allow
ROUNDING = 1e-5  # R2 that differ by less do so by the rounding errors of single precision
# Of the features' sum of squares: with more features than samples, a smaller penalty is all that
# some directions have, and single precision does not hold it beside the others.
FEW_DIGITS = 1e-3
TIE = 1e-4  # R2 as close as this are the same: single precision may cost as much


def permute_runs(null, X, Y, *, groups, alpha=100.0, cv=10, random_state=0, dtype=np.float32):
    """Fill in the null distribution of the mean R2: score again with runs in another order.

    Each permutation puts the responses' runs in a random order; images and folds stay. Whole runs
    move, because neighbouring volumes resemble each other [1]_. The score is the one of
    ``RidgeCV([alpha], cv=cv).fit(X, Y_permuted, groups=groups).best_score_``;
    `helpers._engine.permutations` explains why it takes milliseconds.

    The test asks *which image* a voxel responds to. If the timing is the same in every run, a voxel
    that responds to anything on the screen scores as well in another order: it is not significant.
    If the runs show the same images at the same times, no voxel can be: use `shift_runs`.

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
        1e-4 of R2, commonly 1e-6. With more features than samples and a small penalty it would
        cost more, so that double precision is taken there.

    Raises
    ------
    ValueError
        For runs of different length, runs that all show the same, splits that cut a run, several
        penalties, a `null` of another shape or from other arguments, and for what
        `helpers.ridge.RidgeCV` refuses.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over a fold.
    FewOrdersWarning
        If there are fewer different orders than permutations, because there are few runs or
        because many show the same. Runs count as the same if no feature differs by more than 1 %
        of its variance.

    References
    ----------
    .. [1] Winkler, A. M., Webster, M. A., Vidaurre, D., Nichols, T. E., & Smith, S. M. (2015).
       Multi-level block permutation. NeuroImage, 123, 253-268.
    """
    X, Y = check_table("X", X), check_shape("Y", Y)
    check_lengths(X, Y)
    _finished(null, Y.shape[1])
    runs = _check_equal(check_several_runs(groups, len(X)))
    alpha, rngs = _check_one(alpha), _generators(random_state, len(null))
    table = _check_whole(tabulate(cv, X, Y, groups), runs)
    _check_different(X, runs, len(null))
    images = prepare_images(X, runs, table, alpha, _precision(dtype, X, table, alpha))
    orders = np.array([rng.permutation(runs[-1] + 1) for rng in rngs])
    _fill(null, lambda rows: score_orders(images, Y, orders[rows]), BATCH)
    constant = np.isnan(null.sum(axis=0))
    warn_constant(constant, "over a fold in some order of the runs", "Their scores are NaN")


def shift_runs(null, X, Y, *, groups, alpha=100.0, cv=10, random_state=0, dtype=np.float32):
    """Fill in the null distribution of the mean R2: score again with responses shifted in time.

    For recordings in which every run shows the same, where `permute_runs` has nothing to exchange,
    and for runs of different length. In each permutation the responses of every run move by an
    amount of its own, all voxels alike; what leaves the run at its end comes in at its start.
    So neighbouring volumes still resemble each other, and images and folds stay. The score is the
    one of ``RidgeCV([alpha], cv=cv).fit(X, Y_shifted, groups=groups).best_score_``.

    Every shift is equally probable, 0 and short ones included, because the test is exact for a
    whole group of changes, from which the null is drawn at random [1]_. With two runs or more, a
    shift that is short in all of them hardly ever comes up.

    The test asks whether a voxel responds to *anything* at these times. One that responds to all
    images alike is significant here, other than with `permute_runs`; so is one with anything else
    that comes at the same time in every run, such as volumes before steady state or a drift that
    cleaning has left: take these out first. What the test supposes of the noise is that it is
    alike throughout a run.

    Calls, files, interrupts and the way to go on are those of `permute_runs`.

    Parameters
    ----------
    null, X, Y, alpha, cv, dtype
        As for `permute_runs`.
    groups : array_like, shape (n_samples,)
        The run that each sample belongs to. Runs may differ in length. Within a run, samples are
        equally spaced in time.
    random_state : int
        Row i moves run r by the r-th number of
        ``np.random.default_rng([random_state, i]).integers(lengths)``, in samples, later in time.

    Raises
    ------
    ValueError
        If nothing changes within any run, and as `permute_runs`.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over a fold.
    FewOrdersWarning
        If even a voxel without noise would have a p above .01: images that come back at equal
        distances look the same after a shift by that distance, and few or short runs have few
        shifts. Such voxels are copies of features, 50 at most.

    References
    ----------
    .. [1] Hemerik, J., & Goeman, J. (2018). Exact testing with random permutations. TEST, 27(4),
       811-825.
    """
    X, Y = check_table("X", X), check_shape("Y", Y)
    check_lengths(X, Y)
    _finished(null, Y.shape[1])
    runs = check_several_runs(groups, len(X))
    alpha, rngs = _check_one(alpha), _generators(random_state, len(null))
    table = _check_whole(tabulate(cv, X, Y, groups), runs)
    if all(is_constant(X[rows]).all() for rows in rows_of_runs(runs)):
        raise ValueError(
            "X does not change within any run, so shifts within runs change nothing; expected "
            "features that change. For features that differ between runs only, use permute_runs."
        )
    plan = make_plan(X, table, np.array([alpha]), check_dtype(dtype))
    shifts = np.array([rng.integers(np.bincount(runs)) for rng in rngs])
    _warn_few_shifts(plan, X, runs, shifts)
    _fill(null, lambda rows: score_shifts(plan, Y, runs, shifts[rows]), BATCH_OF_SHIFTS)
    warn_constant(np.isnan(null.sum(axis=0)), "over a fold", "Their scores are NaN")


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
    null = np.asarray(null)  # a masked array, although nothing is masked, has methods of its own
    # The recording counts as a permutation, also in what is usual for a voxel.
    n = 1 + len(rows)
    mean = (scores + null[rows].sum(axis=0, dtype=np.float64)) / n
    squares = (scores - mean) ** 2
    for row in rows:
        squares += (null[row] - mean) ** 2
    spread = np.sqrt(squares / n)
    spread[spread < ROUNDING] = np.nan  # all scores are the same: none is higher than by chance
    reached = np.ones(len(scores))
    for row in rows:
        highest = np.nanmax((null[row] - mean) / spread, initial=-np.inf)
        reached += np.isnan(spread) | (highest >= (scores - TIE - mean) / spread)
    return np.where(np.isnan(scores), np.nan, reached / n)


def _check_scores(null, scores):
    """Return the scores as an array, and which permutations are finished."""
    scores = read_numbers("scores", scores)
    if scores.ndim != 1:
        raise ValueError(
            f"scores has shape {scores.shape}; expected one mean R2 a voxel. Take the mean over "
            "the folds, as best_score_ of RidgeCV does."
        )
    rows = np.flatnonzero(_finished(null, len(scores)))
    if not rows.size:
        raise ValueError("null holds no finished permutation; expected some. Run permute_runs.")
    beyond = np.float64(LARGEST)  # of a type, because single precision does not hold it
    if any((np.abs(values) > beyond).any() for values in (scores, *(null[row] for row in rows))):
        raise ValueError(
            f"scores or null have values that are infinite or beyond {LARGEST:g}; expected R2, "
            "which are 1 at most, or NaN. Look at the step that they come from."
        )
    return scores, rows


def _finished(null, n_voxels):
    """Say which rows hold a number, (n_permutations,)."""
    refuse_masked("null", null)
    is_float = isinstance(null, np.ndarray) and np.issubdtype(null.dtype, np.floating)
    if not is_float or null.shape[1:] != (n_voxels,) or not len(null):
        given = f"has shape {null.shape}, {null.dtype}" if hasattr(null, "dtype") else "is no array"
        raise ValueError(
            f"null {given}; expected floating-point numbers, permutations by {n_voxels} voxels. "
            f"Start with null = np.full((1000, {n_voxels}), np.nan)."
        )
    return np.array([not np.isnan(row).all() for row in null], dtype=bool)


def _fill(null, score, batch):
    """Fill in the rows that are to do, some at a time; ``score(rows)`` gives their values."""
    finished = _finished(null, null.shape[1])
    for row in np.flatnonzero(finished)[:1]:
        _check_origin(null[row], score([row])[0], row)
    to_do = np.flatnonzero(~finished)
    with tqdm(total=len(null), initial=int(finished.sum()), unit="permutation") as bar:
        for start in range(0, len(to_do), batch):
            rows = to_do[start : start + batch]
            null[rows] = score(rows)
            bar.update(len(rows))


def _check_equal(runs):
    """Refuse runs of different length, which cannot change places."""
    lengths = np.bincount(runs)
    if len(set(lengths)) > 1:
        raise ValueError(
            f"Runs have {', '.join(map(str, lengths))} samples; expected equal numbers, because "
            "runs change places. Leave the runs of another length out of X, Y and groups, or use "
            "shift_runs, which takes runs of any length."
        )
    return runs


def _check_whole(table, runs):
    """Refuse splits that cut a run, whose parts could not change places."""
    starts = np.flatnonzero(np.diff(runs, prepend=-1))
    if (table != table[:, starts[runs]]).any():
        raise ValueError(
            "cv has a split between samples of one run; expected whole runs, because these change "
            "places. Pass a number of folds, or LeaveOneGroupOut() or GroupKFold()."
        )
    return table


def _check_different(X, runs, n_permutations):
    """Refuse runs that all show the same, and warn if they have few different orders."""
    counts = np.bincount(kinds_of_runs(X, runs))
    n_runs = counts.sum()
    if len(counts) == 1:
        raise ValueError(
            f"All {n_runs} runs show the same, so that another order of the runs changes nothing "
            "and no voxel could be significant; expected runs that differ. Use shift_runs, which "
            "moves the responses within each run."
        )
    n_orders = factorial(n_runs) // prod(map(factorial, counts))
    if n_orders < n_permutations:
        warnings.warn(
            f"{n_runs} runs, of which {len(counts)} show something different, have {n_orders} "
            f"different orders for {n_permutations} permutations: no p can be expected below "
            f"{1 / n_orders:.2g}. Use shift_runs, or more runs.",
            FewOrdersWarning,
            stacklevel=3,
        )


def _warn_few_shifts(plan, X, runs, shifts):
    """Warn if shifted features predict unshifted ones about as well as they predict themselves."""
    columns = np.unique(np.linspace(0, X.shape[1] - 1, PERFECT).astype(int))
    no_shift = np.zeros((1, shifts.shape[1]), dtype=int)
    scores = score_shifts(plan, X[:, columns], runs, np.vstack([no_shift, shifts]))
    if np.isnan(scores).all():
        return  # no copy has a score: there is a fold over which no feature changes
    best = np.nanmin([1, *p_values(scores[1:], scores[0])])
    if best > max(0.01, 1 / (1 + len(shifts))):
        warnings.warn(
            f"Even a voxel without noise would get p = {best:.2g}: the stimuli look much the same "
            "after many of the shifts, because they come back at equal distances or because runs "
            "are few or short. Use more runs, or permute_runs if the runs show different stimuli.",
            FewOrdersWarning,
            stacklevel=3,
        )


def _generators(random_state, n_permutations):
    """Return a random generator for each permutation, or say why there are none."""
    if not isinstance(random_state, int | np.integer) or random_state < 0:
        raise ValueError(
            f"random_state is {random_state!r}; expected a whole number from 0 up, so that a later "
            "call can go on with the same orders."
        )
    return [np.random.default_rng([random_state, row]) for row in range(n_permutations)]


def _precision(dtype, X, table, alpha):
    """Return the precision of the sums: double where single has too few digits for the penalty."""
    fewest = (table == TRAIN).sum(axis=1).min()
    is_small = alpha < FEW_DIGITS * np.square(X - X.mean(axis=0)).sum()
    return np.dtype(np.float64) if X.shape[1] >= fewest and is_small else check_dtype(dtype)


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
        if images are missing (NaN, None), or for responses that are NaN, infinite or masked.

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
    deviations = np.ldexp(deviations, -exponents(deviations, axis=0))
    shown = image[:, np.newaxis] == np.arange(len(counts))
    averages = shown.T @ deviations / counts[:, np.newaxis]
    between = counts @ averages**2
    within = ((deviations - averages[image]) ** 2).sum(axis=0)
    noise = within / (len(image) - len(counts))
    total = np.where(constant, np.nan, between + within)
    return (between - (len(counts) - 1) * noise) / total


def _count_images(image, n_trials):
    """Return images numbered from 0 and how often each was shown, or say what is missing."""
    image = check_labels("image", image)
    if image.shape != (n_trials,):
        raise ValueError(
            f"image has shape {image.shape}; expected one image for each of the {n_trials} trials, "
            f"that is shape ({n_trials},). Pass trials(recording).image."
        )
    image, labels = pd.factorize(image)
    counts = np.bincount(image)
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
