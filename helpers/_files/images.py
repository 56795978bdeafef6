"""Opening images of volumes, and checking that runs, mask and stimulus tables fit together."""

import hashlib
import warnings
import zlib
from collections.abc import Mapping
from functools import partial
from os import PathLike
from pathlib import Path

import joblib
import nibabel
import numpy as np
from nibabel.filebasedimages import FileBasedImage, ImageFileError
from nibabel.spatialimages import HeaderDataError, SpatialImage
from nilearn.image import get_data

from helpers._files import DataError
from helpers._files.surfaces import check_surfaces, is_surface, open_surface

UNREADABLE = (OSError, EOFError, ValueError, zlib.error, ImageFileError, HeaderDataError)

# Headers that different programs wrote for one grid differ by rounding, which is no reason to
# resample and so to blur. This is how far a corner may be off, in voxels.
SAME_PLACE = 0.1

# Volumes to unpack at once: few enough for a processor's cache, and a run never fills memory.
VOLUMES_AT_ONCE = 16

# NIfTI's codes for units of time, in seconds; 0 is for "unknown", which means seconds.
TIME_UNITS = {0: 1.0, 8: 1.0, 16: 1e-3, 24: 1e-6}
TIME_BITS = 0b111000
# No scanner takes less than 50 ms for a volume, nor more than 50 s. Programs that do not know the
# time write 0 or 1.
BELIEVABLE = (0.05, 50)
UNKNOWN_TR = 1.0
SAME_TR = 1e-3  # as a share: headers and people round


def open_image(image):
    """Open an image of volumes; its values are read when they are asked for.

    Parameters
    ----------
    image : str, Path or nibabel image
        A path may hold any character: unlike nilearn's, none of them is a wildcard.

    Returns
    -------
    nibabel image
        Further axes of length 1 are left out, so that a run has four.

    Raises
    ------
    DataError
        If the file is missing, empty, a folder, or no image, or its header holds no shape.
    ValueError
        If it is a surface, several images, or its values are no real numbers.
    """
    held = isinstance(image, FileBasedImage) or is_surface(image)
    opened, name = image if held else _load(image), name_of(image)
    if not isinstance(opened, SpatialImage):
        raise ValueError(
            f"{name} holds a surface, or no volumes; expected a NIfTI file with volumes: surfaces "
            'are given as {"left": file, "right": file}, or as .dtseries.nii, in all runs.'
        )
    try:
        kind = opened.get_data_dtype().kind
    except UNREADABLE as error:
        raise _unreadable(image, error) from None
    if kind not in "fiub":
        raise ValueError(
            f"{name} has values of type {opened.get_data_dtype()}; expected real numbers: give "
            "the magnitude, for example made with numpy.abs."
        )
    if min(opened.shape, default=0) < 1:
        raise DataError(f"{name} has the shape {opened.shape}: get the file anew.")
    return _drop_axes(opened)


def name_of(image):
    """Return what to call an image in an error, its path or else its kind."""
    if isinstance(image, str | PathLike):
        return str(image)
    if isinstance(image, Mapping):
        image = list(image.values())
    if isinstance(image, list | tuple):
        return " with ".join(map(name_of, image[:2]))
    filename = image.get_filename() if isinstance(image, FileBasedImage) else None
    return filename or f"The {type(image).__name__} in memory"


def check_file(path):
    """Raise DataError unless there is a file with something in it.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    DataError
        If there is none; the message says whether it is a broken link, a folder or an empty file.
    """
    path = Path(path)
    if path.is_symlink() and not path.exists():
        raise DataError(
            f"{path} is a link to {path.readlink()}, which is not there: mend the link, or give "
            "the file itself."
        )
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected a file: name a file in it.")
    if not path.exists():
        raise DataError(f"There is no file {path}: check the path.")
    if path.is_file() and not path.stat().st_size:
        raise DataError(f"{path} is empty, 0 bytes: get the file anew.")


def _load(path, **options):
    """Open an image file with nibabel."""
    if isinstance(path, list | tuple):
        raise ValueError(
            f"A run was given as {len(path)} images; expected one image with all of its volumes: "
            "join them with nilearn.image.concat_imgs and give the result."
        )
    if not isinstance(path, str | PathLike):
        raise ValueError(
            f"An image was given as {type(path).__name__}; expected a path or a nibabel image: "
            "make one with nibabel.Nifti1Image(values, affine)."
        )
    check_file(path)
    try:
        return nibabel.load(path, **options)
    except UNREADABLE as error:
        raise _unreadable(path, error) from None


def _drop_axes(image):
    """Return an image without axes of length 1 after the third, as far as it has too many."""
    if image.ndim < 5:
        return image
    shape = image.shape[:3] + tuple(n for n in image.shape[3:] if n != 1)
    return type(image)(image.dataobj.reshape(shape), image.affine, image.header)


def read_values(image, name):
    """Read the values of an opened image.

    Parameters
    ----------
    image : nibabel image
    name : str or Path
        What to call it in an error.

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
        raise _unreadable(name, error) from None


def read_series(run, inside):
    """Read the time series of the voxels inside a mask, a few volumes at a time.

    The numbers and the voxels' order are those of nilearn's `apply_mask`, which holds the whole
    run in memory several times over.

    Parameters
    ----------
    run : str, Path or nibabel image
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
    if isinstance(run, SpatialImage):
        blocks = [read_values(open_image(run), name_of(run))[inside]]
    else:
        # Kept open, a compressed file is unpacked once from start to end, not again each time.
        image = _drop_axes(_load(run, keep_file_open=True))
        starts = range(0, image.shape[3], VOLUMES_AT_ONCE)
        try:
            blocks = [image.dataobj[..., at : at + VOLUMES_AT_ONCE][inside] for at in starts]
        except UNREADABLE as error:
            raise _unreadable(run, error) from None
    dtype = blocks[0].dtype if blocks[0].dtype.kind == "f" else np.float32
    # A voxel's values stay side by side in memory: cleaning goes through time.
    return np.concatenate(blocks, axis=1, dtype=dtype).T


def _unreadable(image, error):
    """Return the DataError for a file that cannot be read."""
    # The first line: nibabel's messages run on with advice of their own.
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return DataError(
        f"{name_of(image)} cannot be read as a NIfTI image ({reason}): check the path, or get the "
        "file anew."
    )


def fingerprint(image):
    """Return what tells the contents of two images apart, wherever they are and of whatever date.

    Parameters
    ----------
    image : str, Path, nibabel image, SurfaceImage, mapping or sequence of these, or None

    Returns
    -------
    str or list of str
        Of a path, the checksum of all bytes of all its files, as ``.hdr`` and ``.img``. Of an
        image in memory, that of values, affine and header.

    Raises
    ------
    DataError
        If a file is missing or is no image.
    """
    if isinstance(image, str | PathLike):
        check_file(image)
        holders = [] if is_surface(image) else _load(image).file_map.values()
        files = {Path(image), *(Path(holder.filename) for holder in holders if holder.filename)}
        return "".join(_checksum(file) for file in sorted(files) if file.exists())
    if isinstance(image, Mapping):
        return [f"{key} {fingerprint(part)}" for key, part in image.items()]
    if isinstance(image, list | tuple):
        return [fingerprint(part) for part in image]
    if is_surface(image):
        # Read, because of an opened file joblib sees the path alone.
        return joblib.hash(open_surface(image).data.parts)
    if isinstance(image, SpatialImage):
        return joblib.hash((get_data(image), image.affine, image.header))
    return joblib.hash(image)


def _checksum(file):
    """Return the checksum of the bytes of a file."""
    # The quickest on most processors; nobody is kept out by it.
    quick = partial(hashlib.sha1, usedforsecurity=False)
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, quick).hexdigest()


def open_mask(mask):
    """Open a mask and check it.

    Parameters
    ----------
    mask : str, Path or nibabel image
        One volume, 0 outside and another number inside.

    Returns
    -------
    nibabel image
        With three dimensions.

    Raises
    ------
    DataError
        If the file cannot be read.
    ValueError
        If there is no mask; if it has several volumes, is empty, or has over two values.
    """
    if mask is None:
        raise ValueError(
            "There is no mask; expected an image with 1 in each voxel to analyse: give the mask of "
            "your region, or that of the brain from nilearn.masking.compute_epi_mask(func)."
        )
    opened, name = open_image(mask), name_of(mask)
    if opened.ndim == 4 and opened.shape[3] == 1:
        opened = type(opened)(opened.dataobj.reshape(opened.shape[:3]), opened.affine)
    if opened.ndim != 3:
        raise ValueError(
            f"The mask {name} has the shape {opened.shape}; expected three dimensions: "
            "give one volume."
        )
    values = read_values(opened, name)
    if not np.isfinite(values).all():
        raise ValueError(
            f"The mask {name} has NaN or infinite values in {(~np.isfinite(values)).sum()} voxels; "
            "expected 0 outside and 1 inside: set them to 0 with numpy.nan_to_num."
        )
    found = np.unique(values)
    if not found.any():
        raise ValueError(
            f"The mask {name} is empty: all of its values are 0; expected 1 in each voxel "
            "to analyse: give the mask of your region."
        )
    if len(found) > 2 or (len(found) == 2 and 0 not in found):
        raise ValueError(
            f"The mask {name} has {len(found)} different values; expected 0 outside and 1 "
            "inside: threshold it first."
        )
    return opened


def check_files(run_images, n_rows, mask, t_r=None):
    """Check that runs, their stimuli and the mask fit together, from the headers alone.

    Parameters
    ----------
    run_images : list of str, Path or nibabel image
        Four-dimensional images; or surfaces, see `helpers._files.surfaces.open_surface`.
    n_rows : list of int
        Rows of each run's stimulus table.
    mask : str, Path or nibabel image
        On the grid of the runs; for surfaces also None.
    t_r : float, optional
        Seconds from one volume to the next.

    Returns
    -------
    float or None
        `t_r`, or else what the headers say; None where they do not say it.

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If grids or times between volumes differ, or a run has more or fewer volumes than its table
        has rows.

    Warns
    -----
    UserWarning
        If headers hold another time than `t_r` that no scanner has, or 1, which programs write
        that do not know it.
    """
    if any(map(is_surface, run_images)):
        return _agree_on_t_r([check_surfaces(run_images, n_rows, mask)], run_images[:1], t_r)
    mask_image = open_mask(mask)
    times = []
    for run_image, rows in zip(run_images, n_rows, strict=True):
        run, name = open_image(run_image), name_of(run_image)
        if run.ndim != 4:
            raise ValueError(
                f"{name} has the shape {run.shape}; expected four dimensions, the last one "
                "time: give one file a run with all of its volumes; "
                "nilearn.image.concat_imgs joins single volumes."
            )
        check_grid(run, name, mask_image, name_of(mask))
        if run.shape[3] != rows:
            raise ValueError(
                f"{name} has {run.shape[3]} volumes and its stimulus table has {rows} rows; "
                "expected one row a volume: check that the files belong to the same run."
            )
        times.append(_header_t_r(run))
    return _agree_on_t_r(times, run_images, t_r)


def _header_t_r(image):
    """Return the seconds between volumes in an image's header, None if it cannot hold them."""
    if not isinstance(image.header, nibabel.Nifti1Header):
        return None
    unit = TIME_UNITS.get(int(image.header["xyzt_units"]) & TIME_BITS)
    # A float32 that was meant as 2.079 shall be 2.079.
    return None if unit is None else float(str(image.header.get_zooms()[3])) * unit


def _agree_on_t_r(times, run_images, t_r):
    """Return the one time between volumes of all runs, None where nobody knows it."""
    if t_r is not None and not (np.isscalar(t_r) and np.isreal(t_r) and 0 < t_r < np.inf):
        raise ValueError(
            f"t_r is {t_r!r}; expected the seconds from one volume to the next, above 0."
        )
    low, high = BELIEVABLE
    known = [
        (time, name_of(image))
        for image, time in zip(run_images, times, strict=True)
        if time is not None and low < time < high and time != UNKNOWN_TR
    ]
    if known and max(known)[0] > (1 + SAME_TR) * min(known)[0]:
        found = ", ".join(f"{name}: {time:g} s" for time, name in known)
        raise ValueError(
            f"The runs have different times between volumes by their headers ({found}); expected "
            "one for all: analyse them apart, or mend the headers."
        )
    header, name = known[0] if known else (None, "")
    if t_r is None:
        return header
    if header is not None and abs(t_r - header) > SAME_TR * header:
        raise ValueError(
            f"t_r is {t_r:g} s, and the header of {name} says {header:g} s; expected "
            "the same: check which is right; mend t_r or the header (header.set_zooms)."
        )
    strange = [time for time in times if time is not None and time != t_r]
    if header is None and strange:
        warnings.warn(
            f"The header of {name_of(run_images[0])} says {strange[0]:g} s between volumes, which "
            f"programs write that do not know it; t_r={t_r:g} is used.",
            stacklevel=2,
        )
    return float(t_r)


def check_grid(run, run_name, mask, mask_name):
    """Check that an image lies on the grid of the mask.

    Parameters
    ----------
    run, mask : nibabel image
    run_name, mask_name : str or Path
        What to call them in an error.

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
        f"{run_name} is on another grid than the mask {mask_name}: its {differs} is {of_run} and "
        f"the mask's is {of_mask}; expected the same for the mask and all runs: resample one to "
        "the other with nilearn.image.resample_to_img."
    )
