"""A small simulated twin for each student: a few runs, some three hundred voxels, seconds to make.

The same id gives the same recording; another id gives another brain, other images, another delay
of the response. So numbers cannot be copied, and whoever knows the seed knows the right answers.
"""

import hashlib
import json
import re
import tempfile
import unicodedata
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
from sklearn.utils import Bunch

from helpers._engine.haemodynamics import haemodynamic_response
from helpers._files.layout import MARK
from helpers._twin import brain, responses, stimuli
from helpers._twin.files import BASELINE

VERSION = 1  # of this simulation: a recording of another version is made anew
STAMP = "student.json"  # in the folder: whose recording it is
HANDED_OUT = "recording_is_handed_out.txt"  # beside a notebook of a course with a secret

N_RANDOM = 8  # runs
FIGURES = ("figure_run1", "figure_run2", "secret_run1")
# Voxels of each population; the tuned ones are all of V1, where there are enough for any student.
N_TUNED, N_ON_OFF, N_SILENT = 130, 15, 150
STRENGTH = 1.3  # responses are that much stronger than the book's, since there are fewer runs
# Volumes by which the responses of a student's twin lag behind: seconds to their peak.
PEAKS = {2: 3.4, 3: 5.4, 4: 7.4}
PEAK_SPREAD = 0.25  # of that of the book's twin, so that one lag is best for nearly all voxels


def draw_brain(rng):
    """Draw the voxels of a student's twin.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    place : helpers._twin.brain.Retinotopy
    voxels : helpers._twin.responses.Voxels
    indices : ndarray of int, shape (n_voxels, 3)
        Indices (i, j, k) on the grid of the book's recording, in mask order.
    lag : int
        Volumes by which responses are late.
    """
    indices, place = _whole_brain()
    voxels = responses.draw_voxels(place, rng)
    in_v1 = np.isin(place.area, ("V1d", "V1v"))
    groups = {
        "tuned": (N_TUNED, in_v1 & (place.eccentricity < 4)),
        "on_off": (N_ON_OFF, ~in_v1),
        "silent": (N_SILENT + rng.integers(20), ~in_v1),
    }
    columns = np.sort(
        np.concatenate(
            [rng.choice(np.flatnonzero((voxels.population == name) & where), count, replace=False)
             for name, (count, where) in groups.items()]
        )
    )  # fmt: skip
    place = type(place)(*(values[columns] for values in place))
    voxels = type(voxels)(*(values[columns] for values in voxels))
    lag = int(rng.choice(list(PEAKS)))
    peak = PEAKS[lag] + PEAK_SPREAD * (voxels.peak - responses.VARIANTS["default"].peak)
    voxels = voxels._replace(
        peak=peak, weights=STRENGTH * voxels.weights, on_gain=STRENGTH * voxels.on_gain
    )
    return place, voxels, indices[columns], lag


@cache
def _whole_brain():
    """Return indices and retinotopy of the book's 5438 voxels, the same for all students."""
    images = brain.anatomy()
    indices = np.argwhere(brain.visual_mask(*(image.get_fdata() for image in images)))
    return indices, brain.retinotopy(indices)


def draw_labels(rng):
    """Draw what is shown.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    labels : dict of array of int, shape (n_volumes, 100)
        Label rows of each run by file name.
    letters : list of str
        For each run of `FIGURES` the letters in the order of its blocks.
    """
    cut, n_blocks = rng.integers(5), stimuli.RANDOM_BLOCKS - rng.integers(3)
    names, drawn = np.array(list(stimuli.LETTERS)), letter_images()
    labels, letters = {}, []
    for name in FIGURES:
        order = np.concatenate([rng.permutation(5), rng.permutation(5)])
        rows = stimuli.label_rows(drawn[order], stimuli.FIGURE_VOLUMES)
        labels[name] = rows[cut:]
        letters.append("".join(names[order]))
    for run in range(1, N_RANDOM + 1):
        images = rng.integers(0, 2, (n_blocks, 10, 10))
        rows = stimuli.label_rows(images, stimuli.RANDOM_VOLUMES)
        labels[f"random_run{run}"] = rows[cut:]
    return labels, letters


def letter_images():
    """Draw the letters of the figure runs: n, e, u, r and o.

    Returns
    -------
    array of int, shape (5, 10, 10)
    """
    return stimuli.letters(8, 6, 2)


def write_recording(folder, labels, voxel_indices, voxels, rng):
    """Simulate the runs and write all files, on a grid that is cut to the voxels.

    The secret run gets no label file: what was shown is for students to find out.

    Parameters
    ----------
    folder : pathlib.Path
        New folder.
    labels, voxel_indices, voxels
        From `draw_labels` and `draw_brain`.
    rng : numpy.random.Generator
    """
    for name in ("func", "label"):
        (folder / name).mkdir(parents=True)
    corner = voxel_indices.min(axis=0) - 1
    mask = np.zeros(voxel_indices.max(axis=0) - corner + 2, dtype=np.uint8)
    mask[tuple((voxel_indices - corner).T)] = 1
    affine = brain.AFFINE.copy()
    affine[:3, 3] = brain.positions(corner)
    _save(mask, affine, folder / "mask.nii.gz")
    response = haemodynamic_response(voxels.peak)
    physiology = responses.VARIANTS["default"]
    sharing = responses.draw_sharing(brain.positions(voxel_indices), physiology, rng)
    baseline = BASELINE * rng.uniform(0.8, 1.2, len(voxels.peak))
    for name, rows in labels.items():
        noise = responses.noise_run(len(rows), voxels, sharing, rng)
        measured = responses.noise_free_run(rows, voxels, response) + noise
        run = np.zeros((*mask.shape, len(rows)), dtype=np.int16)
        run[mask > 0] = np.rint(baseline * (1 + measured / 100)).T
        _save(run, affine, folder / "func" / f"{name}.nii.gz")
        if not name.startswith("secret"):
            np.savetxt(folder / "label" / f"{name}.csv", rows, fmt="%d", delimiter=",")


def _save(values, affine, path):
    image = nib.Nifti1Image(values, affine)
    if values.ndim == 4:
        image.header.set_zooms((*image.header.get_zooms()[:3], responses.TR))
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = MARK
    nib.save(image, path)


def seed_of(student, salt=""):
    """Derive the seed of a student's twin from the id.

    Parameters
    ----------
    student : str
        The id: letters of any script, digits and ``. - _ @ + '``, as in an address of e-mail.
    salt : str
        A secret of the course. Without it anybody can make the twin of any id.

    Returns
    -------
    int
        From 0 to below 2 ** 128.

    Raises
    ------
    ValueError
        If the id holds anything else, or nothing.
    """
    student = same_id(student)
    # Marks (of vowels, say) belong to the letters of many scripts.
    letters = "".join(c for c in student if not unicodedata.category(c).startswith("M"))
    if not re.fullmatch(r"\w[\w.@+'-]*", letters):
        raise ValueError(
            f'The student\'s id is "{student}"; expected letters, digits, dots, hyphens and '
            "underscores, beginning with a letter or digit: type it as your teacher gave it to you."
        )
    return int.from_bytes(hashlib.sha256(f"{salt}\n{student}".encode()).digest()[:16])


def same_id(student):
    """Return an id in one form: an umlaut may be one character, or a letter and its dots."""
    return unicodedata.normalize("NFC", student).strip()


def make(folder, student, salt=""):
    """Write the recording of a student's twin, unless it is there, and return its truth.

    The folder gets ``func`` and ``label`` with a file for each run, and ``mask.nii.gz``. It does
    not get the truth, nor the labels of the secret run: what it holds can be handed out.

    Parameters
    ----------
    folder : path-like
    student, salt : str
        As for `seed_of`.

    Returns
    -------
    Bunch
        One entry a voxel, in mask order: ``weights`` (n_voxels, 100), ``on_gain``, ``centre``
        (n_voxels, 2), ``size``, ``peak``, ``population``, ``area``, ``hemisphere`` and
        ``eccentricity``, as in `helpers.twin.Truth`. Also ``lag``, the volumes by which responses
        are late, and ``letters``, a string for each figure run and the secret one, in the order
        of its blocks.
    """
    folder = Path(folder)
    rng = np.random.default_rng(seed_of(student, salt))
    place, voxels, chosen, lag = draw_brain(rng)
    labels, letters = draw_labels(rng)
    if not is_made(folder, student, salt):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            made = Path(temporary) / "recording"
            write_recording(made, labels, chosen, voxels, rng)
            (made / STAMP).write_text(json.dumps(_stamp_of(student, salt)))
            if folder.exists():
                folder.rename(Path(temporary) / "replaced")
            made.rename(folder)
    return Bunch(**voxels._asdict(), **place._asdict(), lag=lag, letters=letters)


def is_made(folder, student, salt=""):
    """Say whether a folder holds the recording that `make` would write.

    Parameters
    ----------
    folder : path-like
    student, salt : str
        As for `seed_of`.

    Returns
    -------
    bool
    """
    return read_stamp(Path(folder)) == _stamp_of(student, salt)


def _stamp_of(student, salt):
    # The hash tells seeds apart without giving them away.
    check = hashlib.sha256(str(seed_of(student, salt)).encode()).hexdigest()[:16]
    return {"student": same_id(student), "version": VERSION, "check": check}


def read_stamp(folder):
    try:
        return json.loads((folder / STAMP).read_text())
    except (OSError, ValueError):
        return {}
