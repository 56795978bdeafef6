"""The data of the book: the simulated twin, the real recording, or your own files."""

import os
from pathlib import Path

import numpy as np
from nilearn.maskers import MultiNiftiMasker
from sklearn.utils import Bunch

from helpers.errors import DataError
from helpers.fetching import fetch_local, real_recording
from helpers.image_files import check_files
from helpers.layout import FIGURE_RUNS
from helpers.masking import masked_runs
from helpers.recordings import Recording
from helpers.regions import region_labels
from helpers.stimulus_files import read_stimuli
from helpers.truth import load_truth
from helpers.twin import make_twin

__all__ = [
    "Recording",
    "data_folder",
    "from_files",
    "load",
    "read_stimuli",
    "recording",
    "region_labels",
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


def load(source=None):
    """Load the files of the simulated twin or of the real recording.

    Parameters
    ----------
    source : {"twin", "real"}, optional
        By default what the environment variable ``BOOK_DATA`` says, or else the twin.

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
        If the source is unknown.
    """
    chosen = source or os.environ.get("BOOK_DATA") or "twin"
    if chosen not in ("twin", "real"):
        name = "source" if source else "the environment variable BOOK_DATA"
        raise ValueError(
            f'{name} is "{chosen}"; expected "twin" (simulated, the default) or "real" '
            "(downloaded once): use one of the two."
        )
    if chosen == "twin":
        folder = make_twin(data_folder() / "twin")
        return Bunch(**fetch_local(folder), source="twin", truth=load_truth(folder))
    return Bunch(**fetch_local(real_recording(data_folder())), source="real", truth=None)


def from_files(func, label, mask, background=None):
    """Put your own files together as a dataset.

    Parameters
    ----------
    func : list of str or Path
        One four-dimensional NIfTI file a run.
    label : list of str or Path
        One stimulus table a run, in the same order; see `read_stimuli`.
    mask : str or Path
        NIfTI file on the grid of the runs, 1 in each voxel to analyse.
    background : str or Path, optional
        NIfTI file to draw maps on.

    Returns
    -------
    Bunch
        What `load` returns, with ``source="yours"`` and no ``truth``.

    Raises
    ------
    DataError
        If a file does not exist.
    ValueError
        If there is no run, or not one stimulus table for each.
    """
    if isinstance(func, str | Path) or isinstance(label, str | Path):
        raise ValueError("func and label are lists of paths, one a run; got a single path.")
    if not func or len(func) != len(label):
        raise ValueError(
            f"Got {len(func)} func files and {len(label)} label files; expected one label file for "
            "each run, and at least one run."
        )
    given = [*func, *label, mask] + ([] if background is None else [background])
    missing = [str(path) for path in given if not Path(path).is_file()]
    if missing:
        raise DataError(f"There is no file {', '.join(missing)}: check the path.")
    return Bunch(
        func=[str(path) for path in func],
        label=[str(path) for path in label],
        mask=str(mask),
        mask_roi=[],
        background=None if background is None else str(background),
        description="Your own recording.",
        source="yours",
        truth=None,
    )


def recording(dataset, kind="random", shift=2, **masker_options):
    """Mask, clean and stack the runs of a dataset; the masked array is cached on disk.

    The steps are those of nilearn's example "Encoding models for visual stimuli from Miyawaki
    et al. 2008", whose shift of 2 volumes stands for the delay of the blood response.

    Parameters
    ----------
    dataset : Bunch
        From `load` or `from_files`.
    kind : {"random", "figure", "all"}
        Which runs; your own files are always "all".
    shift : int
        Volumes by which responses lag behind images: in each run, ``bold[shift:]`` goes with
        ``stimuli[:-shift]``.
    **masker_options
        Arguments of nilearn's MultiNiftiMasker besides ``detrend=True`` and
        ``standardize="zscore_sample"``, for example ``high_pass=0.01, t_r=2.0`` (Hz, s). Those
        that act on time series alone, `helpers.masking.TEMPORAL`, keep a first load quick; with
        any other, as ``smoothing_fwhm=6`` (mm), the masker itself reads the runs.

    Returns
    -------
    Recording

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If files do not fit together, or an argument is out of range.
    """
    expected = ["all"] if dataset.source == "yours" else list(KINDS)
    if kind not in expected:
        raise ValueError(
            f'kind is "{kind}"; expected one of {expected} for source "{dataset.source}".'
        )
    run_files, label_files = dataset.func[KINDS[kind]], dataset.label[KINDS[kind]]
    stimuli = [read_stimuli(label_file) for label_file in label_files]
    lengths = [len(run) for run in stimuli]
    check_files(run_files, lengths, dataset.mask)
    if not isinstance(shift, int | np.integer) or not 0 <= shift < min(lengths):
        raise ValueError(
            f"shift is {shift}; expected a whole number of volumes from 0 to {min(lengths) - 1}, "
            "less than the shortest run has."
        )
    options = {"detrend": True, "standardize": "zscore_sample"} | masker_options
    bold = masked_runs(run_files, dataset.mask, options, data_folder() / "cache")
    bold_runs = np.split(bold, np.cumsum(lengths)[:-1])
    shown = np.vstack([run[: len(run) - shift] for run in stimuli])
    return Recording(
        bold=np.vstack([run[shift:] for run in bold_runs]),
        stimuli=shown,
        runs=np.repeat(np.arange(len(lengths)), np.subtract(lengths, shift)),
        is_on=(shown > 0).any(axis=1),
        masker=MultiNiftiMasker(mask_img=dataset.mask, **options).fit(),
    )
