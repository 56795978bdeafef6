"""The files of the recording, by the names that nilearn's fetcher looks for."""

from pathlib import Path

import nibabel as nib
from nilearn.datasets.func import miyawaki2008_file_mask

from helpers._files.images import UNREADABLE

RECORDING = "miyawaki2008"  # the folder that holds them
FIGURE_RUNS = [f"data_figure_run{run:02}" for run in range(1, 13)]
RANDOM_RUNS = [f"data_random_run{run:02}" for run in range(1, 21)]
MASKS = miyawaki2008_file_mask()
MARK = b"simulated twin"  # in the header of every image, so that a copy is known for what it is


def missing_files(folder):
    """List the files that nilearn's fetcher wants and a folder lacks.

    Parameters
    ----------
    folder : pathlib.Path
        A folder ``miyawaki2008``, which need not exist.

    Returns
    -------
    list of str
        Names relative to the folder, in the fetcher's order.
    """
    runs = FIGURE_RUNS + RANDOM_RUNS
    wanted = [f"func/{run}.nii.gz" for run in runs] + [f"label/{run}_label.csv" for run in runs]
    wanted += [f"mask/{name}" for name in MASKS] + ["bg.nii.gz"]
    return [name for name in wanted if not (folder / name).is_file()]


def is_twin(folder):
    """Say whether a folder holds the recording of a simulated twin.

    Parameters
    ----------
    folder : path-like
        Folder that holds, or may hold, the folder ``miyawaki2008``.

    Returns
    -------
    bool
        What the mask's header says: every image of the twin is marked as simulated.
    """
    try:
        header = nib.load(Path(folder) / RECORDING / "mask" / "mask.nii.gz").header
    except UNREADABLE:
        return False
    return header["descrip"].item() == MARK
