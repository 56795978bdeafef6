"""Volumes of a run that stand out from the others."""

import numpy as np
from scipy.special import ndtri

FEWEST = 8  # volumes: among fewer, none can be said to stand out
MOST_VOXELS = 1000  # looked at, spread evenly: more tell no more about whole volumes
FALSE_ALARM = 0.01  # chance that a run without a bad volume has one that stands out
LEAST_OFF = 0.05  # share of the mean by which the global signal is off: less does little harm
LEAST_DVARS = 2.0  # beside that of most volumes; clean runs stay below 1.5
ROBUST_SD = 1.4826  # of a normal distribution, in median absolute deviations


def outlying_volumes(series):
    """Find the volumes of a run that stand out, by the global signal and by DVARS.

    The global signal, the mean over voxels, shows volumes before the magnetisation is steady and
    volumes of zeros: it must be off by 5 % of its median and by far more than it varies. DVARS
    [1]_, the root mean square of the change from one volume to the next, shows spikes and
    movements; here without the mean change of all voxels, which moves the global signal. It is
    standardized [2]_ by what is expected, the median of the run, and must be more than 2; and its
    z-value, for which [2]_ takes the cube root of the square for normal, with median and
    interquartile range from the run itself, must be beyond chance.

    Parameters
    ----------
    series : ndarray of float, (n_volumes, n_voxels)
        Raw values.

    Returns
    -------
    ndarray of int
        Volumes from 0, in their order. Of a spike, this is the volume itself, not the return from
        it; of a step that lasts, the first volume after it, or all volumes before it where these
        are the first few.

    References
    ----------
    .. [1] Power J. D. et al. (2012), NeuroImage 59, 2142-2154.
    .. [2] Afyouni S., Nichols T. E. (2018), NeuroImage 172, 291-312.
    """
    if len(series) < FEWEST:
        return np.arange(0)
    series = series[:, :: max(1, series.shape[1] // MOST_VOXELS)].astype(np.float64)
    bad = _off_level(series.mean(axis=1)) | _flat(series)
    changed = _changed(series)
    # Where the level says which volume is bad, the change to it and back says nothing more.
    changed[bad[1:] | bad[:-1]] = False
    edges = np.flatnonzero(np.diff(np.r_[0, changed, 0]))
    for first, end in edges.reshape(-1, 2):
        # Changes number first, ..., end - 1 lead to the volumes first + 1, ..., end.
        once, early = end == first + 1, first < FEWEST
        start = 0 if first == 0 or (once and early) else first + 1
        bad[start : first + 1 if once and early else max(first + 2, end)] = True
    return np.flatnonzero(bad)


def _threshold(n):
    """How many standard deviations none of `n` numbers exceeds, but for a chance FALSE_ALARM."""
    return -ndtri(FALSE_ALARM / n)


def _flat(series):
    """Whether a volume has one value in all voxels, while most have not, (n_volumes,)."""
    flat = (series == series[:, :1]).all(axis=1)
    return flat & (flat.mean() < 0.5)


def _off_level(level):
    """Whether the mean of a volume is far from that of most volumes, (n_volumes,)."""
    half = len(level) // 2
    middle = np.median(level)
    drift = (np.median(level[half:]) - np.median(level[:half])) / (len(level) - half)
    off = np.abs(level - middle - drift * (np.arange(len(level)) - (len(level) - 1) / 2))
    # Twice, because a global signal answers to what is shown: it is no normal noise.
    chance = 2 * _threshold(len(level)) * ROBUST_SD * np.median(off)
    return off > np.maximum(LEAST_OFF * np.abs(middle), chance)


def _changed(series):
    """Whether volumes differ from those before more than others do, (n_volumes - 1,)."""
    change = np.diff(series, axis=0)
    # What all voxels share is judged by the level; breathing alone moves it from volume to volume.
    change -= change.mean(axis=1, keepdims=True)
    root = np.cbrt(np.einsum("ij,ij->i", change, change))
    low, middle, high = np.percentile(root, [25, 50, 75])
    spread = (high - low) / (ndtri(0.75) - ndtri(0.25))
    beyond_chance = root > middle + _threshold(len(root)) * spread
    return beyond_chance & (root > LEAST_DVARS ** (2 / 3) * middle)
