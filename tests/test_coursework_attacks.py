"""Hostile hand-ins gain nothing and change nothing; what each tries stands in `attacks`."""

import json
import struct
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import nbformat
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "coursework"))
import checking
import cleaning
import exchange
import grading
import inside
import sandbox
from attacks import ATTACKS
from exchange import Person

WHY_NOT = sandbox.Bubblewrap.lacks()
walls = pytest.mark.skipif(WHY_NOT is not None, reason=f"bubblewrap: {WHY_NOT}")
# One of most kinds; `make test-all` tries all others.
FAST = {
    *("tests-skipped-by-tags", "answers-of-its-own", "truth-read", "marks-of-another-lost"),
    *("everything-printed", "daemon-left", "script-in-outputs", "message-that-fills-the-memory"),
    *("names-that-stop-the-class",),
}
SETUP = """
import nibabel as nib

from helpers import twin
"""
JUDGE = """
from . import expect, question


@question("s-1-test", points=4, words="The voxels of your mask")
def voxels(given, truth, recording, rng):
    found = given.number(given.value("n_voxels"))
    expect(found == len(truth["size"]), "n_voxels is not that of your mask.")


@question("s-2-test", points=6, words="Twice as much")
def twice(given, truth, recording, rng):
    numbers = rng.integers(1, 100, 5).astype(float)
    found = given.array(given.function("double")(numbers), (5,))
    expect(found == 2 * numbers, "With five numbers, one is not doubled.")
"""


def cell(source, role=None, name=None, points=None, kind="code"):
    made = getattr(nbformat.v4, f"new_{kind}_cell")(source.strip())
    if role:
        made.metadata["course"] = {"id": name, "role": role} | (
            {"points": points} if points else {}
        )
    return made


def solved(code, indent=""):
    return f"{indent}### BEGIN SOLUTION\n{indent}{code}\n{indent}### END SOLUTION"


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """An assignment of two questions, which takes seconds to grade."""
    folder = tmp_path_factory.mktemp("origin")
    count = "n_voxels = int((nib.load(random_files.mask).get_fdata() > 0).sum())"
    notebook = nbformat.v4.new_notebook(
        cells=[
            cell("# A small assignment\n\nOf two questions.", kind="markdown"),
            cell(SETUP, "test", "s-setup"),
            cell('STUDENT = ""', "answer", "s-student"),
            cell("random_files, _ = twin.load_student(STUDENT)", "test", "s-files"),
            cell("## 1. Voxels", kind="markdown"),
            cell(solved(count), "answer", "s-1"),
            cell("assert n_voxels > 10", "test", "s-1-test", 4),
            cell("## 2. Twice", kind="markdown"),
            cell("def double(numbers):\n" + solved("return 2 * numbers", "    "), "answer", "s-2"),
            cell("assert double(2) == 4", "test", "s-2-test", 6),
            cell("## 3. In words", kind="markdown"),
            cell(solved("It depends."), "written", "s-3", 8, "markdown"),
        ]
    )
    (folder / "source" / "small").mkdir(parents=True)
    (folder / "judging").mkdir()
    nbformat.write(notebook, folder / "source" / "small" / "small.ipynb")
    (folder / "judging" / "small.py").write_text(JUDGE)
    return folder


LIMITS = sandbox.Limits(minutes=1, gigabytes=3, processes=50, written_megabytes=100, seconds=10)


@pytest.fixture(scope="module")
def attacked(origin, tmp_path_factory):
    with checking.Attacked(tmp_path_factory.mktemp("class"), "small", origin, LIMITS) as made:
        assert checking.points_lost(made.before[made.NEXT]) == {}
        assert made.honest("release") == 0
        yield made


@walls
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in ATTACKS]
)
def test_an_attack_gains_nothing_and_changes_nothing(name, attacked):
    outcome = attacked.attempt(name)
    assert outcome.gained == 0, outcome
    assert outcome.faults == []
    assert outcome.seconds < 60 * LIMITS.minutes + 60


@walls
def test_who_comes_next_gets_what_they_would_have_got(attacked):
    assert attacked.faults_of_the_next() == []


@walls
@pytest.mark.slow
def test_a_grader_that_is_killed_goes_on_and_loses_nobodys_marks(attacked):
    assert attacked.faults_of_a_killed_grader() == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the attack is written for other systems")
def test_without_walls_an_attack_is_noticed(origin, tmp_path):
    """Else all of these checks could be blind."""
    with checking.Attacked(tmp_path, "small", origin, LIMITS, "trusted") as bare:
        faults = bare.attempt("marks-of-another-lost").faults
        assert any("vera.json" in fault for fault in faults), faults


def test_there_are_attacks_of_every_kind():
    kinds = Counter(attack.kind for attack in ATTACKS.values())
    assert len(ATTACKS) >= 60
    assert min(kinds.values()) >= 2, kinds
    assert all(attack.tries.endswith(".") for attack in ATTACKS.values())
    assert set(ATTACKS) >= FAST


# What was found, each at its place -----


def test_many_arrays_of_the_same_bytes_are_no_message():
    body = bytes(1000)
    tree = json.dumps({"list": [{"array": ["|i1", [1000], 0, 1000]}] * 3}).encode()
    with pytest.raises(inside.BadMessageError, match="more than once"):
        inside.unpack(struct.pack(">I", len(tree)) + tree + body)


def test_an_array_of_too_many_entries_is_no_message():
    body = bytes(inside.LARGEST_ARRAY + 1)
    tree = json.dumps({"array": ["|i1", [len(body)], 0, len(body)]}).encode()
    with pytest.raises(inside.BadMessageError, match="too large"):
        inside.unpack(struct.pack(">I", len(tree)) + tree + body)


def test_a_number_too_large_is_no_message():
    tree = json.dumps({"complex": [10**400, 0]}).encode()
    with pytest.raises(inside.BadMessageError):
        inside.unpack(struct.pack(">I", len(tree)) + tree)


def test_the_search_for_the_id_ends():
    began = time.monotonic()
    odd = cleaning.Cell("STUDENT = ''" + "#'" * 400_000 + "\nx")
    assert grading._with_own_id(odd, "mia", []) is odd
    assert time.monotonic() - began < 5


PEOPLE = [Person("mia", "Mia Meyer"), Person("vera", "Vera Voss"), Person("12345", "Al Lee")]


def found_in(tmp_path, *names):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    found = exchange.find(tmp_path, PEOPLE, "assignment_a")
    return {one.path.removeprefix("all.zip/"): one.student for one in found}


def test_in_canvas_nobody_hands_in_as_another_by_imitating_blackboard(tmp_path):
    end = "x_vera_attempt_2026-01-01-01-01-01_assignment_a.ipynb"
    assert found_in(tmp_path, f"meyermia_11_101_{end}", f"strangerbob_12_102_{end}") == {
        f"meyermia_11_101_{end}": "mia",
        f"strangerbob_12_102_{end}": "",
    }


def test_names_in_a_students_own_archive_name_nobody_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "mia__work.zip", "w") as archive:
        for name in ("vera__assignment_a.ipynb", "vera/assignment_a.ipynb"):
            archive.writestr(name, "{}")
    found = exchange.find(tmp_path, PEOPLE, "assignment_a")
    assert [one.student for one in found] == ["mia", "mia"]
    assert sum(one.used for one in found) == 1


def test_a_directory_of_a_million_files_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "MOST_FILES", 2)
    with zipfile.ZipFile(tmp_path / "mia__work.zip", "w") as archive:
        for name in "abc":
            archive.writestr(name, "")
    (found,) = exchange.find(tmp_path, PEOPLE, "assignment_a")
    assert found.why == "the archive says that it holds more than 2 files: none was read"


def test_a_task_in_blackboard_may_have_numbers_in_its_name(tmp_path):
    name = "hw_3_12345_attempt_2026-01-01-01-01-01_assignment_a.ipynb"
    assert found_in(tmp_path, name) == {name: "12345"}


def test_no_name_stops_a_class(tmp_path):
    began = time.monotonic()
    names = [
        "meyermia_11_101_x_attempt_2026-99-99-99-99-99_y.ipynb",
        f"meyermia_11_102_a ({'1' * 5000}).ipynb",
        f"meyermia_11_103_{' ' * 20_000}x.ipynb",
        f"meyermia_11_{'9' * 5000}_a.ipynb",
        "x_vera_attempt_2026-99-99-99-99-99_y.ipynb",
    ]
    assert [*found_in(tmp_path, *names).values()] == ["mia", "mia", "mia", "", "vera"]
    assert time.monotonic() - began < 10


def test_files_without_a_name_stop_no_class(tmp_path):
    found_in(tmp_path, ".", "Q.ipynb", "mia__assignment_a.ipynb")
    whole = (tmp_path / "all.zip").read_bytes()
    (tmp_path / "all.zip").write_bytes(whole.replace(b"Q.ipynb", b"\0.ipynb"))
    found = exchange.find(tmp_path, PEOPLE, "assignment_a")
    assert [(one.student, one.why) for one in found] == [
        ("", "it has no name"), ("", "it has no name"), ("mia", ""),
    ]  # fmt: skip


# What looks for faults -----


@pytest.mark.parametrize(
    "inner",
    [
        "<script>1</script>", "<img src=x onerror=alert(1)>", "<iframe></iframe>", "<svg></svg>",
        "<a href=x>x</a>", '<p onclick="x">', '<p style="x">', "<base href=//x>", "<form></form>",
        '<meta http-equiv="refresh" content="0">', "<!-- -->", "\x1b[2J", "\u202e", "x" * 2_000_000,
        '<img src="data:image/svg+xml;base64,AA==">', "<link rel=x>", "<object></object>",
    ],
)  # fmt: skip
def test_a_page_that_could_do_something_is_found(inner):
    page = checking.feedback.document("title", ["<p>fine</p>"])
    assert checking.faults_of_page(page) == []
    assert checking.faults_of_page(page.replace(b"fine", inner.encode()))


def test_a_page_without_a_policy_is_found():
    page = checking.feedback.document("title", ["<p>fine</p>"])
    assert checking.faults_of_page(page.replace(b"default-src 'none'", b"default-src *"))


def test_a_cell_that_a_spreadsheet_runs_is_found(tmp_path):
    (tmp_path / "table.csv").write_text("a,-3,-2.5\n=1+1,x,@SUM(A1)\n")
    assert len(checking.faults_of_table(tmp_path / "table.csv")) == 2
