"""The simulated twin: the files of the real recording, written from known receptive fields.

`make_twin` writes it and `load_truth` reads what it was made from. How it is made stands in the
modules `brain`, `stimuli`, `responses`, `ceiling` and `files`; `calibration` holds what is
published of the real recording. Each student of a course has a small twin of their own (`students`,
`load_student`). `make_bids` writes a small made dataset in the layout of BIDS, for those who bring
data of their own.

``python -m helpers.twin`` writes the twin to the book's data folder.
"""

from pathlib import Path

from helpers import data
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
    "is_twin",
    "load_student",
    "load_truth",
    "make_bids",
    "make_twin",
    "responses",
    "stimuli",
    "student_files",
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
    folder = Path("recording").resolve()
    owner = students.read_stamp(folder).get("student")
    if owner is None and Path(students.HANDED_OUT).exists():
        raise ValueError('Put the folder "recording" that you were given beside this notebook.')
    if owner is None:
        students.make(folder, student)
    elif owner != students.same_id(student):
        raise ValueError(
            f'The folder "recording" beside this notebook belongs to "{owner}", and the id is '
            f'"{student}": correct the id, or delete the folder if the id is right.'
        )
    return student_files(folder)


def student_files(folder):
    """List the films and labels in a student's recording.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    random, figure : Bunch
        Paths, as from `helpers.data.from_files`.
    """
    return tuple(
        data.from_files(
            sorted((folder / "func").glob(f"{kind}*")),
            sorted((folder / "label").glob(f"{kind}*")),
            folder / "mask.nii.gz",
        )
        for kind in ("random", "figure")
    )


def main():
    """Write the twin to the book's data folder and say where it is."""
    print(f"The simulated twin is in {make_twin(data.data_folder() / 'twin')}")


if __name__ == "__main__":
    main()
