"""The loop of the coursework: release, hand out, collect, grade, give feedback, export.

``python tools/coursework/grading.py --help`` lists the commands. nbgrader does the work. This
module adds a recording for each student, a process of its own for each submission, with limits to
its time and memory, and a report that says what was out of order.
"""

import argparse
import csv
import json
import multiprocessing
import os
import shutil
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, suppress
from pathlib import Path

# nbgrader calls a program of its environment by name when it makes its database.
os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]

import preparing
import psutil
from nbgrader.apps import NbGraderAPI
from nbgrader.apps.zipcollectapp import ZipCollectApp
from nbgrader.plugins import CsvExportPlugin
from traitlets.config.loader import PyFileConfigLoader

from helpers import twin

HERE = Path(__file__).resolve().parent
ASSIGNMENTS = ("assignment_a", "assignment_b", "assignment_c")
MINUTES, GIGABYTES = 10, 4  # for one submission
# Two kernels that start at the same time may choose the same port; then one has to try again.
NOT_STARTED = "Kernel died before replying"
REPORT = ("student", "status", "score", "max_score", "needs_a_person", "notes")


class CourseError(Exception):
    """Something that the teacher has to set right."""


def open_course(root=HERE):
    """Return nbgrader's API on a course folder.

    Parameters
    ----------
    root : path-like
        Folder that holds ``nbgrader_config.py`` and ``source``; results go there, too.
    """
    config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    config.CourseDirectory.root = str(Path(root).resolve())
    return NbGraderAPI(config=config)


def release(course, assignment):
    """Write the version for students, without solutions and hidden tests."""
    _check_ids(course, assignment)
    result = _checked(course.generate_assignment(assignment))
    root = Path(course.coursedir.root)
    note = root / "release" / assignment / twin.students.HANDED_OUT
    note.unlink(missing_ok=True)
    if (root / preparing.SALT).is_file():
        text = "The course hands out the recording: put its folder here.\n"
        note.write_text(text, encoding="utf-8")
    return result


def hand_out(course, assignment, students):
    """Pack the release and the recording of each student into ``handout/STUDENT``.

    Returns
    -------
    list of pathlib.Path
        One zip file a student.
    """
    root = Path(course.coursedir.root)
    packed = []
    for student in students:
        made = preparing.make_twin(student, root)
        folder = root / "handout" / student / assignment
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(root / "release" / assignment, folder)
        shutil.copytree(made / "recording", folder / "recording")
        packed.append(Path(shutil.make_archive(str(folder), "zip", folder.parent, assignment)))
    return packed


def collect(course, assignment):
    """Sort files in ``downloaded/ASSIGNMENT/archive``, named STUDENT__FILE, into ``submitted``."""
    with chdir(course.coursedir.root):
        course.coursedir.assignment_id = assignment
        app = ZipCollectApp(coursedir=course.coursedir, parent=course, force=True)
        app.log.setLevel("ERROR")
        app.collector_plugin_inst = app.collector_plugin(parent=app)
        app.extractor_plugin_inst = app.extractor_plugin(parent=app)
        app.extract_archive_files()
        app.process_extracted_files()
    return sorted(course.get_submitted_students(assignment))


def grade(course, assignment, minutes=MINUTES, gigabytes=GIGABYTES, jobs=1):
    """Grade all submissions, each in a process of its own, and write feedback and tables.

    ``grades.csv`` is what nbgrader exports; ``report_ASSIGNMENT.csv`` says for each student whether
    the submission was graded and what was out of order.

    Parameters
    ----------
    course : nbgrader.apps.NbGraderAPI
        From `open_course`.
    assignment : str
    minutes, gigabytes : float
        What one submission may take.
    jobs : int
        Submissions that are graded at the same time.

    Returns
    -------
    list of dict
        The rows of the report, with the keys `REPORT`.
    """
    root = Path(course.coursedir.root)
    students = sorted(course.get_submitted_students(assignment))
    for student in students:
        with suppress(ValueError):  # An id that cannot be one is reported below.
            preparing.make_twin(student, root)

    def autograde(student):
        for _ in range(3):
            result = _in_a_process(course, assignment, student, 60 * minutes, gigabytes)
            if NOT_STARTED not in result["log"] + (result["error"] or ""):
                break
        return result

    rows = []
    with ThreadPoolExecutor(jobs) as pool:
        for student, result in zip(students, pool.map(autograde, students), strict=True):
            rows.append(_report(course, assignment, student, result))
            print(f"{student}: {rows[-1]['status']} {rows[-1]['notes']}", flush=True)
    _checked(course.generate_feedback(assignment))
    with (root / f"report_{assignment}.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, REPORT)
        table.writeheader()
        table.writerows(rows)
    with course.gradebook as gradebook:
        CsvExportPlugin(parent=course, to=str(root / "grades.csv")).export(gradebook)
    return rows


def _check_ids(course, assignment):
    """Raise CourseError if cells of the source share an id; nbgrader's own is a traceback."""
    directory = course.coursedir
    folder = Path(directory.format_path(directory.source_directory, ".", assignment))
    for path in sorted(folder.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        ids = Counter(cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in cells)
        twice = [name for name, number in ids.items() if name and number > 1]
        if twice:
            raise CourseError(
                f"{path} has more than one cell with the id {', '.join(twice)}: Split and Paste in "
                "JupyterLab copy it. Merge these cells, or give each an id of its own under "
                "Create Assignment."
            )


def _checked(result):
    """Raise CourseError, with what nbgrader wrote, unless it succeeded."""
    if not result["success"]:
        raise CourseError(result.get("log", "") + result.get("error", ""))
    return result


def _in_a_process(course, assignment, student, seconds, gigabytes):
    """Autograde one submission; return nbgrader's result, or why there is none."""
    # A server that has slow modules loaded: each process is a copy of it, and starts at once.
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    context.set_forkserver_preload(["nbgrader.apps", "helpers.twin"])
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(
        target=_autograde, args=(sending, course.coursedir.root, assignment, student, gigabytes)
    )
    process.start()
    sending.close()
    result = {"success": False, "error": "the process that graded it was killed", "log": ""}
    if receiving.poll(seconds):
        with suppress(EOFError):
            result = receiving.recv()
    else:
        result["error"] = f"it took longer than {seconds / 60:g} minutes"
    _end(process)
    return result


def _autograde(sending, root, assignment, student, gigabytes):
    """Run in the process of one submission."""
    with suppress(ImportError, ValueError, OSError):  # Only Linux can limit memory in this way.
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 2**30),) * 2)
    # Each thread of a matrix product takes memory for itself, too much of it on dozens of cores.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "2"
    # Kernels and libraries write here; what matters is in nbgrader's log.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    result = open_course(root).autograde(assignment, student)
    sending.send({"success": result["success"], "log": result["log"], "error": result.get("error")})


def _end(process):
    """End a process and all that it has started."""
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
    process.join(5)
    process.kill()
    process.join()


def _report(course, assignment, student, result):
    """Say in a row of the report how the grading of a submission went."""
    root = Path(course.coursedir.root)
    found = course.get_submission(assignment, student)
    graded = root / "autograded" / student / assignment / f"{assignment}.ipynb"
    there = {path.name for path in (root / "submitted" / student / assignment).glob("*.ipynb")}
    notes = []
    if f"{assignment}.ipynb" not in there:
        notes.append(f"handed in {', '.join(sorted(there)) or 'nothing'}, not {assignment}.ipynb")
    elif not result["success"]:
        lines = (result["log"] + (result["error"] or "")).strip().splitlines()
        reasons = [line for line in lines if "Error" in line] or lines
        notes.append(result["error"] if "\n" not in (result["error"] or "\n") else reasons[-1])
    log = result["log"].splitlines()
    lacking = [line.split()[-1] for line in log if preparing.MISSING in line]
    notes += [f"cell {name} was missing and was put back" for name in lacking]
    twice = dict.fromkeys(line.split()[-1] for line in log if preparing.TWICE in line)
    notes += [f"cell {name} was split or copied; the last one counts" for name in twice]
    if result["success"] and graded.is_file():
        notes += _notes_on_outputs(json.loads(graded.read_text(encoding="utf-8")))
    status = "graded" if result["success"] else "not graded"
    score = found["score"] if result["success"] else ""
    needs = found["needs_manual_grade"] if result["success"] else True
    values = (student, status, score, found["max_score"], needs, "; ".join(notes))
    return dict(zip(REPORT, values, strict=True))


def _notes_on_outputs(notebook):
    """List what a teacher should know of how the cells ran."""
    notes = []
    for number, cell in enumerate(notebook["cells"], 1):
        where = cell["metadata"].get("nbgrader", {}).get("grade_id") or f"number {number}"
        outputs = cell.get("outputs", [])
        errors = {output.get("ename") for output in outputs}
        if errors & {"CellTimeoutError", "KeyboardInterrupt"}:
            notes.append(f"cell {where} ran out of time")
        if errors & {"MemoryError", "_ArrayMemoryError"}:
            notes.append(f"cell {where} ran out of memory")
        text = json.dumps(outputs)
        if preparing.CUT.strip() in text or "... Output truncated ..." in text:
            notes.append(f"cell {where} printed too much; the rest was cut")
    return notes


def main(arguments=None):
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("release", "handout", "collect", "grade"))
    parser.add_argument("assignment", choices=ASSIGNMENTS)
    parser.add_argument("students", nargs="*", help="ids, for handout")
    parser.add_argument("--jobs", type=int, default=1, help="submissions graded at the same time")
    parser.add_argument("--root", default=HERE, help="folder of the course")
    given = parser.parse_args(arguments)
    try:
        _run(given, open_course(given.root))
    except CourseError as error:
        sys.exit(str(error))


def _run(given, course):
    if given.command == "release":
        release(course, given.assignment)
        print(f"For students: {given.root}/release/{given.assignment}")
    elif given.command == "handout":
        for path in hand_out(course, given.assignment, given.students):
            print(path)
    elif given.command == "collect":
        print("Submitted:", *collect(course, given.assignment))
    else:
        grade(course, given.assignment, jobs=given.jobs)
        print(f"Grades: {given.root}/grades.csv, feedback: {given.root}/feedback")


if __name__ == "__main__":
    main()
