"""Grade made-up students, right, wrong and hostile ones, and compare with what they should get.

``make coursework-check`` does it for all assignments, prints tables of points lost and of what
attacks gained, and fails if anything is not as it should be. ``python
tools/coursework/checking.py --help`` says how to try a part of it.
"""

import argparse
import contextlib
import csv
import ctypes
import faulthandler
import hashlib
import io
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import cleaning
import course
import exchange
import feedback
import grading
import nbformat
import preparing
import psutil
import releasing
import sandbox
from attacks import ATTACKS, PORT, Place
from marking import read_graded, submitted, write_sheet
from preparing import CourseError, safe_name
from routes import names_of, route_notebook
from wrong_answers import WRONG_ANSWERS, numbers_of_another, wrong_notebook

HERE = Path(__file__).resolve().parent
CANARY = "CANARY_IN_THE_ENVIRONMENT"
# Little enough that attacks end soon, and enough for right answers on a busy computer.
LIMITS = sandbox.Limits(
    minutes=2, gigabytes=3, processes=50, written_megabytes=100, seconds=30
)  # fmt: skip
MOST_MEMORY = 800 * 2**20  # bytes by which an attack may let the grader grow


def make_course(root, assignments, people, origin=HERE):
    """Make a private course.

    Parameters
    ----------
    root : path-like
        New folder.
    assignments : iterable of str
    people : list of exchange.Person
        Who is called "absent" gets no recording.
    origin : path-like
        Holds ``source`` and ``judging``.

    Returns
    -------
    pathlib.Path
        The root.
    """
    root = Path(root).resolve()
    for name in assignments:
        shutil.copytree(Path(origin, "source", name), root / "source" / name)
        (root / "judging").mkdir(exist_ok=True)
        shutil.copyfile(Path(origin, "judging", f"{name}.py"), root / "judging" / f"{name}.py")
    (root / preparing.SALT).write_text("a secret that nobody prints\n")
    rows = [{"id": p.id, "name": p.name, "email": p.email} for p in people]
    exchange.write_table(root / "roster.csv", ["id", "name", "email"], rows)
    releasing.release(root, assignments)
    releasing.hand_out(root, [person for person in people if person.id != "absent"])
    return root


def hand_in(root, assignment, files):
    """Put files where a teacher keeps what the learning platform lets them download.

    Parameters
    ----------
    root : path-like
    assignment : str
    files : dict
        By name: bytes, or a notebook.
    """
    folder = Path(root, "downloaded", assignment)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        data = data if isinstance(data, bytes) else nbformat.writes(data).encode()
        (folder / name).write_bytes(data)


def points_lost(graded):
    """Return the points that a hand-in lost by question, without those that lost none.

    Parameters
    ----------
    graded : dict
        From `marking.read_graded`. What was not judged is lost here.
    """
    return {
        one["id"]: one["max_points"] - (one["points"] or 0)
        for one in graded["results"]
        if one["status"] != "by hand" and one["points"] != one["max_points"]
    }


# Right and wrong answers --------------------------------------------------------------------------


def check_answers(folder, assignment, n_students, jobs=2, only=()):
    """Grade the reference, the empty release, wrong answers and other routes, each a student.

    Parameters
    ----------
    folder : path-like
        New folder for the course.
    assignment : str
    n_students : int
        Who hand in the reference solution.
    jobs : int
    only : container of str
        Names of wrong answers and routes; otherwise all.

    Returns
    -------
    list of str
        What is not as it should be.
    """
    wrong = [name for name in WRONG_ANSWERS[assignment] if not only or name in only]
    routes = [name for name in names_of(assignment) if not only or name in only]
    students = {f"student-{number}": "" for number in range(1, n_students + 1)}
    students |= {"empty": ""} | {f"wrong-{n}": n for n in wrong} | {f"route-{n}": n for n in routes}
    print(f"\n{assignment}: {len(students)} students", flush=True)
    with contextlib.redirect_stdout(io.StringIO()):
        root = make_course(folder, [assignment], [exchange.Person(name) for name in students])
    source = releasing.read_source(root, assignment)
    tests, _ = releasing.points_of(source)
    with sandbox.find() as box:
        for student, name in students.items():
            notebook = source
            if student == "empty":
                notebook = releasing.for_students(source)
            elif student.startswith("route-"):
                notebook = route_notebook(source, assignment, name, student)
            elif student.startswith("wrong-"):
                values = None
                if WRONG_ANSWERS[assignment][name].copied:
                    values = numbers_of_another(source, assignment, name, student, root, box)
                notebook = wrong_notebook(source, assignment, name, values)
            hand_in(root, assignment, {f"{student}__{assignment}.ipynb": notebook})
    with contextlib.redirect_stdout(io.StringIO()):
        course.collect(root, assignment)
    found, faults = grading.grade(root, assignment, jobs=jobs), []
    print(f"\n{assignment}: {sum(tests.values()):g} points")
    for student, graded in found.items():
        name, lost = students[student], points_lost(graded)
        right = lost == {}
        if student == "empty":
            right = lost == tests
        elif student.startswith("wrong-"):
            right = WRONG_ANSWERS[assignment][name].fits(lost)
        judged = not any(one["status"] == "not judged" for one in graded["results"])
        right = right and judged and graded["status"] == "graded"
        each = ", ".join(f"{test} {points:g}" for test, points in lost.items())
        print(f"  {student:40} lost {sum(lost.values()):4g} {each}{'' if right else '  WRONG'}")
        if not right:
            faults.append(f"{assignment}, {student}: lost {each or graded['reason'] or 'nothing'}")
    return faults


# What may not change ------------------------------------------------------------------------------


@contextlib.contextmanager
def orphans_stay():
    """Keep processes whose parents end as one's own, so that none gets lost (on Linux)."""
    control = getattr(ctypes.CDLL(None), "prctl", None) if sys.platform == "linux" else None
    if control is not None:
        control(36, 1, 0, 0, 0)
    try:
        yield
    finally:
        if control is not None:
            control(36, 0, 0, 0, 0)


def processes():
    """List what this process has started, and what was left to it by others, in words."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if child.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{child.pid} {' '.join(child.cmdline())[:80]}")
    return found


def is_listening(port=PORT):
    """Say whether something listens at a port of this computer."""
    with socket.socket() as tried:
        tried.settimeout(2)
        return tried.connect_ex(("127.0.0.1", port)) == 0


def files_of(folder, without=()):
    """Return what tells files from others: kind, rights, and size and content, by path.

    Parameters
    ----------
    folder : path-like
    without : iterable of pathlib.Path
        Files and folders that may change.
    """
    found, without = {}, set(without)
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(here, name) not in without]
        for path in (Path(here, name) for name in [*names, *folders]):
            if path in without or "__pycache__" in path.parts:
                continue
            kept = path.lstat()
            content = ""
            if stat.S_ISREG(kept.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path)] = f"{kept.st_mode:o} {content}"
    return found


def environment():
    """Return what tells Python's environment from a changed one."""
    found = {}
    for name in ("purelib", "platlib", "scripts", "stdlib"):
        folder = Path(sysconfig.get_path(name))
        for path in folder.iterdir() if folder.is_dir() else ():
            kept = path.lstat()
            content = path.read_bytes() if path.suffix == ".pth" and path.is_file() else b""
            if path.name != "__pycache__":
                found[str(path)] = f"{kept.st_mode:o} {kept.st_size} {content!r}"
    return found


# Pages and tables ---------------------------------------------------------------------------------

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "strong", "em"),
    *("table", "thead", "tbody", "tr", "th", "td", "ul", "li", "div", "pre", "img", "bdi"),
}
PICTURE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]*")


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.faults, self.policy = [], None

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        if tag not in TAGS:
            self.faults.append(f"has <{tag}>")
        for name, value in attrs:
            if name in ("class", "alt", "lang", "charset", "content", "name"):
                continue
            if name == "src" and tag == "img" and PICTURE.fullmatch(value or ""):
                continue
            if name == "http-equiv" and value == "Content-Security-Policy" and self.policy is None:
                self.policy = known.get("content")
                continue
            self.faults.append(f"has {name}={value!r:.40} in <{tag}>")

    def handle_comment(self, data):
        self.faults.append("has a comment")


def faults_of_page(data):
    """List what a page of feedback should not have: scripts, handlers, frames, too many bytes.

    Parameters
    ----------
    data : bytes
    """
    page = _Page()
    page.feed(data.decode())
    page.close()
    if page.policy != feedback.POLICY:
        page.faults.append("has no content security policy, or another")
    if len(data) > feedback.LARGEST:
        page.faults.append(f"has {len(data)} bytes")
    if re.search(rb"[\x00\x1b]|\xe2\x80[\xaa-\xae]", data):
        page.faults.append("has codes that turn text or mean something to terminals")
    return page.faults


def faults_of_table(path):
    """List cells of a table that a spreadsheet would run."""
    with Path(path).open(encoding="utf-8-sig", newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    return [
        f"has the cell {cell[:40]!r}"
        for cell in cells
        if re.match(r"[=+\-@\t\r]", cell) and not re.fullmatch(r"-?\d+(\.\d*)?", cell)
    ]


# Attacks ------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What became of an attack: points, those of its honest twin, and what is wrong."""

    points: float
    twin: float
    faults: list
    seconds: float
    words: str

    @property
    def gained(self):
        """Points over the honest twin."""
        return max(0.0, self.points - self.twin)


class Attacked:
    """A private course that is attacked, and watched.

    In it are who attacks, somebody who was graded before, somebody graded at the same time, and
    who comes next. It is a context manager.

    Parameters
    ----------
    folder : path-like
        New folder.
    assignment : str
    origin : path-like
        As for `make_course`.
    limits : sandbox.Limits
    kind : str, optional
        As for `sandbox.find`.
    """

    ME, OTHER, BESIDE, NEXT = "mallory", "vera", "bea", "nia"

    def __init__(self, folder, assignment, origin=HERE, limits=LIMITS, kind=None):
        folder = Path(folder).resolve()
        self.assignment, self.limits, self.kind = assignment, limits, kind
        self.home = folder / "home"
        self._inner = contextlib.ExitStack()
        people = [exchange.Person(name, name.title()) for name in (self.ME, self.BESIDE, self.NEXT)]
        script = "<script>alert(1)</script>"
        people.append(exchange.Person(self.OTHER, f"=1+1{script}", "+1@uni.de"))
        people.append(exchange.Person("absent", f"@SUM(A1)<img src=x onerror=alert(1)>{script}"))
        with contextlib.redirect_stdout(io.StringIO()):
            self.root = make_course(folder / "course", [assignment], people, origin)
        source = releasing.read_source(self.root, assignment)
        self.bases = {"source": source, "release": releasing.for_students(source)}
        self.place = Place(
            self.root, self.home, HERE.parents[1], Path(sysconfig.get_path("purelib")), assignment,
            self.ME, self.OTHER, _names_of(source),
        )  # fmt: skip

    def __enter__(self):  # noqa: D105
        self._inner.enter_context(orphans_stay())
        before = {name: os.environ.get(name) for name in ("HOME", CANARY)}
        self._inner.callback(_put_back, before)
        for path, text in ((".ssh/id_rsa", "CANARY_IN_A_KEY"), (".bashrc", "CANARY_IN_THE_SHELL")):
            (self.home / path).parent.mkdir(parents=True, exist_ok=True)
            (self.home / path).write_text(text)
        os.environ |= {"HOME": str(self.home), CANARY: "CANARY_VALUE"}
        theirs = self.bases["source"].copy()
        theirs.cells = [*theirs.cells, nbformat.v4.new_markdown_cell("CANARY_OF_ANOTHER")]
        for student in (self.OTHER, self.BESIDE, self.NEXT):
            notebook = theirs if student == self.OTHER else self.bases["source"]
            hand_in(self.root, self.assignment, {f"{student}__{self.assignment}.ipynb": notebook})
        with contextlib.redirect_stdout(io.StringIO()):
            course.collect(self.root, self.assignment)
        self.before = self.grade(self.OTHER, self.NEXT)
        self.twins = {}
        return self

    def __exit__(self, *stopped):  # noqa: D105
        return self._inner.__exit__(*stopped)

    def grade(self, *students, again=True, said=None):
        """Grade some students; return what is kept of each. What is printed goes into `said`."""
        with contextlib.redirect_stdout(said or io.StringIO()):
            return grading.grade(
                self.root, self.assignment, students, jobs=2, kind=self.kind, again=again,
                limits=self.limits,
            )  # fmt: skip

    def _own(self, student=ME):
        """Return what belongs to a student, which grading may change."""
        kept = safe_name(student)
        return [
            self.root / "submitted" / self.assignment / kept,
            self.root / "graded" / self.assignment / f"{kept}.json",
            self.root / "feedback" / self.assignment / f"{kept}.html",
        ]

    def _tables(self):
        """Return the rows of tables that are about others, who are not graded now."""
        rows, graded = [], (self.ME, self.BESIDE, "")
        for name in (f"report_{self.assignment}.csv", "grades.csv"):
            table = exchange.read_table(self.root / name)
            rows += [tuple(row.values()) for row in table.rows if row["student"] not in graded]
        return rows

    def fingerprint(self):
        """Return what may not change while somebody is graded."""
        free = [
            *self._own(), *self._own(self.BESIDE), self.root / "downloaded",
            self.root / f"report_{self.assignment}.csv", self.root / "grades.csv",
            self.root / "submitted" / self.assignment / "collected.json",
        ]  # fmt: skip
        book = HERE.parents[1]
        return {
            **files_of(self.root, free),
            **files_of(self.home),
            **files_of(HERE / "judging"),
            **files_of(book / "helpers"),
            **environment(),
            "rows of others": repr(self._tables()),
            "processes": repr(processes()),
            "a port": repr(is_listening()),
            "late": repr(sorted(Path(tempfile.gettempdir()).glob("late"))),
        }

    def secrets(self, base):
        """Return what nobody may read in their feedback."""
        judge = releasing.judge_file(self.root, self.assignment).read_text(encoding="utf-8")
        lines = [line.strip() for line in judge.splitlines() if re.search(r"rng\.|truth\[", line)]
        if base == "release":
            empty = {o for cell in self.bases["release"].cells for o in cell.source.split("\n")}
            for cell in self.bases["source"].cells:
                lines += [one for one in cell.source.split("\n") if one not in empty and "=" in one]
        found = [line.strip() for line in lines if len(line.strip()) > 20 and "###" not in line]
        found += [preparing.read_salt(self.root), "CANARY_VALUE", "CANARY_IN_A_KEY"]
        return [*found, "CANARY_IN_THE_SHELL", "CANARY_OF_ANOTHER"]

    def honest(self, base):
        """Return the points of who hands in a base as it is, and attacks nobody."""
        if base not in self.twins:
            self._forget()
            file = f"{self.ME}__{self.assignment}.ipynb"
            hand_in(self.root, self.assignment, {file: self.bases[base]})
            with contextlib.redirect_stdout(io.StringIO()):
                course.collect(self.root, self.assignment)
            self.twins[base] = _sum(self.grade(self.ME)[self.ME])
        return self.twins[base]

    def _forget(self):
        for path in self._own():
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        shutil.rmtree(self.root / "written", ignore_errors=True)
        (self.root / f"written_{self.assignment}.csv").unlink(missing_ok=True)
        folder = self.root / "downloaded" / self.assignment
        keep = {f"{s}__{self.assignment}.ipynb" for s in (self.OTHER, self.BESIDE, self.NEXT)}
        for path in folder.iterdir():
            if path.name not in keep:
                path.unlink()

    def attempt(self, name):
        """Hand in one attack, grade it, and look for what it gained and changed.

        Parameters
        ----------
        name : str
            Of `attacks.ATTACKS`.

        Returns
        -------
        Outcome
        """
        attack = ATTACKS[name]
        twin = self.honest(attack.base)
        files = attack.hand_in(self.bases[attack.base], self.place)
        if isinstance(files, bytes):
            files = {f"{self.ME}__{self.assignment}.ipynb": files}
        self._forget()
        before, began, peak = self.fingerprint(), time.monotonic(), _peak()
        said, faults, graded = io.StringIO(), [], None
        try:
            with contextlib.redirect_stdout(said):
                hand_in(self.root, self.assignment, files)
                course.collect(self.root, self.assignment)
            if self.ME in submitted(self.root, self.assignment):
                both = (self.ME, self.BESIDE) if attack.noisy else (self.ME,)
                self.grade(*both, said=said)
                graded = read_graded(self.root, self.assignment, self.ME)
        except (Exception, SystemExit) as error:
            faults.append(f"stopped the class: {type(error).__name__}: {error}"[:200])
        taken, grown = time.monotonic() - began, _peak() - peak
        after = self.fingerprint()
        faults += [f"changed {key}" for key in {**before, **after}
                   if before.get(key) != after.get(key)]  # fmt: skip
        if grown > MOST_MEMORY:
            faults.append(f"let the grader grow by {grown / 2**20:.0f} MB")
        if re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", said.getvalue()):
            faults.append("sends commands to the teacher's terminal")
        faults += self._faults_of_pages(attack.base)
        if attack.noisy and graded:
            beside = read_graded(self.root, self.assignment, self.BESIDE)
            if points_lost(beside):
                faults.append(f"cost somebody {points_lost(beside)} who was graded meanwhile")
        if attack.kind == "left for the next":
            faults += self.faults_of_the_next()
        words = "nothing was handed in that counts"
        if graded:
            words = graded["reason"] or "; ".join(graded["notes"]) or "graded as any other"
        return Outcome(_sum(graded), twin, faults, taken, words)

    def _faults_of_pages(self, base):
        faults = []
        with contextlib.redirect_stdout(io.StringIO()):
            write_sheet(self.root, self.assignment)
        pages = [*self.root.glob("written/*.html"), self._own()[2]]
        for path in pages:
            if path.is_file():
                faults += [f"{path.name} {fault}" for fault in faults_of_page(path.read_bytes())]
        for path in sorted(self.root.glob("*.csv")):
            if path.name != "roster.csv":
                faults += [f"{path.name} {fault}" for fault in faults_of_table(path)]
        for path in self._own()[1:]:
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            faults += [f"{path.name} tells {s[:60]!r}" for s in self.secrets(base) if s in text]
        return faults

    def faults_of_the_next(self):
        """Grade who comes next, who must get what they got before anybody attacked."""
        now, before = self.grade(self.NEXT)[self.NEXT], self.before[self.NEXT]
        return [
            f"changed the {part} of who came next"
            for part in ("status", "results", "cells", "notes")
            if now[part] != before[part]
        ]

    def faults_of_a_killed_grader(self):
        """Kill a grader that works on several students; the next one has to go on from there."""
        students = [self.OTHER, self.BESIDE, self.NEXT]
        want = self.grade(*students)
        for student in students:
            self._own(student)[1].unlink()
        command = [sys.executable, str(HERE / "course.py"), "grade", self.assignment, *students]
        command += ["--root", str(self.root), "--jobs", "1"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 300
        while not any(self._own(s)[1].is_file() for s in students) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.5)  # so that the next one has begun
        process.kill()
        process.wait()
        kept = {s: self._own(s)[1].read_bytes() for s in students if self._own(s)[1].is_file()}
        time.sleep(1)
        faults = [f"a killed grader left {one}" for one in processes()]
        if not 0 < len(kept) < len(students):
            faults.append(f"of 3 students, {len(kept)} were graded when the grader was killed")
        with contextlib.redirect_stdout(io.StringIO()):
            course.main(["grade", self.assignment, "--root", str(self.root)])
        for student in students:
            now = read_graded(self.root, self.assignment, student)
            if now is None or now["results"] != want[student]["results"]:
                faults.append(f"{student} lost marks when the grader was killed")
        faults += [
            f"{student} was graded again"
            for student, before in kept.items()
            if self._own(student)[1].read_bytes() != before
        ]
        return faults


def _names_of(source):
    """Return the names that the judges of an assignment may ask for."""
    names = set()
    for cell in source.cells:
        if cell.metadata.get("course", {}).get("role") == "answer":
            names |= cleaning.defined(cell.source)
    return tuple(sorted(names - {"STUDENT"}))


def _put_back(variables):
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _peak():
    """Return the most memory that this process has had."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _sum(graded):
    return sum(one["points"] or 0 for one in graded["results"]) if graded else 0.0


def check_attacks(folder, assignment, only=()):
    """Try attacks on a course, and print what each gained.

    Parameters
    ----------
    folder : path-like
        New folder.
    assignment : str
    only : container of str
        Names of attacks; otherwise all, and a grader that is killed.

    Returns
    -------
    list of str
        What is not as it should be.
    """
    faults = []
    with Attacked(folder, assignment) as attacked:
        print(f"\nAttacks on {assignment}: points, over those of the honest twin")
        for name, attack in ATTACKS.items():
            if only and name not in only:
                continue
            outcome = attacked.attempt(name)
            print(
                f"  {name:34} {attack.kind:28} {outcome.points:3g} +{outcome.gained:g} "
                f"({outcome.seconds:3.0f} s) {outcome.words[:90]}",
                flush=True,
            )
            wrong = list(outcome.faults)
            if outcome.gained:
                wrong.append(f"gained {outcome.gained:g} points")
            faults += [f"{name}: {one}" for one in wrong]
            for one in wrong:
                print(f"    {one}", flush=True)
        faults += attacked.faults_of_the_next()
        if not only:
            faults += attacked.faults_of_a_killed_grader()
            print("  a grader was killed, and went on where it had been")
    return faults


def main(arguments=None):
    """Check what is asked for, and fail if something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("students", nargs="?", type=int, default=3, help="with the reference")
    parser.add_argument("--part", choices=("answers", "attacks"), help="otherwise both")
    parser.add_argument("--assignment", action="append", choices=list(WRONG_ANSWERS))
    parser.add_argument("--only", nargs="*", default=(), help="names of attacks or answers")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args(arguments)
    chosen, faults = given.assignment or list(WRONG_ANSWERS), []
    faulthandler.dump_traceback_later(7200, exit=True)  # Nothing waits for ever.
    try:
        with tempfile.TemporaryDirectory() as temporary:
            if given.part != "attacks":
                for name in chosen:
                    folder = Path(temporary, name)
                    faults += check_answers(folder, name, given.students, given.jobs, given.only)
            if given.part != "answers":
                faults += check_attacks(Path(temporary, "attacked"), chosen[0], given.only)
    except CourseError as error:
        sys.exit(str(error))
    finally:
        faulthandler.cancel_dump_traceback_later()
    print(f"\n{len(faults)} things are not as they should be.")
    sys.exit("\n".join(faults) or 0)


if __name__ == "__main__":
    main()
