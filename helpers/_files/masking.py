"""Masking runs, with the result cached on disk so that the next chapter starts at once."""

import zlib
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import nilearn
import numpy as np
from joblib import Memory
from nilearn.maskers import MultiNiftiMasker
from nilearn.signal import clean

from helpers._files import DataError
from helpers._files.images import open_image, read_series, read_values

CACHE_LIMIT = "1G"  # beyond it, the entries that were used least recently go
READERS = 2  # threads that unpack files, one run each

# Arguments of MultiNiftiMasker that act on time series alone. With these, only the voxels inside
# the mask are read and nilearn's `clean` does the rest, several times faster; with any other, the
# masker itself masks the runs.
TEMPORAL = {
    "clean_args",
    "detrend",
    "high_pass",
    "low_pass",
    "standardize",
    "standardize_confounds",
    "t_r",
}


def masked_runs(run_files, mask_file, options, cache):
    """Mask and clean runs, or take the result from the cache.

    An entry is found again while paths, sizes and dates of the files, the options and
    nilearn's version are the same. It is made anew when it cannot be read or its checksum differs.

    Parameters
    ----------
    run_files : list of str or Path
    mask_file : str or Path
    options : dict
        Arguments of nilearn's MultiNiftiMasker; quick where all of them are in `TEMPORAL`.
    cache : Path
        Folder of the cache; it may be deleted at any time.

    Returns
    -------
    ndarray, (n_volumes, n_voxels)
        All runs, one below the other.

    Raises
    ------
    DataError
        If a file cannot be read, or the cache folder cannot be made.
    ValueError
        If a voxel inside the mask has NaN or infinite values.
    """
    stamps = [(Path(f).stat().st_size, Path(f).stat().st_mtime_ns) for f in [*run_files, mask_file]]
    stamps.append(nilearn.__version__)
    arguments = ([str(f) for f in run_files], str(mask_file), options, stamps)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        memory = Memory(cache, verbose=0)
        cached = memory.cache(_mask_runs)
    except OSError as error:
        raise DataError(
            f"The cache folder {cache} cannot be made ({error.strerror}): set BOOK_DATA_DIR to a "
            "folder that can be written."
        ) from None
    if cached.check_call_in_cache(*arguments):
        entry = cached.call_and_shelve(*arguments)
        bold = _read_entry(entry)
        if bold is not None:
            return bold
        entry.clear()
    bold = cached(*arguments)[0]
    memory.reduce_size(bytes_limit=CACHE_LIMIT)
    return bold


def _mask_runs(run_files, mask_file, options, stamps):
    """Return the masked runs and their checksum; `stamps` only tells cache entries apart."""
    masker = MultiNiftiMasker(mask_img=mask_file, **options).fit()
    mask = open_image(mask_file)
    inside = read_values(mask, mask_file) != 0
    if options.keys() <= TEMPORAL:
        runs = _clean_series(run_files, inside, masker)
    else:
        runs = [_transform(masker, run_file, mask, inside) for run_file in run_files]
    bold = np.vstack(runs)
    return bold, zlib.crc32(bold)


def _clean_series(run_files, inside, masker):
    """Do what the fitted masker would do, reading only the voxels inside, two runs at once."""
    options = {name: getattr(masker, name) for name in TEMPORAL - {"clean_args"}}
    runs = []
    pool = ThreadPoolExecutor(READERS)
    try:
        all_series = pool.map(read_series, run_files, repeat(inside))
        for run_file, series in zip(run_files, all_series, strict=True):
            _check_finite(series, run_file)
            runs.append(clean(series, **options, **masker.clean_args_))
    finally:
        pool.shutdown(cancel_futures=True)  # After an error the other runs need not be read.
    return runs


def _transform(masker, run_file, mask, inside):
    """Mask one run with the masker, (n_volumes, n_voxels)."""
    image = open_image(run_file)
    values = read_values(image, run_file)
    _check_finite(values[inside], run_file)
    # With the mask's own affine: nilearn would resample for a difference in the last digits.
    return masker.transform([type(image)(values, mask.affine, image.header)])[0]


def _check_finite(values, run_file):
    """Raise ValueError, in the file's name, unless all values are finite."""
    if not np.isfinite(values).all():
        raise ValueError(
            f"{run_file} has NaN or infinite values inside the mask; expected a number in "
            "each voxel and volume: take those voxels out of the mask, or repair the run."
        )


def _read_entry(entry):
    """Return the array of a cache entry, None if it is damaged."""
    try:
        bold, checksum = entry.get()
    except Exception:  # A damaged pickle can raise anything; the entry is then made anew.
        return None
    return bold if zlib.crc32(bold) == checksum else None
