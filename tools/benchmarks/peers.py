"""Population receptive fields against other programs, each in an environment of its own.

The environments are made in the folder ``.peers``, at the first run. A program that is not there
and cannot be installed is left out, and its rows with it. prfpy is no package of PyPI: name the
folder of its source in the environment variable ``PRFPY``.
"""

import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.measuring import WARM, compare, limit_row, ratio_row, threads
from benchmarks.peer_fits import N_JOBS, Fields
from helpers import data
from helpers.features import convolve, haemodynamic_response
from helpers.receptive_fields import PRF, BoundWarning, sample_gaussians

HERE = Path(__file__).parent
ENVIRONMENTS = HERE / ".peers"
BIN = "Scripts" if os.name == "nt" else "bin"

# ---- the programs and their environments


@dataclass(frozen=True)
class Peer:
    """A program to compare with."""

    name: str
    requirements: tuple[str, ...]
    built: str = ""  # a package that needs the others, and a compiler, to be installed
    source: str = ""  # the environment variable that names a folder to import it from
    dtype: str = "float32"  # in which it computes

    @property
    def python(self):
        """The interpreter of its environment."""
        return ENVIRONMENTS / self.name / BIN / "python"

    @property
    def label(self):
        """Its name and version."""
        if not self.source:
            return (self.built or self.requirements[0]).replace("==", " ")
        command = ["git", "-C", os.environ[self.source], "describe", "--always"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return f"{self.name} {found.stdout.strip()}".strip()

    def install(self):
        """Make its environment, unless it is there.

        Returns
        -------
        bool
            Whether the program can be run.
        """
        if self.source and not os.environ.get(self.source):
            print(f"{self.name} is left out: {self.source} names no folder with its source.")
            return False
        stamp = ENVIRONMENTS / self.name / "made"
        wanted = "\n".join([*self.requirements, self.built])
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return True
        pip = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        steps = [
            [sys.executable, "-m", "venv", "--clear", ENVIRONMENTS / self.name],
            [*pip, *self.requirements],
        ]
        if self.built:
            steps.append([*pip, "--no-build-isolation", "--no-deps", self.built])
        try:
            for step in steps:
                subprocess.run(step, check=True)
        except subprocess.CalledProcessError as error:
            print(f"{self.name} is left out: its installation failed ({error}).")
            return False
        stamp.write_text(wanted, encoding="utf-8")
        return True

    def run(self, recording):
        """Fit a recording in a process of its environment.

        Parameters
        ----------
        recording : dict of array
            As `benchmarks.peer_fits.main` reads it.

        Returns
        -------
        dict of array
            As it writes it.

        Raises
        ------
        subprocess.CalledProcessError
            If the program fails; its message is on stderr.
        """
        # Each of its processes has one thread.
        settings = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
        settings["PYTHONWARNINGS"] = "ignore"
        if self.source:
            settings["PYTHONPATH"] = os.environ[self.source]
        with TemporaryDirectory() as folder:
            source, target = Path(folder) / "recording.npz", Path(folder) / "fields.npz"
            np.savez(source, **recording)
            command = [self.python, HERE / "peer_fits.py", self.name, source, target]
            subprocess.run(
                command, env=os.environ | settings, stdout=subprocess.DEVNULL, check=True
            )
            with np.load(target) as file:
                return dict(file)


PEERS = [
    Peer(
        "prfpy",
        # Newer releases of nilearn have other names for what prfpy calls.
        (
            "joblib==1.6.0",
            "nilearn==0.11.1",
            "numpy==2.3.5",
            "scipy==1.17.1",
            "statsmodels==0.15.0",
        ),
        source="PRFPY",
    ),
    Peer("pyprf", ("pyprf==3.0.0", "numpy==2.3.5", "scipy==1.17.1")),
    Peer(
        "popeye",
        # It is of 2019: newer releases of NumPy, SciPy and Cython have other names.
        (
            "numpy==1.26.4",
            "scipy==1.11.4",
            "cython==0.29.37",
            "setuptools==80.9.0",
            "matplotlib==3.10.1",
            "nibabel==5.3.2",
            "numexpr==2.10.2",
            "sharedmem==0.3.8",
        ),
        built="popeye==1.0.0",
        dtype="float64",
    ),
]

# ---- what is fitted

N_VOXELS = 60
CEILING = 0.3  # of the voxels that are chosen, at least
T_R, HRF_PEAK = 2.0, 5.0
PROBE = Fields(np.array([[2.0, 7.0]]), np.array([1.0]))  # above the middle, and to its right
FOUND = 0.3  # pixels by which a fit of the probe may be off: a grid has steps
OFF = 0.5  # pixels: what is further from the true centre counts as off


class Mapping:
    """The twin's random runs, the voxels that all programs fit, and the truth about them."""

    def __init__(self, quick):
        twin = data.load("twin")
        recording = data.recording(twin, shift=0)
        # A quick run takes two runs, and few voxels.
        rows = recording.runs < (2 if quick else recording.runs[-1] + 1)
        self.on, self.runs = recording.is_on[rows] * 1.0, recording.runs[rows]
        self.images = recording.stimuli[rows] * self.on[:, np.newaxis]
        self.bold = np.ascontiguousarray(recording.bold[rows, :: 16 if quick else 1])
        truth = twin.truth
        measured = np.flatnonzero((truth.population == "tuned") & (truth.ceiling_random > CEILING))
        random = np.random.default_rng(0)
        self.chosen = np.sort(random.choice(measured, 4 if quick else N_VOXELS, replace=False))
        self.few = np.ascontiguousarray(recording.bold[rows][:, self.chosen])
        self.truth = Fields(truth.centre[self.chosen], truth.size[self.chosen])

    def as_files(self):
        """Return what a peer reads."""
        shown = self.images @ sample_gaussians(*PROBE).T
        return {
            "images": self.images.reshape(-1, 10, 10).astype(np.uint8),
            "bold": self.few,
            "runs": self.runs,
            "t_r": T_R,
            "probe": self._respond(shown).astype(np.float32),
        }

    def _respond(self, shown):
        """Answer with a gamma function of 5 s to its peak, and give each run mean 0 and SD 1."""
        times = np.arange(0, 24, T_R)
        response = (times / HRF_PEAK) ** HRF_PEAK * np.exp(HRF_PEAK - times)
        answers = np.empty_like(shown)
        for run in np.unique(self.runs):
            rows = self.runs == run
            answer = np.convolve(shown[rows, 0], response)[: rows.sum()]
            answers[rows, 0] = (answer - answer.mean()) / answer.std()
        return answers

    def ours(self, bold, on=True, hrf_peak=HRF_PEAK):
        """Fit with the book's estimator, with or without a column for "an image is there"."""
        X = np.column_stack([self.images, self.on]) if on else self.images
        model = _fit(PRF((10, 10), hrf_peak=hrf_peak, t_r=T_R), X, bold, self.runs)
        return Fields(model.centre_, model.size_)

    def errors(self, fields):
        """Compare fields of the chosen voxels with the truth.

        Parameters
        ----------
        fields : Fields

        Returns
        -------
        dict of tuple
            What it is, its value and its unit by a short name. A field that was not found
            counts as a screen off, and has no size.
        """
        off = np.linalg.norm(fields.centre - self.truth.centre, axis=1)
        off = np.nan_to_num(off, nan=10.0)
        ratio = fields.size / self.truth.size
        return {
            "centre": ("error of the centre, median", np.median(off), "pixels"),
            "off": (f"centres off by more than {OFF} pixels", 100 * np.mean(off > OFF), "%"),
            "size": ("size relative to the true one, median", np.nanmedian(ratio), "ratio"),
            "spread": (
                "logarithm of that ratio, without its sign, median",
                np.nanmedian(abs(np.log(ratio))),
                "natural logarithm",
            ),
        }


def _fit(model, X, bold, runs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BoundWarning)  # what ends at a bound counts as any other
        return model.fit(X, bold, groups=runs)


# ---- larger screens

SCREENS = [(10, 10), (60, 40), (128, 128)]
N_ON_SCREENS = 1000  # voxels
N_SWEEPS, N_STEPS, N_BLANK = 8, 20, 6  # directions of a run, and volumes of a sweep and after it
BAR = 1 / 8  # of the longer side


def bars(shape):
    """Make a run of bars that sweep over a screen in eight directions, with pauses.

    Parameters
    ----------
    shape : (int, int)

    Returns
    -------
    ndarray, shape (n_volumes, n_pixels)
    """
    rows, columns = (np.indices(shape) - np.reshape(shape, (2, 1, 1)) / 2 + 0.5) / max(shape)
    frames = []
    for angle in np.arange(N_SWEEPS) * 2 * np.pi / N_SWEEPS:
        along = columns * np.cos(angle) + rows * np.sin(angle)
        frames += [abs(along - place) < BAR / 2 for place in np.linspace(-0.5, 0.5, N_STEPS)]
        frames += [np.zeros(shape)] * N_BLANK
    return np.reshape(frames, (len(frames), -1)).astype(np.float64)


def measure_screens(setting):
    """Measure our fit of fields that bars drive, on screens of several sizes."""
    rows = []
    for shape in SCREENS[: 2 if setting.quick else None]:
        n_voxels = 50 if setting.quick else N_ON_SCREENS
        random = np.random.default_rng(0)
        X, runs = np.tile(bars(shape), (4, 1)), np.repeat(np.arange(4), len(bars(shape)))
        centre = random.uniform(0.1, 0.9, (n_voxels, 2)) * shape
        size = random.uniform(0.04, 0.2, n_voxels) * max(shape)
        shown = X @ sample_gaussians(centre, size, shape).T
        bold = convolve(shown, haemodynamic_response(HRF_PEAK, T_R), runs)
        bold /= bold.std(axis=0)
        bold += random.standard_normal(bold.shape)
        model = PRF(shape, hrf_peak=HRF_PEAK, t_r=T_R)
        n_runs = setting.repeat(3)
        (fit,) = compare(lambda: _fit(model, X, bold, runs), n_runs=n_runs)  # noqa: B023
        name = f"{shape[0]} x {shape[1]}"
        rows.append(
            _milliseconds(
                f"screen-{shape[0]}x{shape[1]}",
                f"PRF, {n_voxels:,} voxels, {len(X)} volumes, a screen of {name} pixels",
                fit.seconds,
                n_voxels,
                {"n_runs": n_runs, "dtype": "float64", "threads": threads()},
            )
        )
    return rows


# ---- rows

# Responses to choose from, and what fits of the whole mask may take in seconds, with one or all.
EIGHT, SECONDS_ONE, SECONDS_EIGHT = tuple(np.arange(3.5, 7.01, 0.5).tolist()), 3.0, 15.0
TIMES = {"prfpy": 300, "pyprf": 300}  # how many times faster a voxel should be


def measure(setting):
    """Measure our fit of all voxels and of few, and the peers' fit of the same few."""
    mapping = Mapping(setting.quick)
    n_mask, n_few = mapping.bold.shape[1], len(mapping.chosen)
    mapping.ours(mapping.bold[:, :WARM])
    n_runs = setting.repeat(3)
    mask, eight, few = compare(
        lambda: mapping.ours(mapping.bold),
        lambda: mapping.ours(mapping.bold, hrf_peak=EIGHT),
        lambda: mapping.ours(mapping.few),
        n_runs=n_runs,
    )
    pixels_alone = mapping.ours(mapping.few, on=False)
    ours = {"n_runs": n_runs, "dtype": "float64", "threads": threads()}
    limits = [
        _seconds("one", "one response", mask.seconds, SECONDS_ONE, n_mask, ours),
        _seconds("eight", "best of eight responses", eight.seconds, SECONDS_EIGHT, n_mask, ours),
        _milliseconds("ours-mask", f"PRF, all {n_mask:,} voxels", mask.seconds, n_mask, ours),
        _milliseconds("ours", f"PRF, {n_few} voxels alone", few.seconds, n_few, ours),
        *_errors("ours", "PRF", mapping.errors(few.result), ours),
        *_errors("ours-pixels", "PRF without on/off", mapping.errors(pixels_alone), ours),
        *measure_screens(setting),
    ]
    ratios, recording = [], mapping.as_files()
    for peer in PEERS:
        if not peer.install():
            continue
        found = peer.run(recording)
        _check(peer, found)
        once, each = float(found["once"]), float(found["each"])
        processes = f"{N_JOBS} processes of 1 thread"
        theirs = {"n_runs": 1, "dtype": peer.dtype, "threads": processes}
        note = (
            f"Fitted to {n_few} well-measured voxels, with the settings its authors show, and "
            f"scaled as if all were; what any number of voxels needs, {once:.0f} s, counts once."
        )
        ratios.append(
            ratio_row(
                f"prf-{peer.name}",
                f"pRF: fields of {n_mask:,} voxels",
                peer.label,
                mask.seconds,
                once + each * n_mask,
                **ours | {"threads": f"{threads()} threads; {processes}"},
                goal=TIMES.get(peer.name),
                note=note,
            )
        )
        limits += [
            _milliseconds(peer.name, peer.label, each, 1, theirs),
            *_errors(peer.name, peer.label, mapping.errors(_fields(found)), theirs),
        ]
    return ratios, limits


def _fields(found, prefix=""):
    return Fields(found[f"{prefix}centre"], found[f"{prefix}size"])


def _check(peer, found):
    """Refuse results that turned or shifted the image: the probe's field is known."""
    probe = _fields(found, "probe_")
    off = float(np.linalg.norm(probe.centre - PROBE.centre))
    if not off <= FOUND or not abs(probe.size[0] - PROBE.size[0]) <= FOUND:
        raise ValueError(
            f"{peer.label} finds {probe} in a noise-free response of {PROBE}; expected the same "
            f"up to {FOUND} pixels: see how peer_fits.py turns images and coordinates."
        )


def _seconds(id, name, seconds, limit, n_voxels, details):
    what = f"pRF: PRF, all {n_voxels:,} voxels, {name}"
    return limit_row(f"prf-{id}-s", what, seconds, "s", limit=limit, **details)


def _milliseconds(id, name, seconds, n_voxels, details):
    return limit_row(
        f"prf-{id}-ms", f"pRF: {name}: time a voxel", 1e3 * seconds / n_voxels, "ms", **details
    )


def _errors(id, name, errors, details):
    return [
        limit_row(f"prf-{id}-{key}", f"pRF: {name}: {what}", value, unit, **details)
        for key, (what, value, unit) in errors.items()
    ]
