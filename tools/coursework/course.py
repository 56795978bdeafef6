"""The commands of a course: make it, collect what students hand in, grade, mark, export.

``python tools/coursework/course.py --help`` lists them, and ``README.md`` here says how they go
together. What a course keeps lies in its own folder, the root.
"""

import argparse
import dataclasses
import json
import shutil
import sys
from datetime import datetime
from pathlib import Path

import exchange
from grading import grade
from marking import (
    by_hand,
    count,
    export,
    read_graded,
    submitted,
    write_grades,
    write_report,
    write_sheet,
)
from preparing import CourseError, safe_name, same_id
from releasing import (
    assignments,
    check,
    hand_out,
    make,
    read_source,
    release,
    roster_of,
    some,
    state_of,
)

__all__ = [
    "CourseError", "assignments", "by_hand", "check", "collect", "count", "export", "grade",
    "hand_out", "main", "make", "read_graded", "release", "submitted", "write_grades",
    "write_report", "write_sheet",
]  # fmt: skip
HERE = Path(__file__).resolve().parent


def collect(root, assignment, archives=(), due=None):
    """Find whose each downloaded file is, and take of each student the one that counts.

    Parameters
    ----------
    root : path-like
    assignment : str
    archives : iterable of path-like
        Archives or folders from the learning platform, copied into ``downloaded/ASSIGNMENT``;
        what lies there from before is read again, too.
    due : datetime, optional
        As for `exchange.find`.

    Returns
    -------
    list of exchange.HandIn
        One for each file, used or not.
    """
    root = Path(root)
    read_source(root, assignment)
    folder = root / "downloaded" / assignment
    folder.mkdir(parents=True, exist_ok=True)
    for archive in map(Path, archives):
        _keep_download(archive.expanduser(), folder)
    people = exchange.with_numbers(roster_of(root), folder)
    found = exchange.find(folder, people, assignment, due)
    if not found:
        raise CourseError(
            f"There is nothing in {folder}: give the archive that your platform lets you download, "
            f"or put it there."
        )
    for handed in found:
        if handed.used:
            _take(root, assignment, handed)
    rows = [
        {**dataclasses.asdict(dataclasses.replace(one, place=None, order=(), chain=()))}
        for one in found
    ]
    exchange.write(
        root / "submitted" / assignment / "collected.json",
        json.dumps(rows, ensure_ascii=False, indent=1).encode("utf-8", "replace"),
    )
    used = [one for one in found if one.used]
    late = sum(one.late is True for one in used)
    print(f"{assignment}: {len(found)} files, of which {len(used)} count ({late} late)")
    for handed in found:
        if not handed.used and not handed.student:
            print(f"  nobody's: {handed.path}: {handed.why}")
    missing = {person.id for person in people} - {one.student for one in used}
    if missing:
        print(f"  nothing to grade from {len(missing)}: {some(sorted(missing))}")
    write_report(root, assignment)
    print(f"  Every file has a row in report_{assignment}.csv.")
    return found


def _keep_download(path, folder):
    if not path.exists():
        raise CourseError(f"{path} is not there: give the archive or folder that you downloaded.")
    target = folder / path.name
    if target.exists() and path.resolve() == target.resolve():
        return
    if path.is_dir():
        shutil.copytree(path, target, symlinks=True, dirs_exist_ok=True)
        return
    number = 1
    while target.exists() and target.read_bytes() != path.read_bytes():
        number += 1
        target = folder / f"{path.stem} (download {number}){path.suffix}"
    shutil.copy2(path, target)


def _take(root, assignment, handed):
    """Put a file into ``submitted``; one that cannot be read leaves the reason there."""
    folder = root / "submitted" / assignment / safe_name(handed.student)
    about = {
        "student": handed.student, "archive": handed.archive, "path": handed.path,
        "file": handed.file, "system": handed.system, "time": handed.time, "late": handed.late,
        "account": handed.account, "problem": "",
    }  # fmt: skip
    try:
        data = handed.read()
    except CourseError as error:
        about["problem"], data = f"the file cannot be read: {error}", b""
    except OSError as error:
        about["problem"], data = f"the file cannot be read: {error.strerror}", b""
    exchange.write(folder / "hand_in.ipynb", data)
    text = json.dumps(about, ensure_ascii=False, indent=1)
    exchange.write(folder / "source.json", text.encode("utf-8", "replace"))


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, text, assignment=True):
        one = commands.add_parser(name, help=text, description=text)
        one.add_argument("--root", help="folder of the course (otherwise the one you are in)")
        if assignment:
            one.add_argument("assignment")
        return one

    one = command("course", "make a private course from a roster, or add what is new", False)
    one.add_argument("roster", help="a table of students: id, name, email, or a platform's export")
    one.add_argument("--jobs", type=int, default=2, help="recordings made at the same time")
    one = command("release", "write the notebooks for students, without solutions", False)
    one.add_argument("assignments", nargs="*", metavar="assignment")
    one = command("handout", "pack notebooks and a recording for each student", False)
    one.add_argument("students", nargs="*", metavar="student")
    one.add_argument("--jobs", type=int, default=2, help="recordings made at the same time")
    command("check", "check that release, judges, salt and hand-outs belong together", False)
    collecting = command("collect", "find whose each downloaded file is")
    grading = command("grade", "grade what was handed in, in a sandbox")
    marks = command("marks", "collect, grade, and write the sheet and what goes back: all in one")
    command("written", "write the sheet of answers in words, keeping points that are there")
    exporting = command("export", "write grades and feedback for the learning platform")
    for one in (collecting, marks):
        one.add_argument("archives", nargs="*", help="what the platform lets you download")
        one.add_argument("--due", help='what comes later is late, such as "2026-11-30 12:00"')
    grading.add_argument("students", nargs="*", metavar="student", help="ids; otherwise all")
    for one in (grading, marks):
        one.add_argument("--late", action="store_true", help="grade only those who were late")
        one.add_argument("--jobs", type=int, default=2, help="graded at the same time")
        one.add_argument("--again", action="store_true", help="also what is graded already")
        one.add_argument("--sandbox", choices=("bubblewrap", "podman", "docker", "trusted"))
        one.add_argument("--trusted", action="store_true", help="no sandbox: --sandbox trusted")
    for one in (exporting, marks):
        one.add_argument("--for", dest="systems", action="append", choices=exchange.SYSTEMS)
        one.add_argument("--column", help="the assignment's column in the platform's gradebook")
        one.add_argument("--without-written", action="store_true", help="points of the tests only")
    return parser


def main(arguments=None):
    """Run one command."""
    parser = _parser()
    given, names = parser.parse_known_args(arguments)
    # Names may come before options and after them, which argparse allows only before.
    several = next((n for n in ("students", "archives", "assignments") if hasattr(given, n)), None)
    if names and (several is None or any(name.startswith("-") for name in names)):
        parser.error(f"unrecognized arguments: {' '.join(names)}")
    if names:
        getattr(given, several).extend(names)
    try:
        _run(given)
    except CourseError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped. What is graded is kept: run the same command again to go on.")


def _run(given):
    if given.command == "course":
        root = make(given.roster, given.root, given.jobs)
        print(f"Next: give each student their file of {root / 'handout'} (handout.csv: whose).")
        return
    root = Path(given.root).expanduser() if given.root else Path.cwd()
    if not given.root and not (root / "course.json").is_file():
        root = HERE
    root = root.resolve()
    due = getattr(given, "due", None)
    try:
        due = datetime.fromisoformat(due) if due else None
    except ValueError:
        raise CourseError(
            f'--due is {due!r}; expected a time such as "2026-11-30 12:00".'
        ) from None
    if given.command == "release":
        release(root, given.assignments or assignments(root))
    elif given.command == "handout":
        people = [person for person in roster_of(root) if not given.students
                  or person.id in map(same_id, given.students)]  # fmt: skip
        hand_out(root, people, given.jobs)
    elif given.command == "check":
        state = state_of(root)
        for name in state["release"]:
            check(root, name, state["handout"])
        print(f"{len(state['release'])} assignments and {len(state['handout'])} hand-outs belong "
              "together.")  # fmt: skip
    if given.command in ("collect", "marks"):
        collect(root, given.assignment, given.archives, due)
    if given.command in ("grade", "marks"):
        kind = "trusted" if given.trusted else given.sandbox
        students = getattr(given, "students", ())
        grade(root, given.assignment, students, given.late, given.jobs, kind, given.again)
    if given.command in ("written", "marks"):
        write_sheet(root, given.assignment)
    if given.command in ("export", "marks"):
        export(root, given.assignment, given.systems or (), given.column, given.without_written)


if __name__ == "__main__":
    main()
