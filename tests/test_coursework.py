"""A course from its roster to its marks: release, hand-outs, grading, points by hand, export."""

import base64
import copy
import csv
import dataclasses
import json
import re
import shutil
import struct
import subprocess
import sys
import unicodedata
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import student
from helpers import twin
from helpers._twin import students

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "coursework"))
import course
import exchange
import feedback
import grading
import marking
import preparing
import releasing
import sandbox
from preparing import CourseError

FIRST = "assignment_a"
ASSIGNMENTS = releasing.assignments(releasing.HERE)
ROSTER = "id;name;email\nmia;Mia Meyer;mia@uni.de\njörg;Jörg Größe;jg@uni.de\nx-1;Ann O'Neill;\n"
KIND = "trusted" if sandbox.Bubblewrap.lacks() else "bubblewrap"
# On Windows, pyzmq says that it starts a thread for the kernel's messages; nothing is wrong.
pytestmark = pytest.mark.filterwarnings("ignore:Proactor event loop:RuntimeWarning")


def rows_of(path):
    with Path(path).open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def by_student(path):
    return {row["student"]: row for row in rows_of(path)}


def source(root, assignment=FIRST):
    return releasing.read_source(root, assignment)


def cell_of(notebook, name):
    return next(c for c in notebook.cells if c.metadata.get("course", {}).get("id") == name)


def hand_in(root, name, notebook, archive="canvas.zip"):
    """Put a notebook into an archive of the downloads."""
    folder = Path(root) / "downloaded" / FIRST
    folder.mkdir(parents=True, exist_ok=True)
    text = notebook if isinstance(notebook, str) else nbformat.writes(notebook)
    with zipfile.ZipFile(folder / archive, "a") as packed:
        packed.writestr(name, text)


def copied(root, target):
    """Copy a course, to change it."""
    shutil.copytree(root, target)
    return target


# The assignments ---------------------------------------------------------------------------------


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_points_are_stated_and_are_those_of_the_judges(assignment):
    notebook = source(releasing.HERE, assignment)
    asked = [cell.metadata.course for cell in notebook.cells if "course" in cell.metadata]
    points = [one["points"] for one in asked if "points" in one]
    rows = re.findall(r"^\| \d+ .*\| ([\d +]+) \|$", notebook.cells[0].source, re.M)
    stated = [int(number) for row in rows for number in row.split("+")]
    assert sum(points) == sum(stated) == 50
    assert stated == points
    releasing._check_questions(releasing.HERE, assignment, notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_release_holds_no_solution(assignment):
    notebook = source(releasing.HERE, assignment)
    released = nbformat.writes(releasing.for_students(notebook))
    assert not re.search("BEGIN|graded_truth|Mark scheme|Model answer", released)
    assert "YOUR CODE HERE" in released
    assert "YOUR ANSWER HERE" in released
    for cell in notebook.cells:
        solution = re.search(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", cell.source, re.S)
        for line in solution[1].splitlines() if solution and cell.cell_type == "code" else []:
            assert json.dumps(line.strip())[1:-1] not in released or len(line.strip()) < 12


def changed_source(tmp_path, change):
    root = tmp_path / "coursework"
    notebook = source(releasing.HERE)
    change(notebook)
    (root / "source" / FIRST).mkdir(parents=True)
    nbformat.write(notebook, root / "source" / FIRST / f"{FIRST}.ipynb")
    return root


def _split(notebook):
    cell = cell_of(notebook, "a-7")
    other = copy.deepcopy(cell)
    other.id = "split-in-two"
    notebook.cells.insert(notebook.cells.index(cell), other)


def _other_points(notebook):
    cell_of(notebook, "a-7-test").metadata.course["points"] = 99


def _hidden(notebook):
    cell_of(notebook, "a-7-test").source += "\n### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS"


def _open_end(notebook):
    cell = cell_of(notebook, "a-7")
    cell.source = cell.source.replace("### END SOLUTION", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_split, r"assignment_a\.ipynb has more than one cell with the id a-7: Split and Paste"),
        (_other_points, "do not agree on the questions a-7-test"),
        (_hidden, "hidden tests, which students would run"),
        (_open_end, "cell a-7 has '### BEGIN SOLUTION' without"),
    ],
)
def test_a_teachers_mistake_is_named_before_the_release(tmp_path, change, message):
    root = changed_source(tmp_path, change)
    with pytest.raises(SystemExit) as stopped:
        course.main(["release", FIRST, "--root", str(root)])
    assert re.search(message, stopped.value.code)
    assert not (root / "release").exists()


# Names -------------------------------------------------------------------------------------------


def test_names_of_files_are_safe_and_nobody_shares_one():
    ids = [
        "mia", "Mia", "MIA", "jörg", "jorg", "Jorg", "a/b", "a-b", "a b", "..", ".", "con", "CON.x",
        "李小龙", "小龙", "m.", "m", "../../x", "mia~1", "x" * 61, "x" * 62, "é", "e", "o'neill",
    ]  # fmt: skip
    names = [preparing.safe_name(one) for one in ids]
    assert len({name.casefold() for name in names}) == len(ids)
    for name in names:
        assert re.fullmatch(r"[a-z0-9][a-z0-9._~-]*[a-z0-9_-]|[a-z0-9]", name), name
    assert preparing.safe_name("mia") == "mia"
    assert preparing.safe_name(unicodedata.normalize("NFD", "jörg")) == names[3]


# From the roster to the marks --------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A private course of three, as `make course` makes it."""
    folder = tmp_path_factory.mktemp("teacher")
    (folder / "class.csv").write_text(ROSTER, encoding="utf-8")
    course.main(["course", str(folder / "class.csv"), "--jobs", "1"])
    return folder / "course"


@pytest.fixture(scope="module")
def graded(made, tmp_path_factory):
    """The same, with hand-ins from Canvas that were graded."""
    root = copied(made, tmp_path_factory.mktemp("graded") / "course")
    right = source(root)
    cell_of(right, "a-student").source = 'STUDENT = "MIA"'
    cell_of(right, "a-9").source = "=cmd|'/C calc'!A0 <script>alert(1)</script> mirrored"
    empty = nbformat.read(root / "release" / FIRST / f"{FIRST}.ipynb", as_version=4)
    hand_in(root, "meyermia_11_101_assignment_a.ipynb", right)
    hand_in(root, "meyermia_11_90_assignment_a.ipynb", empty)
    hand_in(root, "größejörg_LATE_12_102_assignment_a-1.ipynb", empty)
    hand_in(root, "oneillann_13_103_assignment_a.ipynb", "no notebook")
    hand_in(root, "strangerbob_14_104_assignment_a.ipynb", right)
    hand_in(root, "../escaped.ipynb", right)
    course.main(["marks", FIRST, "--root", str(root), "--sandbox", KIND])
    return root


def test_a_course_is_private_and_whole(made):
    assert (made.stat().st_mode & 0o077 == 0) or sys.platform == "win32"
    assert len((made / "salt.txt").read_text().strip()) > 20
    assert releasing.assignments(made) == ASSIGNMENTS
    assert {path.stem for path in (made / "judging").glob("*.py")} == set(ASSIGNMENTS)
    assert (made / "students" / "assignments" / FIRST / students.HANDED_OUT).is_file()
    assert list((made / "students" / "notebooks").glob("*.ipynb"))
    assert not list((made / "students").rglob("salt.txt"))
    assert [row["file"] for row in rows_of(made / "handout.csv")] == [
        f"handout/{preparing.safe_name(one)}.zip" for one in ("mia", "jörg", "x-1")
    ]
    course.main(["check", "--root", str(made)])


def test_a_hand_out_holds_notebooks_the_recording_and_no_truth(made):
    with zipfile.ZipFile(made / "handout" / f"{preparing.safe_name('jörg')}.zip") as archive:
        names = archive.namelist()
        notebook = archive.read(f"coursework/{FIRST}.ipynb").decode()
    assert {name.split("/")[0] for name in names} == {"coursework"}
    inner = {name.split("/")[1] for name in names}
    assert inner == {"recording", *(f"{name}.ipynb" for name in ASSIGNMENTS)}
    assert not any("truth" in name for name in names)
    assert r"STUDENT = \"jörg\"" in notebook


def test_making_it_again_keeps_the_salt_and_adds_students(made, tmp_path, capsys):
    root = copied(made, tmp_path / "course")
    salt, judge = (root / "salt.txt").read_text(), root / "judging" / f"{FIRST}.py"
    judge.write_text(judge.read_text(encoding="utf-8") + "# ours\n", encoding="utf-8")
    (tmp_path / "class.csv").write_text(ROSTER + "zoë;Zoë;\n", encoding="utf-8")
    course.main(["course", str(tmp_path / "class.csv"), "--root", str(root)])
    assert (root / "salt.txt").read_text() == salt
    assert judge.read_text(encoding="utf-8").endswith("# ours\n")
    assert [person.id for person in releasing.roster_of(root)] == ["mia", "jörg", "x-1", "zoë"]
    assert "4 students" in capsys.readouterr().out


def test_no_private_course_in_the_repository(tmp_path):
    (tmp_path / "class.csv").write_text(ROSTER, encoding="utf-8")
    for place in (releasing.BOOK, releasing.BOOK / "pages" / "mine"):
        with pytest.raises(CourseError, match="would be published with it"):
            releasing.make(tmp_path / "class.csv", place)
    assert not (releasing.BOOK / "pages" / "mine").exists()


def test_the_report_has_a_row_for_each_file_and_each_student(graded):
    rows = rows_of(graded / f"report_{FIRST}.csv")
    assert len(rows) == 6
    used = {row["student"]: row for row in rows if row["counts"] == "yes"}
    assert {name: row["status"] for name, row in used.items()} == {
        "mia": "graded", "jörg": "graded", "x-1": "not graded",
    }  # fmt: skip
    assert {name: row["tests"] for name, row in used.items()} == {
        "mia": "42", "jörg": "0", "x-1": "",
    }  # fmt: skip
    assert used["jörg"]["late"] == "late"
    assert "not answered: a-1, a-2" in used["jörg"]["notes"]
    assert "the notebook says that the id is 'MIA'" in used["mia"]["notes"]
    assert "it counts, of 2 files" in used["mia"]["notes"]
    assert "no notebook" in used["x-1"]["notes"]
    others = {row["file"]: row["notes"] for row in rows if row["counts"] == "no"}
    assert "newer" in others["canvas.zip/meyermia_11_90_assignment_a.ipynb"]
    assert "nobody on the roster" in others["canvas.zip/strangerbob_14_104_assignment_a.ipynb"]
    assert "leads out" in others["canvas.zip/../escaped.ipynb"]
    assert not (graded / "downloaded" / "escaped.ipynb").exists()


def test_what_cannot_be_graded_is_empty_and_says_why(graded):
    grades = by_student(graded / "grades.csv")
    assert {name: row[FIRST] for name, row in grades.items()} == {"mia": "", "jörg": "0", "x-1": ""}
    assert "a-9 is not marked yet" in grades["mia"][f"{FIRST}_why_empty"]
    assert "no notebook" in grades["x-1"][f"{FIRST}_why_empty"]
    with (graded / "upload" / FIRST / "canvas_grades.csv").open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert [row[-1] for row in rows[1:]] == ["50", "", "0", ""]


def test_points_by_hand_are_read_back_and_kept(graded, tmp_path):
    root = copied(graded, tmp_path / "course")
    table = root / f"written_{FIRST}.csv"
    rows = by_student(table)
    assert {name: row["points"] for name, row in rows.items()} == {"mia": "", "jörg": "0"}
    text = table.read_text(encoding="utf-8-sig").replace("a-9,8,,", 'a-9,8,"6,5",Well seen', 1)
    table.write_text(text, encoding="cp1252")
    course.main(["export", FIRST, "--root", str(root)])
    assert by_student(root / "grades.csv")["mia"][FIRST] == "48.5"
    page = (root / "feedback" / FIRST / "mia.html").read_text(encoding="utf-8")
    assert "48.5 of 50 points" in page
    assert "Well seen" in page
    # Regraded, with another answer: the points stay, and the report says so.
    path = root / "submitted" / FIRST / "mia" / "hand_in.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("mirrored", "turned"), "utf-8")
    course.main(["grade", FIRST, "mia", "--root", str(root), "--sandbox", KIND])
    course.main(["written", FIRST, "--root", str(root)])
    assert by_student(table)["mia"]["points"] == "6.5"
    assert by_student(root / "grades.csv")["mia"][FIRST] == "48.5"
    notes = [r["notes"] for r in rows_of(root / f"report_{FIRST}.csv") if r["counts"] == "yes"]
    assert "the answer to a-9 has changed since it was marked" in notes[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("a-9,8,,", "a-9,8,9,", "expected a number from 0 to 8"),
        ("a-9,8,,", "a-9,8,good,", "'good' points"),
        ("a-9,8,,", "a-9,8,-1,", "'-1' points"),
        ("a-9,8,,", "a-99,8,1,", "is about 'a-99': assignment_a has the questions a-1"),
        ("mia,", "12,", "is about '12', who is not on the roster"),
    ],
)
def test_points_that_cannot_be_are_refused(graded, tmp_path, old, new, message):
    root = copied(graded, tmp_path / "course")
    table = root / f"written_{FIRST}.csv"
    text = table.read_text(encoding="utf-8-sig").replace(old, new, 1)
    table.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        course.main(["export", FIRST, "--root", str(root)])
    assert re.search(f"Row 2 of .*{message}", stopped.value.code)


def test_a_person_marks_what_could_not_be_judged_and_may_overrule_a_judge(graded, tmp_path):
    root = copied(graded, tmp_path / "course")
    path = root / "graded" / FIRST / "mia.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    lost = next(one for one in kept["results"] if one["id"] == "a-6-test")
    lost.update(points=None, status="not judged", words="Not judged: it took too much memory.")
    path.write_text(json.dumps(kept), "utf-8")
    course.main(["written", FIRST, "--root", str(root)])
    table = root / f"written_{FIRST}.csv"
    rows = [row for row in rows_of(table) if row["student"] == "mia"]
    assert [(row["question"], row["points"]) for row in rows] == [("a-6-test", ""), ("a-9", "")]
    course.main(["export", FIRST, "--root", str(root), "--without-written"])
    grades = by_student(root / "grades.csv")["mia"]
    assert (grades[FIRST], grades[f"{FIRST}_why_empty"]) == (
        "", "a-6-test could not be judged, a-9 is not marked yet",
    )  # fmt: skip
    with table.open("a", encoding="utf-8") as stream:
        stream.write("mia,,a-6-test,,5,,\nmia,,a-9,,8,,\nmia,,a-1-test,,3.5,A typing error,\n")
    course.main(["export", FIRST, "--root", str(root)])
    assert by_student(root / "grades.csv")["mia"][FIRST] == "48.5"
    page = (root / "feedback" / FIRST / "mia.html").read_text(encoding="utf-8")
    assert "A typing error" in page
    course.main(["written", FIRST, "--root", str(root)])
    rows = [row for row in rows_of(table) if row["student"] == "mia"]
    assert {row["question"]: row["points"] for row in rows} == {
        "a-6-test": "5", "a-9": "8", "a-1-test": "3.5",
    }  # fmt: skip


def test_the_sheet_has_all_answers_beside_the_mark_scheme(graded):
    page = (graded / "written" / f"{FIRST}.html").read_text(encoding="utf-8")
    assert "Mark scheme (8 points)" in page
    assert "A friend of yours" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; mirrored" in page
    assert "There is no answer." in page


def test_nobody_is_graded_twice_and_a_stopped_grader_goes_on(graded, tmp_path, monkeypatch, capsys):
    root = copied(graded, tmp_path / "course")
    kept = {path.name: path.read_bytes() for path in (root / "graded" / FIRST).iterdir()}
    monkeypatch.setattr(grading, "_grade_one", lambda *_: pytest.fail("graded again"))
    course.main(["grade", FIRST, "--root", str(root), "--sandbox", KIND])
    assert "3 of 3 are graded already" in capsys.readouterr().out
    monkeypatch.undo()
    # Stopped at the second of two: the first is kept, and in the tables.
    for name in ("mia", preparing.safe_name("jörg")):
        (root / "graded" / FIRST / f"{name}.json").unlink()
    real, done = grading._grade_one, []

    def stopped_at_the_second(box, setting, about):
        if done:
            raise KeyboardInterrupt
        done.append(about["student"])
        return real(box, setting, about)

    monkeypatch.setattr(grading, "_grade_one", stopped_at_the_second)
    with pytest.raises(SystemExit, match="What is graded is kept"):
        course.main(["grade", FIRST, "--root", str(root), "--sandbox", KIND, "--jobs", "1"])
    monkeypatch.setattr(grading, "_grade_one", real)
    report = rows_of(root / f"report_{FIRST}.csv")
    status = {row["student"]: row["status"] for row in report if row["counts"] == "yes"}
    assert sorted(status.values()) == ["graded", "not graded", "not graded yet"]
    course.main(["grade", FIRST, "--root", str(root), "--sandbox", KIND])
    assert {path.name for path in (root / "graded" / FIRST).iterdir()} == set(kept)
    for name, before in kept.items():
        now = json.loads((root / "graded" / FIRST / name).read_text(encoding="utf-8"))
        assert now["results"] == json.loads(before)["results"]


def test_one_student_or_the_late_ones_alone(graded, tmp_path, monkeypatch):
    root, done = copied(graded, tmp_path / "course"), []
    real = marking.read_graded

    def note(box, setting, about):
        done.append(about["student"])
        return real(root, FIRST, about["student"])

    monkeypatch.setattr(grading, "_grade_one", note)
    grading.grade(root, FIRST, ["x-1"], kind="trusted", again=True)
    grading.grade(root, FIRST, late=True, kind="trusted", again=True)
    assert done == ["x-1", "jörg"]
    with pytest.raises(CourseError, match="nobody has handed in nothing"):
        grading.grade(root, FIRST, ["nobody"], kind="trusted")


@pytest.mark.slow
def test_a_failure_of_the_grader_is_nobodys_zero_and_is_tried_again(graded, tmp_path, monkeypatch):
    root = copied(graded, tmp_path / "course")
    monkeypatch.setattr(grading.judging, "judge", lambda *_: 1 / 0)
    grading.grade(root, FIRST, ["mia"], kind=KIND, again=True)
    report = {
        r["student"]: r for r in rows_of(root / f"report_{FIRST}.csv") if r["counts"] == "yes"
    }
    assert (report["mia"]["status"], report["mia"]["total"]) == ("not graded", "")
    assert "the grader failed: ZeroDivisionError" in report["mia"]["notes"]
    monkeypatch.undo()
    assert grading.grade(root, FIRST, ["mia"], kind=KIND)["mia"]["status"] == "graded"


@pytest.mark.skipif(KIND == "trusted", reason="there is no bubblewrap")
def test_without_a_sandbox_the_points_are_the_same(graded, tmp_path, capsys):
    root = copied(graded, tmp_path / "course")
    before = marking.read_graded(root, FIRST, "mia")["results"]
    after = grading.grade(root, FIRST, ["mia"], kind="trusted", again=True)["mia"]
    assert after["results"] == before
    assert after["sandbox"] == "trusted"
    assert "with your rights" in capsys.readouterr().out


@pytest.mark.slow
def test_a_newer_file_is_graded_and_an_older_archive_may_go(graded, tmp_path, capsys):
    root = copied(graded, tmp_path / "course")
    right = source(root)
    cell_of(right, "a-1").source = "n_volumes = tr = n_voxels = minutes = 1"
    (root / "downloaded" / FIRST / "canvas.zip").unlink()
    hand_in(root, "meyermia_LATE_11_205_assignment_a-2.ipynb", right, "late.zip")
    course.main(["collect", FIRST, "--root", str(root)])
    rows = rows_of(root / f"report_{FIRST}.csv")
    mia = next(row for row in rows if row["student"] == "mia")
    assert "a newer file was collected after this was graded" in mia["notes"]
    assert sum("its archive is gone" in row["notes"] for row in rows) == 2
    course.main(["grade", FIRST, "--late", "mia", "--root", str(root), "--sandbox", KIND])
    rows = rows_of(root / f"report_{FIRST}.csv")
    assert next(row for row in rows if row["student"] == "mia")["tests"] == "38"


# What belongs together ---------------------------------------------------------------------------


def _edit_source(root):
    notebook = source(root)
    cell_of(notebook, "a-7-test").source += "\n# changed"
    nbformat.write(notebook, root / "source" / FIRST / f"{FIRST}.ipynb")


def _edit_release(root):
    path = root / "release" / FIRST / f"{FIRST}.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("loading", "LOADING"), "utf-8")


def _edit_judge(root):
    path = root / "judging" / f"{FIRST}.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", "utf-8")


def _edit_salt(root):
    (root / "salt.txt").chmod(0o600)
    (root / "salt.txt").write_text("another\n")


def _release_anew(root):
    _edit_source(root)
    releasing.release(root, [FIRST])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_edit_source, "source/assignment_a is not what release/assignment_a was made from"),
        (_edit_release, "release/assignment_a is not what was released"),
        (_edit_judge, r"judging/assignment_a\.py has changed since the release"),
        (_edit_salt, r"salt\.txt is not that of the release"),
        (_release_anew, "What was handed out to jörg, mia, x-1 does not belong to the release"),
    ],
)
def test_what_does_not_belong_together_is_refused(graded, tmp_path, change, message):
    root = copied(graded, tmp_path / "course")
    change(root)
    with pytest.raises(SystemExit) as stopped:
        course.main(["grade", FIRST, "--root", str(root), "--sandbox", KIND])
    assert re.search(message, stopped.value.code)


def test_a_judge_that_is_mended_needs_no_new_hand_out(graded, tmp_path):
    root = copied(graded, tmp_path / "course")
    _edit_judge(root)
    course.main(["release", FIRST, "--root", str(root)])
    course.main(["check", "--root", str(root)])


@pytest.mark.slow
def test_a_course_has_judges_of_its_own(graded, tmp_path):
    root = copied(graded, tmp_path / "course")
    path = root / "judging" / f"{FIRST}.py"
    text = path.read_text(encoding="utf-8")
    words = re.search(r'@question\("a-1-test", points=4, words="([^"]+)"', text)[1]
    path.write_text(text.replace(words, "Our own words"), "utf-8")
    course.main(["release", FIRST, "--root", str(root)])
    found = grading.grade(root, FIRST, ["mia"], kind=KIND)["mia"]["results"]
    assert found[0]["words"] == "Our own words"
    of_the_book = releasing.judge_file(releasing.HERE, FIRST)
    assert releasing.judging.questions_of(of_the_book)[0].words == words


# Feedback ----------------------------------------------------------------------------------------

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)><iframe src=//x></iframe>"


def a_page(cells, **others):
    given = {
        "student": HOSTILE, "status": "graded", "reason": "", "notes": [HOSTILE],
        "results": [{"id": "a-1", "points": 4.0, "max_points": 4.0, "words": HOSTILE,
                     "status": "judged"}],
        "cells": cells,
    }  # fmt: skip
    return feedback.page({**given, **others}, HOSTILE)


def a_cell(source="x", kind="code", role="answer", **output):
    given = {"status": "ok", "text": "", "images": [], "error": ""}
    return {"id": "a-1", "role": role, "kind": kind, "source": source, "output": given | output}


def png(width, height):
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + bytes(20)


def test_nothing_that_a_student_wrote_can_run_in_a_page():
    picture, huge = (base64.b64encode(png(*size)).decode() for size in ((2, 2), (10**5, 10**5)))
    svg = base64.b64encode(b"<svg onload='alert(1)'>").decode()
    cells = [
        a_cell(HOSTILE, text=HOSTILE, error=HOSTILE, images=[picture, huge, svg]),
        a_cell(f"# {HOSTILE}", "markdown", "other"),
        a_cell(HOSTILE, "markdown", "written"),
        a_cell("\x1b[31mred \u202egnp.exe \x00 \ud800"),
    ]
    page = a_page(cells).decode()
    assert "Content-Security-Policy" in page
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    assert len(re.findall("<img", page)) == 1
    for tag in re.findall(r"<[^!/][^>]*>", page):
        assert not re.match(r"<(script|iframe|object|embed|svg|a|form|base|link)\b", tag, re.I)
        assert not re.search(r"\son\w+\s*=|javascript:", tag, re.I), tag
    assert page.count("&lt;script&gt;") >= 6
    assert not re.search("[\x00\x1b\u202e]", page)


def test_a_page_is_never_larger_than_two_megabytes():
    cells = [a_cell("x" * 20_000, text="y" * 20_000) for _ in range(200)]
    page = a_page(cells)
    assert len(page) <= 2_000_000
    assert b"left out" in page
    assert page.endswith(b"</html>\n")
    sheets = feedback.sheets("t", "q", "s", [(f"s{n}", "ä" * 20_000) for n in range(200)])
    assert len(sheets) > 1
    assert all(len(sheet) <= 2_000_000 for sheet in sheets)
    assert sum(sheet.count(b"<h3>") for sheet in sheets) == 200


def test_feedback_shows_ideas_code_and_figures_and_no_hidden_input(graded):
    page = (graded / "feedback" / FIRST / "mia.html").read_text(encoding="utf-8")
    assert "42 of 50 points" in page
    assert "1 still to be marked" in page
    assert "The lag goes the right way" in page
    assert "data:image/png;base64," in page
    assert "def read_images(path)" in page
    judge = (graded / "judging" / f"{FIRST}.py").read_text(encoding="utf-8")
    hidden = [line.strip() for line in judge.splitlines() if "rng." in line]
    assert hidden
    assert not [line for line in hidden if line in page]
    lost = (graded / "feedback" / FIRST / "x-1.html").read_text(encoding="utf-8")
    assert "Not graded" in lost


# Students' folder --------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_release_runs_from_the_folder_for_students(tmp_path, monkeypatch):
    """As in Binder: the helpers of that folder, and a recording made from the id."""
    root = tmp_path / "public"
    for name in ASSIGNMENTS:
        (root / "source" / name).mkdir(parents=True)
        nbformat.write(source(releasing.HERE, name), root / "source" / name / f"{name}.ipynb")
    releasing.release(root, ASSIGNMENTS)
    folder = tmp_path / "student"
    student.write_book(releasing.BOOK, root / "release", folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    for path in sorted(folder.glob("assignments/*/*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        typed = next(cell for cell in notebook.cells if cell.source.strip() == 'STUDENT = ""')
        typed.source = 'STUDENT = "mia"\nimport helpers\nprint(helpers.__file__)'
        with pytest.raises(CellExecutionError) as stopped:
            NotebookClient(notebook, resources={"metadata": {"path": path.parent}}).execute()
        assert stopped.value.ename == "NotImplementedError"
        assert Path(typed.outputs[0].text.strip()).is_relative_to(folder)
        assert (path.parent / "recording" / "mask.nii.gz").is_file()


def test_in_a_course_with_a_secret_the_notebook_asks_for_the_recording(made, monkeypatch):
    monkeypatch.chdir(made / "release" / FIRST)
    with pytest.raises(ValueError, match='Put the folder "recording" that you were given'):
        twin.load_student("mia")


def test_a_secret_of_the_course_changes_the_twins(made, tmp_path):
    plain = students.make(tmp_path / "recording", "mia")
    with np.load(made / "twins" / "mia" / "truth.npz") as stored:
        assert (
            stored["weights"].shape != plain.weights.shape
            or (stored["weights"] != plain.weights).any()
        )


def test_the_command_says_what_it_can_do():
    ran = subprocess.run(
        [sys.executable, Path(course.__file__), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for command in ("course", "collect", "grade", "written", "export", "marks"):
        assert command in ran.stdout


def test_people_without_names_or_numbers_are_people():
    assert dataclasses.astuple(exchange.Person("x")) == ("x", "", "", "", "", "")
