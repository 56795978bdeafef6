"""A small simulated twin for each student: a few runs, some three hundred voxels, seconds to make.

The same id gives the same recording; another id gives another brain, other images, another delay
of the response. So numbers cannot be copied, and whoever knows the seed knows the right answers.
"""

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from helpers import datasets
from helpers.errors import DataError
from helpers.student_simulation import draw_brain, draw_labels, write_recording

VERSION = 1  # of this simulation: a recording of another version is made anew
STAMP = "student.json"  # in the folder: whose recording it is
HANDED_OUT = "recording_is_handed_out.txt"  # beside a notebook of a course with a secret
GRADED = "COURSE_TWIN"  # environment variable: folder of the twin of the student who is graded


def seed_of(student, salt=""):
    """Derive the seed of a student's twin from the id.

    Parameters
    ----------
    student : str
        The id: letters, digits, dots, hyphens and underscores.
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
    if not re.fullmatch(r"\w[\w.-]*", student, re.ASCII):
        raise ValueError(
            f'The student\'s id is "{student}"; expected letters, digits, dots, hyphens and '
            "underscores, beginning with a letter or digit: type it as your teacher gave it to you."
        )
    return int.from_bytes(hashlib.sha256(f"{salt}\n{student}".encode()).digest()[:16])


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
        ``eccentricity``, as in `helpers.truth.Truth`. Also ``lag``, the volumes by which responses
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
    return _read_stamp(Path(folder)) == _stamp_of(student, salt)


def load(student):
    """Find the recording of a student: handed out beside the notebook, or made from the id.

    Parameters
    ----------
    student : str
        The id.

    Returns
    -------
    random, figure : Bunch
        Paths, as from `helpers.datasets.from_files`.

    Raises
    ------
    ValueError
        If the folder ``recording`` beside the notebook belongs to somebody else, or is missing
        in a course that hands recordings out.
    """
    graded = os.environ.get(GRADED)
    folder = Path(graded or ".").resolve() / "recording"
    owner = _read_stamp(folder).get("student")
    if owner is None and not graded and Path(HANDED_OUT).exists():
        raise ValueError('Put the folder "recording" that you were given beside this notebook.')
    if owner is None:
        make(folder, student)
    elif owner != student and not graded:
        raise ValueError(
            f'The folder "recording" beside this notebook belongs to "{owner}", and the id is '
            f'"{student}": correct the id, or delete the folder if the id is right.'
        )
    return tuple(
        datasets.from_files(
            sorted((folder / "func").glob(f"{kind}*")),
            sorted((folder / "label").glob(f"{kind}*")),
            folder / "mask.nii.gz",
        )
        for kind in ("random", "figure")
    )


def graded_truth():
    """Read the truth of the student who is being graded.

    Returns
    -------
    Bunch
        As from `make`.

    Raises
    ------
    DataError
        Wherever nothing is being graded: students have no truth.
    """
    folder = os.environ.get(GRADED)
    if not folder:
        raise DataError(
            f"There is no truth here: hidden tests run while nbgrader grades, with {GRADED} set. "
            "Grade the notebook as coursework/README.md says."
        )
    with np.load(Path(folder) / "truth.npz") as stored:
        return Bunch(**{name: stored[name][()] for name in stored})


def graded_recording():
    """Load the random runs of the student who is being graded, at the lag of their responses.

    Returns
    -------
    helpers.recordings.Recording

    Raises
    ------
    DataError
        As `graded_truth`.
    """
    lag = int(graded_truth().lag)
    return datasets.recording(load("graded")[0], "all", shift=lag)


def _stamp_of(student, salt):
    # The hash tells seeds apart without giving them away.
    check = hashlib.sha256(str(seed_of(student, salt)).encode()).hexdigest()[:16]
    return {"student": student, "version": VERSION, "check": check}


def _read_stamp(folder):
    try:
        return json.loads((folder / STAMP).read_text())
    except (OSError, ValueError):
        return {}
