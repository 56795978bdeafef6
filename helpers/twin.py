"""The simulated twin: the files of the real recording, written from known receptive fields.

``python -m helpers.twin`` writes it to the book's data folder.
"""

import errno
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from nilearn.datasets import get_data_dirs

from helpers.errors import DataError
from helpers.twin_files import RECORDING, write_recording

TRUTH = "truth.npz"
VERSION = 1  # of the simulator: a twin of another version is made anew
PARTIAL = ".twin-of-process-"


@dataclass(frozen=True)
class Truth:
    """What the simulator put into the twin: one entry for each voxel, in mask order.

    Parameters
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
    """

    weights: np.ndarray
    on_gain: np.ndarray
    centre: np.ndarray
    size: np.ndarray
    peak: np.ndarray
    population: np.ndarray
    noise_sd: np.ndarray
    ceiling_random: np.ndarray
    ceiling_figure: np.ndarray
    area: np.ndarray
    hemisphere: np.ndarray
    eccentricity: np.ndarray
    seed: int
    version: int


def is_twin(folder):
    """Say whether a folder holds a complete simulated twin.

    Parameters
    ----------
    folder : path-like
        Folder that holds, or may hold, the folder ``miyawaki2008``.

    Returns
    -------
    bool
    """
    folder = Path(folder)
    return (folder / TRUTH).is_file() and (folder / RECORDING).is_dir()


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
        If the folder holds no twin.
    """
    if not is_twin(folder):
        raise DataError(f'{folder} holds no simulated twin; make one with make_twin("{folder}").')
    with np.load(Path(folder) / TRUTH) as stored:
        arrays = dict(stored)
    return Truth(**arrays | {name: int(arrays[name]) for name in ("seed", "version")})


def make_twin(folder, seed=2008):
    """Write the simulated twin, unless the folder holds it already.

    The files are written into a temporary folder beside `folder`, which takes its name only when
    all of them are there: an interrupted run leaves no half-made twin.

    Parameters
    ----------
    folder : path-like
        Where to put it. It gets the folder ``miyawaki2008`` in the layout of nilearn's fetcher
        and the ground truth beside it.
    seed : int
        Of the random numbers. The same seed gives the same arrays.

    Returns
    -------
    pathlib.Path
        `folder`.

    Raises
    ------
    ValueError
        If the seed is not a whole number from 0 up, if the folder holds something other than a
        twin, or if it is one in which nilearn looks for real recordings.
    DataError
        If the folder cannot be written or the disk is full.
    """
    folder = Path(folder).resolve()
    _check_request(folder, seed)
    if is_twin(folder) and _is_current(load_truth(folder), seed):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_over(folder.parent)
        prefix = f"{PARTIAL}{psutil.Process().pid}-"
        with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as temporary:
            made = Path(temporary) / "twin"
            truth = write_recording(made, seed)
            np.savez_compressed(made / TRUTH, **truth, seed=seed, version=VERSION)
            if folder.exists():
                folder.rename(Path(temporary) / "replaced")
            made.rename(folder)
    except OSError as error:
        if is_twin(folder) and _is_current(load_truth(folder), seed):
            return folder  # another process was first
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
        raise DataError(
            error.errno,
            f"The twin cannot be written to {folder}: {reason}. It needs 60 MB in a folder that "
            "you may write to; the environment variable BOOK_DATA_DIR names another one.",
        ) from error
    return folder


def _is_current(truth, seed):
    return (truth.seed, truth.version) == (seed, VERSION)


def _check_request(folder, seed):
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed is {seed!r}; it must be a whole number from 0 up, such as 2008.")
    if is_twin(folder):
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} holds something other than a twin; name a new, empty folder.")
    if any(Path(known).resolve() == folder for known in get_data_dirs()):
        raise ValueError(
            f"{folder} is where nilearn looks for real recordings, and the twin could be taken "
            "for one there; name another folder."
        )


def _remove_left_over(parent):
    """Remove what a run that was killed has left behind."""
    for partial in parent.glob(PARTIAL + "*"):
        process = int(partial.name.removeprefix(PARTIAL).split("-")[0])
        if not psutil.pid_exists(process):
            shutil.rmtree(partial, ignore_errors=True)


def main():
    """Write the twin to the book's data folder and say where it is."""
    from helpers.datasets import data_folder

    print(f"The simulated twin is in {make_twin(data_folder() / 'twin')}")


if __name__ == "__main__":
    main()
