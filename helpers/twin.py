"""The simulated twin: the files of the real recording, written from known receptive fields.

`make_twin` writes it and `load_truth` reads what it was made from. How it is made stands in the
modules `brain`, `stimuli`, `responses`, `ceiling` and `files`; `calibration` holds what is
published of the real recording. Each student of a course has a small twin of their own (`students`,
`load_student`). `make_bids` writes a small made dataset in the layout of BIDS, for those who bring
data of their own.

``python -m helpers.twin`` writes the twin to the book's data folder.
"""

import os
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from helpers import data
from helpers._files import DataError
from helpers._files.layout import is_twin
from helpers._twin import brain, calibration, ceiling, files, responses, stimuli, students
from helpers._twin.bids import make_bids
from helpers._twin.responses import VARIANTS
from helpers._twin.truth import Truth, load_truth
from helpers._twin.writing import make_twin

__all__ = [
    "VARIANTS",
    "Truth",
    "brain",
    "calibration",
    "ceiling",
    "files",
    "graded_recording",
    "graded_truth",
    "is_twin",
    "load_student",
    "load_truth",
    "make_bids",
    "make_twin",
    "responses",
    "stimuli",
    "students",
]


def load_student(student):
    """Find the recording of a student: handed out beside the notebook, or made from the id.

    Parameters
    ----------
    student : str
        The id.

    Returns
    -------
    random, figure : Bunch
        Paths, as from `helpers.data.from_files`.

    Raises
    ------
    ValueError
        If the folder ``recording`` beside the notebook belongs to somebody else, or is missing
        in a course that hands recordings out.
    """
    graded = os.environ.get(students.GRADED)
    folder = Path(graded or ".").resolve() / "recording"
    owner = students.read_stamp(folder).get("student")
    if owner is None and not graded and Path(students.HANDED_OUT).exists():
        raise ValueError('Put the folder "recording" that you were given beside this notebook.')
    if owner is None:
        students.make(folder, student)
    elif owner != students.same_id(student) and not graded:
        raise ValueError(
            f'The folder "recording" beside this notebook belongs to "{owner}", and the id is '
            f'"{student}": correct the id, or delete the folder if the id is right.'
        )
    return tuple(
        data.from_files(
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
    folder = os.environ.get(students.GRADED)
    if not folder:
        raise DataError(
            f"There is no truth here: hidden tests run while nbgrader grades, with "
            f"{students.GRADED} set. Grade the notebook as tools/coursework/README.md says."
        )
    with np.load(Path(folder) / "truth.npz") as stored:
        return Bunch(**{name: stored[name][()] for name in stored})


def graded_recording():
    """Load the random runs of the student who is being graded, at the lag of their responses.

    Returns
    -------
    helpers.data.Recording

    Raises
    ------
    DataError
        As `graded_truth`.
    """
    lag = int(graded_truth().lag)
    return data.recording(load_student("graded")[0], "all", shift=lag)


def main():
    """Write the twin to the book's data folder and say where it is."""
    print(f"The simulated twin is in {make_twin(data.data_folder() / 'twin')}")


if __name__ == "__main__":
    main()
