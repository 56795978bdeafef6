"""A small made dataset in the layout of BIDS, with derivatives as fMRIPrep writes them.

One subject, four runs, an occipital slab of a brain or the cortical surface; what drives each
voxel or vertex is known. It has what people's own data have: first volumes before the steady
state, a head that moves, voxels without any signal, and images that come between two volumes.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiMetaData
from nilearn.datasets import load_fsaverage, load_mni152_brain_mask
from PIL import Image

from helpers._engine.gaussians import sample_gaussians
from helpers._engine.haemodynamics import convolve, haemodynamic_response
from helpers._twin.responses import autoregressive_noise

VERSION = 1  # of this simulation: a dataset of another version is not taken for this one's
TRUTH = Path("derivatives", "truth", "truth.npz")
N_RUNS, N_VOLUMES, TR = 4, 120, 2.0
SLICE_TIMES = np.arange(20) / 10  # seconds from the start of a volume
START = 0.95  # seconds: their middle, to which all slices were moved
STEP = 0.1  # seconds in which events are counted
SHAPE = (12, 16)  # rows and columns of the screen; a pixel is a degree of visual angle
N_DIMENSIONS = 10  # of the made-up meaning of a word
WORDS = (
    "anchor apple arrow basket beach bell bird boat book bottle bread bridge butter button candle "
    "castle chair cloud coat coin corn dog door dress drum feather field fire fish flower forest "
    "garden glass goat hammer horse house iron island kettle key knife ladder lamp leaf letter "
    "mirror moon needle ocean orange paper pencil pillow river rope spoon stone table tower"
)

PEAK = 5.0  # seconds from a stimulus to the peak of the response
GAIN, ON_GAIN = 6.0, 1.0  # percent of the baseline, at full strength
WORD_GAIN = 3.0  # times as much for a word, which is there for half a second only
NOISE_SD, AR1, DRIFT = 0.7, 0.4, 0.5  # as `helpers._twin.responses` has them
BASELINE = 500  # as scanners count
RADIUS = 50.0  # mm: a rotation by an angle moves the cortex by this times the angle
WALK, TREMOR = 0.01, 0.025  # mm from one volume to the next, in each of six directions
MOTION_GAIN, TISSUE_GAIN = 20.0, 0.3  # percent of the baseline per mm, and per SD of the signal
SPIKE_RUN, SPIKE_VOLUME, SPIKE, DIP = 2, 70, 1.2, 5.0  # mm, percent of the baseline
UNSTEADY_RUN, UNSTEADY = 0, (1.25, 1.06)  # how bright its first volumes are
FRONT = -40.0  # mm: the scanned slab ends here, and vertices before it are constant
EDGE_RUN, N_EDGE = 1, 12  # so many voxels are constant in all runs, and as many more in this one


class Design(NamedTuple):
    """What is shown in all runs."""

    events: list  # of DataFrame, one a run, as BIDS has them
    features: pd.DataFrame  # one row a stimulus, by the name that events give it
    key: str  # the column of events with this name


class Units(NamedTuple):
    """What drives each voxel or vertex; arrays of length ``n_units``."""

    population: np.ndarray  # "tuned", "on_off" or "silent"
    centre: np.ndarray  # (n_units, 2), row and column of the receptive field in pixels
    size: np.ndarray  # standard deviation of the field in pixels
    weights: np.ndarray  # (n_units, n_features), percent of the baseline
    on_gain: np.ndarray  # response to anything on the screen, percent of the baseline


# ---- What is shown


def design_images(rng, stimuli):
    """Draw random images, three a run shown twice in a row and one black; write them as PNG.

    Parameters
    ----------
    rng : numpy.random.Generator
    stimuli : pathlib.Path
        Folder for the images.

    Returns
    -------
    Design
    """
    events, frames = [], {}
    for run in range(1, N_RUNS + 1):
        names = [f"run-{run}_image-{image:02}.png" for image in range(29)]
        for name in names:
            squares = rng.integers(0, 2, (SHAPE[0] // 2, SHAPE[1] // 2))
            frames[name] = np.kron(squares, np.ones((2, 2)))
        black, *twice = rng.choice(29, 4, replace=False)
        frames[names[black]] = np.zeros(SHAPE)
        rows, onset = [(0.0, 8.3, "rest", None)], 8.3
        for image, name in enumerate(names):
            for again in range(1 + (image in twice)):
                onset += 3.0 * again
                rows.append((onset, 3.0, "image", name))
            onset += 3.0 + rng.integers(20, 41) / 10
        events.append(_events(rows, "stim_file"))
    return _shown(events, frames, stimuli)


def design_bars(rng, stimuli):
    """Move a bar over the screen, the same way in all runs; write its places as PNG.

    Parameters
    ----------
    rng : numpy.random.Generator
        Not used: nothing is random here.
    stimuli : pathlib.Path
        Folder for the images.

    Returns
    -------
    Design
    """
    frames = {}
    for axis, direction in enumerate(("down", "right")):
        for place in range(SHAPE[axis]):
            bar = (np.abs(np.arange(SHAPE[axis]) - place) < 1.5).astype(float)
            bar = np.broadcast_to(np.expand_dims(bar, 1 - axis), SHAPE)
            frames[f"bar-{direction}_{place:02}.png"] = bar
    sweeps = {name: [f for f in frames if name in f] for name in ("right", "down")}
    sweeps |= {"left": sweeps["right"][::-1], "up": sweeps["down"][::-1], "blank": [None] * 4}
    order = ["right", "blank", "down", "left", "blank", "up", "right", "blank", "down", "left"]
    rows = []
    for place, name in enumerate(name for sweep in order for name in sweeps[sweep]):
        if name is not None:
            rows.append((8.5 + 2.0 * place, 2.0, "bar", name))
    return _shown([_events(rows, "stim_file")] * N_RUNS, frames, stimuli)


def design_words(rng, stimuli):
    """Draw the order of the words and made-up numbers for each, which are written as a table.

    Parameters
    ----------
    rng : numpy.random.Generator
    stimuli : pathlib.Path
        Folder for the table.

    Returns
    -------
    Design
    """
    words, events = WORDS.split(), []
    for _ in range(N_RUNS):
        onsets = 8.3 + np.cumsum(rng.integers(20, 36, 78)) / 10
        shown = rng.choice(words, len(onsets))
        events.append(_events([(t, 0.5, word) for t, word in zip(onsets, shown, strict=True)]))
    columns = [f"dimension_{number}" for number in range(1, N_DIMENSIONS + 1)]
    values = rng.standard_normal((len(words), N_DIMENSIONS)).round(4)
    features = pd.DataFrame(values, pd.Index(words, name="word"), columns)
    _write_table(features.reset_index(), stimuli / "embeddings.tsv")
    return Design(events, features, "trial_type")


DESIGNS = {"images": design_images, "bars": design_bars, "words": design_words}


def _events(rows, *more):
    return pd.DataFrame(rows, columns=["onset", "duration", "trial_type", *more]).round(3)


def _shown(events, frames, stimuli):
    for name, frame in frames.items():
        Image.fromarray((255 * frame).astype(np.uint8)).save(stimuli / name)
    features = pd.DataFrame({name: frame.ravel() for name, frame in frames.items()}).T
    return Design(events, features, "stim_file")


# ---- What responds


def draw_units(positions, design, rng):
    """Draw what drives each voxel or vertex, by its place in the brain.

    Parameters
    ----------
    positions : ndarray, shape (n_units, 3)
        Millimetres to the right, to the front and up, as MNI has them.
    design : Design
    rng : numpy.random.Generator

    Returns
    -------
    Units
        Around the calcarine sulcus most are tuned. Further forward they look further from the
        point of fixation, the left of the brain to the right, its upper bank down.
    """
    x, y, z = positions.T
    n_units, images = len(positions), design.key == "stim_file"
    patch = (np.abs(x) <= 22) & (y <= -64) & (np.abs(z - 2) <= 14)
    eccentricity, angle = np.clip(y + 106, 0, 42) / 42 * 8, (z - 2) / 14 * np.pi / 2
    across = -np.sign(x) * eccentricity * np.cos(angle)
    centre = np.c_[eccentricity * np.sin(angle), across] + np.subtract(SHAPE, 1) / 2
    size = (0.8 + 0.12 * eccentricity) * np.exp(0.1 * rng.standard_normal(n_units))
    on_screen = ((centre > -0.5) & (centre < np.subtract(SHAPE, 0.5))).all(axis=1)
    tuned = patch & (rng.random(n_units) < 0.85) & (on_screen | (not images))
    on_off = ~tuned & (y <= -64) & (rng.random(n_units) < 0.25)
    strength = np.where(tuned, rng.uniform(0.4, 1, n_units), 0)
    strength *= 1 if images else WORD_GAIN
    if images:
        # Divided by its integral, a field sums to about 1.
        weights = sample_gaussians(centre, size, SHAPE) / (2 * np.pi * size[:, np.newaxis] ** 2)
    else:
        weights = rng.standard_normal((n_units, N_DIMENSIONS)) / np.sqrt(N_DIMENSIONS)
    centre[~tuned | (not images)] = size[~tuned | (not images)] = np.nan
    return Units(
        np.select([tuned, on_off], ["tuned", "on_off"], "silent"),
        centre,
        size,
        GAIN * strength[:, np.newaxis] * weights,
        ON_GAIN * np.where(on_off, rng.uniform(1, 2, n_units), strength),
    )


def noise_free_run(events, design, units):
    """Response of all units to one run, each event from the moment on at which it came.

    Parameters
    ----------
    events : pandas.DataFrame
    design : Design
    units : Units

    Returns
    -------
    ndarray, shape (n_volumes, n_units)
        Percent of the baseline, at the moment to which the slices of each volume were moved.
    """
    events = events[events[design.key].isin(design.features.index)]
    time = np.arange(round(N_VOLUMES * TR / STEP))[:, np.newaxis] * STEP + STEP / 2
    onset = events["onset"].to_numpy()
    is_on = (time > onset) & (time < onset + events["duration"].to_numpy())
    course = convolve(is_on, haemodynamic_response(PEAK, STEP))
    # A step stands for its middle.
    at = np.rint((START + TR * np.arange(N_VOLUMES)) / STEP - 0.5).astype(int)
    drive = design.features.loc[events[design.key]].to_numpy() @ units.weights.T + units.on_gain
    return course[at] @ drive


# ---- What else is measured


def draw_motion(run, rng):
    """Draw how the head moves: a slow walk, a tremor, and in one run a jerk.

    Parameters
    ----------
    run : int
        From 0.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_volumes, 6)
        Three shifts and three rotations, all as millimetres at the cortex.
    """
    motion = WALK * rng.standard_normal((N_VOLUMES, 6)).cumsum(axis=0)
    motion += TREMOR * autoregressive_noise(N_VOLUMES, 6, 0.2, rng)
    if run == SPIKE_RUN:
        motion[SPIKE_VOLUME, 2] += SPIKE
    return motion


def measured_run(run, signal, motion, tissue, gains, rng):
    """Add to a response what a scanner measures besides.

    Parameters
    ----------
    run : int
        From 0.
    signal : ndarray, shape (n_volumes, n_units)
        Percent of the baseline.
    motion : ndarray, shape (n_volumes, 6)
    tissue : ndarray, shape (n_volumes, 2)
        What csf and white matter have in common with the cortex.
    gains : tuple of ndarray
        What motion and tissue add to each unit, (6, n_units) and (2, n_units), and the baseline
        of each unit.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_volumes, n_units)
        Whole numbers, as scanners count.
    """
    of_motion, of_tissue, baseline = gains
    noise = NOISE_SD * autoregressive_noise(*signal.shape, AR1, rng)
    time = np.linspace(-1, 1, N_VOLUMES)
    slow = np.c_[time, time**2 - 1 / 3] @ rng.standard_normal((2, signal.shape[1]))
    percent = signal + noise + DRIFT * slow + motion @ of_motion + tissue @ of_tissue
    if run == SPIKE_RUN:
        percent[SPIKE_VOLUME] -= DIP
    values = baseline * (1 + percent / 100)
    if run == UNSTEADY_RUN:
        values[: len(UNSTEADY)] *= np.c_[list(UNSTEADY)]
    return np.rint(values)


def confounds_table(run, motion, tissue, values):
    """Make the table of confounds of a run, by fMRIPrep's names.

    Parameters
    ----------
    run : int
        From 0.
    motion, tissue : ndarray, shapes (n_volumes, 6) and (n_volumes, 2)
    values : ndarray, shape (n_volumes, n_units)
        As measured.

    Returns
    -------
    pandas.DataFrame
        Derivatives, framewise displacement [1]_ and DVARS are missing in the first row.

    References
    ----------
    .. [1] Power, J. D., et al. (2012). Spurious but systematic correlations in functional
       connectivity MRI networks arise from subject motion. NeuroImage, 59(3), 2142-2154.
    """
    names = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    table = pd.DataFrame(motion / np.repeat([1, RADIUS], 3), columns=names)
    table[["csf", "white_matter"]] = BASELINE * (1 + tissue / 100)
    table["global_signal"] = values.mean(axis=1)
    change = table.diff()
    powers = [(change, "_derivative1"), (table**2, "_power2"), (change**2, "_derivative1_power2")]
    table = table.join([values.add_suffix(suffix) for values, suffix in powers])
    table["framewise_displacement"] = np.r_[np.nan, np.abs(np.diff(motion, axis=0)).sum(axis=1)]
    steps = np.diff(values, axis=0)
    table["dvars"] = np.r_[np.nan, np.sqrt((steps**2).mean(axis=1))]
    table["std_dvars"] = table["dvars"] / table["dvars"].median()
    first = len(UNSTEADY) if run == UNSTEADY_RUN else 0
    angle = np.pi * (np.arange(N_VOLUMES - first) + 0.5) / (N_VOLUMES - first)
    for number in range(int(2 * N_VOLUMES * TR / 128)):  # nothing slower than 128 s
        table[f"cosine{number:02}"] = np.r_[np.zeros(first), np.cos((number + 1) * angle)]
    outlying = (table["framewise_displacement"] > 0.5) | (table["std_dvars"] > 1.5)
    marked = {"non_steady_state": np.arange(first), "motion": np.flatnonzero(outlying)}
    for kind, volumes in marked.items():
        for number, volume in enumerate(volumes):
            table[f"{kind}_outlier{number:02}"] = 1.0 * (np.arange(N_VOLUMES) == volume)
    return table


# ---- Volumes and surfaces


@dataclass(frozen=True)
class Slab:
    """The back of a brain, with voxels of 4 mm; left is left (RAS), as fMRIPrep has it."""

    mask: nib.Nifti1Image
    space = "MNI152NLin2009cAsym"

    @classmethod
    def make(cls):
        """Cut it out of the brain mask that nilearn ships."""
        return cls(load_mni152_brain_mask(resolution=4).slicer[:, 7:20, 11:27])

    @property
    def indices(self):
        """Indices (i, j, k) of the voxels, in mask order."""
        return np.argwhere(self.mask.get_fdata())

    @property
    def positions(self):
        """Millimetres, (n_voxels, 3)."""
        return nib.affines.apply_affine(self.mask.affine, self.indices)

    def write(self, func, stem, run, values):
        """Write a run, and a brain mask that in the last run lacks some voxels."""
        inside = tuple(self.indices.T)
        series = np.zeros((*self.mask.shape, len(values)), dtype=np.int16)
        series[inside] = values.T
        image = nib.Nifti1Image(series, self.mask.affine)
        image.header.set_zooms((*image.header.get_zooms()[:3], TR))
        image.header.set_xyzt_units("mm", "sec")
        name = f"{stem}_space-{self.space}_desc"
        nib.save(image, func / f"{name}-preproc_bold.nii.gz")
        _write_sidecar(func / f"{name}-preproc_bold.json")
        brain = np.zeros(self.mask.shape, dtype=np.uint8)
        brain[inside] = 1
        if run == N_RUNS - 1:
            brain[tuple(self.indices[np.argsort(self.positions[:, 2])[-5:]].T)] = 0
        nib.save(nib.Nifti1Image(brain, self.mask.affine), func / f"{name}-brain_mask.nii.gz")
        _write_json(func / f"{name}-brain_mask.json", {"Type": "Brain"})


@dataclass(frozen=True)
class Cortex:
    """Both hemispheres of fsaverage5, 10,242 vertices each."""

    positions: np.ndarray  # millimetres, left before right
    space = "fsaverage5"

    @classmethod
    def make(cls):
        """Take the pial surface that nilearn ships."""
        parts = load_fsaverage("fsaverage5")["pial"].parts
        return cls(np.concatenate([parts[side].coordinates for side in ("left", "right")]))

    @property
    def indices(self):
        """Numbers of the vertices in their hemisphere."""
        half = np.arange(len(self.positions) // 2)
        return np.r_[half, half]

    def write(self, func, stem, run, values):
        """Write a run, one GIFTI file a hemisphere, one array a volume."""
        for side, series in zip("LR", np.split(values.astype(np.float32), 2, axis=1), strict=True):
            name = func / f"{stem}_hemi-{side}_space-{self.space}_bold"
            structure = f"Cortex{'Left' if side == 'L' else 'Right'}"
            image = GiftiImage(meta=GiftiMetaData(AnatomicalStructurePrimary=structure))
            for volume in series:
                image.add_gifti_data_array(
                    GiftiDataArray(
                        volume,
                        intent="NIFTI_INTENT_TIME_SERIES",
                        datatype="NIFTI_TYPE_FLOAT32",
                        meta=GiftiMetaData(TimeStep=f"{1000 * TR}"),
                    )
                )
            nib.save(image, name.with_suffix(".func.gii"))
            _write_sidecar(name.with_suffix(".json"))


GRIDS = {"volume": Slab, "surface": Cortex}


# ---- The dataset


def make_bids(folder, *, space="volume", task="images", random_state=0):
    """Write a small made dataset in the layout of BIDS, unless the folder holds it already.

    It has one subject, four runs of 120 volumes (TR 2 s), events, and derivatives named and laid
    out as fMRIPrep's: preprocessed images, brain masks and confounds. The raw images are left out.
    It is written under another name first, so that nothing half-made is left.

    Parameters
    ----------
    folder : path-like
        Where to put it: a new or empty folder, or one that holds this dataset.
    space : {"volume", "surface"}
        A slab at the back of the brain with voxels of 4 mm, or both hemispheres of fsaverage5,
        whose vertices outside the slab are constant.
    task : {"images", "bars", "words"}
        Random images, some of them shown twice in a row and one black; bars that move over the
        screen, the same in all runs; or words, each of which stands for a few made-up numbers.
    random_state : int
        The same number gives the same files.

    Returns
    -------
    pathlib.Path
        `folder`. Its ``derivatives/truth/truth.npz`` holds what drives each voxel or vertex:
        ``population``, ``centre``, ``size``, ``weights``, ``on_gain``; ``indices``, which voxel of
        the grid, or vertex of its hemisphere, left before right; and ``constant``, whether it is
        constant in a run.

    Raises
    ------
    ValueError
        If an argument is unknown, or the folder holds something else.
    """
    _check_arguments(space, task, random_state)
    folder = Path(folder).resolve()
    stamp = {"space": space, "task": task, "random_state": random_state, "version": VERSION}
    if _is_made(folder, stamp):
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"{folder} holds something other than the made dataset with space={space!r}, "
            f"task={task!r} and random_state={random_state}; name a new or empty folder."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".bids-", dir=folder.parent) as temporary:
        made = Path(temporary) / "dataset"
        truth = _write(made, GRIDS[space].make(), task, np.random.default_rng(random_state))
        np.savez_compressed(made / TRUTH, **truth, **stamp)
        if folder.exists():
            folder.rmdir()  # Windows gives no folder the name of another, empty or not.
        made.rename(folder)
    return folder


def _check_arguments(space, task, random_state):
    for name, value, known in (("space", space, GRIDS), ("task", task, DESIGNS)):
        if value not in known:
            raise ValueError(f"{name} is {value!r}; expected one of {list(known)}.")
    whole = isinstance(random_state, int | np.integer) and not isinstance(random_state, bool)
    if not whole or random_state < 0:
        raise ValueError(f"random_state is {random_state!r}; expected a whole number from 0 up.")


def _is_made(folder, stamp):
    if not (folder / TRUTH).is_file():
        return False
    with np.load(folder / TRUTH) as stored:
        return all(stored[name] == value for name, value in stamp.items())


def _write(root, brain, task, rng):
    """Draw everything, write all files but the truth, and return this."""
    func = root / "derivatives" / "fmriprep" / "sub-01" / "func"
    for folder in (func, root / "sub-01" / "func", root / "stimuli", (root / TRUTH).parent):
        folder.mkdir(parents=True)
    _describe(root, task)
    design = DESIGNS[task](rng, root / "stimuli")
    units, n_units = draw_units(brain.positions, design, rng), len(brain.positions)
    constant = np.tile(brain.positions[:, 1] > FRONT, (N_RUNS, 1))
    lowest = np.argsort(brain.positions[:, 2], kind="stable")
    lowest = lowest[units.population[lowest] == "silent"]
    constant[:, lowest[:N_EDGE]] = constant[EDGE_RUN, lowest[: 2 * N_EDGE]] = True
    of_motion = MOTION_GAIN * rng.standard_normal((6, n_units)) / np.sqrt(6)
    of_tissue = TISSUE_GAIN * rng.standard_normal((2, n_units))
    gains = of_motion, of_tissue, BASELINE * rng.uniform(0.8, 1.2, n_units)
    for run, events in enumerate(design.events):
        stem = f"sub-01_task-{task}_run-{run + 1}"
        _write_table(events, root / "sub-01" / "func" / f"{stem}_events.tsv")
        motion, tissue = draw_motion(run, rng), autoregressive_noise(N_VOLUMES, 2, 0.6, rng)
        signal = noise_free_run(events, design, units)
        values = measured_run(run, signal, motion, tissue, gains, rng)
        values[:, constant[run]] = 0
        brain.write(func, stem, run, values)
        table = func / f"{stem}_desc-confounds_timeseries.tsv"
        _write_table(confounds_table(run, motion, tissue, values), table)
        _write_json(table.with_suffix(".json"), {"csf": {"Method": "Mean"}})
    return units._asdict() | {"indices": brain.indices, "constant": constant}


def _describe(root, task):
    """Write what BIDS says about a dataset as a whole, and that this one is made."""
    name = f"Made by helpers.twin.make_bids: {task}, from known responses; no one was measured"
    entry = {"Name": name, "BIDSVersion": "1.8.0"}
    _write_json(root / "dataset_description.json", entry | {"DatasetType": "raw"})
    for folder in ("fmriprep", "truth"):
        origin = {"GeneratedBy": [{"Name": f"helpers.twin ({folder})"}]}
        made = entry | {"DatasetType": "derivative"} | origin
        _write_json(root / "derivatives" / folder / "dataset_description.json", made)
    timing = {"RepetitionTime": TR, "SliceTiming": SLICE_TIMES.tolist()}
    _write_json(root / f"task-{task}_bold.json", {"TaskName": task} | timing)
    meaning = "numbers for each word are random" if task == "words" else "images are in stimuli"
    (root / "README").write_text(f"{name}.\nRaw images are left out; the {meaning}.\n", "utf-8")


def _write_sidecar(path):
    timing = {"SliceTimingCorrected": True, "StartTime": START, "SkullStripped": False}
    _write_json(path, {"RepetitionTime": TR} | timing)


def _write_json(path, entries):
    path.write_text(json.dumps(entries, indent=2) + "\n", "utf-8", newline="\n")


def _write_table(table, path):
    table.to_csv(path, sep="\t", index=False, na_rep="n/a", lineterminator="\n")
