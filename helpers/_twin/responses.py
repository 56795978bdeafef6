"""The twin's voxels: what drives them, how that becomes BOLD, and the noise on top."""

from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter
from scipy.stats import gamma

from helpers._engine.gaussians import sample_gaussians
from helpers._twin.brain import MARKED
from helpers._twin.stimuli import N_PIXELS, REST

TR = 2.0  # seconds from one volume to the next
HRF_VOLUMES = 14  # volumes after which a response is over
AR1 = 0.4  # correlation of a voxel's own noise with itself one volume earlier
SHARED_AR1 = 0.5
SHARED = 0.3  # largest part of the shared fluctuation in a voxel, in percent of the baseline
DRIFT = 0.5  # typical size of a slow drift, in percent of the baseline
# For each area (by the first two letters of its name): receptive-field size relative to V1,
# strength of the response, share of tuned voxels, share of on/off voxels.
AREA_PROPERTIES = {
    "V1": (1.0, 1.0, 0.98, 0.02),
    "V2": (1.35, 0.85, 0.30, 0.07),
    "V3": (1.8, 0.7, 0.20, 0.11),
    "VP": (1.8, 0.7, 0.20, 0.11),
    "V4": (2.5, 0.55, 0.10, 0.14),
}
SIZE_AT_FIXATION, SIZE_GROWTH = 0.5, 0.07  # pixels; pixels per degree of eccentricity (V1)
GAIN, ON_GAIN = 2.4, 0.8  # percent of the baseline at full strength
FIELD_EDGE, FIELD_FALL = 4.6, 0.4  # degrees: where voxels begin to see too little of the image
# The four marked voxels, in the order of MARKED: strength of their response.
MARKED_STRENGTH = (3.0, 1.7, 3.0, 1.4)
MARKED_SIZE, MARKED_PEAK = 0.6, 4.4  # pixels, seconds
PEAK, PEAK_SPREAD = 4.9, 0.6  # seconds


class Voxels(NamedTuple):
    """What drives each voxel; arrays of length ``n_voxels``. Gains in percent of the baseline."""

    population: np.ndarray  # "tuned", "on_off" or "silent"
    weights: np.ndarray  # (n_voxels, 100), response to each pixel, C order
    on_gain: np.ndarray  # response to an image on the screen
    size: np.ndarray  # standard deviation of the receptive field in pixels
    peak: np.ndarray  # time to peak of the haemodynamic response in seconds
    noise_sd: np.ndarray  # standard deviation of the voxel's own noise


def draw_populations(area, eccentricity, rng):
    """Make every voxel tuned, on/off or silent; those that look past the image are silent.

    Parameters
    ----------
    area : array of str, shape (n_voxels,)
    eccentricity : array, shape (n_voxels,)
        Degrees of visual angle.
    rng : numpy.random.Generator

    Returns
    -------
    array of str, shape (n_voxels,)
    """
    tuned, on_off = np.array([AREA_PROPERTIES[name[:2]][2:] for name in area]).T
    draw = rng.random(len(area))
    population = np.where(
        draw < tuned, "tuned", np.where(draw < tuned + on_off, "on_off", "silent")
    )
    sees_image = np.exp(-np.maximum(eccentricity - FIELD_EDGE, 0) / FIELD_FALL)
    population[rng.random(len(area)) > sees_image] = "silent"
    return population


def draw_voxels(retinotopy, rng):
    """Draw the properties of all voxels.

    Parameters
    ----------
    retinotopy : helpers._twin.brain.Retinotopy
    rng : numpy.random.Generator

    Returns
    -------
    Voxels
    """
    n_voxels, marked = len(retinotopy.area), list(MARKED)
    relative_size, area_strength = np.array(
        [AREA_PROPERTIES[name[:2]][:2] for name in retinotopy.area]
    ).T
    size = relative_size * (SIZE_AT_FIXATION + SIZE_GROWTH * retinotopy.eccentricity)
    size *= np.exp(0.1 * rng.standard_normal(n_voxels))
    strength = 2 * np.sqrt(rng.random(n_voxels)) * area_strength
    on_share = rng.random(n_voxels)
    population = draw_populations(retinotopy.area, retinotopy.eccentricity, rng)
    peak = np.clip(rng.normal(PEAK, PEAK_SPREAD, n_voxels), 3, 7)
    population[marked], size[marked], peak[marked] = "tuned", MARKED_SIZE, MARKED_PEAK
    strength[marked], on_share[marked] = MARKED_STRENGTH, 1.0
    tuned, on_off = population == "tuned", population == "on_off"
    gain = np.where(tuned, GAIN * strength, 0)
    on_gain = ON_GAIN * np.where(tuned, gain * on_share, np.where(on_off, strength, 0))
    # Divided by its integral, a field inside the image sums to about 1.
    fields = sample_gaussians(retinotopy.centre, size) / (2 * np.pi * size[:, None] ** 2)
    weights = gain[:, None] * fields
    return Voxels(population, weights, on_gain, size, peak, np.ones(n_voxels))


def haemodynamic_response(peak):
    """Double-gamma response, averaged over the volumes that follow a stimulus of one volume.

    The shape is SPM's: a gamma density that peaks at `peak` minus a sixth of one that peaks ten
    seconds later (Friston et al., 1998). It is sampled in the middle of each volume.

    Parameters
    ----------
    peak : array, shape (n_voxels,)
        Seconds.

    Returns
    -------
    array, shape (HRF_VOLUMES, n_voxels)
        Each column sums to 1.
    """
    steps = np.arange(0.05, HRF_VOLUMES * TR - TR / 2, 0.1)[:, None]
    density = gamma.pdf(steps, peak + 1) - gamma.pdf(steps, peak + 11) / 6
    volume = np.floor((steps[:, 0] + TR / 2) / TR).astype(int)
    response = np.stack([density[volume == lag].sum(axis=0) for lag in range(HRF_VOLUMES)])
    return response / response.sum(axis=0)


def noise_free_run(labels, voxels, response):
    """Response of all voxels to one run.

    Parameters
    ----------
    labels : array of int, shape (n_volumes, 100)
        Label rows in Fortran order, rest coded -1.
    voxels : Voxels
    response : array, shape (HRF_VOLUMES, n_voxels)

    Returns
    -------
    array, shape (n_volumes, n_voxels)
        Percent of the baseline.
    """
    on_screen = labels[:, :1] != REST
    pixels = np.where(on_screen, labels, 0).reshape(-1, 10, 10).transpose(0, 2, 1)
    drive = pixels.reshape(-1, N_PIXELS) @ voxels.weights.T + on_screen * voxels.on_gain
    signal = np.zeros_like(drive)
    for lag, size in enumerate(response):
        signal[lag:] += size * drive[: len(drive) - lag]
    return signal


def autoregressive_noise(n_volumes, n_series, correlation, rng):
    """Draw stationary AR(1) noise with standard deviation 1.

    Parameters
    ----------
    n_volumes, n_series : int
    correlation : float
        Of a series with itself one volume earlier, from 0 to below 1.
    rng : numpy.random.Generator

    Returns
    -------
    array, shape (n_volumes, n_series)
    """
    shocks = rng.standard_normal((n_volumes, n_series))
    shocks[1:] *= np.sqrt(1 - correlation**2)
    return lfilter([1], [1, -correlation], shocks, axis=0)


def noise_run(n_volumes, voxels, shared_loading, rng):
    """Noise of all voxels in one run: own noise, a shared fluctuation and slow drift.

    Parameters
    ----------
    n_volumes : int
    voxels : Voxels
    shared_loading : array, shape (n_voxels,)
        Part of the shared fluctuation in each voxel.
    rng : numpy.random.Generator

    Returns
    -------
    array, shape (n_volumes, n_voxels)
        Percent of the baseline.
    """
    n_voxels = len(voxels.noise_sd)
    own = autoregressive_noise(n_volumes, n_voxels, AR1, rng) * voxels.noise_sd
    shared = autoregressive_noise(n_volumes, 1, SHARED_AR1, rng) * shared_loading
    time = np.linspace(-1, 1, n_volumes)
    slow = np.column_stack([time, time**2 - 1 / 3, 0.5 * np.cos(1.5 * np.pi * (time + 1))])
    drift = DRIFT * slow @ rng.standard_normal((slow.shape[1], n_voxels))
    return own + shared + drift
