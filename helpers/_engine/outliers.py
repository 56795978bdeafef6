"""Volumes of a run that stand out from the others."""

import numpy as np
from scipy.stats import norm

MOST_VOXELS = 2000  # looked at, spread evenly: more tell no more about whole volumes
FALSE_ALARM = 0.01  # chance that a run without a bad volume has one that stands out
LEAST_CHANGE = 0.05  # share of the variance, or of the mean: less does no harm
ROBUST_SD = 1.4826  # of a normal distribution, in median absolute deviations


def outlying_volumes(series):
    """Find the volumes of a run that stand out, by the global signal and by DVARS.

    The global signal, the mean over voxels, shows volumes before the steady state of the
    magnetisation and volumes of zeros: it must be off by 5 % and by far more than it varies. DVARS
    [1]_, the mean squared change from one volume to the next, shows spikes and movements: [2]_
    takes its cube root for normal, with median and interquartile range from the run itself, and
    asks for a change that is also large beside the variance of the data.

    Parameters
    ----------
    series : ndarray of float, (n_volumes, n_voxels)
        Raw values.

    Returns
    -------
    ndarray of int
        Volumes from 0, in their order. Of a spike, this is the volume itself, not the return from
        it; of a step that lasts, the first volume after it.

    References
    ----------
    .. [1] Power J. D. et al. (2012), NeuroImage 59, 2142-2154.
    .. [2] Afyouni S., Nichols T. E. (2018), NeuroImage 172, 291-312.
    """
    series = series[:, :: max(1, series.shape[1] // MOST_VOXELS)].astype(np.float64)
    bad = _off_level(series.mean(axis=1))
    changed = _changed(series)
    # Where the level says which volume is bad, the change to it and back says nothing more.
    changed[bad[1:] | bad[:-1]] = False
    edges = np.flatnonzero(np.diff(np.r_[0, changed, 0]))
    for first, end in edges.reshape(-1, 2):
        # Changes number first, ..., end - 1 lead to the volumes first + 1, ..., end.
        bad[0 if first == 0 else first + 1 : max(first + 1, end - 1) + (first > 0)] = True
    return np.flatnonzero(bad)


def _threshold(n):
    """How many standard deviations none of `n` numbers exceeds, but for a chance FALSE_ALARM."""
    return norm.isf(FALSE_ALARM / n)


def _off_level(level):
    """Whether the mean of a volume is far from that of most volumes, (n_volumes,)."""
    middle = np.median(level)
    off = np.abs(level - middle)
    return off > np.maximum(
        LEAST_CHANGE * np.abs(middle), 2 * _threshold(len(level)) * ROBUST_SD * np.median(off)
    )


def _changed(series):
    """Whether volumes differ from those before more than others do, (n_volumes - 1,)."""
    change = (np.diff(series, axis=0) ** 2).mean(axis=1)
    root = np.cbrt(change)
    low, middle, high = np.percentile(root, [25, 50, 75])
    spread = (high - low) / (norm.ppf(0.75) - norm.ppf(0.25))
    excess = (change - middle**3) / (4 * series.var(axis=0).mean() + np.finfo(float).tiny)
    return (root > middle + _threshold(len(change)) * spread) & (excess > LEAST_CHANGE)
