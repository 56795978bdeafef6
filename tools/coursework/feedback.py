"""Pages that show what students wrote, to students and to teachers: nothing in them can run.

Everything that a student wrote is escaped. There is no script, event handler, link or frame, and
should there be one after all, a browser is told to run and to load nothing.
"""

import base64
import html
import re
import struct

LARGEST = 2_000_000  # bytes of a page
LARGEST_PICTURE = 16_000_000  # pixels; more would fill the memory of a browser
LONGEST = 20_000  # characters of a cell's code, or of an answer
LEFT_OUT = "(left out: the page would be larger than 2 MB)"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } td, th { text-align: left; padding: .2rem .8rem .2rem 0 }
td:nth-child(2), th:nth-child(2) { white-space: nowrap }
pre { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; padding: .5rem .8rem;
  border: 1px solid #8886; margin: .3rem 0; max-height: 40rem; overflow: auto }
pre.out { border-left: 4px solid #888 } pre.error { border-left: 4px solid #c33 }
.result { border: 2px solid #4a7; padding: .4rem .8rem; margin: .6rem 0 }
.result.less { border-color: #c83 } .result.none { border-color: #888 }
.label { font-size: .85rem; opacity: .8; margin: .6rem 0 0 } img { max-width: 100% }
body:has(.side) { max-width: 90rem }
.side { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; align-items: start }
.scheme { position: sticky; top: 0; max-height: 100vh; overflow: auto }
"""
# Letters that turn the direction of the text after them, and codes that mean something to others.
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
CODES = re.compile("\x1b\\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def plain(text, longest=LONGEST):
    """Return text that a page can show as it is.

    Parameters
    ----------
    text : str
        Whatever a student wrote.
    longest : int
        Characters that are kept.

    Returns
    -------
    str
        Escaped for HTML.
    """
    text = str(text).replace("\r\n", "\n")
    more = len(text) > longest
    text = TURNING.sub("\ufffd", CODES.sub("", text[:longest]))
    return html.escape(text) + ("\n... (the rest was cut)" if more else "")


def picture(data, label):
    """Return a picture as HTML, or nothing if the bytes are no PNG of a sensible size.

    Parameters
    ----------
    data : bytes
    label : str

    Returns
    -------
    str
    """
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        return ""
    width, height = struct.unpack(">II", data[16:24])
    if not 0 < width * height <= LARGEST_PICTURE:
        return ""
    code = base64.b64encode(data).decode()
    return f'<img alt="{html.escape(label)}" src="data:image/png;base64,{code}">'


def document(title, parts, largest=LARGEST):
    """Return a page; parts that would make it too large are left out, and it says so.

    Parameters
    ----------
    title : str
    parts : iterable of str
        HTML.
    largest : int
        Bytes.

    Returns
    -------
    bytes
    """
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{plain(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    ).encode()
    left_out = f'<p class="label">{LEFT_OUT}</p>\n'.encode()
    tail = b"</body>\n</html>\n"
    pieces, size, gone = [head], len(head) + len(tail) + len(left_out), False
    for part in parts:
        piece = part.encode("utf-8", "replace") + b"\n"
        if size + len(piece) > largest:
            gone = True
            continue
        pieces.append(piece)
        size += len(piece)
    return b"".join([*pieces, left_out if gone else b"", tail])


def page(graded, title, by_hand=()):
    """Return a student's page of feedback.

    Parameters
    ----------
    graded : dict
        What `course.grade` keeps of a hand-in: ``student``, ``status``, ``reason``, ``notes``,
        ``results``, ``cells`` (with their outputs).
    title : str
        Of the assignment.
    by_hand : dict of dict, optional
        By question, what a person gave: ``points`` and ``words``.

    Returns
    -------
    bytes
        A page of at most 2 MB.
    """
    return document(f"{title}, {graded['student']}", _parts(graded, title, dict(by_hand)))


def _parts(graded, title, by_hand):
    yield f"<h1>{plain(title)}</h1>\n<p>Student: <bdi>{plain(graded['student'])}</bdi></p>"
    if graded["status"] != "graded" and not graded["results"]:
        yield f"<p><strong>Not graded:</strong> {plain(graded['reason'])}</p>"
    results = [_counted(result, by_hand) for result in graded["results"]]
    if results:
        known = [result["points"] for result in results if result["points"] is not None]
        most = sum(result["max_points"] for result in results)
        missing = len(results) - len(known)
        note = f", and {missing} still to be marked" if missing else ""
        yield f"<p><strong>{sum(known):g} of {most:g} points</strong>{note}.</p>"
        rows = "".join(
            f"<tr><td>{plain(result.get('heading') or result['id'])}</td>"
            f"<td>{_points(result)}</td>"
            f"<td>{plain(result['words'])}</td></tr>"
            for result in results
        )
        yield (
            "<table><thead><tr><th>question</th><th>points</th><th>judged</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )
    if graded["notes"]:
        notes = "".join(f"<li>{plain(note, 1000)}</li>" for note in graded["notes"][:50])
        yield f"<h2>What was out of order</h2>\n<ul>{notes}</ul>"
    if graded["cells"]:
        yield (
            "<h2>Your notebook, as it ran</h2>\n<p>It ran from top to bottom in a new kernel, with "
            "your recording. What you saw on your machine may differ.</p>"
        )
    shown = {result["id"]: result for result in results}
    for cell in graded["cells"]:
        yield from _cell(cell)
        if cell["id"] in shown:
            yield _result(shown.pop(cell["id"]))


def _counted(result, by_hand):
    given = by_hand.get(result["id"])
    if given is None or given["points"] is None:
        return result
    return {**result, "points": given["points"], "words": given["words"], "status": "by hand"}


def _points(result):
    points = "–" if result["points"] is None else f"{result['points']:g}"
    return f"{points} of {result['max_points']:g}"


def _result(result):
    points, most = result["points"], result["max_points"]
    kind = " none" if points is None else " less" if points < most else ""
    return (
        f'<div class="result{kind}"><strong>{_points(result)} points.</strong> '
        f"{plain(result['words'])}</div>"
    )


def _cell(cell):
    """Show a cell of the student: code with what it gave, an answer in words, or a heading."""
    if cell["kind"] == "markdown":
        heading = re.search(r"^##+ +(.+)$", cell["source"], re.M)
        if cell["role"] == "written":
            yield f'<p class="label">Your answer</p>\n<pre>{plain(cell["source"])}</pre>'
        elif cell["role"] != "text":
            yield f'<p class="label">Your note</p>\n<pre>{plain(cell["source"])}</pre>'
        elif heading:
            yield f"<h3>{plain(heading[1], 200)}</h3>"
        return
    if cell["role"] not in ("test", "text"):
        yield f'<p class="label">Your code</p>\n<pre>{plain(cell["source"])}</pre>'
    out = cell.get("output") or {}
    if out.get("text"):
        yield f'<p class="label">What it showed</p>\n<pre class="out">{plain(out["text"])}</pre>'
    for number, data in enumerate(out.get("images", ()), 1):
        yield picture(base64.b64decode(data), f"Figure {number} of this cell")
    if out.get("error"):
        what = "What the test says" if cell["role"] == "test" else "It stopped with an error"
        yield f'<p class="label">{what}</p>\n<pre class="error">{plain(out["error"])}</pre>'
    elif out.get("status") in ("timeout", "not run"):
        why = {"timeout": "It took too long.", "not run": "It was not run."}[out["status"]]
        yield f'<p class="label">{why}</p>'


def sheets(title, question, scheme, answers):
    """Return the pages on which a teacher reads all students' answers beside the mark scheme.

    Parameters
    ----------
    title : str
    question, scheme : str
        What was asked, and the model answer with the points.
    answers : list of (str, str) pairs
        Ids and answers.

    Returns
    -------
    list of bytes
        As many pages of at most 2 MB as it takes.
    """
    beside = f'<div class="scheme"><h2>Question</h2><pre>{plain(question)}</pre>\n'
    beside += f"<h2>Mark scheme</h2><pre>{plain(scheme)}</pre></div>"
    blocks = [
        f"<h3><bdi>{plain(student)}</bdi></h3>\n"
        + (f"<pre>{plain(answer)}</pre>" if answer else "<p><em>There is no answer.</em></p>")
        for student, answer in answers
    ]
    groups, size = [[]], 0
    for block in blocks:
        size += len(block.encode("utf-8", "replace"))
        if size > LARGEST - 200_000 and groups[-1]:
            groups.append([])
            size = len(block.encode("utf-8", "replace"))
        groups[-1].append(block)
    return [
        document(
            title,
            [f"<h1>{plain(title)}</h1>",
             f'<div class="side"><div>{"".join(group)}</div>{beside}</div>'],
        )
        for group in groups
    ]  # fmt: skip
