"""Decoding: which image was shown, and what it looked like.

For one trial, with the image x (n_pixels,) and the responses y (n_voxels,), the model says

    y = B'x + b + noise,    noise ~ N(0, S).

Identification uses it forwards, to choose among given images; Bayes' rule turns it into a
distribution over images.
"""

import warnings

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from scipy.spatial.distance import cdist
from scipy.special import expit
from sklearn.linear_model import OrthogonalMatchingPursuit

from helpers._engine.sums import exponents
from helpers._engine.threads import on_threads
from helpers._engine.validation import (
    check_complete,
    check_finite,
    check_fits,
    check_pair,
    check_table,
    is_constant,
    read_array,
    warn_constant,
)

__all__ = [
    "correlations",
    "identified",
    "log_likelihoods",
    "patches",
    "reconstruct",
    "reconstruct_binary",
    "reconstruct_multiscale",
    "smooth_covariance",
]


def correlations(measured, predicted):
    """Correlate each measured pattern with each predicted one, over voxels [1]_.

    Parameters
    ----------
    measured : array_like, shape (n_trials, n_voxels)
    predicted : array_like, shape (n_candidates, n_voxels)

    Returns
    -------
    ndarray, shape (n_trials, n_candidates)

    Raises
    ------
    ValueError
        For tables that do not fit together or hold values that are no numbers, and for a pattern
        that is the same in all voxels, with which nothing correlates.

    References
    ----------
    .. [1] Kay, K. N., et al. (2008). Identifying natural images from human brain activity.
       Nature, 452(7185), 352-355.
    """
    measured, predicted = _check_patterns(measured, predicted)
    for name, patterns in (("measured", measured), ("predicted", predicted)):
        flat = np.flatnonzero(is_constant(patterns.T))
        if flat.size:
            raise ValueError(
                f"{flat.size} of {len(patterns)} {name} patterns are the same in all "
                f"{patterns.shape[1]} voxels, first in row {flat[0]}; expected two voxels or more "
                "that differ, because a correlation is over voxels. Leave these rows out, or use "
                "log_likelihoods."
            )
    patterns = (np.ldexp(rows, -exponents(rows, axis=1)) for rows in (measured, predicted))
    return 1 - cdist(*patterns, "correlation")


def log_likelihoods(measured, predicted, noise):
    """Say how probable each measured pattern is under each candidate, with Gaussian noise.

    Parameters
    ----------
    measured : array_like, shape (n_trials, n_voxels)
    predicted : array_like, shape (n_candidates, n_voxels)
    noise : array_like, shape (n_voxels, n_voxels)
        Covariance S of the noise of one trial.

    Returns
    -------
    ndarray, shape (n_trials, n_candidates)
        -(y - f)' S^-1 (y - f) / 2, without the constant that all candidates share.

    Raises
    ------
    ValueError
        For tables that do not fit together, or a covariance that is none.
    """
    measured, predicted = _check_patterns(measured, predicted)
    root = root_of("noise", noise, measured.shape[1])
    # In the coordinates L^-1 y, with S = L L', the noise is white.
    white = [solve_triangular(root, rows.T, lower=True).T for rows in (measured, predicted)]
    return -cdist(*white, "sqeuclidean") / 2


def identified(match, shown, n_candidates, *, random_state=0):
    """Say which trials are identified among some candidates: the image shown and others, drawn.

    Each trial gets other candidates of its own. With the same `random_state` those for a smaller
    number are among those for a larger one.

    Parameters
    ----------
    match : array_like, shape (n_trials, n_pool)
        How well each image of the pool matches, larger is better.
    shown : array_like of int, shape (n_trials,)
        Which image of the pool was shown.
    n_candidates : int
        From 1 to the size of the pool.
    random_state : int or numpy.random.Generator

    Returns
    -------
    ndarray of bool, shape (n_trials,)
        Whether the image shown matches better than all others. A tie is a miss.

    Raises
    ------
    ValueError
        If `shown` does not fit `match`, or `n_candidates` does not fit the pool.

    Warns
    -----
    UserWarning
        If columns of `match` are copies of others, as of an image that is in the pool twice.
    """
    match, shown = check_table("match", match), read_array("shown", shown)
    n_trials, n_pool = match.shape
    if shown.shape != (n_trials,) or not np.issubdtype(shown.dtype, np.integer):
        raise ValueError(
            f"shown has shape {shown.shape} and type {shown.dtype}; expected the column of the "
            f"image shown, a whole number, for each of the {n_trials} rows of match."
        )
    is_whole = isinstance(n_candidates, int | np.integer)
    if shown.min() < 0 or shown.max() >= n_pool or not is_whole or not 1 <= n_candidates <= n_pool:
        raise ValueError(
            f"shown runs from {shown.min()} to {shown.max()} and n_candidates is {n_candidates}; "
            f"match has columns 0 to {n_pool - 1}, and so at most {n_pool} candidates, a whole "
            "number."
        )
    _warn_copies(match)
    rows = np.arange(n_trials)
    order = np.random.default_rng(random_state).random(match.shape)
    order[rows, shown] = -1  # first in line
    drawn = np.argsort(order, axis=1)[:, 1:n_candidates]
    others = np.take_along_axis(match, drawn, axis=1)
    return (others < match[rows, shown][:, np.newaxis]).all(axis=1)


def _warn_copies(match):
    """Warn if an image is in the pool twice: then it cannot win, and chance is another one."""
    digits = np.round(match / (np.abs(match).max() or 1), 12)  # the last ones are rounding
    n_copies = match.shape[1] - np.unique(digits, axis=1).shape[1]
    if n_copies:
        warnings.warn(
            f"{n_copies} of {match.shape[1]} columns of match are copies of others: an image that "
            "is in the pool twice ties with itself, so that its trials count as missed. Leave "
            "copies out of the pool.",
            stacklevel=3,
        )


def root_of(name, covariance, size):
    """Return the lower triangular L with L L' = covariance.

    Parameters
    ----------
    name : str
        What the covariance is called in messages.
    covariance : array_like, shape (size, size)
    size : int

    Returns
    -------
    ndarray, shape (size, size)

    Raises
    ------
    ValueError
        If it has another shape, is not symmetric, or not positive definite.
    """
    covariance = check_table(name, covariance)
    if covariance.shape != (size, size) or not np.allclose(covariance, covariance.T):
        raise ValueError(
            f"{name} has shape {covariance.shape}; expected a symmetric covariance matrix of "
            f"shape ({size}, {size})."
        )
    try:
        return cholesky(covariance, lower=True)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"{name} is no covariance matrix: it is not positive definite. Shrink it, for example "
            "with sklearn.covariance.LedoitWolf, or add a little to its diagonal."
        ) from None


def _check_patterns(measured, predicted):
    measured, predicted = check_table("measured", measured), check_table("predicted", predicted)
    if measured.shape[1] != predicted.shape[1]:
        raise ValueError(
            f"measured has {measured.shape[1]} voxels and predicted {predicted.shape[1]}; expected "
            "the same voxels in both: choose the same columns."
        )
    return measured, predicted


def reconstruct(responses, coef, intercept, noise, prior_mean, prior):
    """Find the images that are most probable, given responses and a prior [1]_.

    With images x ~ N(m, C) the images given the responses y are Gaussian as well, with

        covariance  V = (C^-1 + B S^-1 B')^-1    and    mean  m + V B S^-1 (y - B'm - b).

    Parameters
    ----------
    responses : array_like, shape (n_trials, n_voxels)
        Measured responses y.
    coef : array_like, shape (n_pixels, n_voxels)
        Weights B of the encoding model: the transpose of its ``coef_``.
    intercept : array_like, shape (n_voxels,)
        Its intercepts b.
    noise : array_like, shape (n_voxels, n_voxels)
        Covariance S of what the model leaves unexplained in a trial, in squared units of the
        responses.
    prior_mean : array_like, shape (n_pixels,)
        Image m expected before anything is measured.
    prior : array_like, shape (n_pixels, n_pixels)
        Covariance C of images about it.

    Returns
    -------
    images : ndarray, shape (n_trials, n_pixels)
        Posterior means, in the units of pixels.
    covariance : ndarray, shape (n_pixels, n_pixels)
        V, the same for every trial.

    Raises
    ------
    ValueError
        For tables that do not fit together, or a covariance that is none.

    References
    ----------
    .. [1] Schoenmakers, S., Barth, M., Heskes, T., & van Gerven, M. (2013). Linear reconstruction
       of perceived images from human brain activity. NeuroImage, 83, 951-961.
    """
    white, left = _whiten(responses, coef, intercept, noise)
    n_pixels = white.shape[1]
    prior_mean = check_fits("prior_mean", prior_mean, (n_pixels,))
    check_finite("prior_mean", prior_mean[np.newaxis])
    prior_root = root_of("prior", prior, n_pixels)
    left = left - white @ prior_mean[:, np.newaxis]
    # With C = K K': V = K (I + K'B S^-1 B'K)^-1 K'. C itself is never inverted.
    inner = white @ prior_root
    factor = cho_factor(np.eye(n_pixels) + inner.T @ inner, lower=True)
    covariance = prior_root @ cho_solve(factor, prior_root.T)
    return prior_mean + (prior_root @ cho_solve(factor, inner.T @ left)).T, covariance


def _whiten(responses, coef, intercept, noise):
    """Return L^-1 B', (n_voxels, n_pixels), and L^-1 (y - b), (n_voxels, n_trials); S = L L'."""
    coef, responses = check_table("coef", coef), check_table("responses", responses)
    n_voxels = coef.shape[1]
    if (responses.shape[1], *np.shape(intercept)) != (n_voxels, n_voxels):
        raise ValueError(
            f"coef has {n_voxels} voxels, responses have shape {responses.shape} and intercept "
            f"{np.shape(intercept)}; expected the same voxels in all: choose the same columns."
        )
    intercept = check_complete("intercept", intercept, (n_voxels,))
    root = root_of("noise", noise, n_voxels)
    white = solve_triangular(root, coef.T, lower=True)
    return white, solve_triangular(root, (responses - intercept).T, lower=True)


def reconstruct_binary(
    responses, coef, intercept, noise, *, lit=0.5, coupling=0.0, shape=(10, 10), n_sweeps=300,
    random_state=0,
):  # fmt: skip
    """Say how probable it is that each pixel was lit, given responses and that pixels are 0 or 1.

    The prior of an image is that of an Ising model: proportional to the product of `lit` for each
    lit pixel and 1 - `lit` for each dark one, times exp(`coupling`) for each pair of neighbours
    that are alike. The posterior has no formula, so it is sampled: one pixel after the other is
    drawn given all others (Gibbs sampling [1]_). The first third of the sweeps is thrown away.

    Parameters
    ----------
    responses : array_like, shape (n_trials, n_voxels)
        Measured responses y.
    coef, intercept, noise
        As for `reconstruct`.
    lit : float
        Between 0 and 1.
    coupling : float
        0 for pixels that do not care about their neighbours; above 0, neighbours tend to be alike.
    shape : (int, int)
        Rows and columns of the image.
    n_sweeps : int
        How often each pixel is drawn, at least 3.
    random_state : int or numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_trials, n_pixels)
        Probabilities, averaged over the sweeps that are kept.

    Raises
    ------
    ValueError
        For tables that do not fit together, a covariance that is none, or a number out of range.

    References
    ----------
    .. [1] Geman, S., & Geman, D. (1984). Stochastic relaxation, Gibbs distributions, and the
       Bayesian restoration of images. IEEE Transactions on Pattern Analysis and Machine
       Intelligence, 6(6), 721-741.
    """
    white, left = _whiten(responses, coef, intercept, noise)
    if np.prod(shape) != white.shape[1]:
        raise ValueError(f"shape is {shape}, and coef has {white.shape[1]} pixels; make them fit.")
    is_whole = isinstance(n_sweeps, int | np.integer)
    is_number = all(isinstance(value, int | float | np.number) for value in (lit, coupling))
    if (
        not is_number
        or not 0 < lit < 1
        or not np.isfinite(coupling)
        or not is_whole
        or n_sweeps < 3
    ):
        raise ValueError(
            f"lit is {lit}, coupling {coupling} and n_sweeps {n_sweeps}; expected a share between "
            "0 and 1, a finite number, and a whole number of sweeps, 3 or more."
        )
    places = np.argwhere(np.ones(shape))
    beside = cdist(places, places, "cityblock") == 1
    # log p(x | y) = x'field - x'pull x / 2 + constant, with nothing on the diagonal of pull,
    # because x_j squared is x_j.
    pull = white.T @ white
    field = left.T @ white + np.log(lit / (1 - lit)) - np.diag(pull) / 2
    field -= coupling * beside.sum(axis=0)
    pull -= 2 * coupling * beside
    np.fill_diagonal(pull, 0)
    rng = np.random.default_rng(random_state)
    x = (rng.random(field.shape) < lit).astype(np.float64)
    total = np.zeros_like(x)
    for sweep in range(n_sweeps):
        for j in range(len(places)):
            chance = expit(field[:, j] - x @ pull[:, j])
            x[:, j] = rng.random(len(x)) < chance
            if sweep >= n_sweeps // 3:
                total[:, j] += chance
    return total / (n_sweeps - n_sweeps // 3)


def smooth_covariance(variance, length, shape=(10, 10)):
    """Covariance of images whose neighbouring pixels are alike.

    It falls off with the distance d of two pixels, variance * exp(-d^2 / (2 length^2)).

    Parameters
    ----------
    variance : float
        Of a single pixel.
    length : float
        In pixels; 0 for independent pixels.
    shape : (int, int)
        Rows and columns of the image.

    Returns
    -------
    ndarray, shape (n_pixels, n_pixels), in C order

    Raises
    ------
    ValueError
        If the variance is not above zero, or the length is negative.
    """
    if not variance > 0 or not length >= 0:
        raise ValueError(
            f"variance is {variance} and length {length}; expected a variance above zero and a "
            "length of zero pixels or more."
        )
    places = np.argwhere(np.ones(shape))
    squared = cdist(places, places, "sqeuclidean")
    return variance * (np.exp(-squared / (2 * length**2)) if length else (squared == 0) * 1.0)


SIZES = ((1, 1), (2, 1), (1, 2), (2, 2))  # rows x columns of a patch
N_SELECTED, N_USED = 500, 10  # voxels of a patch: chosen by F, and given a weight


def reconstruct_multiscale(images, responses, measured, shape=(10, 10), n_selected=N_SELECTED):
    """Decode images from responses with the approach of nilearn's example.

    Parameters
    ----------
    images : array_like, shape (n_samples, n_pixels)
        Images to learn from, 0 or 1, without rest rows; C order.
    responses : array_like, shape (n_samples, n_voxels)
        The responses to them.
    measured : array_like, shape (n_trials, n_voxels)
        Responses to decode.
    shape : (int, int)
        Rows and columns of the image.
    n_selected : int
        Voxels with the largest F that each patch may use.

    Returns
    -------
    ndarray, shape (n_trials, n_pixels)
        Above .5 counts as lit.

    Raises
    ------
    ValueError
        For tables that do not fit together or hold values that are no numbers, images that hold
        anything but 0 and 1, and fewer than 10 voxels.

    Warns
    -----
    ConstantVoxelWarning
        If voxels are constant over all responses. They have no part.
    """
    images, responses = check_pair(images, responses)
    measured = check_table("measured", measured)
    if images.shape[1] != np.prod(shape) or measured.shape[1] != responses.shape[1]:
        raise ValueError(
            f"images have {images.shape[1]} pixels, responses {responses.shape[1]} voxels and "
            f"measured {measured.shape[1]}; expected {np.prod(shape)} pixels, and the same voxels."
        )
    other = (images != 0) & (images != 1)
    if other.any():
        row, pixel = np.argwhere(other)[0]
        raise ValueError(
            f"images hold values other than 0 and 1 in {other.any(axis=1).sum()} rows, first "
            f"{images[row, pixel]:g} in row {row}; expected pixels that are lit or not. Leave rest "
            "rows out (is_on of a recording), and choose a threshold for grey images."
        )
    is_whole = isinstance(n_selected, int | np.integer)
    if not is_whole or min(responses.shape[1], n_selected) < N_USED:
        raise ValueError(
            f"responses have {responses.shape[1]} voxels and n_selected is {n_selected}; expected "
            f"{N_USED} or more, whole numbers, because each patch gives weights to {N_USED} voxels."
        )
    constant = is_constant(responses)
    warn_constant(constant, "over all responses", "They have no part in the images")
    mean = responses.mean(axis=0)
    unit = exponents(responses - mean, axis=0)
    z, test = (np.ldexp(table - mean, -unit) for table in (responses, measured))
    scale = np.where(constant, np.inf, z.std(axis=0))
    z, test = z / scale, test / scale
    decoded = [_decode_size(images, z, test, patches(size, shape), n_selected) for size in SIZES]
    return np.mean(decoded, axis=0)


def patches(size, shape=(10, 10)):
    """Say which pixels lie in each patch of a size.

    Parameters
    ----------
    size, shape : (int, int)
        Rows and columns of a patch, and of the image.

    Returns
    -------
    ndarray of float, shape (n_pixels, n_patches)
        1 inside the patch, else 0.
    """
    places = np.argwhere(np.ones(np.subtract(shape, size) + 1))
    inside = np.zeros((len(places), *shape))
    for patch, (row, column) in zip(inside, places, strict=True):
        patch[row : row + size[0], column : column + size[1]] = 1
    return inside.reshape(len(places), -1).T


def _decode_size(images, z, test, inside, n_selected):
    """Decode all patches of a size and spread them over the pixels that they cover."""
    targets = images @ (inside / inside.sum(axis=0))
    best = np.argsort(_f_values(targets, z), axis=1, kind="stable")[:, -n_selected:]

    def decode(patch):
        voxels = np.sort(best[patch])
        # 'precompute' is a matter of speed: few steps do not pay for a table of all products.
        model = OrthogonalMatchingPursuit(n_nonzero_coefs=N_USED, precompute=False)
        return model.fit(z[:, voxels], targets[:, patch]).predict(test[:, voxels])

    decoded = np.transpose(on_threads(decode, range(inside.shape[1])))
    return decoded @ inside.T / inside.sum(axis=1)


def _f_values(targets, z):
    """F of each voxel between the values of each target, (n_targets, n_voxels), as f_classif."""
    levels = np.unique(targets)
    member = (targets[:, :, np.newaxis] == levels).astype(np.float64)  # n, targets, levels
    counts = member.sum(axis=0)[:, :, np.newaxis]
    sums = (member.reshape(len(z), -1).T @ z).reshape(*member.shape[1:], -1)
    between = (sums**2 / np.maximum(counts, 1)).sum(axis=1)  # the mean of all is 0
    within = (z**2).sum(axis=0) - between
    n_groups = (counts > 0).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = (between / (n_groups - 1)) / (within / (len(z) - n_groups))
    return np.nan_to_num(f, nan=-np.inf, posinf=np.inf)  # a constant voxel comes last
