"""Masking runs, with the result cached on disk so that the next chapter starts at once."""

import zlib
from functools import partial
from itertools import combinations
from typing import NamedTuple

import nilearn
import numpy as np
from joblib import Memory
from nilearn.image import high_variance_confounds, new_img_like, resample_to_img
from nilearn.maskers import MultiNiftiMasker
from nilearn.masking import apply_mask
from nilearn.signal import clean

from helpers._engine.outliers import outlying_volumes
from helpers._engine.threads import Threads
from helpers._files import DataError
from helpers._files.confounds import (
    between_kept,
    confound_table,
    kept_volumes,
    per_run,
    usable_confounds,
)
from helpers._files.images import (
    fingerprint,
    name_of,
    open_image,
    open_mask,
    read_series,
    read_values,
)
from helpers._files.surfaces import (
    is_surface,
    open_surface,
    read_surface_series,
    surface_masker,
)

CACHE_LIMIT = "1G"  # beyond it, the entries that were used least recently go
# The largest value of a run: sums of squares stay within single precision, and standard deviations
# above 2e-16, below which nilearn divides by 1.
LARGEST, SMALLEST = 1e15, 1e-8
READERS = 2  # threads that unpack files, one run each

# Arguments of nilearn's maskers that act on time series alone. With these, only the voxels inside
# the mask are read, several times faster; with any other, the masker itself reads the runs.
TEMPORAL = {
    "clean_args",
    "detrend",
    "high_pass",
    "low_pass",
    "standardize",
    "standardize_confounds",
    "t_r",
}
# A masker that is left with what acts on space: cleaning comes after it, by `clean`.
SPATIAL = {
    "clean_args": None,
    "detrend": False,
    "high_pass": None,
    "high_variance_confounds": False,
    "low_pass": None,
    "standardize": None,
}


class MaskedRuns(NamedTuple):
    """Runs inside a mask, one below the other, and what stands out in them."""

    bold: np.ndarray  # (n_kept_volumes, n_voxels), cleaned; 0 in a voxel constant in any run
    lengths: np.ndarray  # (n_runs,), kept volumes of each run
    constant: np.ndarray  # (n_runs, n_voxels), whether raw values do not vary in that run
    outliers: list  # of ndarray of int: kept volumes of each run that stand out, as in its file


class _Raw(NamedTuple):
    """A run as it was measured."""

    series: np.ndarray  # (n_volumes, n_voxels)
    kept: np.ndarray  # (n_kept,), numbers of the volumes that are kept
    constant: np.ndarray  # (n_voxels,)
    outliers: np.ndarray
    checksum: tuple  # the same for the same series


def masked_runs(run_images, mask, options, cache, *, confounds=None, sample_mask=None):
    """Mask and clean runs, each by itself, or take the result from the cache.

    An entry is found again while all bytes of all files, the values in memory, the options,
    confounds, kept volumes and nilearn's version are the same, wherever the files lie. It is made
    anew when it cannot be read or its checksum differs.

    Parameters
    ----------
    run_images : list of str, Path, nibabel image, or surface
    mask : str, Path, nibabel image, surface, or None
        None for surfaces alone: all vertices with values.
    options : dict
        Arguments of nilearn's MultiNiftiMasker or SurfaceMasker; quick where all of them are in
        `TEMPORAL`.
    cache : Path or None
        Folder of the cache, which may be deleted at any time; None for no cache.
    confounds : list, optional
        What is taken out of each run; see `helpers._files.confounds.confound_table`.
    sample_mask : list, optional
        The volumes that are kept of each run; see `helpers._files.confounds.kept_volumes`.

    Returns
    -------
    MaskedRuns

    Raises
    ------
    DataError
        If a file cannot be read, or the cache folder cannot be made.
    ValueError
        If a voxel inside the mask has NaN or infinite values, two runs are the same, or confounds
        or kept volumes do not fit a run.
    """
    if options.get("runs") is not None:
        raise ValueError(
            "runs is no option of the masker here, because each run is cleaned by itself; give "
            "each run as an item of its own."
        )
    names = [name_of(image) for image in run_images]
    given = per_run("confounds", confounds, len(names))
    tables = [confound_table(item, name) for item, name in zip(given, names, strict=True)]
    masks = per_run("sample_mask", sample_mask, len(names))
    images = (run_images, mask, tables, masks)
    if cache is None:
        return MaskedRuns(*_mask_runs(*images, options, stamps=None)[0])
    with Threads(READERS) as pool:
        stamps = list(pool.map(fingerprint, [*run_images, mask]))
    stamps += [None if table is None else table.to_numpy() for table in tables]
    stamps += [None if item is None else np.asarray(item) for item in masks]
    return MaskedRuns(*_cached(cache, *images, options, [*stamps, nilearn.__version__]))


def _cached(cache, *arguments):
    """Return what `_mask_runs` does, from the cache where it is there and whole."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        memory = Memory(cache, verbose=0)
        # Stamps stand for what these hold.
        cached = memory.cache(_mask_runs, ignore=["run_images", "mask", "tables", "masks"])
    except OSError as error:
        raise DataError(
            f"The cache folder {cache} cannot be made ({error.strerror}): set BOOK_DATA_DIR to a "
            "folder that can be written."
        ) from None
    if cached.check_call_in_cache(*arguments):
        entry = cached.call_and_shelve(*arguments)
        masked = _read_entry(entry)
        if masked is not None:
            return masked
        entry.clear()
    masked = cached(*arguments)[0]
    memory.reduce_size(bytes_limit=CACHE_LIMIT)
    return masked


def _mask_runs(run_images, mask, tables, masks, options, stamps):
    """Return the fields of MaskedRuns and a checksum; `stamps` only tells cache entries apart."""
    masker, spatial, read = _ways(run_images, mask, options)
    names = [name_of(image) for image in run_images]
    runs, checksums, lengths, constant, outliers = [], [], [], [], []
    pool = Threads(READERS)
    try:
        raws = pool.map(partial(_read_raw, read), run_images, masks, names)
        for image, raw, table, name in zip(run_images, raws, tables, names, strict=True):
            series, still = raw.series, raw.constant
            if spatial is not None:
                series, still, table = spatial(image, raw, table)
            runs.append(_clean(series, masker, table, raw.kept, name))
            checksums.append((raw.checksum, raw.kept))
            constant.append(still)
            outliers.append(raw.outliers)
    finally:
        pool.shutdown(cancel_futures=True)  # After an error the other runs need not be read.
    _check_different(names, checksums)
    bold, constant = np.vstack(runs), np.array(constant)
    bold[:, constant.any(axis=0)] = 0  # not the rounding noise that cleaning leaves
    lengths = np.array([len(run) for run in runs])
    return (bold, lengths, constant, outliers), zlib.crc32(bold)


def _ways(run_images, mask, options):
    """Return the fitted masker, what acts on space (None if nothing does), and the reader."""
    quick = options.keys() <= TEMPORAL
    if is_surface(run_images[0]):
        masker = surface_masker(mask, options, like=run_images[0])
        read = partial(read_surface_series, masker=masker)
        if quick:
            return masker, None, read
        plain = surface_masker(mask, options | SPATIAL, like=run_images[0])
        return masker, partial(_on_surface, masker, plain), read
    mask_image = open_mask(mask)
    inside = read_values(mask_image, name_of(mask)) != 0
    # nilearn notes the largest value of a mask in its header, where not every number fits.
    mask_image = new_img_like(mask_image, inside.astype(np.uint8))
    masker = MultiNiftiMasker(mask_img=mask_image, **options).fit()
    read = partial(read_series, inside=inside)
    if quick:
        return masker, None, read
    plain = MultiNiftiMasker(mask_img=mask_image, **options | SPATIAL).fit()
    return masker, partial(_in_volumes, masker, plain, mask_image, inside), read


def _read_raw(read, image, sample_mask, name):
    """Read a run and note what cleaning would hide."""
    series = read(image)
    low, high = series.min(), series.max()
    if not np.isfinite([low, high]).all():
        raise ValueError(
            f"{name} has NaN or infinite values inside the mask; expected a number in "
            "each voxel and volume: take those voxels out of the mask, or repair the run."
        )
    largest = max(-low, high)
    if largest > LARGEST or 0 < largest < SMALLEST:
        raise ValueError(
            f"{name} has values from {low:.3g} to {high:.3g}; expected measurements whose squares "
            f"can be summed, the largest between {SMALLEST:g} and {LARGEST:g}: check its type and "
            "scale factors, or change its unit."
        )
    kept = kept_volumes(sample_mask, len(series), name)
    used = series if len(kept) == len(series) else series[kept]
    constant = (used == used[0]).all(axis=0)
    # As single precision: a copy may have been saved as another type.
    checksum = (series.shape, zlib.crc32(np.ascontiguousarray(series.T, dtype=np.float32)))
    return _Raw(series, kept, constant, kept[outlying_volumes(used)], checksum)


def _in_volumes(masker, plain, mask_image, inside, image, raw, table):
    """Return the series, its constant voxels and all confounds after what acts on space."""
    opened = open_image(image)
    # With the mask's own affine: nilearn would resample for a difference in the last digits.
    values = read_values(opened, name_of(image))
    moved = type(opened)(values, mask_image.affine, opened.header)
    series = plain.transform([moved])[0]
    still = np.zeros(inside.shape, dtype=np.uint8)
    still[inside] = raw.constant
    still = type(mask_image)(still, mask_image.affine)
    # The nearest voxel counts, which is the same one unless the grid changes.
    still = resample_to_img(still, plain.mask_img_, interpolation="nearest")
    still = (apply_mask(still, plain.mask_img_) > 0) | (series == series[0]).all(axis=0)
    return series, still, _with_high_variance(masker, moved, table)


def _on_surface(masker, plain, image, raw, table):
    """Return the series, its constant vertices and all confounds after what acts on space."""
    opened = open_surface(image)
    return plain.transform(opened), raw.constant, _with_high_variance(masker, opened, table)


def _with_high_variance(masker, image, table):
    """Add the confounds that nilearn makes of the image itself, where the masker asks for them."""
    if not masker.high_variance_confounds:
        return table
    made = high_variance_confounds(image)
    return confound_table(made if table is None else [made, table], "the run")


def _clean(series, masker, table, kept, name):
    """Do what the fitted masker would do to a series, with a run's own confounds and volumes."""
    n_volumes, extra = len(series), masker.clean_args_
    options = {name: getattr(masker, name) for name in TEMPORAL - {"clean_args"}} | extra
    if table is not None:
        table = usable_confounds(table, kept, n_volumes, name)
    if len(kept) == n_volumes:
        kept = None
    elif options.get("filter") != "cosine":
        series = between_kept(series, kept)
        table = None if table is None else between_kept(table, kept)
        kept = kept - kept[0]
    try:
        # nilearn divides by the mean over all voxels, whatever it is, to see whether it is near 0.
        with np.errstate(divide="ignore", invalid="ignore"):
            return clean(series, confounds=table, sample_mask=kept, **options)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{name} cannot be cleaned ({reason}); expected options of nilearn.signal.clean that "
            f"fit its {n_volumes} volumes: change them, or leave out the run."
        ) from None


def _check_different(names, contents):
    """Raise ValueError if two runs hold the same series and share volumes that are kept."""
    numbered = [f"{name} (run {number})" for number, name in enumerate(names, 1)]
    pairs = combinations(zip(numbered, contents, strict=True), 2)
    for (first, (checksum, kept)), (second, (other, also_kept)) in pairs:
        if checksum == other and np.intersect1d(kept, also_kept).size:
            raise ValueError(
                f"{first} and {second} hold the same measurements inside the mask; expected a run "
                "once, or what is trained on is scored as well: give each run once, and look for "
                "a copy under another name."
            )


def _read_entry(entry):
    """Return the fields of a cache entry, None if it is damaged."""
    try:
        masked, checksum = entry.get()
        bold = masked[0]
    except Exception:  # A damaged pickle can raise anything; the entry is then made anew.
        return None
    return masked if zlib.crc32(bold) == checksum else None
