"""What students get, and that it belongs together: sources, releases, judges, hand-outs."""

import dataclasses
import hashlib
import json
import multiprocessing
import re
import secrets
import shutil
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

import exchange
import judging
import nbformat
import preparing
from preparing import CourseError, safe_name

from helpers import twin

HERE = Path(__file__).resolve().parent
BOOK = HERE.parents[1]
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
TODO = "# YOUR CODE HERE\nraise NotImplementedError()"
UNWRITTEN = "YOUR ANSWER HERE"
ROLES = ("answer", "test", "written")


def assignments(root):
    """List the assignments of a course.

    Parameters
    ----------
    root : path-like

    Returns
    -------
    list of str
    """
    return sorted(path.parent.name for path in Path(root, "source").glob("*/*.ipynb"))


def read_source(root, assignment):
    """Read an assignment with its solutions, and check it.

    Parameters
    ----------
    root : path-like
    assignment : str

    Returns
    -------
    nbformat.NotebookNode

    Raises
    ------
    CourseError
        If it is not there, or cells are not as they should be.
    """
    path = Path(root, "source", assignment, f"{assignment}.ipynb")
    try:
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError as error:
        known = ", ".join(assignments(root)) or "none"
        raise CourseError(
            f"There is no assignment {assignment!r} in {root}: it has {known}."
        ) from error
    except (ValueError, OSError, nbformat.ValidationError) as error:
        raise CourseError(f"{path} cannot be read as a notebook ({error}).") from error
    seen = set()
    for cell in notebook.cells:
        known = cell.metadata.get("course", {})
        name, role = known.get("id"), known.get("role")
        if "HIDDEN TESTS" in cell.source:
            raise CourseError(
                f"{path}: a cell has hidden tests, which students would run; expected them in "
                f"judging/{assignment}.py."
            )
        if BEGIN in cell.source and role not in ("answer", "written"):
            raise CourseError(f"{path}: a solution stands in a cell that is no answer ({name}).")
        if cell.source.count(BEGIN) != cell.source.count(END):
            raise CourseError(f"{path}: cell {name} has {BEGIN!r} without {END!r}, or reversed.")
        if not known:
            continue
        if not name or role not in ROLES:
            raise CourseError(
                f"{path}: a cell has the id {name!r} and the role {role!r}; expected an id, and "
                f"one of {', '.join(ROLES)}."
            )
        if name in seen:
            raise CourseError(
                f"{path} has more than one cell with the id {name}: Split and Paste in JupyterLab "
                "copy it. Merge these cells, or give each an id of its own in metadata.course."
            )
        seen.add(name)
    return notebook


def points_of(notebook):
    """Return the points of each question, in the order of the notebook.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        From `read_source`.

    Returns
    -------
    tests, written : dict of float
        By id: judged by machine, and by a person.
    """
    asked = [cell.metadata.course for cell in notebook.cells if "course" in cell.metadata]
    return tuple(
        {
            one["id"]: float(one["points"])
            for one in asked
            if one["role"] == role and "points" in one
        }
        for role in ("test", "written")
    )


def headings_of(notebook):
    """Return the heading above each question, by id: "5. How late is the response?"."""
    headings, heading = {}, ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = (re.findall(r"^##+ +(.+?)\s*$", cell.source, re.M) or [heading])[-1]
        if "course" in cell.metadata:
            headings[cell.metadata.course["id"]] = heading
    return headings


def title_of(notebook):
    """Return the first heading of a notebook."""
    found = re.search(r"^# +(.+)$", notebook.cells[0].source, re.M)
    return found[1].strip() if found else "Assignment"


def for_students(source):
    """Make the notebook that students get: without solutions, model answers and outputs.

    Parameters
    ----------
    source : nbformat.NotebookNode
        From `read_source`.

    Returns
    -------
    nbformat.NotebookNode
    """
    notebook = nbformat.from_dict(json.loads(json.dumps(source)))
    for cell in notebook.cells:
        known = cell.metadata.get("course", {})
        cell.metadata = nbformat.from_dict({"course": known} if known else {})
        if known.get("role") == "test":
            cell.metadata.update(editable=False, deletable=False)
        elif known:
            cell.metadata.update(deletable=False)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cell.source = _without_solution(cell.source, cell.cell_type == "code")
    return notebook


def _without_solution(text, code):
    lines, inside = [], False
    for line in text.split("\n"):
        if line.strip() == BEGIN:
            inside = True
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + todo for todo in (TODO if code else UNWRITTEN).split("\n")]
        elif line.strip() == END:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def version_of(notebook):
    """Return a hash of what a notebook says: its cells, not how a program has stored it.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    str
    """
    cells = [
        [cell.cell_type, cell.source, dict(cell.metadata.get("course", {}))]
        for cell in notebook.cells
    ]
    return hash_of(json.dumps(cells, sort_keys=True))


def hash_of(data):
    """Return a short hash of text or bytes."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()[:16]


def judge_file(root, assignment):
    """Return the file of an assignment's judges: the course's own, or the book's."""
    own = Path(root, "judging", f"{assignment}.py")
    return own if own.is_file() else HERE / "judging" / f"{assignment}.py"


def _versions(root, assignment, source=None):
    judge = judge_file(root, assignment)
    return {
        "source": version_of(source or read_source(root, assignment)),
        "judge": hash_of(judge.read_bytes()) if judge.is_file() else "",
        "salt": hash_of(f"course {preparing.read_salt(root)}"),
    }


def state_of(root):
    """Return which versions were released and handed out."""
    try:
        return json.loads(Path(root, "course.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"release": {}, "handout": {}}


def _keep_state(root, state):
    exchange.write(Path(root, "course.json"), json.dumps(state, indent=1, sort_keys=True).encode())


def check(root, assignment, students=()):
    """Check that source, release, judges, salt and hand-outs of an assignment belong together.

    Parameters
    ----------
    root : path-like
    assignment : str
    students : iterable of str
        Whose hand-outs are meant.

    Raises
    ------
    CourseError
        If something was changed after the release, with what to do.
    """
    state = state_of(root)
    released = state["release"].get(assignment)
    path = Path(root, "release", assignment, f"{assignment}.ipynb")
    again = f"run: course.py release {assignment}"
    if released is None or not path.is_file():
        raise CourseError(f"{assignment} has not been released: {again}")
    source = read_source(root, assignment)
    now = _versions(root, assignment, source)
    if now["source"] != released["source"]:
        raise CourseError(
            f"source/{assignment} is not what release/{assignment} was made from: somebody has "
            f"changed it since. Put the old one back if students have started; otherwise {again}, "
            "and hand it out again."
        )
    try:
        on_disk = version_of(nbformat.read(path, as_version=4))
    except (ValueError, OSError, nbformat.ValidationError):
        on_disk = ""
    if on_disk != released["notebook"]:
        raise CourseError(f"release/{assignment} is not what was released: {again}")
    if now["judge"] != released["judge"]:
        raise CourseError(
            f"judging/{assignment}.py has changed since the release. If the questions are the "
            f"same, {again} (students need no new notebook), and grade again."
        )
    if now["salt"] != released["salt"]:
        raise CourseError(
            f"{preparing.SALT} is not that of the release: with another salt every recording is "
            f"another. Put the old one back, or {again} and handout, to start anew."
        )
    _check_questions(root, assignment, source)
    wrong = [s for s in students if s in state["handout"] and not _fits(root, state, assignment, s)]
    if wrong:
        raise CourseError(
            f"What was handed out to {some(wrong)} does not belong to the release (another "
            f"notebook, or a recording of another salt or version): put things back as they were, "
            "or run: course.py handout, and give it to these students."
        )


def _fits(root, state, assignment, student):
    given = state["handout"][student]
    return given["notebooks"].get(assignment) in (
        None, state["release"][assignment]["notebook"],
    ) and given["salt"] == state["release"][assignment]["salt"] and given["version"] == (
        twin.students.VERSION
    )  # fmt: skip


def some(names):
    """Name some of many."""
    names = list(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _check_questions(root, assignment, source):
    tests, _ = points_of(source)
    asked = judging.questions_of(judge_file(root, assignment))
    judged = {one.id: float(one.points) for one in asked}
    if tests != judged:
        wrong = {name for name, _ in tests.items() ^ judged.items()}
        raise CourseError(
            f"source/{assignment} and judging/{assignment}.py do not agree on the questions "
            f"{', '.join(sorted(wrong))}: expected the same ids with the same points in both."
        )


def make(roster, root=None, jobs=1):
    """Make a private course, or add to one what is new: students, assignments.

    Parameters
    ----------
    roster : path-like
        A table of students (`exchange.read_roster`).
    root : path-like, optional
        The folder of the course; otherwise ``course`` beside the roster.
    jobs : int
        Recordings that are made at the same time.

    Returns
    -------
    pathlib.Path
        The root.

    Raises
    ------
    CourseError
        If the root would be published with the book, or things do not belong together.
    """
    roster = Path(roster).expanduser()
    people = exchange.read_roster(roster)
    root = Path(root).expanduser() if root else roster.resolve().parent / "course"
    root = root.resolve()
    _refuse_public(root)
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o700)
    salt = root / preparing.SALT
    if not salt.exists():
        exchange.write(salt, (secrets.token_urlsafe(24) + "\n").encode())
        salt.chmod(0o600)
    elif not preparing.read_salt(root):
        raise CourseError(f"{salt} is empty: expected a secret. Delete it to have a new one made.")
    for name in assignments(HERE):
        if not (root / "source" / name).exists():
            shutil.copytree(
                HERE / "source" / name, root / "source" / name,
                ignore=shutil.ignore_patterns(".ipynb_checkpoints"),
            )  # fmt: skip
        judge = root / "judging" / f"{name}.py"
        if not judge.exists():
            judge.parent.mkdir(exist_ok=True)
            shutil.copyfile(HERE / "judging" / f"{name}.py", judge)
    columns = [one.name for one in dataclasses.fields(exchange.Person)]
    exchange.write_table(
        root / "roster.csv", columns, map(dataclasses.asdict, people), exchange.FOR_EXCEL
    )
    print(f"The course is in {root}: nobody but you may read it, and nothing of it is in Git.")
    print(f"  {len(people)} students, {len(assignments(root))} assignments")
    release(root, assignments(root))
    hand_out(root, people, jobs=jobs)
    for name in assignments(root):
        check(root, name, [person.id for person in people])
    sys.path.insert(0, str(HERE.parent))
    import student as students_book

    chapters, _ = students_book.write_book(BOOK, root / "release", root / "students")
    print(f"  students/: {len(chapters)} chapters without solutions, and the assignments")
    print("Checked: sources, judges, release, salt and hand-outs belong together.")
    return root


def _refuse_public(root):
    if not root.is_relative_to(BOOK):
        return
    try:
        ignored = not subprocess.run(
            ["git", "-C", str(BOOK), "check-ignore", "--quiet", str(root)], check=False
        ).returncode
    except OSError:
        ignored = False
    if not ignored or root == BOOK:
        raise CourseError(
            f"{root} is in the book's repository, and what is private would be published with it: "
            "give a folder elsewhere, such as ROOT=~/courses/spring."
        )


def release(root, names):
    """Write the notebooks for students.

    Parameters
    ----------
    root : path-like
    names : iterable of str
        Assignments.

    Returns
    -------
    list of pathlib.Path
        Their folders.

    Raises
    ------
    CourseError
        If a source is not as it should be, or its judges do not agree with it.
    """
    root, folders = Path(root), []
    state = state_of(root)
    for name in names:
        source = read_source(root, name)
        _check_questions(root, name, source)
        notebook = for_students(source)
        folder = root / "release" / name
        text = nbformat.writes(notebook) + "\n"
        exchange.write(folder / f"{name}.ipynb", text.encode())
        note = folder / twin.students.HANDED_OUT
        note.unlink(missing_ok=True)
        if preparing.read_salt(root):
            exchange.write(note, b"The course hands out the recording: put its folder here.\n")
        state["release"][name] = {
            **_versions(root, name, source), "notebook": version_of(notebook),
        }  # fmt: skip
        _keep_state(root, state)
        folders.append(folder)
        print(f"  release/{name}: {title_of(source)}")
    return folders


def hand_out(root, people, jobs=1):
    """Pack the released notebooks and the recording of each student into ``handout``.

    Parameters
    ----------
    root : path-like
    people : list of exchange.Person
    jobs : int
        Recordings that are made at the same time.

    Returns
    -------
    list of pathlib.Path
        One zip file a student; ``handout.csv`` says whose each is.
    """
    root, state = Path(root).resolve(), state_of(root)
    names = [name for name in assignments(root) if name in state["release"]]
    if not names:
        raise CourseError(f"Nothing is released in {root}: run: course.py release")
    notebooks = {
        name: nbformat.read(root / "release" / name / f"{name}.ipynb", as_version=4)
        for name in names
    }
    began, packed, failed = time.monotonic(), {}, {}
    for person, folder, why in _twins(root, people, jobs):
        if folder is None:
            failed[person.id] = why
            continue
        packed[person.id] = _pack(root, person, folder / "recording", notebooks)
        state["handout"][person.id] = {
            "notebooks": {name: version_of(book) for name, book in notebooks.items()},
            "salt": hash_of(f"course {preparing.read_salt(root)}"),
            "version": twin.students.VERSION,
        }
    _keep_state(root, state)
    rows = [
        {**dataclasses.asdict(person),
         "file": f"handout/{packed[person.id].name}" if person.id in packed else "",
         "why": failed.get(person.id, "")}
        for person in people
    ]  # fmt: skip
    exchange.write_table(
        root / "handout.csv", ["id", "name", "email", "file", "why"], rows, exchange.FOR_EXCEL
    )
    taken = time.monotonic() - began
    print(f"  handout/: {len(packed)} students, each with a recording of their own ({taken:.0f} s)")
    for student, why in failed.items():
        print(f"  NOT handed out to {student}: {why}")
    return list(packed.values())


def _twins(root, people, jobs):
    """Make recordings; yield each student with the folder, or with None and why not."""

    def made(person, result):
        try:
            return person, result(), ""
        except CourseError as error:
            return person, None, str(error)

    if jobs <= 1:
        yield from (made(one, partial(preparing.make_twin, one.id, root)) for one in people)
        return
    # Not forked: what runs here has threads.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(preparing.make_twin, one.id, root): one for one in people}
        for done in as_completed(running):
            yield made(running[done], done.result)


def _pack(root, person, recording, notebooks):
    path = root / "handout" / f"{safe_name(person.id)}.zip"
    path.parent.mkdir(exist_ok=True)
    scratch = path.with_suffix(".new")
    with zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(recording.rglob("*")):
            if file.is_file():
                archive.write(
                    file, f"coursework/recording/{file.relative_to(recording).as_posix()}"
                )
        for name, notebook in notebooks.items():
            own = nbformat.from_dict(json.loads(json.dumps(notebook)))
            for cell in own.cells:
                if cell.source.strip() == 'STUDENT = ""':
                    cell.source = f"STUDENT = {json.dumps(person.id, ensure_ascii=False)}"
            archive.writestr(f"coursework/{name}.ipynb", nbformat.writes(own), zipfile.ZIP_DEFLATED)
    scratch.replace(path)
    return path


def roster_of(root):
    """Read who is in a course.

    Parameters
    ----------
    root : path-like

    Returns
    -------
    list of exchange.Person
    """
    path = Path(root, "roster.csv")
    if not path.is_file():
        raise CourseError(
            f"{path} is missing, and it says who is in the course: make the course with "
            "make course ROSTER=..., or put a table with the columns id, name, email there."
        )
    return exchange.read_roster(path)
