"""The loop of the coursework, with nbgrader: right, wrong, empty and broken submissions."""

import copy
import csv
import json
import re
import sys
import zipfile
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import student
from helpers import twin
from helpers._twin import students

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "coursework"))
import checking
import grading
from wrong_answers import WRONG_ANSWERS

STUDENTS = ["mia", "ben"]
# On Windows, pyzmq says that it starts a thread for the kernel's messages; nothing is wrong.
pytestmark = pytest.mark.filterwarnings("ignore:Proactor event loop:RuntimeWarning")
FIRST = "assignment_a"
FOREVER = "while True:\n    pass"
# No machine is too slow for a cell that ends, and nobody waits long for the one that does not.
LIMITS = f"""
limit = c.ExecutePreprocessor.timeout
c.ExecutePreprocessor.timeout_func = (
    lambda cell: limit / 20 if cell.source == {FOREVER!r} else 60 * limit
)
"""


def changed(root, grade_id, source):
    notebook = checking.read(root, FIRST)
    checking.cell_of(notebook, grade_id).source = source
    return notebook


def without(root, *grade_ids):
    notebook = checking.read(root, FIRST)
    for grade_id in grade_ids:
        notebook.cells.remove(checking.cell_of(notebook, grade_id))
    return notebook


def split(root, grade_id, lines=None):
    """Split a cell as JupyterLab does, which copies the metadata; in its middle, or elsewhere."""
    notebook = checking.read(root, FIRST)
    cell = checking.cell_of(notebook, grade_id)
    source = cell.source.splitlines(keepends=True)
    lines = len(source) // 2 if lines is None else lines
    first = copy.deepcopy(cell)
    first.id, first.source = "split-in-two", "".join(source[:lines])
    notebook.cells.insert(notebook.cells.index(cell), first)
    cell.source = "".join(source[lines:])
    return notebook


def broken_submissions(root):
    """Submissions that are out of order, and the names of their files."""
    whole = checking.read(root, FIRST)
    function = checking.cell_of(whole, "a-7").source
    sources = {
        "runs-forever": FOREVER,
        "prints-megabytes": function + "\nprint('x' * 3_000_000, *range(99_999), sep='\\n')",
        "warns": function.replace("    new =", "    np.log(np.zeros(1))\n    new ="),
        "dies": "import os\nos.kill(os.getpid(), 9)",
    }
    if sys.platform == "linux":  # elsewhere memory has no limit
        # Never touched: the limit is to what a program asks for, however much a machine has.
        sources["uses-up-memory"] = "hog = []\nwhile True:\n    hog.append(np.empty(10**7))"
    notebooks = {name: (changed(root, "a-7", source), None) for name, source in sources.items()}
    return notebooks | {
        "lost-a-test": (without(root, "a-setup", "a-6-test"), None),
        "lost-a-question": (without(root, "a-7", "a-7-test"), None),
        "renamed": (whole, "my homework"),
        "split-a-test": (split(root, "a-6-test"), None),
        "copied-an-answer": (split(root, "a-7", 0), None),
    }


# Status, a part of the report, and the points that are lost.
LOST = {"a-7-test": 5, "a-8-field": 3}
BROKEN = {
    "runs-forever": ("graded", "cell a-7 ran out of time", LOST),
    "prints-megabytes": ("graded", "cell a-7 printed too much", {}),
    "warns": ("graded", "", {}),
    "uses-up-memory": ("graded", "cell a-7 ran out of memory", LOST),
    "lost-a-test": ("graded", "cell a-6-test was missing and was put back", {}),
    "lost-a-question": ("graded", "cell a-7 was missing and was put back", LOST),
    "split-a-test": ("graded", "cell a-6-test was split or copied; the last one counts", {}),
    "copied-an-answer": ("graded", "cell a-7 was split or copied", {}),
    "dies": ("not graded", "DeadKernelError", None),
    "renamed": ("not graded", "handed in my homework.ipynb, not assignment_a.ipynb", None),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = checking.copy_course(tmp_path_factory.mktemp("course"))
    with (folder / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(LIMITS)
    return folder


@pytest.fixture(scope="module")
def first(root):
    """Run the loop of the first assignment, with broken submissions among the others."""
    broken = broken_submissions(root)
    return checking.run_loop(root, FIRST, STUDENTS, broken, minutes=60, gigabytes=3, jobs=2)


@pytest.mark.parametrize(
    "assignment",
    [FIRST, *(pytest.param(n, marks=pytest.mark.slow) for n in WRONG_ANSWERS if n != FIRST)],
)
def test_one_student_with_right_answers_gets_all_points(assignment, tmp_path):
    """What a change breaks first; `make test-all` grades wrong and broken submissions, too."""
    root = checking.copy_course(tmp_path)
    course = grading.open_course(root)
    grading.release(course, assignment)
    checking.hand_in(root, assignment, "mia", checking.read(root, assignment))
    if assignment == FIRST:
        checking.hand_in(root, assignment, "ben", split(root, "a-7", 0))
    grading.collect(course, assignment)
    for report in grading.grade(course, assignment, minutes=60):
        assert report["status"] == "graded", report
        assert checking.points_lost(course, assignment, report["student"]) == {}
        assert ("a-7 was split" in report["notes"]) == (report["student"] == "ben")


def test_a_teachers_cell_that_was_split_is_named_before_the_release(tmp_path):
    root = checking.copy_course(tmp_path)
    nbformat.write(split(root, "a-7"), root / "source" / FIRST / f"{FIRST}.ipynb")
    with pytest.raises(SystemExit) as stopped:
        grading.main(["release", FIRST, "--root", str(root)])
    message = r"assignment_a\.ipynb has more than one cell with the id a-7: Split and Paste"
    assert re.search(message, stopped.value.code)
    assert not (root / "release").exists()


@pytest.mark.slow
def test_the_first_assignment_gives_the_points_of_the_table(root, first):
    assert not checking.faults(root, FIRST, STUDENTS, first[1])


@pytest.mark.slow
@pytest.mark.parametrize("assignment", [name for name in WRONG_ANSWERS if name != FIRST])
def test_an_assignment_gives_the_points_of_the_table(root, first, assignment):
    _, lost = checking.run_loop(root, assignment, STUDENTS, jobs=2)
    assert not checking.faults(root, assignment, STUDENTS, lost)


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_submission_is_reported_and_graded_as_far_as_it_goes(root, first, name):
    if name not in first[0]:
        pytest.skip("memory is limited on Linux only")
    status, note, points = BROKEN[name]
    report, lost = first[0][name], first[1].get(name)
    assert report["status"] == status
    assert note in report["notes"]
    if name == "uses-up-memory":  # what is still in use may be missing later on
        lost = {test: lost[test] for test in points}
    assert lost == points


@pytest.mark.slow
def test_grades_report_and_feedback_are_written(root, first):
    with (root / "grades.csv").open() as stream:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(stream)
                  if row["assignment"] == FIRST and row["student_id"] in first[0]}  # fmt: skip
    assert scores == {
        name: report["score"] or 0.0 for name, report in first[0].items()
    } | dict.fromkeys(STUDENTS, 42.0) | {"empty": 0.0}
    with (root / f"report_{FIRST}.csv").open() as stream:
        assert {row["student"]: row["status"] for row in csv.DictReader(stream)} == {
            name: report["status"] for name, report in first[0].items()
        }
    for name, report in first[0].items():
        page = root / "feedback" / name / FIRST / f"{FIRST}.html"
        assert page.is_file() == (report["status"] == "graded")
    page = (root / "feedback" / "pixel-order" / FIRST / f"{FIRST}.html").read_text()
    assert "mirrored along the diagonal" in page
    assert all(len(p.read_bytes()) < 3e6 for p in (root / "feedback").rglob("*.html"))


# The submission says which processes it consists of, and does not end.
ENDLESS = """import os, subprocess, sys
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
Path({folder!r}, "written").write_text(f"{{os.getpid()}} {{child.pid}}")
Path({folder!r}, "written").rename(Path({folder!r}, "begun"))
child.wait()
"""


@pytest.mark.slow
def test_a_submission_that_does_not_end_is_killed_with_all_that_it_started(root, first, tmp_path):
    """It gets twice the time until it has come to the cell that does not end."""
    folder = root / "submitted" / "endless" / FIRST
    folder.mkdir(parents=True)
    source = ENDLESS.format(folder=str(tmp_path))
    nbformat.write(changed(root, "a-7", source), folder / f"{FIRST}.ipynb")
    course, seconds = grading.open_course(root), 4
    before = set(psutil.Process().children(recursive=True))
    while not (tmp_path / "begun").exists():
        result = grading._in_a_process(course, FIRST, "endless", seconds, 4)
        assert result["error"] == f"it took longer than {seconds / 60:g} minutes"
        assert set(psutil.Process().children(recursive=True)) <= before
        seconds *= 2
    for number in map(int, (tmp_path / "begun").read_text().split()):
        gone = not psutil.pid_exists(number)
        assert gone or psutil.Process(number).status() == psutil.STATUS_ZOMBIE


@pytest.mark.slow
def test_a_kernel_that_did_not_start_is_started_again(root, first, monkeypatch):
    (root / "submitted" / "mia" / "assignment_x").mkdir()
    failed = {"success": False, "log": f"RuntimeError: {grading.NOT_STARTED} to it", "error": None}
    other = {"success": False, "log": "", "error": "another reason"}
    results = iter([failed, other])
    monkeypatch.setattr(grading, "_in_a_process", lambda *_: next(results))
    course = grading.open_course(root)
    with pytest.raises(grading.CourseError):  # no feedback, since nothing was graded
        grading.grade(course, "assignment_x")
    assert next(results, "none left") == "none left"


@pytest.mark.slow
def test_what_students_get_holds_no_solution_no_hidden_test_and_no_truth(root, first):
    (packed,) = grading.hand_out(grading.open_course(root), FIRST, ["mia"])
    with zipfile.ZipFile(packed) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        text = archive.read(f"{FIRST}/{FIRST}.ipynb").decode()
    assert {name.split("/")[1] for name in names} == {f"{FIRST}.ipynb", "recording"}
    assert not any("truth" in name for name in names)
    assert not re.search("BEGIN|graded_truth|Mark scheme|Model answer", text)
    for cell in checking.read(root, FIRST).cells:
        solution = re.search(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", cell.source, re.S)
        for line in solution[1].splitlines() if solution and cell.cell_type == "code" else []:
            assert json.dumps(line.strip())[1:-1] not in text or len(line.strip()) < 12


@pytest.mark.slow
def test_the_release_runs_from_the_folder_for_students(root, tmp_path, monkeypatch):
    """As in Binder: the helpers of that folder, and a recording made from the id."""
    for assignment in WRONG_ANSWERS:
        grading.release(grading.open_course(root), assignment)
    folder = tmp_path / "student"
    student.write_book(grading.HERE.parents[1], root / "release", folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    for path in sorted(folder.glob("assignments/*/*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        cells = notebook.cells
        typed = next(cell for cell in cells if cell.source.strip() == 'STUDENT = ""')
        typed.source = 'STUDENT = "mia"\nimport helpers\nprint(helpers.__file__)'
        with pytest.raises(CellExecutionError) as stopped:
            NotebookClient(notebook, resources={"metadata": {"path": path.parent}}).execute()
        assert stopped.value.ename == "NotImplementedError"
        assert Path(typed.outputs[0].text.strip()).is_relative_to(folder)
        assert (path.parent / "recording" / "mask.nii.gz").is_file()


@pytest.mark.slow
def test_in_a_course_with_a_secret_the_notebook_asks_for_the_recording(root, monkeypatch):
    (root / "salt.txt").write_text("a secret\n")
    grading.release(grading.open_course(root), FIRST)
    monkeypatch.chdir(root / "release" / FIRST)
    with pytest.raises(ValueError, match='Put the folder "recording" that you were given'):
        twin.load_student("mia")
    (root / "salt.txt").unlink()
    grading.release(grading.open_course(root), FIRST)
    assert not Path(students.HANDED_OUT).exists()


@pytest.mark.slow
def test_a_secret_of_the_course_changes_the_twins(root, first, tmp_path):
    other = checking.copy_course(tmp_path)
    (other / "salt.txt").write_text("a secret\n")
    plain, salted = (
        grading.preparing.make_twin("mia", folder) / "recording" / "label" / "random_run1.csv"
        for folder in (root, other)
    )
    assert plain.read_bytes() != salted.read_bytes()
    assert not (checking.copy_course(tmp_path / "again") / "salt.txt").exists()


@pytest.mark.parametrize("assignment", WRONG_ANSWERS)
def test_points_are_stated(assignment):
    cells = checking.read(grading.HERE, assignment).cells
    points = [cell.metadata["nbgrader"].get("points", 0) for cell in cells
              if "nbgrader" in cell.metadata]  # fmt: skip
    rows = re.findall(r"^\| \d .*\| ([\d +]+) \|$", cells[0].source, re.M)
    stated = [int(number) for row in rows for number in row.split("+")]
    assert sum(points) == sum(stated) == 50
    assert stated == [number for number in points if number]
    assert len(WRONG_ANSWERS[assignment]) >= 6
    assert not any(cell.get("outputs") for cell in cells)
