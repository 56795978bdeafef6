"""Run the whole loop on made-up students and compare the points with what they should be.

``python tools/coursework/checking.py 10`` does it for ten students and all assignments, as ``make
coursework-check`` does, and prints the table of wrong answers.
"""

import os
import shutil
import sys
import tempfile
from itertools import count
from pathlib import Path

import grading
import nbformat
import numpy as np
import preparing
from wrong_answers import WRONG_ANSWERS

from helpers import twin


def copy_course(root):
    """Copy what a course starts from into a new folder, and return it."""
    folder = Path(root) / "coursework"
    shutil.copytree(
        grading.HERE, folder, ignore=shutil.ignore_patterns(
            "release", "submitted", "autograded", "feedback", "twins", "handout", "downloaded",
            "cache",
            "salt.txt", "*.db", "*.csv", "__pycache__", ".ipynb_checkpoints",
        ),
    )  # fmt: skip
    return folder


def read(root, assignment, version="source"):
    """Read a notebook of an assignment, ``source`` or ``release``."""
    return nbformat.read(Path(root) / version / assignment / f"{assignment}.ipynb", as_version=4)


def hand_in(root, assignment, student, notebook, name=None):
    """Put a notebook where a student's submission is downloaded to."""
    archive = Path(root) / "downloaded" / assignment / "archive"
    archive.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, archive / f"{student}__{name or assignment}.ipynb")


def cell_of(notebook, grade_id):
    """Return the cell with an id."""
    return next(
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )


def wrong_notebook(root, assignment, name):
    """Make a wrong answer from the reference solution."""
    notebook, wrong = read(root, assignment), WRONG_ANSWERS[assignment][name]
    for grade_id, (old, new) in wrong.edits.items():
        cell = cell_of(notebook, grade_id.strip())
        if cell.source.count(old) != 1:
            raise ValueError(f"{name}: {grade_id} does not hold {old!r} once.")
        cell.source = cell.source.replace(old, new)
    if wrong.copied:
        names = [variable for variables in wrong.copied.values() for variable in variables]
        values = numbers_of_another(root, assignment, name, names)
        for grade_id, variables in wrong.copied.items():
            lines = [f"{variable} = {values[variable]}" for variable in variables]
            cell_of(notebook, grade_id).source = "\n".join(lines)
    return notebook


def numbers_of_another(root, assignment, student, names):
    """Run the reference solution on another student's twin; return the values as code."""
    os.environ[twin.students.GRADED] = str(preparing.make_twin(_another(root, student), root))
    values = {}
    try:
        for cell in read(root, assignment).cells:
            if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("grade"):
                exec(cell.source, values)
    finally:
        del os.environ[twin.students.GRADED]
    with np.printoptions(threshold=sys.maxsize, precision=8):
        return {
            name: f"np.{values[name]!r}" if isinstance(values[name], np.ndarray) else values[name]
            if not isinstance(values[name], str) else repr(values[name]) for name in names
        }  # fmt: skip


def _another(root, student):
    """Find a student whose recording differs in all that can be counted; make both twins."""
    own = _counts(root, student)
    for number in count(1):
        other = f"another-{number}"
        if all(a != b for a, b in zip(own, _counts(root, other), strict=True)):
            return other


def _counts(root, student):
    folder = preparing.make_twin(student, root)
    with np.load(folder / "truth.npz") as truth:
        lag, n_voxels = int(truth["lag"]), len(truth["size"])
    rows = np.loadtxt(folder / "recording" / "label" / "random_run1.csv", delimiter=",")
    return lag, n_voxels, len(rows), int((rows[:, 0] >= 0).argmax())


def points_lost(course, assignment, student):
    """Return the points that a submission lost in each graded cell without a person's judgement."""
    with course.gradebook as gradebook:
        notebook = gradebook.find_submission_notebook(assignment, assignment, student)
        return {
            grade.name: grade.max_score - (grade.auto_score or 0)
            for grade in notebook.grades
            if grade.cell.cell_type == "code" and grade.auto_score != grade.max_score
        }


def automatic_points(root, assignment):
    """Return the points of each test in the source."""
    return {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points
        for cell in read(root, assignment).cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade")
    }


def run_loop(root, assignment, students, broken=None, **limits):
    """Run the loop for reference solutions, an empty release, wrong and broken submissions.

    Returns
    -------
    reports : dict of dict
        Rows of the report by student. The ids of wrong answers are their names.
    lost : dict of dict
        Points lost by test, by student.
    """
    course = grading.open_course(root)
    grading.release(course, assignment)
    for student in students:
        hand_in(root, assignment, student, read(root, assignment))
    hand_in(root, assignment, "empty", read(root, assignment, "release"))
    for name in WRONG_ANSWERS[assignment]:
        hand_in(root, assignment, name, wrong_notebook(root, assignment, name))
    for name, (notebook, file_name) in (broken or {}).items():
        hand_in(root, assignment, name, notebook, file_name)
    grading.collect(course, assignment)
    rows = grading.grade(course, assignment, **limits)
    reports = {row["student"]: row for row in rows}
    lost = {
        name: points_lost(course, assignment, name)
        for name, row in reports.items()
        if row["status"] == "graded"
    }
    return reports, lost


def faults(root, assignment, students, lost):
    """List where points differ from what they should be."""
    expected = {student: {} for student in students}
    expected["empty"] = automatic_points(root, assignment)
    expected |= {name: wrong.loses for name, wrong in WRONG_ANSWERS[assignment].items()}
    return [
        f"{assignment}, {name}: lost {lost.get(name, 'no grades')}, should lose {points}"
        for name, points in expected.items()
        if lost.get(name) != points
    ]


def main(n_students):
    """Check all assignments for so many students; print the table of wrong answers."""
    students = [f"student-{number}" for number in range(1, n_students + 1)]
    found = []
    with tempfile.TemporaryDirectory() as temporary:
        root = copy_course(temporary)
        for assignment in WRONG_ANSWERS:
            _, lost = run_loop(root, assignment, students, jobs=2)
            found += faults(root, assignment, students, lost)
            print(f"\n{assignment}: {sum(automatic_points(root, assignment).values())} points")
            for name in ["empty", *WRONG_ANSWERS[assignment]]:
                each = ", ".join(f"{test} {points:g}" for test, points in lost[name].items())
                print(f"  {name}: {sum(lost[name].values()):g} ({each})")
    sys.exit("\n".join(found) or 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
