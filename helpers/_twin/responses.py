"""The twin's voxels: what drives them, how that becomes BOLD, and the noise on top."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, eye_array
from scipy.spatial import KDTree

from helpers._engine.gaussians import integrate_gaussians, sample_gaussians
from helpers._twin.brain import MARKED
from helpers._twin.stimuli import N_PIXELS, REST

TR = 2.0  # seconds from one volume to the next
AR1 = 0.4  # correlation of a voxel's own noise with itself one volume earlier
SHARED_AR1 = 0.5
FWHM_OF_SD = np.sqrt(8 * np.log(2))  # width at half maximum of a Gaussian, in its SD
REGION_FWHM = 30.0  # mm: width over which the regional fluctuation is alike
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
GAIN = 2.4  # percent of the baseline at full strength
FIELD_EDGE, FIELD_FALL = 4.6, 0.4  # degrees: where voxels begin to see too little of the image
# The four marked voxels, in the order of MARKED: strength of their response.
MARKED_STRENGTH = (3.0, 1.7, 3.0, 1.4)
MARKED_SIZE, MARKED_PEAK = 0.6, 4.4  # pixels, seconds
PEAK_SPREAD = 0.6  # seconds


@dataclass(frozen=True)
class Physiology:
    """Constants of the simulator that nobody knows for sure; the variants of the twin change them.

    Attributes
    ----------
    noise_sd : float
        Standard deviation of the voxels' own noise, in percent of the baseline.
    noise_fwhm : float
        Width over which neighbours share their own noise, in mm: the full width at half maximum
        of the Gaussian with which white noise is smoothed. 0 makes it independent.
    regional : float
        Largest part of a fluctuation that is alike over some centimetres of cortex, in percent of
        the baseline.
    shared : float
        Largest part of the fluctuation that all voxels share, in percent of the baseline.
    peak : float
        Mean time to the peak of the haemodynamic response, in seconds.
    on_gain : float
        Response to "an image is on the screen", as a share of the response to pixels.
    exponent : float
        Power to which the summed light in a receptive field is raised; below 1, two halves of a
        field give less than the sum of their responses.
    integrate : bool
        Whether a pixel's weight is the receptive field's integral over its area, or the field's
        value at its centre.
    tuned : float or None
        Share of tuned voxels in every area; None for the shares of `AREA_PROPERTIES`.
    """

    noise_sd: float = 0.7
    noise_fwhm: float = 4.0
    regional: float = 1.0
    shared: float = 0.4
    peak: float = 4.9
    on_gain: float = 0.8
    exponent: float = 1.0
    integrate: bool = False
    tuned: float | None = None


# What may be otherwise in a brain, one thing at a time.
VARIANTS = {
    "default": Physiology(),
    "independent noise": Physiology(noise_sd=1.0, noise_fwhm=0.0, regional=0.0, shared=0.3),
    # Standard deviations of 2.8 and 4 mm, and nothing else shared but what the last one shares.
    "noise alike over 6.6 mm": Physiology(noise_sd=1.0, noise_fwhm=6.6, regional=0.0, shared=0.3),
    "noise alike over 9.4 mm": Physiology(noise_sd=1.0, noise_fwhm=9.4, regional=0.0, shared=0.3),
    "shared noise 1 %": Physiology(shared=1.0),
    "peak 4.2 s": Physiology(peak=4.2),
    "no on/off response": Physiology(on_gain=0.0),
    "double on/off response": Physiology(on_gain=1.6),
    "compressive summation": Physiology(exponent=0.7),
    "pixels with an area": Physiology(integrate=True),
    "60 % tuned everywhere": Physiology(tuned=0.6),
}


class Voxels(NamedTuple):
    """What drives each voxel; arrays of length ``n_voxels``. Gains in percent of the baseline."""

    population: np.ndarray  # "tuned", "on_off" or "silent"
    weights: np.ndarray  # (n_voxels, 100), response to each pixel, C order
    on_gain: np.ndarray  # response to an image on the screen
    size: np.ndarray  # standard deviation of the receptive field in pixels
    peak: np.ndarray  # time to peak of the haemodynamic response in seconds
    noise_sd: np.ndarray  # standard deviation of the voxel's own noise
    exponent: np.ndarray  # of the summed light in the receptive field


def draw_populations(area, eccentricity, rng, everywhere=None):
    """Make every voxel tuned, on/off or silent; those that look past the image are silent.

    Parameters
    ----------
    area : array of str, shape (n_voxels,)
    eccentricity : array, shape (n_voxels,)
        Degrees of visual angle.
    rng : numpy.random.Generator
    everywhere : float, optional
        Share of tuned voxels in all areas alike.

    Returns
    -------
    array of str, shape (n_voxels,)
    """
    tuned, on_off = np.array([AREA_PROPERTIES[name[:2]][2:] for name in area]).T
    if everywhere is not None:
        tuned = np.full(len(area), everywhere)
    draw = rng.random(len(area))
    population = np.where(
        draw < tuned, "tuned", np.where(draw < tuned + on_off, "on_off", "silent")
    )
    sees_image = np.exp(-np.maximum(eccentricity - FIELD_EDGE, 0) / FIELD_FALL)
    population[rng.random(len(area)) > sees_image] = "silent"
    return population


def draw_voxels(retinotopy, rng, physiology=VARIANTS["default"]):
    """Draw the properties of all voxels.

    Parameters
    ----------
    retinotopy : helpers._twin.brain.Retinotopy
    rng : numpy.random.Generator
    physiology : Physiology

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
    population = draw_populations(retinotopy.area, retinotopy.eccentricity, rng, physiology.tuned)
    peak = np.clip(rng.normal(physiology.peak, PEAK_SPREAD, n_voxels), 3, 7)
    population[marked], size[marked], peak[marked] = "tuned", MARKED_SIZE, MARKED_PEAK
    strength[marked], on_share[marked] = MARKED_STRENGTH, 1.0
    tuned, on_off = population == "tuned", population == "on_off"
    gain = np.where(tuned, GAIN * strength, 0)
    on_gain = np.where(tuned, gain * on_share, np.where(on_off, strength, 0))
    # Divided by its integral, a field inside the image sums to about 1.
    if physiology.integrate:
        fields = integrate_gaussians(retinotopy.centre, size)
    else:
        fields = sample_gaussians(retinotopy.centre, size) / (2 * np.pi * size[:, None] ** 2)
    return Voxels(
        population,
        gain[:, None] * fields,
        physiology.on_gain * on_gain,
        size,
        peak,
        np.full(n_voxels, physiology.noise_sd),
        np.full(n_voxels, physiology.exponent),
    )


def responds(voxels):
    """Say of each voxel whether it responds to anything, which two thirds of the twin's do not.

    Parameters
    ----------
    voxels : Voxels

    Returns
    -------
    array of bool, shape (n_voxels,)
    """
    return voxels.weights.any(axis=1) | (voxels.on_gain != 0)


def noise_free_run(labels, voxels, response):
    """Response of all voxels to one run.

    Parameters
    ----------
    labels : array of int, shape (n_volumes, 100)
        Label rows in Fortran order, rest coded -1.
    voxels : Voxels
    response : array, shape (n_lags, n_voxels)
        From `helpers._engine.haemodynamics.haemodynamic_response`.

    Returns
    -------
    array, shape (n_volumes, n_voxels)
        Percent of the baseline.
    """
    on_screen = labels[:, :1] != REST
    pixels = np.where(on_screen, labels, 0).reshape(-1, 10, 10).transpose(0, 2, 1)
    driven = responds(voxels)
    signal = np.zeros((len(labels), len(driven)))
    weights = voxels.weights[driven]
    drive = pixels.reshape(-1, N_PIXELS) @ weights.T
    exponent = voxels.exponent[driven]
    if (exponent != 1).any():
        # Relative to an image that is lit everywhere, whose response stays what it is.
        most = np.maximum(weights.sum(axis=1), np.finfo(float).tiny)
        drive = most * (drive / most) ** exponent
    drive = drive + on_screen * voxels.on_gain[driven]
    of_driven = np.zeros_like(drive)
    for lag, size in enumerate(response[:, driven]):
        of_driven[lag:] += size * drive[: len(drive) - lag]
    signal[:, driven] = of_driven
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
    noise = rng.standard_normal((n_volumes, n_series))
    noise[1:] *= np.sqrt(1 - correlation**2)
    # As scipy.signal.lfilter does, whose import takes longer than this.
    for earlier, now in pairwise(noise):
        now += correlation * earlier
    return noise


def mix_neighbours(positions, fwhm):
    """Weights with which independent noise is mixed, so that neighbours share some of it.

    Each voxel's noise is a Gaussian-weighted sum of the independent noise of the voxels around it,
    with a standard deviation of 1.

    Parameters
    ----------
    positions : array, shape (n_voxels, 3)
        In mm.
    fwhm : float
        Full width at half maximum of the Gaussian, in mm.

    Returns
    -------
    scipy.sparse.csr_array, shape (n_voxels, n_voxels)
    """
    if fwhm == 0:
        return eye_array(len(positions), format="csr")
    sd = fwhm / FWHM_OF_SD
    tree = KDTree(positions)
    near = tree.sparse_distance_matrix(tree, 4 * sd, output_type="ndarray")
    weights = np.exp(-((near["v"] / sd) ** 2) / 2)
    length = np.sqrt(np.bincount(near["i"], weights**2, len(positions)))
    shape = (len(positions), len(positions))
    return csr_array((weights / length[near["i"]], (near["i"], near["j"])), shape)


class Regions(NamedTuple):
    """Gaussian regions around the points of a lattice, seen from voxels on a grid.

    The weight of a region in a voxel is the product of one weight an axis. Mixed along one axis
    after the other, the regions take a small part of the products that one matrix of all weights
    would.
    """

    weights: tuple  # an array an axis, shape (n_places, n_points)
    places: np.ndarray  # (3, n_voxels), which place on each axis a voxel has

    @property
    def n_regions(self):
        """Number of points of the lattice."""
        return int(np.prod([weights.shape[1] for weights in self.weights]))

    def mix(self, fluctuations):
        """Mix what fluctuates in the regions, so that each voxel gets a variance of 1.

        Parameters
        ----------
        fluctuations : array, shape (n_volumes, n_regions)
            Independent, with a variance of 1.

        Returns
        -------
        array, shape (n_volumes, n_voxels)
        """
        along_x, along_y, along_z = self.weights
        lattice = fluctuations.reshape(-1, *(weights.shape[1] for weights in self.weights))
        planes = along_y @ (lattice @ along_z.T)  # (n_volumes, n_points along x, n_y, n_z)
        n_volumes, n_points, n_y, n_z = planes.shape
        grid = along_x @ planes.reshape(n_volumes, n_points, n_y * n_z)
        voxels = np.ravel_multi_index(self.places, (len(along_x), n_y, n_z))
        return grid.reshape(n_volumes, -1)[:, voxels]


class Sharing(NamedTuple):
    """Which noise voxels have in common; see `draw_sharing`."""

    neighbours: csr_array  # (n_voxels, n_voxels), mixes the voxels' own noise
    regions: Regions  # mixes the regional fluctuations
    regional: np.ndarray  # (n_voxels,), part of the regional fluctuation, percent of the baseline
    shared: np.ndarray  # (n_voxels,), part of the fluctuation of all voxels


def draw_sharing(positions, physiology, rng):
    """Draw how much each voxel has of the noise that it shares with others.

    Parameters
    ----------
    positions : array, shape (n_voxels, 3)
        In mm.
    physiology : Physiology
    rng : numpy.random.Generator

    Returns
    -------
    Sharing
    """
    return Sharing(
        mix_neighbours(positions, physiology.noise_fwhm),
        place_regions(positions),
        physiology.regional * rng.uniform(0.3, 1, len(positions)),
        physiology.shared * rng.uniform(0.3, 1, len(positions)),
    )


def place_regions(positions):
    """Lay Gaussian regions over the voxels, somewhat closer to each other than they are wide.

    Parameters
    ----------
    positions : array, shape (n_voxels, 3)
        In mm, on a grid along the axes.

    Returns
    -------
    Regions
    """
    sd = REGION_FWHM / FWHM_OF_SD
    all_weights, all_places = [], []
    for along in positions.T:
        grid, places = np.unique(along, return_inverse=True)
        points = np.arange(along.min() - 2 * sd, along.max() + 3 * sd, 1.25 * sd)
        weights = np.exp(-((grid[:, np.newaxis] - points) ** 2) / (2 * sd**2))
        all_weights.append(weights / np.linalg.norm(weights, axis=1, keepdims=True))
        all_places.append(places)
    return Regions(tuple(all_weights), np.array(all_places))


def noise_run(n_volumes, voxels, sharing, rng):
    """Noise of all voxels in one run: their own, what regions and all voxels share, slow drift.

    Parameters
    ----------
    n_volumes : int
    voxels : Voxels
    sharing : Sharing
    rng : numpy.random.Generator

    Returns
    -------
    array, shape (n_volumes, n_voxels)
        Percent of the baseline.
    """
    n_voxels = len(voxels.noise_sd)
    own = autoregressive_noise(n_volumes, n_voxels, AR1, rng)
    own = (sharing.neighbours @ own.T).T * voxels.noise_sd
    regional = autoregressive_noise(n_volumes, sharing.regions.n_regions, SHARED_AR1, rng)
    regional = sharing.regions.mix(regional) * sharing.regional
    shared = autoregressive_noise(n_volumes, 1, SHARED_AR1, rng) * sharing.shared
    time = np.linspace(-1, 1, n_volumes)
    slow = np.column_stack([time, time**2 - 1 / 3, 0.5 * np.cos(1.5 * np.pi * (time + 1))])
    drift = DRIFT * slow @ rng.standard_normal((slow.shape[1], n_voxels))
    return own + regional + shared + drift
