"""The data of the book: the simulated twin, the real recording, or your own files."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from nilearn.image import get_data
from nilearn.maskers import MultiNiftiMasker
from nilearn.signal import clean
from sklearn.utils import Bunch

from helpers._engine.validation import check_table
from helpers._files import DataError
from helpers._files.fetching import fetch_local, real_recording
from helpers._files.images import check_files, check_grid, open_image, read_values
from helpers._files.layout import FIGURE_RUNS
from helpers._files.masking import masked_runs
from helpers._files.stimuli import read_stimuli
from helpers._twin.truth import load_truth
from helpers._twin.writing import make_twin

__all__ = [
    "DataError",
    "Recording",
    "Trials",
    "block_means",
    "clean_like",
    "data_folder",
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
        that act on time series alone, `helpers._files.masking.TEMPORAL`, keep a first load quick;
        with any other, as ``smoothing_fwhm=6`` (mm), the masker itself reads the runs.

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


@dataclass(frozen=True, eq=False)
class Recording:
    """Runs stacked for an encoding model: what was measured beside what was shown.

    Attributes
    ----------
    bold : ndarray of float, (n_samples, n_voxels)
        Cleaned responses, by default in standard deviations of the run.
    stimuli : ndarray of float, (n_samples, n_pixels)
        Pixels in C order (pixel = 10 * row + column), shown `shift` volumes before; rest is -1.
    runs : ndarray of int, (n_samples,)
        The run of each sample, from 0.
    is_on : ndarray of bool, (n_samples,)
        Whether any pixel is lit.
    masker : MultiNiftiMasker
        Fitted; ``masker.inverse_transform`` takes one value a voxel back to the brain.
    """

    bold: np.ndarray
    stimuli: np.ndarray
    runs: np.ndarray
    is_on: np.ndarray
    masker: MultiNiftiMasker

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

    @property
    def voxels(self):
        """Grid indices (i, j, k) of the columns of `bold`, (n_voxels, 3)."""
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
    options = {name: getattr(recording.masker, name) for name in CLEANED_ALIKE}
    return clean(values, runs=recording.runs, standardize=None, **options)


NAME = re.compile(r"(?P<side>LH|RH)(lag(?P<lag>\d+)to\d+|(?P<area>V\w+))\.nii(\.gz)?")


def region_labels(dataset, masker):
    """Name each voxel's visual area, hemisphere and eccentricity bin.

    Parameters
    ----------
    dataset : Bunch
        From `helpers.data.load`; its ``mask_roi`` are files such as ``LHV1d.nii.gz`` and
        ``RHlag3to4.nii.gz``.
    masker : MultiNiftiMasker
        Fitted on the same dataset.

    Returns
    -------
    area : ndarray of str, (n_voxels,)
        V1d, V1v, V2d, V2v, V3, V3A, V4v or VP; "" outside all of them. A voxel in several gets
        the first in the order of the files.
    hemisphere : ndarray of str, (n_voxels,)
        "LH" or "RH"; "" in no region.
    lag : ndarray of int, (n_voxels,)
        Lower edge of the eccentricity bin; -1 outside all bins.

    Raises
    ------
    DataError
        If a file cannot be read.
    ValueError
        If the dataset has no region masks, or one is on another grid or has another name.
    """
    if not dataset.mask_roi:
        raise ValueError("The dataset has no region masks: your own files have no named areas.")
    inside = get_data(masker.mask_img_).astype(bool)
    area = np.full(inside.sum(), "", dtype="U4")
    hemisphere = np.full(inside.sum(), "", dtype="U2")
    lag = np.full(inside.sum(), -1)
    for region_file in dataset.mask_roi:
        name = NAME.fullmatch(Path(region_file).name)
        region = open_image(region_file)
        if name is None:
            raise ValueError(
                f"{region_file} is not named like a region mask; expected a name such as "
                "LHV1d.nii.gz or RHlag3to4.nii.gz."
            )
        check_grid(region, region_file, masker.mask_img_, "of the masker")
        voxels = read_values(region, region_file)[inside] > 0
        hemisphere[voxels & (hemisphere == "")] = name["side"]
        if name["area"]:
            area[voxels & (area == "")] = name["area"]
        else:
            lag[voxels & (lag == -1)] = int(name["lag"])
    return area, hemisphere, lag


def image_blocks(recording):
    """Find the blocks of equal image rows; blocks of rest are left out, and no block crosses runs.

    Parameters
    ----------
    recording : helpers.data.Recording

    Returns
    -------
    starts, stops : ndarray of int, shape (n_blocks,)
        First row of each block, and the row after its last, in the order of the recording.
    """
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
    starts, _ = image_blocks(recording)
    if not len(starts):
        raise ValueError(
            f"None of {len(recording.runs)} rows shows an image; expected blocks of rows with lit "
            "pixels. Check the label files."
        )
    responses = block_means(recording.bold, recording, shift=0)
    pixels = recording.stimuli[starts]
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
    runs = recording.runs
    if len(values) != len(runs) or shift < 0 or not recording.is_on.any():
        raise ValueError(
            f"values has {len(values)} rows, the recording {len(runs)}, {recording.is_on.sum()} "
            f"of them with an image, and shift is {shift}; expected equally many rows, at least "
            "one image, and a shift of 0 or more."
        )
    starts, stops = image_blocks(recording)
    ends = np.searchsorted(runs, runs[starts], side="right")  # where the run of each block ends
    rows = zip(starts + shift, np.minimum(stops + shift, ends), strict=True)
    blocks = [values[first:end] for first, end in rows]
    if not all(map(len, blocks)):
        raise ValueError(f"A block lies at the end of its run: no rows {shift} volumes later.")
    return np.array([np.mean(block, axis=0, dtype=np.float64) for block in blocks])
