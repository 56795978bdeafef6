"""The ground truth of the simulated twin."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from helpers._files import DataError

TRUTH = "truth.npz"  # beside the recording, outside nilearn's layout


@dataclass(frozen=True, eq=False)
class Truth:
    """What the simulator put into the twin: one entry for each voxel, in mask order.

    Attributes
    ----------
    weights : array, shape (n_voxels, 100)
        Response to each pixel in percent of the baseline; pixel p = 10 * row + column.
    on_gain : array, shape (n_voxels,)
        Response to "an image is on the screen", in percent of the baseline.
    centre : array, shape (n_voxels, 2)
        Row and column of the receptive field in pixels; it may lie outside the image.
    size : array, shape (n_voxels,)
        Standard deviation of the Gaussian receptive field in pixels.
    peak : array, shape (n_voxels,)
        Time to the peak of the haemodynamic response in seconds.
    population : array of str, shape (n_voxels,)
        "tuned", "on_off" or "silent".
    noise_sd : array, shape (n_voxels,)
        Standard deviation of the voxel's own noise, in percent of the baseline.
    exponent : array, shape (n_voxels,)
        Power to which the summed light in the receptive field is raised; 1 in a linear voxel.
    ceiling_random : array, shape (n_voxels,)
        Share of the variance of the linearly detrended random runs that is response.
    ceiling_figure : array, shape (n_voxels,)
        Share of the variance of single trials of the figure runs that is due to the image.
    area, hemisphere : array of str, shape (n_voxels,)
        "V1d", "V1v", ... and "LH" or "RH".
    eccentricity : array, shape (n_voxels,)
        Distance of the receptive field from fixation in degrees of visual angle.
    seed, version : int
        Of the simulation.
    variant : str
        Which twin it is, see `helpers.twin.make_twin`.
    """

    weights: np.ndarray
    on_gain: np.ndarray
    centre: np.ndarray
    size: np.ndarray
    peak: np.ndarray
    population: np.ndarray
    noise_sd: np.ndarray
    exponent: np.ndarray
    ceiling_random: np.ndarray
    ceiling_figure: np.ndarray
    area: np.ndarray
    hemisphere: np.ndarray
    eccentricity: np.ndarray
    seed: int
    version: int
    variant: str


def load_truth(folder):
    """Read the ground truth of a twin.

    Parameters
    ----------
    folder : path-like
        Folder of the twin.

    Returns
    -------
    Truth

    Raises
    ------
    DataError
        If the folder holds no ground truth, or one that cannot be read.
    """
    if not (Path(folder) / TRUTH).is_file():
        raise DataError(f'{folder} holds no simulated twin; make one with make_twin("{folder}").')
    try:
        # Opened here, since NumPy leaves a damaged file open.
        with (Path(folder) / TRUTH).open("rb") as stream, np.load(stream) as stored:
            arrays = dict(stored)
        numbers = {name: int(arrays[name]) for name in ("seed", "version")}
        return Truth(**arrays | numbers | {"variant": str(arrays["variant"])})
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile):
        raise DataError(
            f"The ground truth in {folder} is damaged or of another version; delete that folder "
            "and load again."
        ) from None
