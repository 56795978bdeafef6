"""Opening NIfTI files, and checking that runs, mask and stimulus tables fit together."""

import zlib

import nibabel
import numpy as np
from nilearn.image import get_data, load_img

from helpers._files import DataError

UNREADABLE = (OSError, EOFError, zlib.error, nibabel.filebasedimages.ImageFileError)

# Headers that different programs wrote for one grid differ by rounding, which is no reason to
# resample and so to blur. This is how far a corner may be off, in voxels.
SAME_PLACE = 0.1

# Volumes to unpack at once: few enough for a processor's cache, and a run never fills memory.
VOLUMES_AT_ONCE = 16


def open_image(image_file):
    """Open a NIfTI file; its values are read when they are asked for.

    Parameters
    ----------
    image_file : str or Path

    Returns
    -------
    nibabel image

    Raises
    ------
    DataError
        If the file is missing or is no image.
    """
    try:
        return load_img(str(image_file))
    except (*UNREADABLE, ValueError) as error:
        raise _unreadable(image_file, error) from None


def read_values(image, image_file):
    """Read the values of an opened image.

    Parameters
    ----------
    image : nibabel image
    image_file : str or Path
        The name to give in an error.

    Returns
    -------
    ndarray, (i, j, k) or (i, j, k, n_volumes)

    Raises
    ------
    DataError
        If the file is truncated or damaged.
    """
    try:
        return get_data(image)
    except UNREADABLE as error:
        raise _unreadable(image_file, error) from None


def read_series(run_file, inside):
    """Read the time series of the voxels inside a mask, a few volumes at a time.

    The numbers and the voxels' order are those of nilearn's `apply_mask`, which holds the whole
    run in memory several times over.

    Parameters
    ----------
    run_file : str or Path
        Four-dimensional image on the grid of the mask.
    inside : ndarray of bool, (i, j, k)
        Whether a voxel belongs to the mask.

    Returns
    -------
    ndarray of float, (n_volumes, n_voxels)
        In the units of the file, scale factors applied; integers come as float32.

    Raises
    ------
    DataError
        If the file is missing, truncated or damaged.
    """
    try:
        # Kept open, a compressed file is unpacked once from start to end, not again each time.
        image = nibabel.load(run_file, keep_file_open=True)
        starts = range(0, image.shape[3], VOLUMES_AT_ONCE)
        blocks = [image.dataobj[..., at : at + VOLUMES_AT_ONCE][inside] for at in starts]
    except (*UNREADABLE, ValueError) as error:
        raise _unreadable(run_file, error) from None
    dtype = blocks[0].dtype if blocks[0].dtype.kind == "f" else np.float32
    # A voxel's values stay side by side in memory: cleaning goes through time.
    return np.concatenate(blocks, axis=1, dtype=dtype).T


def _unreadable(image_file, error):
    """Return the DataError for a file that cannot be read."""
    # The first line: nilearn's and nibabel's messages run on with advice of their own.
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return DataError(
        f"{image_file} cannot be read as a NIfTI image ({reason}): check the path, or get the "
        "file anew."
    )


def _check_mask(mask_file):
    """Return the opened mask; ValueError if it is empty, not 3-D or has over two values."""
    mask = open_image(mask_file)
    if mask.ndim != 3:
        raise ValueError(
            f"The mask {mask_file} has the shape {mask.shape}; expected three dimensions: "
            "give one volume."
        )
    found = np.unique(read_values(mask, mask_file))
    if not found.any():
        raise ValueError(
            f"The mask {mask_file} is empty: all of its values are 0; expected 1 in each voxel "
            "to analyse: give the mask of your region."
        )
    if not np.isfinite(found).all() or len(found) > 2 or (len(found) == 2 and 0 not in found):
        raise ValueError(
            f"The mask {mask_file} has {len(found)} different values; expected 0 outside and 1 "
            "inside: threshold it first."
        )
    return mask


def check_files(run_files, n_rows, mask_file):
    """Check that runs, their stimuli and the mask fit together, from the headers alone.

    Parameters
    ----------
    run_files : list of str or Path
        Four-dimensional images.
    n_rows : list of int
        Rows of each run's stimulus table.
    mask_file : str or Path

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If grids differ, or a run has more or fewer volumes than its table has rows.
    """
    mask = _check_mask(mask_file)
    for run_file, rows in zip(run_files, n_rows, strict=True):
        run = open_image(run_file)
        if run.ndim != 4:
            raise ValueError(
                f"{run_file} has the shape {run.shape}; expected four dimensions, the last one "
                "time: give one file a run with all of its volumes."
            )
        check_grid(run, run_file, mask, mask_file)
        if run.shape[3] != rows:
            raise ValueError(
                f"{run_file} has {run.shape[3]} volumes and its stimulus table has {rows} rows; "
                "expected one row a volume: check that the files belong to the same run."
            )


def check_grid(run, run_file, mask, mask_file):
    """Check that the voxels of an image lie where the mask's lie.

    Parameters
    ----------
    run, mask : nibabel image
        Of three dimensions or four.
    run_file, mask_file : str or Path
        The names to give in an error.

    Raises
    ------
    ValueError
        If shape or affine differ, the latter by more than a tenth of a voxel at a corner.
    """
    differs, of_run, of_mask = "shape", run.shape[:3], mask.shape
    if of_run == of_mask:
        corners = np.vstack([np.indices((2, 2, 2)).reshape(3, 8), np.ones(8)])
        corners[:3] *= np.subtract(mask.shape, 1)[:, np.newaxis]
        moved = np.linalg.solve(mask.affine, run.affine @ corners) - corners
        if np.abs(moved).max() < SAME_PLACE:
            return
        differs, of_run, of_mask = "affine", *(i.affine.round(4).tolist() for i in (run, mask))
    raise ValueError(
        f"{run_file} is on another grid than the mask {mask_file}: its {differs} is {of_run} and "
        f"the mask's is {of_mask}; expected the same for the mask and all runs: resample one to "
        "the other with nilearn.image.resample_to_img."
    )
