"""The students' notebooks hold no solution, stop at the first stub, and run with solutions."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nbformat
import pytest
import solutions
import students
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import student

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted(ROOT.glob("notebooks/*.ipynb"))
BASH = shutil.which("bash")  # by its path: Windows would take another one first

# On Windows, pyzmq says that it starts a thread for the kernel's messages; nothing is wrong.
pytestmark = pytest.mark.filterwarnings("ignore:Proactor event loop:RuntimeWarning")


def name(path):
    return path.stem


def read(path):
    return nbformat.read(path, as_version=4)


def lines(cells):
    """How often each line stands in the cells, without empty ones and edges of blocks."""
    stripped = (line.strip() for cell in cells for line in cell.source.splitlines())
    return Counter(line for line in stripped if line.strip("`"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("student")
    return student.write_chapters(ROOT, folder)


def test_twice_gives_the_same_bytes(written, tmp_path):
    again = student.write_chapters(ROOT, tmp_path)
    assert [path.name for path in again] == [path.name for path in CHAPTERS]
    for first, second in zip(written, again, strict=True):
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("chapter", CHAPTERS, ids=name)
def test_no_line_of_a_solution_is_left(chapter, written):
    """The count of every line: the chapter's without its solutions, and the stubs' lines."""
    made = read(next(path for path in written if path.name == chapter.name))
    inside, outside, is_inside = [], [], False
    for cell in read(chapter).cells:  # found anew, not by the tool's own way
        is_inside = is_inside or "{solution-start}" in cell.source
        (inside if is_inside else outside).append(cell)
        is_inside = is_inside and "{solution-end}" not in cell.source
    assert len(lines(inside)) > 10
    added = lines(made.cells) - lines(outside)
    assert not lines(outside) - lines(made.cells)
    assert all(line.startswith(("# ", "raise NotImplementedError")) for line in added), added
    assert added.total() == 3 * sum("{solution-start}" in cell.source for cell in inside)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in made.cells)


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=name)
def test_runs_to_each_stub_and_on_with_the_solution(chapter, written):
    made = read(next(path for path in written if path.name == chapter.name))
    reference = [
        cells for cells, is_one in solutions.split_solutions(read(chapter).cells) if is_one
    ]
    client = NotebookClient(
        made, timeout=300, resources={"metadata": {"path": str(chapter.parent)}}
    )
    with client.setup_kernel():
        for number, cell in enumerate(list(made.cells)):
            if not cell.source.startswith("# Exercise"):
                client.execute_cell(cell, number)
                continue
            with pytest.raises(CellExecutionError) as stopped:
                client.execute_cell(cell, number)
            assert stopped.value.ename == "NotImplementedError"
            for put_back in reference.pop(0):
                made.cells[number] = put_back  # where the client notes the outputs
                client.execute_cell(put_back, number)
    assert not reference
    said = [
        "".join(output.get("text", "") for output in cell.outputs)
        for cell in made.cells
        if cell.source.startswith("exercise.check")
    ]
    assert len(said) >= 1
    assert all(text.strip().endswith(": right.") for text in said), said


START = "```{solution-start} ex-toy-1\n:class: dropdown\n```"
END = "```{solution-end}\n```"
SOLUTION = [new_markdown_cell(START), new_code_cell("a = [b for b in 'x']"), new_markdown_cell(END)]
CHECK = new_code_cell("exercise.check_1(a, recording)")


def toy(*cells):
    """A notebook of copies, each with an id of its own."""
    copies = [nbformat.from_dict({**cell, "id": f"toy-{i}"}) for i, cell in enumerate(cells)]
    return new_notebook(cells=copies)


def made_from(*cells):
    return solutions.without_solutions(toy(*cells)).cells


def test_stub_names_what_the_check_asks_of_the_solution():
    stub, check = made_from(*SOLUTION, CHECK)
    assert "\n# `a`\n" in stub.source
    assert "recording" not in stub.source
    assert check.source == CHECK.source


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (SOLUTION[:2], "does not end"),
        ([SOLUTION[0], *SOLUTION, CHECK], "in turn"),
        ([*SOLUTION, SOLUTION[2], CHECK], "in turn"),
        ([new_markdown_cell(f"Try:\n\n{START}"), *SOLUTION[1:], CHECK], "shares a cell"),
        ([*SOLUTION[:2], new_markdown_cell(f"{END}\n\nMore."), CHECK], "shares a cell"),
        (SOLUTION, "no check follows the solution of ex-toy-1"),
        ([*SOLUTION, new_code_cell("print(a)")], "no check follows"),
        ([*SOLUTION, new_code_cell("exercise.check_1(c)")], "no variable that its solution makes"),
    ],
)
def test_chapters_that_cannot_be_split(cells, says):
    with pytest.raises(ValueError, match=says):
        made_from(*cells)


def test_nothing_is_written_when_a_chapter_cannot_be_split(tmp_path):
    chapters = tmp_path / "notebooks"
    chapters.mkdir()
    nbformat.write(toy(*SOLUTION, CHECK), chapters / "01.ipynb")
    nbformat.write(toy(*SOLUTION), chapters / "02.ipynb")
    with pytest.raises(ValueError, match=r"^02\.ipynb: no check"):
        student.write_chapters(tmp_path, tmp_path / "student")
    assert not (tmp_path / "student").exists()
    with pytest.raises(ValueError, match="no chapters"):
        student.write_chapters(tmp_path / "student", tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The whole folder for students, with an assignment that holds nothing."""
    scratch = tmp_path_factory.mktemp("students")
    released = scratch / "release" / "assignment_a"
    released.mkdir(parents=True)
    nbformat.write(toy(CHECK), released / "assignment_a.ipynb")
    made = scratch / "student"
    made.mkdir()
    (made / "of an earlier run").touch()
    student.write_book(ROOT, released.parent, made)
    return made


def test_folder_for_students_has_all_that_binder_needs_and_no_solution(folder):
    names = {path.name for path in folder.iterdir()}
    assert {".binder", "requirements.txt", "pyproject.toml", "helpers"} <= names
    assert not names & {"coursework", "tests", "of an earlier run"}
    results = {"benchmarks", "programs.json", "results.json", "variants.json"}
    assert {path.name for path in (folder / "tools").rglob("*")} == results
    assert os.name == "nt" or os.access(folder / ".binder" / "postBuild", os.X_OK)
    assert len(list(folder.glob("notebooks/*.ipynb"))) == len(CHAPTERS)
    assert (folder / "assignments" / "assignment_a" / "assignment_a.ipynb").is_file()
    assert not [path for path in folder.rglob("*") if path.name == "__pycache__"]
    for path in folder.glob("*/*.ipynb"):
        assert "solution-start" not in path.read_text(encoding="utf-8"), path
    # The helpers are found there, and nowhere else.
    where = "import helpers.exercises.loading as m; print(m.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    found = subprocess.run(
        [sys.executable, "-c", where], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert Path(found.stdout.strip()).is_relative_to(folder), found.stderr


def test_no_folder_is_written_without_assignments(tmp_path):
    with pytest.raises(ValueError, match="`make coursework` writes them"):
        student.write_book(ROOT, tmp_path, tmp_path / "student")
    assert not (tmp_path / "student").exists()


@pytest.mark.slow
@pytest.mark.skipif(not BASH, reason="the workflow's steps are for bash")
def test_publishing_pushes_a_branch_that_is_the_folder_for_students(folder, tmp_path):
    """The workflow's own lines, run in a repository of two files."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text(encoding="utf-8"))
    lines = workflow["jobs"]["students"]["steps"][-1]["run"]
    clone, remote = tmp_path / "clone", tmp_path / "remote.git"
    setup = f"""git init --quiet --bare "{remote.as_posix()}"
        git init --quiet "{clone.as_posix()}" && cd "{clone.as_posix()}"
        git remote add origin "{remote.as_posix()}"
        mkdir .github coursework && echo answer > coursework/solution.txt && touch .github/workflow
        git add --all && git -c user.name=a -c user.email=b commit --quiet --message first"""
    # Whatever the user of this machine has told Git, signing or hooks for instance.
    environment = os.environ | dict.fromkeys(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"), os.devnull)
    subprocess.run([BASH, "-e", "-c", setup], env=environment, check=True, capture_output=True)
    shutil.copytree(folder, clone / "student")
    environment["GITHUB_SHA"] = "0" * 40
    subprocess.run(
        [BASH, "-e", "-c", lines], cwd=clone, env=environment, check=True, capture_output=True
    )
    listing = ["git", f"--git-dir={remote}", "ls-tree", "-r", "--name-only", "students"]
    pushed = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\n")
    in_folder = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    assert sorted(filter(None, pushed)) == sorted(in_folder)


def test_link_to_the_students_branch():
    url = students.binder_url("https://github.com/me/book", "assignments/a/a.ipynb")
    assert url == (
        "https://mybinder.org/v2/gh/me/book/students?urlpath=lab%2Ftree%2Fassignments%2Fa%2Fa.ipynb"
    )
    with pytest.raises(ValueError, match="https://HOST/OWNER/NAME"):
        students.binder_url("https://github.com/me", "a.ipynb")
