"""Checks of the book's text: words, links, citations, glossary terms, exercises.

A check takes cells (see notebook_checks.py; a Markdown page is one cell) and returns findings.
"""

import re
from pathlib import Path

BANNED = re.compile(r"\b(clearly|simply|obviously|it is easy to see)\b", re.I)
FENCE = re.compile(r"\s*(`{3,}|~{3,}|:{3,})\s*(\{[\w:-]+\})?(.*)")
ROLE_OR_CODE = re.compile(r"(\{[\w:]+\}`[^`]+`)|(`+)[^`\n]+\2")
ROLE = re.compile(r"\{([\w:]+)\}`([^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
LABEL = re.compile(
    r"^\(([^)\n]+)\)=\s*$|^\s*:(?:label|name):\s*(\S+)\s*$|^\$\$\s*\(([^)\n]+)\)", re.MULTILINE
)
EXERCISE = re.compile(
    r"^\s*[`:]{3,}\{(exercise|exercise-start|exercise-end|solution|solution-start|solution-end)\}"
    r"[ \t]*([\w:-]*)[^\n]*\n((?:\s*:[\w-]+:[^\n]*\n)*)",
    re.MULTILINE,
)


def line(cell, offset):
    """Place of a character: the page or cell, and the line in it."""
    return f"{cell.place}, line {cell.source.count(chr(10), 0, offset) + 1}"


def prose(cell):
    """Text of the cell with code blanked out, so that offsets stay.

    A fence such as "```python" begins code; a directive's ("```{note}") begins more text.
    """
    kept, opened = [], []
    for text in cell.source.splitlines(keepends=True):
        is_code = bool(opened) and opened[-1][1]
        if fence := FENCE.match(text):
            marks, directive, rest = fence.groups()
            if opened and not directive and not rest.strip() and marks.startswith(opened[-1][0]):
                opened.pop()
            elif not is_code:
                opened.append(
                    (marks, directive in (None, "{code}", "{code-block}", "{code-cell}", "{math}"))
                )
                is_code = opened[-1][1]
        kept.append(re.sub(r"[^\n]", " ", text) if is_code else text)
    return ROLE_OR_CODE.sub(lambda m: m[1] or " " * len(m[0]), "".join(kept))


def texts(cells):
    """The text cells."""
    return [cell for cell in cells if cell.kind == "markdown"]


def banned_words(cells):
    return [
        f"{line(cell, found.start())}: {found[0]!r}; say why instead"
        for cell in cells
        for found in BANNED.finditer(cell.source)
    ]


def roles(cells, *names):
    """Places and targets of roles such as {ref}`text <target>` or {cite}`key, key`."""
    for cell in texts(cells):
        for found in ROLE.finditer(prose(cell)):
            if found[1].split(":")[0] in names:
                explicit = re.search(r"<([^<>]+)>\s*$", found[2])
                yield line(cell, found.start()), (explicit[1] if explicit else found[2]).strip()


def labels(cells):
    """Every label that a reference can name."""
    return {
        name.lower()
        for cell in texts(cells)
        for groups in LABEL.findall(cell.source)
        for name in groups
        if name
    }


def slugs(cells):
    """Anchors that headings make."""
    headings = [h for cell in texts(cells) for h in re.findall(r"^#+ (.+)$", cell.source, re.M)]
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def dead_links(pages, root):
    """Links and references without a target; ``pages`` maps each path to its cells."""
    everything = [cell for cells in pages.values() for cell in cells]
    known = labels(everything)
    anchors = {path.resolve(): slugs(cells) for path, cells in pages.items()}
    findings = []
    for path, cells in pages.items():
        for cell in texts(cells):
            for found in LINK.finditer(prose(cell)):
                if found[1].lstrip("#").lower() in known:
                    continue
                if not _is_alive(found[1], path, anchors):
                    findings.append(
                        f"{line(cell, found.start())}: the link {found[1]!r} leads nowhere; "
                        "name a label, or a file relative to this one and a heading in it"
                    )
        for place, target in roles(cells, "doc"):
            base = root if target.startswith("/") else path.parent
            if not any(_candidates(base / target.lstrip("/"))):
                findings.append(f"{place}: {{doc}}`{target}` is no page of the book")
        for place, target in roles(cells, "ref", "numref", "eq"):
            if target.lower() not in known:
                findings.append(f"{place}: the label {target!r} is nowhere; write ({target})=")
    return findings


def _is_alive(target, path, anchors):
    if re.match(r"[a-z]+:", target):
        return True  # another site; nothing here may need the network
    file, _, anchor = target.partition("#")
    if not file:
        return anchor.lower() in anchors[path.resolve()]
    found = [candidate.resolve() for candidate in _candidates(path.parent / file)]
    return bool(found) and (not anchor or any(anchor.lower() in anchors.get(f, ()) for f in found))


def _candidates(path):
    """Files that a link may mean: as written, or a page without its suffix."""
    names = [path, Path(f"{path}.ipynb"), Path(f"{path}.md")]
    return [name for name in names if name.exists()]


def dead_citations(cells, bibliography):
    """Citations without an entry, and entries that nothing cites."""
    text = Path(bibliography).read_text(encoding="utf-8")
    entries = set(re.findall(r"^@\w+\{\s*([^,\s]+)\s*,", text, re.MULTILINE))
    cited = [
        (place, key.strip()) for place, keys in roles(cells, "cite") for key in keys.split(",")
    ]
    name = Path(bibliography).name
    return [
        f"{place}: cites {key!r}, which has no entry in {name}"
        for place, key in cited
        if key not in entries
    ] + [
        f"{name}: nothing cites {key!r}; cite it or take it out"
        for key in sorted(entries - {key for _, key in cited})
    ]


def dead_terms(cells, glossary):
    """Terms that the glossary does not explain."""
    text = Path(glossary).read_text(encoding="utf-8")
    blocks = re.findall(r"^`{3,}\{glossary\}\s*\n(.*?)^`{3,}\s*$", text, re.M | re.S)
    entries = {
        term.lower().strip()
        for block in blocks
        for term in re.findall(r"^([^\s:].*)$", block, re.M)
    }
    return [
        f"{place}: the term {term!r} is not in {Path(glossary).name}; explain it there"
        for place, term in roles(cells, "term")
        if term.lower() not in entries
    ]


def broken_exercises(cells):
    """Exercises and solutions that are not closed, not paired or not folded."""
    findings, opened, asked, solved = [], None, {}, set()
    for cell in texts(cells):
        for found in EXERCISE.finditer(cell.source + "\n"):
            directive, argument, options = found.groups()
            kind, _, edge = directive.partition("-")
            place = line(cell, found.start(1))
            if opened and (kind, edge) != (opened[0], "end"):
                findings.append(f"{opened[1]}: the {opened[0]} is not closed; add {opened[0]}-end")
            elif edge == "end" and not opened:
                findings.append(f"{place}: {directive} closes nothing; add {kind}-start before it")
            opened = (kind, place) if edge == "start" else None
            if edge == "end":
                continue
            if kind == "exercise":
                asked[(re.search(r":label:\s*(\S+)", options) or ["", ""])[1]] = place
                continue
            solved.add(argument)
            if argument not in asked:
                findings.append(f"{place}: solves {argument!r}, no exercise above has this label")
            if not re.search(r":class:[^\n]*\bdropdown\b", options):
                findings.append(f"{place}: the solution is not folded; add ':class: dropdown'")
    if opened:
        findings.append(f"{opened[1]}: the {opened[0]} is not closed; add {opened[0]}-end")
    return findings + [
        f"{place}: the exercise {label!r} has no solution; add solution-start {label}"
        for label, place in asked.items()
        if label not in solved
    ]


def captions_missing(cells):
    """Figures that no caption follows: text in italics that begins with "Figure:"."""
    findings = []
    for cell, after in zip(cells, [*cells[1:], None], strict=True):
        if cell.kind != "code" or not cell.figures:
            continue
        if after is None or not re.match(r"\*Figure: [^*]+\*(\n|$)", after.source):
            findings.append(f"{cell.place}: no caption follows; write '*Figure: what to see*'")
    return findings


def exercise_missing(cells):
    """A chapter that asks its reader nothing."""
    if any(EXERCISE.search(f"{cell.source}\n") for cell in texts(cells)):
        return []
    return [f"{cells[-1].place}: ends the chapter without an exercise; add one with its solution"]
