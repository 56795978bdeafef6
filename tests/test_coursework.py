"""The loop of the coursework, with nbgrader: right, wrong, empty and broken submissions."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "coursework"))
import checking

STUDENTS = ["mia", "ben"]


def changed(root, grade_id, source):
    notebook = checking.read(root, "assignment_a")
    checking.cell_of(notebook, grade_id).source = source
    return notebook


def without(root, *grade_ids):
    notebook = checking.read(root, "assignment_a")
    for grade_id in grade_ids:
        notebook.cells.remove(checking.cell_of(notebook, grade_id))
    return notebook


def broken_submissions(root):
    """Submissions of assignment A that are out of order, and the names of their files."""
    whole = checking.read(root, "assignment_a")
    function = checking.cell_of(whole, "a-7").source
    return {
        "runs-forever": (changed(root, "a-7", "while True:\n    pass"), None),
        "prints-megabytes": (
            changed(root, "a-7", function + "\nprint('x' * 3_000_000, *range(99_999), sep='\\n')"),
            None,
        ),
        "uses-up-memory": (
            changed(root, "a-7", "hog = []\nwhile True:\n    hog.append(np.ones(10**7))"), None,
        ),
        "dies": (changed(root, "a-7", "import os\nos.kill(os.getpid(), 9)"), None),
        "lost-a-test": (without(root, "a-6-test"), None),
        "lost-a-question": (without(root, "a-7", "a-7-test"), None),
        "renamed": (whole, "my homework"),
    }  # fmt: skip


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    root = checking.copy_course(tmp_path_factory.mktemp("course"))
    reports, lost = checking.run_loop(
        root, "assignment_a", STUDENTS, broken_submissions(root), seconds=25, minutes=3, gigabytes=3
    )
    return root, reports, lost


def test_points_are_what_the_table_says(loop):
    root, _, lost = loop
    assert not checking.faults(root, "assignment_a", STUDENTS, lost)


BROKEN = {
    "runs-forever": ("graded", "cell a-7 ran out of time", {"a-7-test": 5, "a-8-field": 3}),
    "prints-megabytes": ("graded", "cell a-7 printed too much", {}),
    "uses-up-memory": ("graded", "cell a-7 ran out of memory", {"a-7-test": 5, "a-8-field": 3, "a-8-voxel": 2}),
    "lost-a-test": ("graded", "cell a-6-test was missing", {}),
    "lost-a-question": ("graded", "cell a-7 was missing", {"a-7-test": 5, "a-8-field": 3}),
    "dies": ("not graded", "DeadKernelError", None),
    "renamed": ("not graded", "handed in my homework.ipynb", None),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_submission_is_reported(loop, name):
    _, reports, lost = loop
    status, note, points = BROKEN[name]
    assert reports[name]["status"] == status
    assert note in reports[name]["notes"]
    assert lost.get(name) == points
