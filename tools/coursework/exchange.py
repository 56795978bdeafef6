"""What learning platforms give and take: rosters and archives in, grades and feedback out.

The names of files are those that the systems document, or, where they document none, those that
their public source code writes and reads:

Canvas
    ``lib/content_zipper.rb`` (``get_filename``, ``add_upload_submission``) of
    github.com/instructure/canvas-lms names a file ``wellslane_LATE_334244_394803489_answer.ipynb``:
    the sortable name in small letters without anything but letters and digits, ``LATE`` if it is,
    the user, the attachment, the file. A hidden name is ``anon_`` and a code. Feedback goes back
    under such a name (``infer_comment_context_from_filename`` in ``app/models``), and grades in
    the columns that ``lib/gradebook_importer.rb`` asks for: Student, ID, SIS User ID, SIS Login
    ID, Section and one for each assignment, with a row of Points Possible.
Moodle
    ``mod/assign/classes/downloader.php`` of github.com/moodle/moodle puts files into
    ``Lane Wells_1234_assignsubmission_file`` (up to version 4.0 with a last ``_``), or, without
    folders, names them ``Lane Wells_1234_assignsubmission_file_answer.ipynb``. Feedback goes back
    in such folders (``mod/assign/feedback/file/importziplib.php``), and grades in the grading
    worksheet, of which ``mod/assign/feedback/offline/importgradeslib.php`` reads the columns
    Identifier ("Participant 1234"), Grade and Last modified (grade). See also
    docs.moodle.org/en/Assignment_settings, "Feedback types".
Blackboard Learn
    An attempt is ``Assignment A_lwells_attempt_2026-11-30-09-15-00_answer.ipynb``, beside it a
    note ``Assignment A_lwells_attempt_2026-11-30-09-15-00.txt``; nothing official says so, but
    those who tidy such archives agree (github.com/terr-steak/bb-file-cleanup,
    github.com/vangef/BBGradebookOrganiser). Grades go back by user name and by the column's
    number, ``Assignment A [Total Pts: 50 Score] |5123``: help.blackboard.com, "Work Offline with
    Grade Data"; a column without a number is made anew, as text.
"""

import codecs
import csv
import io
import lzma
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from preparing import CourseError, same_id

LARGEST = 20 * 2**20  # bytes of a notebook
LARGEST_ARCHIVE = 50 * 2**20  # bytes of an archive in an archive
MOST_FILES = 50_000  # in an archive; a class of 1000 has some 5000
MOST_FILES_OF_ONE = 500  # in an archive that one student packed
FOR_EXCEL = codecs.BOM_UTF8  # without it, Excel takes umlauts for something else
SYSTEMS = ("canvas", "moodle", "blackboard", "plain")

MOODLE = re.compile(
    r"(?P<name>[^_]*)_(?P<user>\d+)_assignsubmission_(?P<plugin>[a-z]+)(?:_(?P<file>.*))?$"
)
CANVAS = re.compile(
    r"(?P<name>.+?)_(?:(?P<late>LATE)_)?(?P<user>\d{1,18})_(?P<order>\d{1,18})_(?P<file>.+)$",
    re.I,
)
HIDDEN = re.compile(r"anon_(?:LATE_)?\w+?_\d+_.+$", re.I)
BLACKBOARD = re.compile(
    r"(?P<before>.+?)_attempt_(?P<when>\d{4}(?:-\d\d){5})(?:\.txt|_(?P<file>.+))$", re.I
)
BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError,
)  # fmt: skip
COPY = re.compile(r"(?:\s*\((\d{1,9})\)|[-_ ](\d{1,9})|\s*-?\s*copy(?:\s*\(?(\d{1,9})\)?)?)$", re.I)
LONGEST_NAME = 250  # characters that a system gives a file; in an archive there may be more


# Tables --------------------------------------------------------------------------------------


@dataclass
class Table:
    """A table as a spreadsheet or a platform writes it.

    Attributes
    ----------
    header : list of str
    rows : list of dict
        Values by column, blanks around them dropped.
    """

    header: list
    rows: list


def read_table(path):
    """Read a table with commas, semicolons or tabs, in whichever encoding.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Table

    Raises
    ------
    CourseError
        If there is no table.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CourseError(f"{path} cannot be read ({error.strerror}): give a CSV file.") from error
    for encoding in ("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeError:
            continue
    else:
        text = data.decode("latin-1")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        lines = [line for line in csv.reader(io.StringIO(text), delimiter=delimiter) if any(line)]
    except csv.Error as error:
        raise CourseError(f"{path} is no table ({error}): save it as CSV.") from error
    if not lines:
        raise CourseError(f"{path} is empty: expected a row of names of columns, then the rows.")
    header = [name.strip() for name in lines[0]]
    rows = [
        {name: armed(line[i].strip()) if i < len(line) else "" for i, name in enumerate(header)}
        for line in lines[1:]
    ]
    return Table(header, rows)


def write_table(path, header, rows, mark=b""):
    """Write a table, all at once, with no cell that a spreadsheet would run as a formula.

    Parameters
    ----------
    path : path-like
    header : list of str
    rows : list of dict
        None and missing values become empty cells.
    mark : bytes
        What the file begins with: `FOR_EXCEL`, or nothing for programs that know UTF-8.
    """
    stream = io.StringIO(newline="")
    table = csv.writer(stream)
    table.writerow([defused(name) for name in header])
    for row in rows:
        table.writerow([defused(row.get(name)) for name in header])
    write(path, mark + stream.getvalue().encode("utf-8", "replace"))


def defused(value):
    """Return a cell's text; what a spreadsheet would take for a formula gets a ``'`` before it."""
    text = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") and text != "-" else text


def armed(text):
    """Undo `defused`."""
    return text[1:] if len(text) > 1 and text[0] == "'" and text[1] in "=+-@" else text


def write(path, data):
    """Write a file all at once: whoever is stopped in between leaves the old one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.new")
    scratch.write_bytes(data)
    try:
        scratch.replace(path)
    except PermissionError as error:  # Windows, where a program has it open
        scratch.unlink()
        raise CourseError(f"{path} is open in another program: close it there.") from error


def printable(text):
    """Return a name without what a terminal would take for a command."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


# Who is in the course ------------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """A student as the roster has them.

    Attributes
    ----------
    id : str
        What the course calls them (Unicode NFC).
    name, email, username : str
        Empty if the roster does not say.
    canvas, moodle : str
        The numbers that Canvas and Moodle (for this assignment) give them, if known.
    """

    id: str
    name: str = ""
    email: str = ""
    username: str = ""
    canvas: str = ""
    moodle: str = ""


def read_roster(path):
    """Read who is in a course.

    Parameters
    ----------
    path : path-like
        A table with the columns ``id``, ``name`` and ``email`` (the last two may lack; also
        ``username``, ``canvas``, ``moodle``), or what a platform exports: Canvas's gradebook,
        Moodle's participants or grading worksheet, Blackboard's gradebook.

    Returns
    -------
    list of Person

    Raises
    ------
    CourseError
        If there is nobody, an id is missing or not unique.
    """
    table = read_table(path)
    column = {name.casefold(): name for name in reversed(table.header)}

    def value(row, *names):
        return next((row[column[n]] for n in names if n in column and row[column[n]]), "")

    people, seen = [], {}
    for number, row in enumerate(table.rows, 2):
        first = value(row, "first name", "firstname")
        last = value(row, "last name", "lastname", "surname")
        name = value(row, "name", "full name", "student") or f"{first} {last}".strip()
        if "student" in column and (not name or name in ("Points Possible", "Student, Test")):
            continue  # Canvas's rows that are no students
        email = value(row, "email", "email address", "e-mail")
        in_canvas = "student" in column and "id" in column
        participant = re.fullmatch(r"\D*(\d+)", value(row, "identifier"))
        student = value(
            row,
            *(("sis login id", "sis user id", "id") if in_canvas else ("id",)),
            "username", "user name", "id number", "student id", "email", "email address", "e-mail",
        )  # fmt: skip
        if not student:
            raise CourseError(
                f"Row {number} of {path} has no id: expected a column id (or username, ID number, "
                "email address) that says what the course calls each student."
            )
        person = Person(
            same_id(student),
            unicodedata.normalize("NFC", name),
            email,
            value(row, "username", "user name", "sis login id", "blackboard"),
            value(row, "id") if in_canvas else value(row, "canvas", "canvas id"),
            participant[1] if participant else value(row, "moodle", "moodle id"),
        )
        if person.id.casefold() in seen:
            raise CourseError(
                f"Row {number} of {path} has the id {person.id!r}, which row "
                f"{seen[person.id.casefold()]} has, too: give each student an id of their own."
            )
        seen[person.id.casefold()] = number
        people.append(person)
    if not people:
        raise CourseError(f"{path} names no student: expected a row for each.")
    return people


def squashed(name):
    """Return a name as platforms leave it in the names of files: letters and digits, small."""
    name = unicodedata.normalize("NFC", name).casefold()
    return "".join(c for c in name if c.isalnum() or unicodedata.category(c)[0] == "M")


class Roster:
    """Finds the student whom a name in an archive means.

    Parameters
    ----------
    people : list of Person
    """

    def __init__(self, people):
        self.people = list(people)
        self.ids = {person.id.casefold(): person for person in people}
        self.numbers = {
            system: {getattr(p, system): p for p in people if getattr(p, system)}
            for system in ("canvas", "moodle")
        }
        self.accounts, self.names = {}, {}
        for person in people:
            local = person.email.partition("@")[0]
            for name in filter(None, (person.id, person.username, person.email, local)):
                claimed = self.accounts.setdefault(same_id(name).casefold(), [])
                if person not in claimed:
                    claimed.append(person)
            words = person.name.replace(",", " ").split()
            for first in range(len(words)):
                whole = squashed("".join(words[first:] + words[:first]))
                found = self.names.setdefault(whole, [])
                if person not in found:
                    found.append(person)

    def by_number(self, system, number, name):
        """Find whom a platform's number and name mean; return the person, or None and why."""
        found = self.numbers[system].get(number)
        if found:
            return found, ""
        named = [p for p in self.names.get(squashed(name), []) if not getattr(p, system)]
        if len(named) == 1:
            return named[0], ""
        if named:
            who = " and ".join(person.id for person in named)
            return None, (
                f"{who} share the name {name!r}: give the roster a column {system} with the "
                f"numbers that {system.capitalize()} uses ({number} is one)"
            )
        return None, f"nobody on the roster has the name {name!r}, or the number {number}"

    def by_account(self, ending):
        """Find whose user name a text ends with, after ``_``; the longest, as names hold ``_``."""
        ending = same_id(ending).casefold()
        found = [name for name in self.accounts if ending == name or ending.endswith("_" + name)]
        named = self.accounts[max(found, key=len)] if found else []
        exact = [person for person in named if max(found, key=len) == person.id.casefold()]
        named = exact or named
        if len(named) == 1:
            return named[0], ""
        reason = "is that of several" if named else "is nobody's"
        return None, f"the user name at the end of {ending!r} {reason} on the roster"


# Archives in ---------------------------------------------------------------------------------


@dataclass
class HandIn:
    """A file that was handed in, and whose it is.

    Attributes
    ----------
    archive, path : str
        The archive or folder, and the file in it.
    system : str
        One of `SYSTEMS`, or empty.
    student : str
        The id, or empty.
    file : str
        The name that the student gave it.
    time : str
        When, as far as the archive says (ISO).
    late : bool or None
        None if nothing says so.
    account : dict
        What the platform calls the student and the file, to send feedback back.
    used : bool
        Whether it is what counts.
    why : str
        If not, why not; also what else a teacher should know.
    """

    archive: str
    path: str
    system: str = ""
    student: str = ""
    file: str = ""
    time: str = ""
    late: bool | None = None
    account: dict = field(default_factory=dict)
    used: bool = False
    why: str = ""
    moment: str = ""
    order: tuple = ()
    chain: tuple = ()
    place: Path | None = None

    def read(self):
        """Return the file's bytes.

        Returns
        -------
        bytes

        Raises
        ------
        CourseError
            If it is too large or the archive is broken.
        """
        if not self.chain:
            if self.place.stat().st_size > LARGEST:
                raise CourseError(_too_large(LARGEST))
            return self.place.read_bytes()
        return _read_chain(self.place, self.chain)


def _too_large(limit):
    return f"it is larger than {limit // 2**20} MB"


def _read_chain(place, chain, largest=LARGEST):
    """Read a file in an archive, or in an archive in it, by the places in their directories."""
    source = place
    for depth, index in enumerate(chain, 1):
        limit = largest if depth == len(chain) else LARGEST_ARCHIVE
        try:
            with zipfile.ZipFile(source) as archive:
                entry = archive.infolist()[index]
                if entry.file_size > limit:
                    raise CourseError(_too_large(limit))
                if entry.flag_bits & 1:
                    raise CourseError("it is locked with a password")
                # What the directory says may be a lie: no more than this is unpacked.
                with archive.open(entry) as stream:
                    data = stream.read(limit + 1)
        except BROKEN as error:
            raise CourseError(f"the archive is broken ({error})") from error
        if len(data) > limit:
            raise CourseError(_too_large(limit))
        source = io.BytesIO(data)
    return data


def find(folder, roster, assignment, due=None):
    """Find whose each file in a folder of downloads is, and which of a student's files counts.

    Nothing is unpacked to the disk, and no archive stops the others.

    Parameters
    ----------
    folder : path-like
        Holds archives as the platforms write them, folders with what was in them, or files named
        ``ID__anything.ipynb``, or in folders named by ids.
    roster : list of Person
    assignment : str
        Its name: of several files of a student, one of this name is meant.
    due : datetime, optional
        What is handed in later is late, if the archive says when, and not whether it is late.

    Returns
    -------
    list of HandIn
        One for each file, those that are not used among them.
    """
    people, late = Roster(roster), _late_in_moodle(folder)
    found = []
    for handed in _files(Path(folder), people):
        if not handed.why:
            _attribute(handed, people, due, late)
        found.append(handed)
    by_student = {}
    for handed in found:
        if handed.student and not handed.why:
            by_student.setdefault(handed.student, []).append(handed)
    for several in by_student.values():
        _choose(several, assignment)
    return found


def _files(folder, people):
    """List all files of a folder and of the archives in it."""
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = printable(place.name)
        if _is_left_over(name):
            continue
        if place.is_symlink():
            yield HandIn("", name, why="it is a link, not a file")
        elif place.is_dir():
            yield from _files_of_folder(place)
        elif place.suffix.lower() == ".zip":
            # Whatever a student's own archive holds is the student's, whoever its names name.
            own = any(same_id(name).casefold().startswith(i + "__") for i in people.ids)
            before, most = (name, MOST_FILES_OF_ONE) if own else ("", MOST_FILES)
            yield from _files_of_archive(place, "" if own else name, place, (), before, most)
        elif place.suffix.lower() not in (".csv", ".tsv", ".xls"):  # tables of the platform
            yield HandIn("", name, place=place, time=_time(place.stat().st_mtime))


def _files_of_folder(folder):
    for here, folders, names in os.walk(folder):  # follows no links
        folders.sort()
        for name in sorted(names):
            place = Path(here, name)
            path = printable(place.relative_to(folder.parent).as_posix())
            if _is_left_over(name):
                continue
            if not stat.S_ISREG(place.lstat().st_mode):
                yield HandIn("", path, why="it is a link, not a file")
            elif place.suffix.lower() == ".zip":
                yield from _files_of_archive(place, "", place, (), path, MOST_FILES_OF_ONE)
            else:
                yield HandIn("", path, place=place, time=_time(place.stat().st_mtime))


def _is_left_over(name):
    return name in (".DS_Store", "Thumbs.db", "desktop.ini") or name.startswith("._")


def _time(seconds):
    return datetime.fromtimestamp(seconds).isoformat(timespec="seconds")


def _files_of_archive(source, name, place, chain, before, most):
    """List the files of an archive; `before` is the path of an archive in an archive."""
    if most == MOST_FILES_OF_ONE and _entries_claimed(source) > MOST_FILES:
        why = f"the archive says that it holds more than {MOST_FILES} files: none was read"
        yield HandIn(name, before or name, why=why)
        return
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
    except BROKEN as error:
        yield HandIn(name, before or name, why=f"it cannot be opened as an archive ({error})")
        return
    if len(entries) > most:
        why = f"the archive holds {len(entries)} files, more than {most}: none was read"
        yield HandIn(name, before or name, why=why)
        return
    for index, entry in enumerate(entries):
        if entry.filename.endswith("/"):  # `is_dir` fails where there is no name
            continue
        path = _name_of(entry)
        shown = f"{before}/{path}" if before else path
        handed = HandIn(name, shown, place=place, chain=(*chain, index), time=_time_of(entry))
        parts = PurePosixPath(path).parts
        if not parts:
            handed.why = "it has no name"
        elif ".." in parts or path.startswith("/") or re.match(r"[A-Za-z]:", path):
            handed.why = "its name leads out of the archive"
        elif stat.S_ISLNK(entry.external_attr >> 16):
            handed.why = "it is a link, not a file"
        elif "__MACOSX" in parts or _is_left_over(parts[-1]):
            continue  # what systems leave in archives; no student handed it in
        elif path.lower().endswith(".zip") and not chain:
            try:
                inner = io.BytesIO(_read_chain(place, (index,), LARGEST_ARCHIVE))
            except CourseError as error:
                handed.why = str(error)
            else:
                yield from _files_of_archive(inner, name, place, (index,), shown, MOST_FILES_OF_ONE)
                continue
        elif path.lower().endswith(".zip"):
            handed.why = "it is an archive in an archive in an archive"
        yield handed


def _entries_claimed(source):
    """Count entries before they are read: a million are some kB when packed, 1 GB as a list."""
    if isinstance(source, io.BytesIO):
        return source.getvalue().count(b"PK\x01\x02")
    with Path(source).open("rb") as stream:
        return stream.read(LARGEST_ARCHIVE).count(b"PK\x01\x02")


def _name_of(entry):
    """Return a name in an archive; some programs write UTF-8 and do not say so."""
    name = entry.filename
    if not entry.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return printable(unicodedata.normalize("NFC", name.replace("\\", "/")))


def _time_of(entry):
    try:
        when = datetime(*entry.date_time)
    except ValueError:
        return ""
    return when.isoformat() if when.year > 1980 else ""


def _late_in_moodle(folder):
    """Read who was late from Moodle's worksheet, if it is there and in English.

    ``mod/assign/gradingtable.php``, ``col_status``: "Submitted for grading", then "2 days late".
    """
    table = tables_of(folder).get("moodle", Table([], []))
    return {
        re.sub(r"\D", "", row["Identifier"]): bool(re.search(r"\d.* late\b", row["Status"]))
        for row in table.rows
        if "Submitted for grading" in row.get("Status", "")
    }


def _attribute(handed, people, due, late):
    """Say whose a file is, from its name; the student chose only the end of it."""
    parts = [unicodedata.normalize("NFC", part) for part in PurePosixPath(handed.path).parts]
    handed.file = parts[-1]
    last = len(parts) - 1
    outer = next((i for i, part in enumerate(parts) if part.lower().endswith(".zip")), last)
    person, why = None, "its name says neither a student's id nor what a platform would call it"
    for place, part in enumerate(parts[: outer + 1]):
        if found := MOODLE.match(part):
            handed.system, number = "moodle", found["user"]
            handed.late = late.get(number)
            folder = part if place < outer else part[: found.end("plugin")]
            handed.account = {"moodle": number, "folder": folder}
            if place == last:
                handed.file = found["file"] or part
            person, why = people.by_number("moodle", number, found["name"])
            if found["plugin"] != "file":
                why = why or f"it is Moodle's {found['plugin']}, not a file"
                handed.student = person.id if person else ""
                handed.why = why
                return
            break
        if place < outer and same_id(part).casefold() in people.ids:
            handed.system, person = "plain", people.ids[same_id(part).casefold()]
            break
    else:
        person, why = _attribute_by_name(handed, parts[outer], outer == last, people, why)
    handed.student = person.id if person else ""
    handed.moment = handed.time
    if handed.system in ("canvas", "moodle"):
        handed.time = ""  # that of the download: their archives do not say when
    if handed.late is None and due is not None and handed.time:
        handed.late = datetime.fromisoformat(handed.time) > due
    if person is None:
        handed.why = handed.why or why
    elif not handed.why and ".ipynb_checkpoints" in parts:
        handed.why = "it is a copy that Jupyter keeps"
    elif not handed.why and not handed.file.lower().endswith(".ipynb"):
        handed.why = "it is no notebook (.ipynb)"


def _attribute_by_name(handed, name, is_the_file, people, why):
    """Say whose a file is that is in no folder of the student's; `name` may be an archive's."""
    whole = [i for i in people.ids if same_id(name).casefold().startswith(i + "__")]
    if whole:
        before = max(whole, key=len)  # the longest, since an id may hold "__"
        handed.system = "plain"
        handed.file = name[len(before) + 2 :] if is_the_file else handed.file
        return people.ids[before], ""
    found, canvas = BLACKBOARD.match(name), CANVAS.match(name)
    if found and canvas and canvas.end("order") < found.end("before"):
        # What Canvas wrote ends before what may be a student's imitation of Blackboard.
        person, _ = people.by_number("canvas", canvas["user"], canvas["name"])
        if person is None:
            return None, "its name may be Canvas's or Blackboard's: name a folder by the id"
        found = None
    if found:
        handed.system = "blackboard"
        with suppress(ValueError):  # digits that are no time
            handed.time = datetime.strptime(found["when"], "%Y-%m-%d-%H-%M-%S").isoformat()
        person, why = people.by_account(found["before"])
        if not found["file"]:
            handed.why = "it is Blackboard's note about the attempt"
        elif is_the_file:
            handed.file = found["file"]
        return person, why
    if HIDDEN.match(name):
        handed.system = "canvas"
        return None, "Canvas has hidden the names: show them, and download the archive again"
    if found := CANVAS.match(name):
        handed.system, handed.late = "canvas", bool(found["late"])
        handed.account = {
            "canvas": found["user"],
            "attachment": found["order"],
            "name": name[: found.start("file")].rstrip("_"),
        }
        if is_the_file:
            handed.file = found["file"]
        return people.by_number("canvas", found["user"], found["name"])
    stem = same_id(name.rpartition(".")[0]).casefold()
    if stem in people.ids:
        handed.system = "plain"
        return people.ids[stem], ""
    return None, why


def _choose(several, assignment):
    """Mark the file that counts: one of the assignment's name, and of these the newest."""
    for handed in several:
        stem, number = handed.file[: -len(".ipynb")], 0
        while len(stem) <= LONGEST_NAME and (found := COPY.search(stem)):
            stem = stem[: found.start()]
            number = number or int(next(filter(None, found.groups()), 1))
        named = same_id(stem).casefold() == assignment.casefold()
        attachment = int(handed.account.get("attachment", 0))
        # Canvas does not say when, but its numbers rise.
        handed.order = (named, attachment, "" if attachment else handed.moment, number)
    best = max(several, key=lambda handed: handed.order)
    best.used = True
    for handed in several:
        if handed is not best:
            newer = best.order[0] == handed.order[0]
            handed.why = f"{best.file} counts: " + (
                "it is newer" if newer else f"its name is that of {assignment}"
            )
    if len(several) > 1:
        best.why = f"it counts, of {len(several)} files"


# Grades and feedback out ---------------------------------------------------------------------


def tables_of(folder):
    """Find the tables that a platform wrote, among the downloads, by what they are.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    dict of Table
        By system: Canvas's gradebook, Moodle's grading worksheet, Blackboard's gradebook.
    """
    found = {}
    for path in sorted(Path(folder).glob("*")) if Path(folder).is_dir() else ():
        if path.suffix.lower() not in (".csv", ".tsv", ".xls", ".txt") or not path.is_file():
            continue
        try:
            table = read_table(path)
        except CourseError:
            continue
        names = [name.casefold() for name in table.header]
        if names[:2] == ["student", "id"]:
            found["canvas"] = table
        elif "identifier" in names and "grade" in names:
            found["moodle"] = table
        elif "username" in names and "last name" in names:
            found["blackboard"] = table
    return found


def with_numbers(people, folder):
    """Take the platforms' numbers of students from the tables among the downloads.

    Parameters
    ----------
    people : list of Person
    folder : path-like
        As for `tables_of`.

    Returns
    -------
    list of Person
    """
    known = Roster(people)
    numbers = {}
    tables = tables_of(folder)
    for row in tables["moodle"].rows if "moodle" in tables else ():
        number = re.fullmatch(r"\D*(\d+)", row.get("Identifier", ""))
        names = (row.get(name, "") for name in ("Email address", "ID number", "Full name"))
        person = _person_of(known, *names)
        if number and person:
            numbers.setdefault(person.id, {})["moodle"] = number[1]
    for row in tables["canvas"].rows if "canvas" in tables else ():
        names = (row.get(name, "") for name in ("SIS Login ID", "SIS User ID", "Student"))
        person = _person_of(known, *names)
        if row["ID"] and person:
            numbers.setdefault(person.id, {})["canvas"] = row["ID"]
    return [replace(person, **numbers.get(person.id, {})) for person in people]


def _person_of(known, *names):
    for name in filter(None, names[:-1]):
        found = known.accounts.get(same_id(name).casefold(), [])
        if len(found) == 1:
            return found[0]
    found = known.names.get(squashed(names[-1]), [])
    return found[0] if len(found) == 1 else None


@dataclass
class Grade:
    """What goes to the platform.

    Attributes
    ----------
    person : Person
    points : float or None
        None where there is nothing to say: an empty cell, never 0.
    account : dict
        Of the file that counts (`HandIn.account`).
    """

    person: Person
    points: float | None
    account: dict = field(default_factory=dict)


def write_canvas(path, grades, title, most, table=None, column=None):
    """Write a gradebook that Canvas imports (Grades > Import).

    Parameters
    ----------
    path : path-like
    grades : list of Grade
    title : str
        Of the assignment.
    most : float
        Points that can be had.
    table : Table, optional
        The gradebook that Canvas exported: its rows are kept, and grades that it has where the
        course has none.
    column : str, optional
        The assignment's column; otherwise the one whose name is the title, or a new one.

    Returns
    -------
    bool
        Whether the column was in the table; if not, Canvas asks whether to make it.
    """
    info = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    if table:
        section = table.header.index("Section") if "Section" in table.header else len(info) - 1
        info = table.header[: section + 1]
    name, known = _column(table, title, column, lambda header: re.sub(r"\s*\(\d+\)$", "", header))
    rows = [{info[0]: "    Points Possible", name: float(most)}]
    by_number = {grade.account.get("canvas") or grade.person.canvas: grade for grade in grades}
    by_login = {g.person.username or g.person.id: g for g in grades}
    if table:
        for row in table.rows:
            if not row["ID"] or "Points Possible" in row["Student"]:
                continue
            grade = by_number.get(row["ID"]) or by_login.get(row.get("SIS Login ID") or None)
            points = row.get(name, "") if grade is None or grade.points is None else grade.points
            rows.append({**{key: row[key] for key in info}, name: points})
    else:
        for grade in grades:
            person = grade.person
            number = grade.account.get("canvas") or person.canvas
            login = person.username or ("" if number else person.id)
            values = (person.name or person.id, number, "", login, "")
            rows.append({**dict(zip(info, values, strict=True)), name: grade.points})
    write_table(path, [*info, name], rows)
    return known


def write_moodle(path, grades, most, table=None):
    """Write a grading worksheet that Moodle imports (Upload grading worksheet).

    Parameters
    ----------
    path : path-like
    grades : list of Grade
    most : float
        Points that can be had.
    table : Table, optional
        The worksheet that Moodle wrote, for what is not the grade.

    Returns
    -------
    list of str
        Ids of students whose number in Moodle nobody knows, and who are not in the file.
    """
    by_number = {}
    for grade in grades:
        by_number[grade.account.get("moodle") or grade.person.moodle] = grade
    lost = [g.person.id for g in grades if not (g.account.get("moodle") or g.person.moodle)]
    if table:
        header, rows = table.header, []
        for row in table.rows:
            number = re.fullmatch(r"\D*(\d+)", row["Identifier"])
            grade = by_number.get(number[1]) if number else None
            known = grade is not None and grade.points is not None
            rows.append({**row, "Grade": grade.points if known else row["Grade"]})
    else:
        header = ["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade",
                  "Grade can be changed", "Last modified (submission)",
                  "Last modified (grade)"]  # fmt: skip
        rows = [
            dict(zip(header, (f"Participant {number}", grade.person.name, grade.person.email, "",
                              grade.points, float(most), "Yes", "-", "-"), strict=True))
            for number, grade in by_number.items() if number
        ]  # fmt: skip
    write_table(path, header, rows)
    return lost


def write_blackboard(path, grades, title, table=None, column=None):
    """Write a table of grades that Blackboard imports (Work Offline > Upload).

    Parameters
    ----------
    path : path-like
    grades : list of Grade
    title : str
    table : Table, optional
        The gradebook that Blackboard wrote.
    column : str, optional
        The assignment's column; otherwise the one whose name is the title, or a new one.

    Returns
    -------
    bool
        Whether the column was in the table; if not, Blackboard makes one of text.
    """
    name, known = _column(table, title, column, lambda header: re.split(r"\s*[\[|]", header)[0])
    by_name = {}
    for grade in grades:
        person = grade.person
        for account in (person.email.partition("@")[0], person.username, person.id):
            by_name[account.casefold()] = grade
    by_name.pop("", None)
    info = ["Last Name", "First Name", "Username"]
    rows = []
    if table:
        for row in table.rows:
            grade = by_name.get(row["Username"].casefold())
            points = row.get(name, "") if grade is None or grade.points is None else grade.points
            rows.append({**{key: row[key] for key in info if key in row}, name: points})
    else:
        for grade in grades:
            words, login = grade.person.name.split(), grade.person.username or grade.person.id
            values = (" ".join(words[-1:]), " ".join(words[:-1]), login)
            rows.append({**dict(zip(info, values, strict=True)), name: grade.points})
    write_table(path, [*info, name], rows)
    return known


def _column(table, title, column, bare):
    """Return the name of an assignment's column, and whether the table has it."""
    if table is None:
        return column or title, False
    wanted = {squashed(column)} if column else {squashed(title), squashed(title.partition(":")[0])}
    found = [n for n in table.header if squashed(n) in wanted or squashed(bare(n)) in wanted]
    if column and not found:
        raise CourseError(
            f"The gradebook has no column {column!r}: it has {', '.join(table.header)}."
        )
    return (found[0], True) if found else (title, False)


def pack_feedback(path, system, grades, pages, assignment):
    """Pack pages of feedback as a platform takes them back.

    Parameters
    ----------
    path : path-like
        The archive to write.
    system : str
        One of `SYSTEMS`.
    grades : list of Grade
    pages : dict of pathlib.Path
        By id; students without a page are left out.
    assignment : str

    Returns
    -------
    list of str
        Ids of students for whom the platform's name is not known, and who are left out.
    """
    lost, packed = [], io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for grade in grades:
            page, account = pages.get(grade.person.id), grade.account
            if page is None:
                continue
            if system == "moodle" and (account.get("folder") or grade.person.moodle):
                name = re.sub(r'[_/\\:*?"<>|]', " ", grade.person.name or grade.person.id)
                made = f"{name}_{grade.person.moodle}_assignsubmission_file"
                name = f"{account.get('folder') or made}/feedback_{assignment}.html"
            elif system == "canvas" and account.get("name"):
                name = f"{account['name']}_feedback_{assignment}.html"
            elif system in ("blackboard", "plain"):
                who = grade.person.username if system == "blackboard" else ""
                who = re.sub(r'[/\\:*?"<>|]', "-", who or grade.person.id)
                name = f"{who}_{assignment}.html"
            else:
                lost.append(grade.person.id)
                continue
            archive.writestr(name, page.read_bytes())
    write(path, packed.getvalue())
    return lost
