"""Grade what was handed in: each file in a sandbox of its own, judged from outside."""

import base64
import dataclasses
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from pathlib import Path

import cleaning
import exchange
import judging
import nbformat
import numpy as np
import preparing
import sandbox
from marking import (
    answer_of,
    graded_path,
    read_graded,
    some,
    submitted,
    write_feedback,
    write_grades,
    write_report,
)
from preparing import CourseError, same_id
from releasing import (
    check,
    hash_of,
    headings_of,
    judge_file,
    points_of,
    read_source,
    state_of,
    title_of,
    version_of,
)
from sklearn.utils import Bunch

TRUSTED = (
    "Without a sandbox (--sandbox trusted) each notebook runs with your rights: it can read and "
    "change your files, the marks among them. Only for answers that you know."
)


def grade(root, assignment, students=(), late=False, jobs=1, kind=None, again=False, limits=None):
    """Grade hand-ins, each in a sandbox of its own, and write feedback and tables.

    What is done is kept, a file for each student: whoever stops this, or loses the computer, runs
    it again and nobody is graded twice, unless the file, the judges or the release changed.

    Parameters
    ----------
    root : path-like
    assignment : str
    students : iterable of str
        Only these; otherwise all who have handed in.
    late : bool
        Only those whose file is late.
    jobs : int
        At the same time.
    kind : str, optional
        As for `sandbox.find`.
    again : bool
        Also what is graded already.
    limits : sandbox.Limits, optional

    Returns
    -------
    dict of dict
        By student: what is kept.

    Raises
    ------
    CourseError
        If things do not belong together, nobody is meant, or there is no sandbox.
    """
    root = Path(root).resolve()
    handed_in = submitted(root, assignment)
    chosen = [same_id(student) for student in students] or list(handed_in)
    unknown = [student for student in chosen if student not in handed_in]
    if unknown:
        raise CourseError(
            f"{some(unknown)} has handed in nothing for {assignment} that was collected: look "
            f"into report_{assignment}.csv, or run: course.py collect {assignment} ARCHIVE"
        )
    if late:
        chosen = [student for student in chosen if handed_in[student]["late"]]
    if not chosen:
        who = "Nobody late" if late else "Nobody"
        raise CourseError(f"{who} has handed in {assignment}: run collect first.")
    check(root, assignment, chosen)
    if kind == "trusted":
        print(TRUSTED)
    setting = _setting(root, assignment, limits)
    waiting = [s for s in chosen if again or not _is_done(setting, handed_in[s])]
    if len(waiting) < len(chosen):
        print(f"{len(chosen) - len(waiting)} of {len(chosen)} are graded already.")
    began = time.monotonic()
    try:
        if waiting:
            with sandbox.find(kind) as box:
                _grade_all(box, setting, [handed_in[s] for s in waiting], jobs)
    finally:
        # Also when somebody stops it: what is graded is in the tables.
        write_report(root, assignment)
        write_grades(root)
    taken = time.monotonic() - began
    graded = {student: read_graded(root, assignment, student) for student in chosen}
    lost = [s for s, one in graded.items() if one is None or one["status"] != "graded"]
    print(f"{assignment}: {len(chosen) - len(lost)} graded, {len(lost)} not ({taken:.0f} s)")
    print(f"  report_{assignment}.csv, grades.csv, feedback/{assignment}/")
    return graded


def _setting(root, assignment, limits):
    source = read_source(root, assignment)
    released = nbformat.read(root / "release" / assignment / f"{assignment}.ipynb", as_version=4)
    judges = judge_file(root, assignment)
    code = [Path(judging.__file__), judges]
    return Bunch(
        root=root, assignment=assignment, source=source, release=released, limits=limits,
        salt=preparing.read_salt(root), handout=state_of(root)["handout"],
        questions=judging.questions_of(judges),
        judge=hash_of(b"".join(path.read_bytes() for path in code)),
        version=version_of(released),
    )  # fmt: skip


def _grade_all(box, setting, handed_in, jobs):
    pool = ThreadPoolExecutor(max(1, jobs))
    try:
        running = {pool.submit(_grade_one, box, setting, one): one for one in handed_in}
        for number, done in enumerate(as_completed(running), 1):
            graded = done.result()
            what = _sum_text(graded) if graded["status"] == "graded" else graded["reason"]
            notes = f" ({'; '.join(graded['notes'])})" if graded["notes"] else ""
            print(f"  {number}/{len(running)} {graded['student']}: {what}{notes[:300]}", flush=True)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _sum_text(graded):
    judged = [r for r in graded["results"] if r["status"] == "judged"]
    points = sum(r["points"] for r in judged)
    text = f"{points:g} of {sum(r['max_points'] for r in judged):g}"
    lost = sum(r["status"] == "not judged" for r in graded["results"])
    return text + (f", {lost} questions not judged" if lost else "")


def _is_done(setting, about):
    graded = read_graded(setting.root, setting.assignment, about["student"])
    if graded is None or graded["failed"]:
        return False
    data = (about["folder"] / "hand_in.ipynb").read_bytes()
    now = (hash_of(data), setting.judge, setting.version)
    return (graded["hand_in"], graded["judge"], graded["release"]) == now


def _grade_one(box, setting, about):
    """Grade one hand-in and keep what came out; whatever happens, it stops nobody else's."""
    began, student = time.monotonic(), about["student"]
    data = (about["folder"] / "hand_in.ipynb").read_bytes()
    graded = {
        "student": student, "assignment": setting.assignment, "status": "not graded",
        "reason": "", "failed": False, "notes": [], "results": [], "cells": [],
        "hand_in": hash_of(data), "judge": setting.judge, "release": setting.version,
        "sandbox": box.kind,
    }  # fmt: skip
    try:
        if about["problem"]:
            raise CourseError(about["problem"])
        if setting.salt and student not in setting.handout:
            raise CourseError("no recording was handed out to this id: run: course.py handout")
        _run_and_judge(box, setting, student, data, graded)
        graded["status"] = "graded"
    except CourseError as error:
        graded["reason"] = str(error)
        # What lies in the file stays so; what lies here may be mended, and is tried again.
        graded["failed"] = "sandbox" in str(error)
    except Exception as error:
        graded["reason"] = f"the grader failed: {type(error).__name__}: {error}"[:500]
        graded["failed"] = True
    graded["seconds"] = round(time.monotonic() - began, 1)
    graded["when"] = datetime.now().isoformat(timespec="seconds")
    path = graded_path(setting.root, setting.assignment, student)
    exchange.write(path, json.dumps(graded, ensure_ascii=False).encode("utf-8", "replace"))
    write_feedback(setting.root, setting.assignment, [graded], title_of(setting.source))
    return graded


def _run_and_judge(box, setting, student, data, graded):
    cells, graded["notes"] = cleaning.clean(data, setting.release, setting.source)
    graded["notes"] = _together(graded["notes"])
    cells = [_with_own_id(cell, student, graded["notes"]) for cell in cells]
    texts = {cell.source.strip() for cell in setting.release.cells}
    folder = preparing.make_twin(student, setting.root)
    with np.load(folder / "truth.npz") as stored:
        truth = Bunch(**{name: stored[name][()] for name in stored})
    recording = (folder / "recording").resolve()
    with box.open(recording, cells, setting.limits) as session:
        outputs = iter(session.run())
        shown = [_shown(cell, outputs, texts) for cell in cells]
        results = judging.judge(setting.questions, session, truth, recording, student, setting.salt)
        if session.ended:
            graded["notes"].append(f"the notebook {session.ended}")
    graded["cells"] = shown
    graded["notes"] += _notes_on(shown)
    graded["results"] = [
        {"id": one.id, "points": None if one.points is None else float(one.points),
         "max_points": float(one.max_points), "words": one.words, "status": one.status}
        for one in results
    ]  # fmt: skip
    _, written = points_of(setting.source)
    for name, points in written.items():
        answer = answer_of(graded, name)
        graded["results"].append(
            {"id": name, "points": None, "max_points": points, "status": "by hand",
             "words": "Marked by a person." if answer else "There is no answer."}
        )  # fmt: skip
    headings = headings_of(setting.source)
    for result in graded["results"]:
        result["heading"] = headings[result["id"]]


def _together(notes):
    """Say of several questions in one note that they are not answered."""
    end = " is not answered"
    open_ones = [note[: -len(end)] for note in notes if note.endswith(end)]
    open_ones = [name for name in open_ones if not name.endswith("-student")]
    left = [note for note in notes if not note.endswith(end)]
    return left + ([f"not answered: {', '.join(open_ones)}"] if open_ones else [])


def _with_own_id(cell, student, notes):
    """Put the student's id where the notebook asks for it: the file is theirs, whatever it says."""
    if cell.kind != "code" or len(cell.source) > 1000:  # Longer ones can take hours to match.
        return cell
    found = re.fullmatch(r"""\s*STUDENT\s*=\s*(['"])(.*)\1\s*(?:#.*)?""", cell.source)
    if not found:
        return cell
    if found[2] not in ("", student):
        notes.append(f"the notebook says that the id is {found[2][:60]!r}")
    return dataclasses.replace(cell, source=f"STUDENT = {json.dumps(student, ensure_ascii=False)}")


def _shown(cell, outputs, texts):
    role = "text" if cell.role == "other" and cell.source.strip() in texts else cell.role
    shown = {"id": cell.id, "role": role, "kind": cell.kind, "source": cell.source[:50_000]}
    if cell.kind == "code":
        output = next(outputs, None)
        if output is not None:
            shown["output"] = {
                "status": output["status"], "text": output["text"],
                "images": [base64.b64encode(data).decode() for data in output["images"]],
                "error": _error_text(output["error"]),
            }  # fmt: skip
    return shown


def _error_text(error):
    if not error:
        return ""
    where = f" (line {error['line']})" if error.get("line") else ""
    return f"{error['type']}: {error['message']}{where}"


def _notes_on(cells):
    """List what a teacher should know of how the cells ran."""
    notes = []
    for number, cell in enumerate(cells, 1):
        where = cell["id"] or f"number {number}"
        output = cell.get("output") or {}
        if output.get("status") == "timeout":
            notes.append(f"cell {where} ran out of time")
        if "MemoryError" in output.get("error", "").partition(":")[0]:
            notes.append(f"cell {where} ran out of memory")
        if "(the rest was cut)" in output.get("text", ""):
            notes.append(f"cell {where} printed too much; the rest was cut")
    return notes
