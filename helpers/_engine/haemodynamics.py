"""The haemodynamic response, and what it does to stimuli."""

import numpy as np
from scipy.special import gammaln, xlogy

from helpers._engine.validation import number_runs, rows_of_runs

DURATION = 28.0  # seconds after which a response is over


def haemodynamic_response(peak, t_r=2.0):
    """Double-gamma response, averaged over the volumes that follow a stimulus of one volume.

    The shape is SPM's: a gamma density that peaks at `peak` minus a sixth of one that peaks ten
    seconds later [1]_. Lag 0 is the volume of the stimulus itself, and each value is the mean over
    one repetition time around its lag.

    Parameters
    ----------
    peak : array_like, shape (n,) or ()
        Seconds from the stimulus to the peak.
    t_r : float
        Seconds from one volume to the next.

    Returns
    -------
    ndarray, shape (n_lags, n) or (n_lags,)
        The response through 28 seconds. Each column sums to 1.

    References
    ----------
    .. [1] Friston, K. J., et al. (1998). Event-related fMRI: characterizing differential
       responses. NeuroImage, 7(1), 30-40.
    """
    peak = np.asarray(peak, dtype=np.float64)
    n_lags = int(np.ceil(DURATION / t_r))
    steps = np.arange(t_r / 40, n_lags * t_r - t_r / 2, t_r / 20)[:, np.newaxis]
    density = _gamma_density(steps, peak.ravel() + 1) - _gamma_density(steps, peak.ravel() + 11) / 6
    volume = np.floor((steps[:, 0] + t_r / 2) / t_r).astype(int)
    response = np.stack([density[volume == lag].sum(axis=0) for lag in range(n_lags)])
    return (response / response.sum(axis=0)).reshape(n_lags, *peak.shape)


def _gamma_density(x, shape):
    """Do what `scipy.stats.gamma.pdf` does; importing `scipy.stats` takes longer than all else."""
    return np.exp(xlogy(shape - 1, x) - x - gammaln(shape))


def convolve(X, response, groups=None):
    """Let a response follow each row of a table, run by run.

    Parameters
    ----------
    X : array_like, shape (n_samples, n_columns)
        What happened at each volume.
    response : array_like, shape (n_lags,)
        What follows, from lag 0 on.
    groups : array_like, shape (n_samples,), optional
        The run that each sample belongs to: nothing is carried from one run into the next.
        Without it, all samples are one run.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_columns)

    Raises
    ------
    ValueError
        If `groups` does not fit `X`.
    """
    X = np.asarray(X, dtype=np.float64)
    result = np.zeros_like(X)
    for rows in rows_of_runs(number_runs(groups, len(X))):
        run, shown = result[rows], X[rows]
        for lag, weight in enumerate(response[: len(run)]):
            run[lag:] += weight * shown[: len(run) - lag]
    return result
