"""The data of the book: the simulated twin, the real recording, or your own files."""

import os
import re
import warnings
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import NamedTuple

import numpy as np
from nilearn.image import get_data
from nilearn.maskers import MultiNiftiMasker
from nilearn.signal import clean
from sklearn.utils import Bunch

from helpers._engine.validation import check_table, read_array, read_numbers, rows_of_runs
from helpers._files import DataError
from helpers._files.bids import bids_files
from helpers._files.confounds import kept_volumes, per_run
from helpers._files.fetching import fetch_local, real_recording
from helpers._files.images import (
    check_files,
    check_grid,
    open_image,
    open_mask,
    read_values,
)
from helpers._files.layout import FIGURE_RUNS
from helpers._files.masking import masked_runs
from helpers._files.report import report
from helpers._files.runs import count_volumes, cut, is_shown, read_events, read_tables
from helpers._files.stimuli import read_stimuli
from helpers._files.surfaces import is_surface, surface_masker, vertices_in_region
from helpers._files.timeline import RunOfVolumes, delay, has_gaps, rows_later, stack
from helpers._twin.truth import load_truth
from helpers._twin.writing import make_twin

__all__ = [
    "DataError",
    "Recording",
    "RecordingWarning",
    "Trials",
    "block_means",
    "check",
    "clean_like",
    "data_folder",
    "from_bids",
    "from_files",
    "image_blocks",
    "load",
    "read_stimuli",
    "recording",
    "region_labels",
    "trials",
]

# nilearn's fetcher lists the 12 figure runs before the 20 random runs.
FIRST_RANDOM = len(FIGURE_RUNS)
KINDS = {
    "random": slice(FIRST_RANDOM, None),
    "figure": slice(None, FIRST_RANDOM),
    "all": slice(None),
}


def data_folder():
    """Return the folder of all data, ``BOOK_DATA_DIR`` or ``data``.

    A relative path starts in the book's folder.

    Returns
    -------
    Path
    """
    book = Path(__file__).resolve().parents[1]
    # Notebooks run in folders of their own: a relative path must mean one place for all of them.
    return book / Path(os.environ.get("BOOK_DATA_DIR") or "data").expanduser()


def load(source=None, variant="default"):
    """Load the files of the simulated twin or of the real recording.

    Parameters
    ----------
    source : {"twin", "real"}, optional
        By default what the environment variable ``BOOK_DATA`` says, or else the twin.
    variant : str
        Which twin, as `helpers.twin.VARIANTS` names them: how far does a result depend on what the
        simulator assumes?

    Returns
    -------
    Bunch
        As from nilearn's ``fetch_miyawaki2008``: the paths ``func`` and ``label`` (12 figure runs,
        then 20 random runs), ``mask``, ``mask_roi`` and ``background``; also ``source``, and
        ``truth``, what the twin was made from (None for the real recording).

    Raises
    ------
    DataError
        If the real recording cannot be fetched, or the twin cannot be written.
    ValueError
        If the source or the variant is unknown.
    """
    chosen = source or os.environ.get("BOOK_DATA") or "twin"
    if chosen not in ("twin", "real"):
        name = "source" if source else "the environment variable BOOK_DATA"
        raise ValueError(
            f'{name} is "{chosen}"; expected "twin" (simulated, the default) or "real" '
            "(downloaded once): use one of the two."
        )
    if chosen == "real" and variant != "default":
        raise ValueError(
            f'variant is "{variant}", and the source is "real"; only the twin has variants: say '
            'load("twin", variant=...).'
        )
    if chosen == "twin":
        place = (
            Path("twin") if variant == "default" else Path("twins", re.sub(r"\W+", "-", variant))
        )
        folder = make_twin(data_folder() / place, variant=variant)
        return Bunch(**fetch_local(folder), source="twin", truth=load_truth(folder))
    return Bunch(**fetch_local(real_recording(data_folder())), source="real", truth=None)


def from_files(
    func,
    label=None,
    mask=None,
    background=None,
    *,
    events=None,
    stimuli=None,
    shape=None,
    mask_roi=(),
    confounds=None,
    sample_mask=None,
    t_r=None,
    slice_time_ref=0.5,
    runs=None,
):
    """Put your own files together as a dataset; `recording` reads and checks them.

    Each run has an image and what was shown: either a table with a row for each volume (`label`),
    or events with their times (`events`), as BIDS has them. `from_bids` finds all of this in a
    BIDS dataset.

    Parameters
    ----------
    func : list
        One item a run: a four-dimensional NIfTI file or image, or for the surface of the brain a
        nilearn SurfaceImage, ``{"left": ..., "right": ...}`` with the paths of two GIFTI files, or
        a CIFTI file ``.dtseries.nii``. With `runs`, a single item that holds all runs.
    label : list, optional
        One table a run, one row a volume: a stimulus table as `read_stimuli` reads it, or any
        other features as a .npy file, a CSV or TSV file with a header, an array, a DataFrame, or a
        folder of frames. With `runs`, a single table.
    mask : str, Path or image
        1 in each voxel to analyse, on the grid of the runs. May be left out for surfaces.
    background : str or Path, optional
        NIfTI file to draw maps on.
    events : list of str, Path or DataFrame, optional
        One ``events.tsv`` a run, with ``onset`` and ``duration`` in seconds from the start of the
        first volume in the file, and ``trial_type`` or ``stim_file``. With `runs`, a single one.
    stimuli : str, Path, dict, DataFrame or list of str, optional
        What the events showed: the folder of their ``stim_file``, an image or a feature vector for
        each name, or the names of numeric columns of the events, such as a contrast. Without it,
        each ``trial_type`` is a feature of its own.
    shape : tuple of int, optional
        Rows and columns of the images in tables that do not say it themselves.
    mask_roi : dict, optional
        Region masks by the name of the region.
    confounds : list, optional
        One table a run, as nilearn's maskers and ``load_confounds`` have them: columns that are
        taken out of the responses of this run. None for a run without.
    sample_mask : list, optional
        One array a run: the volumes to keep, counted from 0. The others are dropped.
    t_r : float, optional
        Seconds from one volume to the next; by default what the files say.
    slice_time_ref : float
        To which moment of its acquisition a volume belongs after slice timing correction: 0 is its
        start, 0.5 its middle, as fMRIPrep has it.
    runs : array_like, shape (n_volumes,), optional
        The run of each volume, where one image holds several, or to cut a long run into blocks.

    Returns
    -------
    Bunch
        What `load` returns, with ``source="yours"``, no ``truth``, and the other arguments.

    Raises
    ------
    DataError
        If a file does not exist.
    ValueError
        If there is no run, or not one table or list of events for each.
    """
    if (label is None) == (events is None):
        given = "neither" if label is None else "both"
        raise ValueError(
            f"Got {given} of label and events; expected one of the two: label= for tables with a "
            "row for each volume, events= for lists of onsets and durations."
        )
    if runs is None:
        func, label, events = (
            _listed("func", func),
            _listed("label", label),
            _listed("events", events),
        )
    else:
        func, label, events = [_single(item) for item in (func, label, events)]
    if func is None:
        raise ValueError("There is no func; expected a list with the image of each run.")
    given = {"func": func, "label": label, "events": events}
    given |= {"confounds": confounds, "sample_mask": sample_mask}
    shown = "label" if events is None else "events"
    if not func or len(func) != len(given[shown]):
        raise ValueError(
            f"Got {len(func)} func files and {len(given[shown])} {shown} files; expected one "
            f"{shown} file for each run, and at least one run."
        )
    none = mask_roi is None or (isinstance(mask_roi, list | tuple) and not mask_roi)
    if not none and not isinstance(mask_roi, dict):
        raise ValueError(
            f"mask_roi is of the type {type(mask_roi).__name__}; expected a dict from the name of "
            'each region to its mask, such as {"V1": "V1.nii.gz"}.'
        )
    for name in ("confounds", "sample_mask"):
        several = np.iterable(given[name]) and hasattr(given[name], "__len__")
        if given[name] is not None and not several:
            raise ValueError(
                f"{name} is of the type {type(given[name]).__name__}; expected a list with one "
                "item a run, None for a run without."
            )
    regions = {} if none else mask_roi
    tables = [] if confounds is None or hasattr(confounds, "dtypes") else list(confounds)
    others = [mask, background, *regions.values(), *tables]
    _check_there([*func, *(label or []), *(events or []), *others])
    return Bunch(
        func=[_as_path(item) for item in func],
        label=None if label is None else [_as_path(item) for item in label],
        events=None if events is None else [_as_path(item) for item in events],
        stimuli=stimuli,
        shape=shape,
        mask=_as_path(mask),
        mask_roi={name: _as_path(region) for name, region in regions.items()},
        background=_as_path(background),
        confounds=confounds,
        sample_mask=sample_mask,
        t_r=t_r,
        slice_time_ref=slice_time_ref,
        runs=runs,
        description="Your own recording.",
        source="yours",
        truth=None,
    )


def _listed(name, items):
    """Return the items of the runs as a list; a single one is refused."""
    if items is None:
        return None
    is_table = hasattr(items, "shape") and not hasattr(items, "to_list")  # a Series is a list
    if isinstance(items, str | Path | dict) or is_table:
        raise ValueError(
            f"func, label and events are lists, one item a run; got a single one for {name}: "
            "write it in brackets. If one file holds several runs, say with runs= which "
            "volume belongs to which."
        )
    if not np.iterable(items):
        raise ValueError(
            f"func, label and events are lists, one item a run; got the type "
            f"{type(items).__name__} for {name}: give a list."
        )
    return list(items)


def _single(item):
    """Return the one item that holds all runs as a list of one."""
    is_list = isinstance(item, list | tuple) and len(item) == 1
    return None if item is None else list(item) if is_list else [item]


def _as_path(item):
    return str(item) if isinstance(item, Path) else item


def _check_there(items):
    """Raise DataError where a path leads to nothing that could be read."""
    paths = []
    for item in items:
        paths += list(item.values()) if isinstance(item, dict) else [item]
    missing = [_why_missing(Path(p)) for p in paths if isinstance(p, str | Path)]
    missing = [reason for reason in missing if reason]
    if missing:
        raise DataError(f"There is no file {', '.join(missing)}: check the path.")


def _why_missing(path):
    """Name a path that leads to nothing, and say why; nothing for a file or a folder."""
    try:
        path.stat()
    except FileNotFoundError:
        link = path.is_symlink()
        return f"{path} (a link to {path.readlink()}, which is not there)" if link else str(path)
    except OSError as error:  # no right to look, a name that is too long, a loop of links
        return f"{str(path)[:200]} ({error.strerror})"
    except ValueError as error:  # a null character
        return f"{str(path)!r} ({error})"
    return ""


def from_bids(folder, *, subject, task, **options):
    """Find the runs of one subject in a BIDS dataset with derivatives of fMRIPrep.

    Parameters
    ----------
    folder : str or Path
        The dataset, with ``dataset_description.json`` and ``derivatives``.
    subject, task : str
        As in the names of the files, without ``sub-`` and ``task-``.
    **options
        Of `helpers._files.bids.bids_files`: ``session``, ``run``, ``space``, ``derivatives``,
        ``stimuli``, ``mask``, ``confounds`` and what else ``load_confounds`` takes; and ``shape``,
        ``mask_roi``, ``background``, ``sample_mask`` and ``t_r`` of `from_files`, which take the
        place of what the dataset says.

    Returns
    -------
    Bunch
        As from `from_files`.

    Raises
    ------
    DataError
        If files are missing; the message says which there are.
    ValueError
        If what was asked for is not unique, or runs do not fit together.
    ImportError
        If pybids is not installed.
    """
    own = {name: options.pop(name) for name in list(options) if name in FILES_OPTIONS}
    return from_files(**bids_files(folder, subject=subject, task=task, **options) | own)


FILES_OPTIONS = ("shape", "mask_roi", "background", "sample_mask", "t_r")


class RecordingWarning(UserWarning):
    """Something about a recording that its owner should look at."""


def recording(dataset, kind=None, shift=None, *, memory="default", **masker_options):
    """Mask, clean and stack the runs of a dataset; the masked array is cached on disk.

    The steps are those of nilearn's example "Encoding models for visual stimuli from Miyawaki
    et al. 2008", whose shift of 2 volumes stands for the delay of the blood response.

    Parameters
    ----------
    dataset : Bunch
        From `load`, `from_files` or `from_bids`.
    kind : {"random", "figure", "all"}, optional
        Which runs; by default the random ones, and all of your own files.
    shift : int, optional
        Volumes by which responses lag behind images: in each run, ``bold[shift:]`` goes with
        ``stimuli[:-shift]``. By default the number of volumes nearest to 4 s, which is 2 in this
        book's recording. Say 0 for models that have the delay in themselves.
    memory : str, Path or None
        Folder of the cache; by default one in the data folder. None keeps nothing on disk.
    **masker_options
        Arguments of nilearn's masker besides ``detrend=True`` and ``standardize="zscore_sample"``,
        for example ``high_pass=0.01`` (Hz). Those that act on time series alone,
        `helpers._files.masking.TEMPORAL`, keep a first load quick; with any other, as
        ``smoothing_fwhm=6`` (mm), the masker itself reads the runs.

    Returns
    -------
    Recording

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If files do not fit together, or an argument is out of range.

    Warns
    -----
    RecordingWarning
        If volumes stand out, voxels do not vary in a run, events have no volume, or volumes are
        missing in the middle of runs. `check` prints what was warned.
    """
    t_r = _one_t_r(dataset.get("t_r"), masker_options.get("t_r"))
    chosen = _check_kind(dataset, kind)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")  # nothing is lost: each is said again below, and kept
        images, shown, confounds, sample_mask, t_r = _read_runs(dataset, chosen, t_r)
    told = [(str(warning.message), warning.category) for warning in told]
    kept = [
        kept_volumes(volumes, len(run.features), f"run {number}")
        for number, (volumes, run) in enumerate(
            zip(per_run("sample_mask", sample_mask, len(shown)), shown, strict=True), 1
        )
    ]
    yours = t_r if dataset.source == "yours" else None
    shift = _check_shift(shift, yours, min(map(len, kept)))
    options = {"detrend": True, "standardize": "zscore_sample"} | masker_options
    if t_r is not None and options.keys() & {"high_pass", "low_pass"}:
        options = {"t_r": t_r} | options  # as the files say
    masker = _fit_masker(dataset.mask, options, images[0])
    masked = masked_runs(
        images,
        dataset.mask,
        options,
        _cache_folder(memory),
        confounds=confounds,
        sample_mask=sample_mask,
    )
    rows = stack(
        [
            RunOfVolumes(run.features, volumes, run.blocks, run.images)
            for run, volumes in zip(shown, kept, strict=True)
        ],
        shift,
    )
    on = np.concatenate(is_shown(shown))
    first = np.cumsum([0] + [len(run.features) for run in shown])[rows.runs]
    told += [(message, RecordingWarning) for message in _findings(masked, rows, kept)]
    result = Recording(
        bold=masked.bold[rows.from_kept],
        stimuli=rows.stimuli,
        runs=rows.runs,
        is_on=on[first + rows.volumes - shift],
        masker=masker,
        t_r=t_r,
        shift=shift,
        volumes=rows.volumes,
        blocks=rows.blocks,
        images=rows.images,
        names=shown[0].names,
        shape=shown[0].shape,
        constant=masked.constant,
        outliers=masked.outliers,
        features=[run.features for run in shown],
        messages=[message for message, _ in told],
    )
    for message, category in told:
        warnings.warn(message, category, stacklevel=2)
    return result


def _check_kind(dataset, kind):
    """Return which runs are meant, a slice."""
    expected = ["all"] if dataset.source == "yours" else list(KINDS)
    kind = expected[0] if kind is None else kind
    if not isinstance(kind, str) or kind not in expected:
        raise ValueError(
            f'kind is "{kind}"; expected one of {expected} for source "{dataset.source}".'
        )
    return KINDS[kind]


def _check_shift(shift, t_r, shortest):
    """Return by how many volumes responses lag behind images."""
    if shift is None:
        shift = min(round(DELAY / t_r) if t_r else 2, shortest - 1)
    if not isinstance(shift, int | np.integer) or not 0 <= shift < shortest:
        raise ValueError(
            f"shift is {shift}; expected a whole number of volumes from 0 to {shortest - 1}, "
            "less than the shortest run has."
        )
    return shift


DELAY = 4.0  # seconds: the example's 2 volumes of 2 s


def _one_t_r(of_dataset, of_masker):
    """Return the TR that was given, once or twice."""
    both = of_dataset is not None and of_masker is not None
    if both and not np.array_equal(of_dataset, of_masker):
        raise ValueError(
            f"The dataset has t_r={of_dataset}, and recording was called with t_r={of_masker}; "
            "expected one number of seconds: leave one of them out."
        )
    return of_masker if of_dataset is None else of_dataset


def _read_runs(dataset, chosen, t_r):
    """Read what was shown, and return it with the image, confounds and volumes of each run."""
    images, confounds, sample_mask = (
        dataset.get(name) for name in ("func", "confounds", "sample_mask")
    )
    images, together = images[chosen], dataset.get("runs") is not None
    if dataset.get("events") is None:
        shown = read_tables(dataset.label[chosen], dataset.get("shape"))
        n_volumes = [len(run.features) for run in shown]
        t_r = check_files(images, n_volumes, dataset.mask, t_r)
    else:
        n_volumes = [count_volumes(image) for image in images]
        t_r = check_files(images, n_volumes, dataset.mask, t_r)
        shown = read_events(dataset.events, dataset.stimuli, n_volumes, t_r, dataset.slice_time_ref)
    if together:
        parts = cut(images[0], shown[0], dataset.runs, confounds, sample_mask)
        images, shown, confounds, sample_mask = parts
    return images, shown, confounds, sample_mask, t_r


def _cache_folder(memory):
    """Return the folder of the cache, None for no cache."""
    if memory is None:
        return None
    if not isinstance(memory, str | Path) or not str(memory) or "\0" in str(memory):
        raise ValueError(
            f"memory is {memory!r}; expected a folder for the cache, or None for no cache."
        )
    return data_folder() / "cache" if memory == "default" else Path(memory)


# What recording and from_files say of each run.
SAID_ELSEWHERE = {"signals", "runs", "confounds", "sample_mask"}


def _check_cleaning(options):
    """Raise ValueError for options that nilearn takes without a word, or not in a sentence."""
    extra, fwhm = options.get("clean_args"), options.get("smoothing_fwhm")
    known = signature(clean).parameters.keys() - SAID_ELSEWHERE
    named = isinstance(extra, dict) and all(_is_known(name, known) for name in extra)
    if extra is not None and not named:
        raise ValueError(
            f"clean_args is {extra!r}; expected a dict of arguments of nilearn.signal.clean, of "
            f"those {', '.join(sorted(known))}: confounds and sample_mask belong to from_files."
        )
    if isinstance(fwhm, int | float) and not 0 <= fwhm <= 1000:
        raise ValueError(f"smoothing_fwhm is {fwhm}; expected millimetres from 0 up.")
    t_r = options.get("t_r")
    for name in ("high_pass", "low_pass"):
        cutoff = options.get(name)
        numbers = isinstance(cutoff, int | float) and isinstance(t_r, int | float)
        if numbers and 2 * cutoff * t_r >= 1:
            raise ValueError(
                f"{name} is {cutoff:g} Hz, and there are {t_r:g} s between volumes; expected less "
                f"than {0.5 / t_r:g} Hz, half of the volumes a second: drifts end at about 0.01 Hz."
            )


def _is_known(name, known):
    return name in known or (isinstance(name, str) and name.startswith("butterworth__"))


def _fit_masker(mask, options, image):
    """Return the masker that takes values back to where the runs were measured."""
    _check_cleaning(options)
    # An image, because nilearn takes some letters of a path for wildcards.
    mask_image = None if is_surface(image) else open_mask(mask)
    try:
        if mask_image is None:
            return surface_masker(mask, options, like=image)
        return MultiNiftiMasker(mask_img=mask_image, **options).fit()
    except (TypeError, ValueError) as error:
        if mask_image is None and isinstance(error, ValueError):
            raise
        reason = " ".join(str(error).split())
        raise ValueError(
            f"The masker does not take these options ({reason}); expected them as nilearn's page "
            "on MultiNiftiMasker or SurfaceMasker describes them."
        ) from None


def _findings(masked, rows, kept):
    """Put into sentences what the owner of a recording should look at."""
    found = []
    still = masked.constant
    if still.any():
        runs = ", ".join(str(run + 1) for run in np.flatnonzero(still.any(axis=1)))
        found.append(
            f"{still.any(axis=0).sum()} of {still.shape[1]} voxels are constant in at least one "
            f"run (run {runs}). They get no score: their columns are 0 in all runs. Outside the "
            "brain voxels are often constant, so look at the mask."
        )
    for run, volumes in enumerate(masked.outliers, 1):
        if len(volumes):
            named = ", ".join(map(str, volumes[:8])) + (", ..." if len(volumes) > 8 else "")
            found.append(
                f"In run {run} these volumes stand out, counted from 0: {named}. Look at them; "
                "drop them with sample_mask=, or describe them with confounds=."
            )
    if rows.n_lost:
        found.append(
            f"Events without a volume: {rows.n_lost}. Theirs were dropped, or lie beyond the end "
            "of their run. They are no trials."
        )
    if any((np.diff(volumes) != 1).any() for volumes in kept):
        found.append(
            "Volumes are missing in the middle of runs, so that the row before is not always the "
            "volume before. Delay features by recording.delayed(delays), not with Delayer, and "
            "give confounds instead of dropping volumes to models with a response of their own, "
            "such as PRF."
        )
    return found


@dataclass(frozen=True, eq=False)
class Recording:
    """Runs stacked for an encoding model: what was measured beside what was shown.

    Attributes
    ----------
    bold : ndarray of float, (n_samples, n_voxels)
        Cleaned responses, by default in standard deviations of the run. A voxel that is constant
        in one of its runs is 0 in all of them, so that no model gives it a score.
    stimuli : ndarray of float, (n_samples, n_pixels)
        Pixels in C order (pixel = 10 * row + column), or other features, shown `shift` volumes
        before; rest is -1 in the recording of this book and 0 in yours, unless your tables say -1.
    runs : ndarray of int, (n_samples,)
        The run of each sample, from 0.
    is_on : ndarray of bool, (n_samples,)
        Whether any pixel is lit, or an event lasts.
    masker : MultiNiftiMasker or SurfaceMasker
        Fitted; ``masker.inverse_transform`` takes one value a voxel back to the brain.
    t_r : float or None
        Seconds from one volume to the next, if it is known.
    shift : int
        Volumes by which `bold` comes after `stimuli`.
    volumes : ndarray of int, (n_samples,)
        The volume of its run that each sample was measured in, from 0.
    blocks : ndarray of int, (n_trials, 2), or None
        First sample of each event, and the sample after its last; None without events.
    images : ndarray of float, (n_trials, n_pixels), or None
        What each event showed.
    names : list of str or None
        Of the features.
    shape : tuple of int or None
        Rows and columns of an image.
    constant : ndarray of bool, (n_runs, n_voxels), or None
        Whether the measured values of a voxel do not vary in a run.
    outliers : list of ndarray of int, or None
        Volumes of each run that stand out, from 0.
    features : list of ndarray, (n_volumes, n_pixels), or None
        What each volume of each run showed, those that were dropped among them.
    messages : list of str
        What `recording` warned of.
    """

    bold: np.ndarray
    stimuli: np.ndarray
    runs: np.ndarray
    is_on: np.ndarray
    masker: MultiNiftiMasker
    t_r: float | None = None
    shift: int = 0
    volumes: np.ndarray | None = None
    blocks: np.ndarray | None = None
    images: np.ndarray | None = None
    names: list | None = None
    shape: tuple | None = None
    constant: np.ndarray | None = None
    outliers: list | None = None
    features: list | None = None
    messages: list = field(default_factory=list)

    def __post_init__(self):
        """Raise ValueError unless the arrays have one row a sample and one column a voxel."""
        n_samples, n_voxels = len(self.bold), self.masker.n_elements_
        shapes = [np.shape(a) for a in (self.bold, self.stimuli, self.runs, self.is_on)]
        n_pixels = shapes[1][-1]
        expected = [(n_samples, n_voxels), (n_samples, n_pixels), (n_samples,), (n_samples,)]
        if shapes != expected:
            raise ValueError(
                f"bold, stimuli, runs and is_on have the shapes {shapes}; expected {expected}, "
                "with equally many samples in all and the mask's voxels in bold."
            )
        if self.volumes is None:
            within = [np.arange(rows.stop - rows.start) for rows in rows_of_runs(self.runs)]
            object.__setattr__(self, "volumes", np.concatenate(within) + self.shift)

    @property
    def voxels(self):
        """Grid indices (i, j, k) of the columns of `bold`, (n_voxels, 3).

        Raises
        ------
        ValueError
            If the recording lies on a surface, which has vertices.
        """
        if is_surface(self.masker.mask_img_):
            raise ValueError(
                "A surface has vertices and no voxels; expected a recording of volumes. The "
                "columns of bold are the vertices in recording.masker.mask_img_, left ones first."
            )
        return np.argwhere(get_data(self.masker.mask_img_))

    def column(self, i, j, k):
        """Return the column of `bold` that holds voxel (i, j, k).

        Raises
        ------
        ValueError
            If the voxel lies outside the mask.
        """
        found = np.flatnonzero((self.voxels == (i, j, k)).all(axis=1))
        if not len(found):
            raise ValueError(
                f"Voxel ({i}, {j}, {k}) lies outside the mask; expected one of the "
                f"{len(self.voxels)} voxels that recording.voxels lists."
            )
        return int(found[0])

    def delayed(self, delays):
        """Repeat the features at several delays, looking them up where volumes are missing.

        Where no volume was dropped, these are the columns of `helpers.features.Delayer`.

        Parameters
        ----------
        delays : sequence of int
            In volumes, besides `shift`.

        Returns
        -------
        ndarray of float64, shape (n_samples, n_pixels * n_delays)
            All features at the first delay, then all at the second, and so on; 0 where a run had
            not begun.

        Raises
        ------
        ValueError
            If a delay is no whole number from 0 up, or there is none; if the recording was made
            without `features`.
        """
        given = read_array("delays", delays)
        if given.ndim != 1 or not given.size or given.dtype.kind not in "iu" or given.min() < 0:
            raise ValueError(
                f"delays is {delays!r}; expected a sequence of whole numbers of volumes from 0 up, "
                "such as (1, 2, 3)."
            )
        if self.features is None:
            raise ValueError(
                "The recording does not say what each volume showed; expected features, one table "
                "a run, as helpers.data.recording gives them: or use helpers.features.Delayer."
            )
        shown = self.volumes - self.shift
        return delay(self.features, self.runs, shown, given.tolist())


# Cleaning that acts on a prediction as on a response: neither scale nor confounds belong to it.
CLEANED_ALIKE = ("detrend", "high_pass", "low_pass", "t_r")


def clean_like(values, recording):
    """Clean predictions within each run as the responses of a recording were cleaned.

    Cleaning takes the mean of each run, and a slow trend, out of the responses. If every run shows
    images of its own, that takes away what differs between the images of two runs; a prediction
    that keeps this difference is charged for being right. So predictions are cleaned alike before
    the two are compared.

    Parameters
    ----------
    values : array_like, shape (n_samples, n_columns)
        Predictions for the rows of the recording, rest rows among them.
    recording : Recording

    Returns
    -------
    ndarray, shape (n_samples, n_columns)
        Detrended and filtered as the recording's masker says; the scale stays.

    Raises
    ------
    ValueError
        If there is not one row for each row of the recording, or a value is no finite number.
    """
    values = check_table("values", values)
    if len(values) != len(recording.runs):
        raise ValueError(
            f"values has {len(values)} rows, the recording {len(recording.runs)}; expected a "
            "prediction for each row, rest rows among them: predict from recording.stimuli."
        )
    if has_gaps(recording.runs, recording.volumes):
        raise ValueError(
            "Volumes are missing in the middle of runs, so that predictions cannot be filtered as "
            "the responses were; expected all volumes: describe bad ones with confounds= instead "
            "of dropping them."
        )
    options = {name: getattr(recording.masker, name) for name in CLEANED_ALIKE}
    try:
        return clean(values, runs=recording.runs, standardize=None, **options)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"values cannot be cleaned as the responses were ({reason}); expected runs that are "
            "long enough for the filter, also without their first volumes: load with shift=0, or "
            "filter with confounds."
        ) from None


def check(recording, model=None):
    """Print a page about a recording, to look at before its scores are believed.

    Parameters
    ----------
    recording : Recording
    model : helpers.ridge.RidgeCV, optional
        Fitted to it: how many voxels chose a penalty at an end of the grid?
    """
    print(report(recording, model))


NAME = re.compile(r"(?P<side>LH|RH)(lag(?P<lag>\d+)to\d+|(?P<area>V\w+))\.nii(\.gz)?")


def region_labels(dataset, masker):
    """Name each voxel's visual area, hemisphere and eccentricity bin.

    Parameters
    ----------
    dataset : Bunch
        From `helpers.data.load`, whose ``mask_roi`` are files such as ``LHV1d.nii.gz`` and
        ``RHlag3to4.nii.gz``; or from `from_files` with masks by the name of their region.
    masker : MultiNiftiMasker
        Fitted on the same dataset.

    Returns
    -------
    area : ndarray of str, (n_voxels,)
        V1d, V1v, V2d, V2v, V3, V3A, V4v or VP, or your own names; "" outside all of them. A voxel
        in several gets the first in the order of the files.
    hemisphere : ndarray of str, (n_voxels,)
        "LH" or "RH"; "" in no region, and in your own.
    lag : ndarray of int, (n_voxels,)
        Lower edge of the eccentricity bin; -1 outside all bins, and in your own regions.

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If the dataset has no region masks, or one is on another grid or has another name.
    """
    if not dataset.mask_roi:
        raise ValueError(
            "The dataset has no region masks; expected some: name those of your own files with "
            'from_files(..., mask_roi={"V1": "V1.nii.gz"}).'
        )
    own = isinstance(dataset.mask_roi, dict)
    longest = max(map(len, dataset.mask_roi)) if own else 4
    area = np.full(masker.n_elements_, "", dtype=f"U{longest}")
    hemisphere = np.full(masker.n_elements_, "", dtype="U2")
    lag = np.full(masker.n_elements_, -1)
    for region_name in dataset.mask_roi:
        region_file = dataset.mask_roi[region_name] if own else region_name
        voxels = _in_region(region_file, masker)
        if own:
            area[voxels & (area == "")] = region_name
            continue
        name = NAME.fullmatch(Path(region_file).name)
        if name is None:
            raise ValueError(
                f"{region_file} is not named like a region mask; expected a name such as "
                "LHV1d.nii.gz or RHlag3to4.nii.gz."
            )
        hemisphere[voxels & (hemisphere == "")] = name["side"]
        if name["area"]:
            area[voxels & (area == "")] = name["area"]
        else:
            lag[voxels & (lag == -1)] = int(name["lag"])
    return area, hemisphere, lag


def _in_region(region_file, masker):
    """Say which voxels or vertices of a masker lie in a region, (n_voxels,)."""
    if is_surface(masker.mask_img_):
        return vertices_in_region(region_file, masker)
    region = open_image(region_file)
    check_grid(region, region_file, masker.mask_img_, "of the masker")
    return read_values(region, region_file)[get_data(masker.mask_img_) > 0] > 0


def image_blocks(recording):
    """Find the rows of each event; without events, the blocks of equal image rows.

    Blocks of rest are left out, and no block crosses runs. An image that is shown twice in a row
    is one block of rows, but two events.

    Parameters
    ----------
    recording : helpers.data.Recording

    Returns
    -------
    starts, stops : ndarray of int, shape (n_blocks,)
        First row of each block, and the row after its last, in the order of the recording.
    """
    if recording.blocks is not None:
        return tuple(recording.blocks.T)
    shown, runs = recording.stimuli, recording.runs
    changed = (shown[1:] != shown[:-1]).any(axis=1) | (runs[1:] != runs[:-1])
    edges = np.concatenate([[0], np.flatnonzero(changed) + 1, [len(shown)]])
    with_image = recording.is_on[edges[:-1]]
    return edges[:-1][with_image], edges[1:][with_image]


class Trials(NamedTuple):
    """What was measured each time an image was shown, in the order of the recording."""

    responses: np.ndarray  # (n_trials, n_voxels), means over the volumes of each block
    pixels: np.ndarray  # (n_trials, n_pixels), the image shown
    image: np.ndarray  # (n_trials,), number of the image; the same pixels have the same number
    runs: np.ndarray  # (n_trials,), the run of each trial


def trials(recording):
    """Average the responses to each block of equal image rows; blocks of rest are left out.

    Parameters
    ----------
    recording : helpers.data.Recording
        Its responses are already shifted against its images, in all runs.

    Returns
    -------
    Trials

    Raises
    ------
    ValueError
        If there is no image in the recording.
    """
    starts = image_blocks(recording)[0]
    if not len(starts):
        raise ValueError(
            f"None of {len(recording.runs)} rows shows an image; expected blocks of rows with lit "
            "pixels. Check the label files."
        )
    responses = block_means(recording.bold, recording, shift=0)
    pixels = recording.stimuli[starts] if recording.images is None else recording.images
    image = np.unique(pixels, axis=0, return_inverse=True)[1].reshape(-1)
    return Trials(responses, pixels, image, recording.runs[starts])


def block_means(values, recording, shift=2):
    """Average rows over each block, the rows through which one image lasts, some rows later.

    Parameters
    ----------
    values : array_like, shape (n_samples, n_columns)
        One row for each row of the recording: responses, predictions, or features.
    recording : Recording
        Says where blocks begin and end; loaded with ``shift=0``.
    shift : int
        Volumes by which the rows of `values` come after those of the images.

    Returns
    -------
    ndarray, shape (n_blocks, n_columns)
        In the order of the recording. A block at the end of its run loses the rows that lie
        beyond it.

    Raises
    ------
    ValueError
        If no image was shown, the tables have different lengths, the shift is negative, or all
        rows of a block lie beyond the end of its run.
    """
    runs, values = recording.runs, read_numbers("values", values)
    whole = isinstance(shift, int | np.integer) and shift >= 0
    if values.shape[:1] != runs.shape or not whole or not recording.is_on.any():
        raise ValueError(
            f"values has the shape {values.shape}, the recording {len(runs)} rows, "
            f"{recording.is_on.sum()} of them with an image, and shift is {shift}; expected "
            "equally many rows, at least one image, and a whole number of volumes from 0 up."
        )
    starts, stops = image_blocks(recording)
    firsts, ends = rows_later(runs, recording.volumes, starts, stops, shift)
    blocks = [values[first:end] for first, end in zip(firsts, ends, strict=True)]
    if not all(map(len, blocks)):
        raise ValueError(f"A block lies at the end of its run: no rows {shift} volumes later.")
    return np.array([np.mean(block, axis=0, dtype=np.float64) for block in blocks])
