"""A hand-in made clean, before anything runs or shows it.

Of a file that a student hands in, nothing counts but the sources of its cells. Tests are the
course's own text, wherever they were; tags, outputs, attachments and all other metadata are gone.
Answers are told by what they define, and by their ids where these make sense.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass

from sandbox import CourseError

LARGEST = 20 * 2**20  # bytes of a file
MOST, LONGEST = 2000, 2 * 2**20  # cells, and characters of their sources
ROLES = ("answer", "test", "written")


@dataclass
class Cell:
    """A cell of a hand-in, made clean.

    Attributes
    ----------
    source : str
    role : {"answer", "test", "written", "other"}
        Tests are the course's own, with what it gives in between; "other" is whatever a student
        has added, and the course's text.
    id : str or None
        Of the question's cell, where it belongs to one.
    kind : {"code", "markdown"}
    """

    source: str
    role: str = "other"
    id: str | None = None
    kind: str = "code"


@dataclass
class _Given:
    """A cell as it was handed in: its clean source, and what its metadata claim."""

    source: str
    kind: str
    claim: str | None
    own: str | None  # the id that every cell of nbformat 4.5 has
    at: int | None = None  # the number of the release's cell that it is
    guessed: bool = False  # by what it defines


@dataclass
class _Asked:
    """A cell of the release."""

    source: str
    kind: str
    id: str | None
    role: str
    points: float
    own: str | None
    names: frozenset = frozenset()  # that an answer has to define


def clean(hand_in, release, source):
    """Make a hand-in clean.

    Parameters
    ----------
    hand_in : bytes
        The file.
    release : NotebookNode
        What students were given; its cells have ``metadata.course``.
    source : NotebookNode
        The same with the reference solutions: they tell which names an answer defines.

    Returns
    -------
    cells : list of Cell
        In the order in which they run.
    notes : list of str
        What a teacher should know: what was missing, split, copied, changed or not answered.

    Raises
    ------
    CourseError
        If the file is no notebook, with the reason.
    """
    given = _read(hand_in)
    asked = _read_release(release, source)
    notes = []
    _match(given, asked)
    cells = _tests_and_answers(given, asked, notes)
    _put_back(cells, asked, notes)
    cells = _written(cells, asked, notes)
    return [cell for cell, _ in cells], list(dict.fromkeys(notes))


def _read(hand_in):
    """Read the cells of a file, of nbformat 3 or 4, and nothing but their sources and ids."""
    if len(hand_in) > LARGEST:
        raise CourseError(
            f"The file has {len(hand_in) / 2**20:.0f} MB; expected at most {LARGEST // 2**20}: ask "
            "for it once more, with Edit > Clear Outputs of All Cells before it is saved."
        )
    try:
        notebook = json.loads(hand_in.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        what = "empty" if not hand_in.strip() else f"no notebook ({_short(error)})"
        raise CourseError(
            f"The file is {what}; expected a notebook as Jupyter saves it: ask for it once more."
        ) from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if cells is None and isinstance(notebook, dict):
        sheets = notebook.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else []
        lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
        cells = [cell for cells in lists if isinstance(cells, list) for cell in cells] or None
    if not isinstance(cells, list):
        raise CourseError(
            "The file has no cells; expected a notebook as Jupyter saves it: ask for it once more."
        )
    given = [found for cell in cells[: MOST + 1] if (found := _read_cell(cell)) is not None]
    if len(cells) > MOST or sum(len(cell.source) for cell in given) > LONGEST:
        raise CourseError(
            f"The notebook has {len(cells)} cells, or more than {LONGEST // 2**20} million letters "
            f"in them; expected {MOST} cells at most: look into it, and ask for it once more."
        )
    return given


def _read_cell(cell):
    if not isinstance(cell, dict):
        return None
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        source = ""
    source = source.encode("utf-8", "replace").decode()
    source = re.sub(r"\r\n?", "\n", source).replace("\0", "")
    if cell.get("cell_type") == "heading":
        source = f"# {source}"
    kind = "code" if cell.get("cell_type") == "code" else "markdown"
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    claims = [metadata.get(holder) for holder in ("course", "nbgrader")]
    claims = [claim for claim in claims if isinstance(claim, dict)]
    names = [claim.get(key) for claim in claims for key in ("id", "grade_id")]
    names = [name for name in names if isinstance(name, str)]
    own = cell.get("id")
    return _Given(source, kind, names[0] if names else None, own if isinstance(own, str) else None)


def _read_release(release, source):
    """Read what the course asks for; an answer's names are those that its tests use."""
    asked = []
    for cell in release.cells:
        course = cell.metadata.get("course", {})
        role = course.get("role")
        asked.append(
            _Asked(
                cell.source,
                "code" if cell.cell_type == "code" else "markdown",
                course.get("id"),
                role if role in ROLES else "other",
                course.get("points") or 0,
                cell.get("id"),
            )
        )
    solved = {
        cell.metadata["course"]["id"]: cell.source
        for cell in source.cells
        if cell.metadata.get("course", {}).get("role") == "answer"
    }
    for at, cell in enumerate(asked):
        if cell.role != "answer" or cell.kind != "code":
            continue
        names = defined(cell.source) | defined(solved.get(cell.id, ""))
        used = set()
        for later in asked[at + 1 :]:
            if later.role == "answer":
                break
            if later.role == "test":
                used |= set(re.findall(r"\w+", later.source))
        cell.names = frozenset(names & used or names)
    counts = Counter(name for cell in asked for name in cell.names)
    for cell in asked:
        cell.names = frozenset(name for name in cell.names if counts[name] == 1)
    return asked


def defined(source):
    """Return the names that a cell defines, as far as its lines tell.

    The lines are read and not parsed: a student's file can bring a parser down.

    Parameters
    ----------
    source : str

    Returns
    -------
    set of str
    """
    names, inside = set(), False
    for line in source.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line[0].isspace() and line[0] not in ")]}":
            inside = False
        begins = re.match(r"(?:async\s+)?(?:def|class)\s+(\w+)", line)
        if begins:
            names.add(begins[1])
            inside = True
        if inside or begins:
            continue
        for part in line[:500].split(";"):
            targets, sign, rest = part.partition("=")
            while sign and not rest.startswith("=") and targets[-1:] not in tuple("!<>=+-*/%&|^@"):
                if not re.fullmatch(r"[\w\s,()*]+(:[^=]*)?", targets):
                    break
                if targets.count("(") != targets.count(")"):  # A named argument.
                    break
                names |= set(re.findall(r"[^\W\d]\w*", targets.partition(":")[0]))
                targets, sign, rest = rest.partition("=")
    return names


def _match(given, asked):
    """Say of each cell of a hand-in which cell of the release it is."""
    texts, ids, owns = {}, {}, {}
    for at, cell in enumerate(asked):
        texts.setdefault((cell.kind, _same(cell.source)), []).append(at)
        if cell.id is not None:
            ids[cell.id] = at
        if cell.own is not None:
            owns.setdefault(cell.own, at)
    keys = {name: at for at, cell in enumerate(asked) for name in cell.names}
    for cell in given:
        claim = ids.get(cell.claim, owns.get(cell.own) if cell.claim is None else None)
        equal = texts.get((cell.kind, _same(cell.source)), ())
        role = None if claim is None else asked[claim].role
        found = {keys[name] for name in defined(cell.source) if name in keys}
        if equal:
            cell.at = claim if claim in equal else equal[0]
        elif cell.kind == "markdown":
            cell.at = claim if role == "written" else None
        elif role == "answer" and (claim in found or not found):
            cell.at = claim
        elif found:
            # What a cell defines says more than what it is called.
            cell.at, cell.guessed = min(found), True
        elif role in ("test", "written"):
            cell.at = claim
    # Where an answer stands in its own place, what uses its name elsewhere is no second one.
    settled = {
        cell.at
        for cell in given
        if cell.at is not None
        and not (cell.guessed or _is_stub(cell, asked))
        and asked[cell.at].names & defined(cell.source)
    }
    for cell in given:
        if cell.guessed and cell.at in settled:
            cell.at = None


def _is_stub(cell, asked):
    return cell.at is not None and _same(cell.source) == _same(asked[cell.at].source)


def _tests_and_answers(given, asked, notes):
    """Return clean cells, each with the number of the release's cell, and the course's tests."""
    last = {}
    for number, cell in enumerate(given):
        if cell.at is not None and asked[cell.at].role == "test":
            # A test belongs after the answer; what the course gives, before it.
            if asked[cell.at].points:
                last[cell.at] = number
            else:
                last.setdefault(cell.at, number)
    answered = {
        cell.at
        for cell in given
        if cell.at is not None and asked[cell.at].role == "answer" and not _is_stub(cell, asked)
    }
    parts = Counter()
    cells = []
    for number, cell in enumerate(given):
        if not cell.source.strip() and (cell.at is None or asked[cell.at].role != "written"):
            continue
        wanted = None if cell.at is None else asked[cell.at]
        if wanted is None or wanted.role == "other":
            cells.append((Cell(cell.source, kind=cell.kind), cell.at))
        elif wanted.role == "test":
            if not _is_stub(cell, asked):
                notes.append(f"{wanted.id} was changed: the course's own was used")
                cells.append((Cell(cell.source, kind=cell.kind), None))
            if last[cell.at] == number:
                cells.append((Cell(wanted.source, "test", wanted.id, wanted.kind), cell.at))
        elif wanted.role == "written":
            cells.append((Cell(cell.source, "written", wanted.id, "markdown"), cell.at))
        elif _is_stub(cell, asked) and cell.at in answered:
            notes.append(f"{wanted.id} was answered in another cell")
        elif _is_stub(cell, asked) and parts[cell.at]:
            continue
        else:
            if _is_stub(cell, asked):
                notes.append(f"{wanted.id} is not answered")
            parts[cell.at] += 1
            cells.append((Cell(cell.source, "answer", wanted.id, "code"), cell.at))
    notes += [
        f"{asked[at].id} was split or copied: all parts were run, in their order"
        for at, number in parts.items()
        if number > 1
    ]
    return cells


def _put_back(cells, asked, notes):
    """Put back what a hand-in lacks, after what came before it in the release."""
    for at, wanted in enumerate(asked):
        if wanted.role == "other" or any(where == at for _, where in cells):
            continue
        before = [number for number, (_, where) in enumerate(cells) if where in range(at)]
        nearest = max((cells[number][1] for number in before), default=None)
        place = max((n for n in before if cells[n][1] == nearest), default=-1) + 1
        cells.insert(place, (Cell(wanted.source, wanted.role, wanted.id, wanted.kind), at))
        if wanted.role == "answer":
            notes.append(f"{wanted.id} is not answered")
        else:
            notes.append(f"{wanted.id} was missing and was put back")


def _written(cells, asked, notes):
    """Join the parts of each written answer; paragraphs right below it belong to it."""
    texts, first, current = {}, {}, None
    kept = []
    for cell, at in cells:
        if cell.role == "written":
            current = at
            first.setdefault(at, len(kept))
            if at not in texts:
                texts[at] = []
                kept.append((cell, at))
            if _same(cell.source) != _same(asked[at].source):
                texts[at].append(cell.source)
        elif current is not None and cell.kind == "markdown" and at is None:
            texts[current].append(cell.source)
        else:
            current = None
            kept.append((cell, at))
    for at, parts in texts.items():
        cell = kept[first[at]][0]
        parts = [part for part in dict.fromkeys(parts) if part.strip()]
        if parts:
            cell.source = "\n\n".join(parts)
        else:
            cell.source = ""
            notes.append(f"{cell.id} is not answered")
    return kept


def _same(source):
    """Return a source as it is compared: blanks at the ends of lines make no difference."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def _short(error):
    return str(error).splitlines()[0][:100] if str(error) else type(error).__name__
