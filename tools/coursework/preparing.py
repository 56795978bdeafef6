"""What a course keeps for each student: a name that a file can have, a recording, its truth."""

import hashlib
import re
import unicodedata
from pathlib import Path

import numpy as np
from sandbox import CourseError

from helpers import twin

SALT = "salt.txt"  # in the folder of the course: its secret
# Names that are the same on every file system. Windows keeps some for its devices.
DEVICES = r"(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))"
PLAIN = re.compile(DEVICES + r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9_-])?")


def same_id(student):
    """Return an id in the one form (Unicode NFC, without blanks around it) that the course uses.

    Parameters
    ----------
    student : str

    Returns
    -------
    str
    """
    return twin.students.same_id(str(student))


def safe_name(student):
    """Return the name of a student's files; no two ids have the same, on any file system.

    Parameters
    ----------
    student : str
        The id, of any letters.

    Returns
    -------
    str
        The id itself if it is of small Latin letters, digits, dots, hyphens and underscores.
        Otherwise what is left of it, ``~`` and a hash.
    """
    student = same_id(student)
    if len(student) <= 60 and PLAIN.fullmatch(student):
        return student
    latin = unicodedata.normalize("NFKD", student).encode("ascii", "ignore").decode().lower()
    left = re.sub(r"[^a-z0-9]+", "-", latin).strip("-")[:30] or "student"
    return f"{left}~{hashlib.sha256(student.encode()).hexdigest()[:12]}"


def read_salt(root):
    """Read the secret of a course.

    Parameters
    ----------
    root : path-like
        Folder of the course.

    Returns
    -------
    str
        Empty if the course has none: anybody can then make any student's recording and truth.
    """
    secret = Path(root) / SALT
    return secret.read_text(encoding="utf-8").strip() if secret.is_file() else ""


def make_twin(student, root):
    """Make the recording of a student with the course's secret, and the truth beside it.

    Parameters
    ----------
    student : str
        The id.
    root : path-like
        Folder of the course.

    Returns
    -------
    pathlib.Path
        ``twins/STUDENT``: its ``recording`` may be handed out, its ``truth.npz`` may not.

    Raises
    ------
    CourseError
        If no recording can be made from the id.
    """
    student, salt = same_id(student), read_salt(root)
    folder = Path(root) / "twins" / safe_name(student)
    try:
        made = twin.students.is_made(folder / "recording", student, salt)
        if not made:
            (folder / "truth.npz").unlink(missing_ok=True)
        if not (folder / "truth.npz").is_file():
            truth = twin.students.make(folder / "recording", student, salt)
            # Renamed at the end, since a truth that was cut short would be read as a whole one.
            with (folder / "truth.npz.new").open("wb") as stream:
                np.savez(stream, **truth)
            (folder / "truth.npz.new").replace(folder / "truth.npz")
    except ValueError as error:
        raise CourseError(f"{error} The recording of {student!r} cannot be made.") from error
    return folder
