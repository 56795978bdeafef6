"""What came out of grading: points with those that a person gave, tables, feedback, exports."""

import json
from pathlib import Path

import exchange
import feedback
import numpy as np
from preparing import CourseError, safe_name, same_id
from releasing import (
    BEGIN,
    END,
    UNWRITTEN,
    assignments,
    hash_of,
    points_of,
    read_source,
    roster_of,
    some,
    title_of,
)  # fmt: skip
from sklearn.utils import Bunch

REPORT = ("student", "name", "file", "handed_in", "late", "counts", "status", "tests", "by_hand",
          "total", "maximum", "notes")  # fmt: skip
WRITTEN = ("student", "name", "question", "maximum", "points", "words", "answer")


def submitted(root, assignment):
    """Return what was handed in.

    Parameters
    ----------
    root : path-like
    assignment : str

    Returns
    -------
    dict of dict
        By student: what `collect` knows of the file that counts.
    """
    found = {}
    for path in sorted(Path(root, "submitted", assignment).glob("*/source.json")):
        about = json.loads(path.read_text(encoding="utf-8"))
        found[about["student"]] = {**about, "folder": path.parent}
    return found


def graded_path(root, assignment, student):
    """Return the file that keeps what came out of grading a hand-in."""
    return Path(root, "graded", assignment, f"{safe_name(student)}.json")


def read_graded(root, assignment, student):
    """Return what is kept of a hand-in.

    Parameters
    ----------
    root : path-like
    assignment, student : str

    Returns
    -------
    dict or None
        None if it has not been graded.
    """
    try:
        text = graded_path(root, assignment, student).read_text(encoding="utf-8")
        return json.loads(text)
    except (FileNotFoundError, ValueError):
        return None


def answer_of(graded, question):
    """Return a student's answer in words, or nothing if the cell is as it was released."""
    given = [
        c["source"] for c in graded["cells"] if c["id"] == question and c["kind"] == "markdown"
    ]
    text = "\n\n".join(given).strip()
    return "" if text.replace(UNWRITTEN, "").strip() == "" else text


def write_sheet(root, assignment):
    """Write the sheet of answers in words, and the table that a teacher fills in.

    Points that are in the table stay there, whatever is graded again.

    Parameters
    ----------
    root : path-like
    assignment : str

    Returns
    -------
    sheets : list of pathlib.Path
    table : pathlib.Path
        ``written_ASSIGNMENT.csv``: the answers in words, and what the machine could not judge.
    """
    root = Path(root)
    source = read_source(root, assignment)
    _, written = points_of(source)
    given = by_hand(root, assignment)
    people = {person.id: person for person in roster_of(root)}
    everybody = {**dict.fromkeys(people), **dict.fromkeys(submitted(root, assignment))}
    rows, answers = [], {name: [] for name in written}
    for student in everybody:
        graded = read_graded(root, assignment, student)
        old = dict(given.get(student, {}))
        for result in graded["results"] if graded else ():
            name, answer = result["id"], answer_of(graded, result["id"])
            mine = old.pop(name, None)
            if name in written:
                answers[name].append((student, answer))
            elif result["points"] is not None and mine is None:
                continue
            if mine is None and name in written and not answer:
                mine = {"points": 0.0, "words": "There is no answer.", "answer": hash_of("")}
            rows.append(_row(student, people, name, result["max_points"], mine, hash_of(answer)))
        rows += [
            _row(student, people, n, one["maximum"], one, one["answer"]) for n, one in old.items()
        ]
    paths = []
    for name, question, scheme in _written_questions(source):
        pages = feedback.sheets(f"{title_of(source)}: {name}", question, scheme, answers[name])
        for number, page in enumerate(pages, 1):
            more = f"_{name}" if len(written) > 1 else ""
            more += f"_{number}" if number > 1 else ""
            paths.append(root / "written" / f"{assignment}{more}.html")
            exchange.write(paths[-1], page)
    table = root / f"written_{assignment}.csv"
    exchange.write_table(table, WRITTEN, rows, exchange.FOR_EXCEL)
    empty = sum(row["points"] is None for row in rows)
    print(f"  written/{assignment}.html: all answers beside the mark scheme")
    print(f"  written_{assignment}.csv: fill in the points ({empty} are empty), then run export")
    return paths, table


def _row(student, people, question, most, mine, answer):
    person = people.get(student)
    return {
        "student": student, "name": person.name if person else "", "question": question,
        "maximum": most, "points": mine["points"] if mine else None,
        "words": mine["words"] if mine else "",
        "answer": mine["answer"] if mine and mine["points"] is not None else answer,
    }  # fmt: skip


def _written_questions(source):
    """Yield id, question and mark scheme of each answer in words."""
    for before, cell in zip([None, *source.cells], source.cells, strict=False):
        known = cell.metadata.get("course", {})
        if known.get("role") == "written":
            scheme = cell.source.partition(BEGIN)[2].partition(END)[0].strip()
            yield known["id"], before.source if before else "", scheme


def by_hand(root, assignment):
    """Read the points that a person gave.

    Parameters
    ----------
    root : path-like
    assignment : str

    Returns
    -------
    dict of dict of dict
        By student and question: ``points`` (None if empty), ``words``, ``maximum`` and ``answer``,
        the version of the answer that was marked.

    Raises
    ------
    CourseError
        If a cell holds no points, or more than there are.
    """
    path = Path(root, f"written_{assignment}.csv")
    if not path.is_file():
        return {}
    table, given = exchange.read_table(path), {}
    lacking = [name for name in ("student", "question", "points") if name not in table.header]
    if lacking:
        raise CourseError(f"{path} lacks the column {lacking[0]}: expected {', '.join(WRITTEN)}.")
    tests, written = points_of(read_source(root, assignment))
    known = {person.id for person in roster_of(root)}
    for number, row in enumerate(table.rows, 2):
        student = same_id(row["student"])
        if student not in known and student not in submitted(root, assignment):
            raise CourseError(
                f"Row {number} of {path} is about {student!r}, who is not on the roster: expected "
                "an id as it stands there (some spreadsheets drop the zeros that begin it)."
            )
        most = {**tests, **written}.get(row["question"])
        if most is None:
            raise CourseError(
                f"Row {number} of {path} is about {row['question']!r}: {assignment} has the "
                f"questions {', '.join([*tests, *written])}."
            )
        text, points = row["points"].replace(",", "."), None
        try:
            points = float(text) if text else None
        except ValueError:
            points = np.nan
        if points is not None and not 0 <= points <= most:
            raise CourseError(
                f"Row {number} of {path} gives {row['student']} {row['points']!r} points for "
                f"{row['question']}: expected a number from 0 to {most:g}, or nothing."
            )
        if points is None and row["question"] in given.get(student, {}):
            continue  # a row below is empty, and that above is not
        given.setdefault(student, {})[row["question"]] = {
            "points": points, "words": row.get("words", ""), "maximum": most,
            "answer": row.get("answer", ""),
        }  # fmt: skip
    return given


def count(graded, given):
    """Count a hand-in's points, with those that a person gave.

    Parameters
    ----------
    graded : dict or None
        From `read_graded`.
    given : dict of dict
        Of this student, from `by_hand`.

    Returns
    -------
    Bunch
        ``tests``, ``by_hand`` and ``total`` (None where something is missing), ``maximum``,
        ``maximum_tests``, and ``why`` if the total is missing.
    """
    none = Bunch(tests=None, by_hand=None, total=None, maximum=None, maximum_tests=None)
    if graded is None:
        return Bunch(**none, why="not graded yet")
    if graded["status"] != "graded":
        return Bunch(**{**none, "why": graded["reason"]})
    points, why = {"judged": [], "hand": []}, []
    for result in graded["results"]:
        mine = given.get(result["id"])
        value = mine["points"] if mine and mine["points"] is not None else result["points"]
        points["hand" if result["status"] == "by hand" else "judged"].append(value)
        if value is None:
            still = "is not marked yet" if result["status"] == "by hand" else "could not be judged"
            why.append(f"{result['id']} {still}")
    tests, hand = (None if None in values else sum(values) for values in points.values())
    return Bunch(
        tests=tests,
        by_hand=hand,
        total=None if tests is None or hand is None else tests + hand,
        maximum=sum(result["max_points"] for result in graded["results"]),
        maximum_tests=sum(
            result["max_points"] for result in graded["results"] if result["status"] != "by hand"
        ),
        why=", ".join(why),
    )


def write_feedback(root, assignment, graded, title=None):
    """Write pages of feedback.

    Parameters
    ----------
    root : path-like
    assignment : str
    graded : iterable of dict
        From `read_graded`.
    title : str, optional

    Returns
    -------
    dict of pathlib.Path
        By student.
    """
    title = title or title_of(read_source(root, assignment))
    given, paths = by_hand(root, assignment), {}
    for one in graded:
        path = Path(root, "feedback", assignment, f"{safe_name(one['student'])}.html")
        exchange.write(path, feedback.page(one, title, given.get(one["student"], {})))
        paths[one["student"]] = path
    return paths


def write_report(root, assignment):
    """Write ``report_ASSIGNMENT.csv``: each file that was handed in, and who has handed in none.

    Parameters
    ----------
    root : path-like
    assignment : str

    Returns
    -------
    list of dict
        The rows, with the keys `REPORT`.
    """
    root = Path(root)
    path = root / "submitted" / assignment / "collected.json"
    files = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    people = {person.id: person for person in roster_of(root)}
    given, handed_in = by_hand(root, assignment), submitted(root, assignment)
    counting = {one["student"] for one in files if one["used"]}
    # Handed in before, by an archive that is gone from the downloads.
    files += [
        {**about, "used": True, "why": "its archive is gone from the downloads"}
        for student, about in handed_in.items() if student not in counting
    ]  # fmt: skip
    counting |= set(handed_in)
    rows = [_report_row(root, assignment, one, people, given) for one in files]
    for student, person in people.items():
        if student not in counting:
            other = any(one["student"] == student for one in files)
            status = "nothing that counts" if other else "nothing handed in"
            rows.append(dict.fromkeys(REPORT, "") | {
                "student": student, "name": person.name, "counts": "no", "status": status,
            })  # fmt: skip
    order = {student: number for number, student in enumerate(people)}
    rows.sort(key=lambda row: (order.get(row["student"], len(order)), row["counts"] != "yes"))
    exchange.write_table(root / f"report_{assignment}.csv", REPORT, rows, exchange.FOR_EXCEL)
    return rows


def _report_row(root, assignment, one, people, given):
    student = one["student"]
    person = people.get(student)
    row = dict.fromkeys(REPORT, "") | {
        "student": student,
        "name": person.name if person else "",
        "file": "/".join(filter(None, (one["archive"], one["path"]))),
        "handed_in": one["time"],
        "late": {True: "late", False: "no", None: ""}[one["late"]],
        "counts": "yes" if one["used"] else "no",
        "status": "" if one["used"] else "not used",
        "notes": one.get("why", ""),
    }
    if not one["used"]:
        return row
    graded = read_graded(root, assignment, student)
    mine = given.get(student, {})
    sums = count(graded, mine)
    notes = [row["notes"], sums.why, *(graded["notes"] if graded else ())]
    for name, marked in mine.items() if graded else ():
        if marked["points"] is not None and marked["answer"] not in (
            "",
            hash_of(answer_of(graded, name)),
        ):
            notes.append(f"the answer to {name} has changed since it was marked")
    if graded and graded["hand_in"] != hash_of(
        (_folder(root, assignment, student) / "hand_in.ipynb").read_bytes()
    ):
        notes.append("a newer file was collected after this was graded: grade again")
    status = graded["status"] if graded else "not graded yet"
    return row | {
        "status": status, "tests": sums.tests, "by_hand": sums.by_hand, "total": sums.total,
        "maximum": sums.maximum, "notes": "; ".join(filter(None, dict.fromkeys(notes))),
    }  # fmt: skip


def _folder(root, assignment, student):
    return Path(root, "submitted", assignment, safe_name(student))


def write_grades(root):
    """Write ``grades.csv``: a row for each student, and for each assignment points or why not.

    Parameters
    ----------
    root : path-like

    Returns
    -------
    list of dict
    """
    root = Path(root)
    names = [name for name in assignments(root) if (root / "graded" / name).is_dir()]
    people = roster_of(root)
    given = {name: by_hand(root, name) for name in names}
    handed_in = {name: submitted(root, name) for name in names}
    rows = []
    for person in people:
        row = {"student": person.id, "name": person.name, "email": person.email}
        for name in names:
            sums = count(read_graded(root, name, person.id), given[name].get(person.id, {}))
            nothing = person.id not in handed_in[name]
            row[name] = sums.total
            row[f"{name}_maximum"] = sums.maximum
            row[f"{name}_why_empty"] = "nothing was handed in" if nothing else sums.why
        rows.append(row)
    columns = [name + end for name in names for end in ("", "_maximum", "_why_empty")]
    exchange.write_table(
        root / "grades.csv", ["student", "name", "email", *columns], rows, exchange.FOR_EXCEL
    )
    return rows


def export(root, assignment, systems=(), column=None, without_written=False):
    """Write what goes back to the learning platform: grades, and feedback packed for upload.

    Parameters
    ----------
    root : path-like
    assignment : str
    systems : iterable of str
        Of `exchange.SYSTEMS`; otherwise those that the hand-ins came from.
    column : str, optional
        The assignment's column in the platform's gradebook.
    without_written : bool
        Leave out what a person marks: the points are those of the tests.

    Returns
    -------
    pathlib.Path
        ``upload/ASSIGNMENT``.
    """
    root = Path(root)
    title = title_of(read_source(root, assignment))
    folder, handed_in = root / "upload" / assignment, submitted(root, assignment)
    tests, written = points_of(read_source(root, assignment))
    most = sum(tests.values()) + (0 if without_written else sum(written.values()))
    given, grades, graded = by_hand(root, assignment), [], []
    for person in exchange.with_numbers(roster_of(root), root / "downloaded" / assignment):
        one = read_graded(root, assignment, person.id)
        sums = count(one, given.get(person.id, {}))
        account = handed_in.get(person.id, {}).get("account", {})
        points = sums.tests if without_written else sums.total
        grades.append(exchange.Grade(person, points, account))
        graded += [one] if one else []
    if not graded:
        raise CourseError(f"Nobody is graded in {assignment}: run grade first.")
    pages = write_feedback(root, assignment, graded, title)
    write_report(root, assignment)
    write_grades(root)
    came = {about["system"] for about in handed_in.values()}
    tables = exchange.tables_of(root / "downloaded" / assignment)
    empty = sum(grade.points is None for grade in grades)
    print(f"{assignment}: {len(grades) - empty} students have points, {empty} an empty cell")
    print("  grades.csv has them, and says why a cell is empty")
    for system in systems or [name for name in exchange.SYSTEMS if name in came]:
        if system == "canvas":
            known = exchange.write_canvas(
                folder / "canvas_grades.csv", grades, title, most, tables.get(system), column
            )
            print("  upload/…/canvas_grades.csv: Canvas, Grades > Import" + (
                "" if known else f" (it will ask where the column {column or title!r} belongs)"
            ))  # fmt: skip
        elif system == "moodle":
            lost = exchange.write_moodle(
                folder / "moodle_grades.csv", grades, most, tables.get(system)
            )
            print("  upload/…/moodle_grades.csv: Moodle, Upload grading worksheet" + (
                f" (without {some(lost)}: put the worksheet that Moodle lets you download into "
                f"downloaded/{assignment})" if lost and "moodle" not in tables else ""
            ))  # fmt: skip
        elif system == "blackboard":
            known = exchange.write_blackboard(
                folder / "blackboard_grades.csv", grades, title, tables.get(system), column
            )
            print("  upload/…/blackboard_grades.csv: Blackboard, Work Offline > Upload" + (
                "" if known else " (as a new column of text: put the gradebook that Blackboard "
                f"lets you download into downloaded/{assignment}, to fill in the assignment's own)"
            ))  # fmt: skip
        path = folder / f"{system}_feedback.zip"
        lost = exchange.pack_feedback(path, system, grades, pages, assignment)
        print(f"  upload/…/{path.name}: feedback, a page for each student" + (
            f" (without {some(lost)}, whom {system} calls by a name that is not known here)"
            if lost else ""
        ))  # fmt: skip
    return folder
