"""Features made from the images, to be given to a linear model."""

import numpy as np

from helpers._engine.checks import check_table
from helpers._engine.folds import check_runs

__all__ = ["delay"]


def delay(X, runs, delays):
    """Repeat the features at several delays, so that a model learns the shape of the response.

    Blood flow answers a stimulus over some ten seconds. With a copy of the features for each
    delay, a linear model gives each delay its own weight: a finite impulse response [1]_.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_features)
        One row a volume.
    runs : array_like, shape (n_samples,)
        The run that each sample belongs to. Nothing is carried from one run into the next.
    delays : sequence of int
        Delays in volumes; with 2, the response at a volume is explained by the image two
        volumes before.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_features * len(delays))
        All features at the first delay, then all features at the second, and so on. Rows that
        would need an image from before the start of the run are 0.

    Raises
    ------
    ValueError
        If a delay is no whole number, is negative, appears twice, or is not shorter than the
        shortest run; or if `runs` does not fit `X`.

    References
    ----------
    .. [1] Nishimoto, S., et al. (2011). Reconstructing visual experiences from brain activity
       evoked by natural movies. Current Biology, 21(19), 1641-1646.
    """
    X = check_table("X", X)
    runs = check_runs(runs, len(X))
    delays = _check_delays(delays, shortest=np.bincount(runs).min())
    n_features = X.shape[1]
    delayed = np.zeros((len(X), n_features * len(delays)))
    for run in range(runs[-1] + 1):
        rows = np.flatnonzero(runs == run)
        for i, lag in enumerate(delays):
            columns = slice(i * n_features, (i + 1) * n_features)
            delayed[rows[lag:], columns] = X[rows[: len(rows) - lag]]
    return delayed


def _check_delays(delays, shortest):
    given = np.asarray(delays)
    if given.ndim != 1 or given.size == 0 or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(
            f"delays is {delays!r}; expected a sequence of whole numbers of volumes, such as "
            "(1, 2, 3)."
        )
    if len(np.unique(given)) < len(given):
        raise ValueError(f"delays {delays!r} names a delay twice; give each delay once.")
    if given.min() < 0 or given.max() >= shortest:
        raise ValueError(
            f"delays {delays!r} are in volumes and must lie from 0 to {shortest - 1}: a negative "
            "delay looks into the future, and one as long as the shortest run "
            f"({shortest} volumes) leaves nothing of it."
        )
    return given.tolist()
