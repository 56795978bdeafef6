"""Run the cells of a page, as IPython's kernel would.

What a cell prints goes to stdout and stderr; figures, tables and what becomes of the cell go to
``/dev/page``, a message at a time: a line of JSON, then bytes.
"""

import ast
import json
import linecache
import os
import sys
import traceback
import zipimport
from io import BytesIO
from pathlib import Path

LIBRARY = "/usr/local/lib/python315.zip"
NAMESPACE = {"__name__": "__main__", "__builtins__": __builtins__}
_messages = None


def boot():
    """Prepare what the cells expect."""
    global _messages
    _read_library_from_one_file()
    _messages = Path("/dev/page").open("wb", buffering=0)  # noqa: SIM115 (as long as Python runs)
    import stand_ins

    stand_ins.install()
    os.chdir("/book/notebooks")
    _send({"type": "result", "status": "ok", "error": None})


def run(source, name):
    """Run a cell, show its outputs, and report what became of it.

    Parameters
    ----------
    source : str
        Its code.
    name : str
        What tracebacks call it.
    """
    filename = f"<{name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    error = None
    try:
        _execute(source, filename)
        show_figures()
    except BaseException as raised:  # SystemExit, too: a cell cannot end the page
        error = _describe(raised, filename)
        _close_figures()
    _flush()
    _send({"type": "result", "status": "error" if error else "ok", "error": error})


def display(*objects, raw=False, **_):
    """Show objects as a notebook does: as HTML where they have it, else as text.

    Parameters
    ----------
    *objects : object
    raw : bool, optional
        Whether the objects are dicts of what to show by MIME type.
    **_ : object
        Other options of IPython's function, which change nothing here.
    """
    for shown in objects:
        if not raw and _is_figure(shown):
            _show_figure(shown)
            continue
        html, text = _representations(shown, raw)
        if html is None:
            print(text)
        else:
            _flush()
            _send({"type": "html", "html": html, "text": text})


def show_figures():
    """Show the figures that are open, and close them."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    try:
        for number in pyplot.get_fignums():
            _show_figure(pyplot.figure(number))
    finally:
        pyplot.close("all")


def _read_library_from_one_file():
    """Let zipimport keep the library's zip open, which saves a fifth of the time of imports."""
    descriptor, read_compressed = os.open(LIBRARY, os.O_RDONLY), zipimport._get_data

    def read(archive, entry):
        path, compression, size, _, header = entry[:5]
        if archive != LIBRARY or compression:
            return read_compressed(archive, entry)
        # In the zip that build.py makes, 30 bytes and the name come before what is stored.
        name = path.removeprefix(f"{LIBRARY}/").encode()
        return os.pread(descriptor, size, header + 30 + len(name))

    zipimport._get_data = read


def _execute(source, filename):
    tree = ast.parse(source, filename)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, filename, "exec"), NAMESPACE)
    if last is not None:
        value = eval(compile(last, filename, "eval"), NAMESPACE)
        if value is not None:
            NAMESPACE["_"] = value
            display(value)


def _describe(raised, filename):
    """Describe an error: without the frames of this file, and with the cell's line."""
    trace = raised.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    lines = [
        number for frame, number in traceback.walk_tb(trace) if frame.f_code.co_filename == filename
    ]
    if isinstance(raised, SyntaxError) and raised.filename == filename:
        lines = [raised.lineno]
    # The frames are cut for what raised it in turn, too.
    shown = traceback.TracebackException(type(raised), raised, trace)
    return {
        "name": type(raised).__name__,
        "message": _words(raised),
        "line": lines[-1] if lines else None,
        "traceback": "".join(shown.format()),
    }


def _words(raised):
    try:
        return str(raised)
    except Exception:
        return "<this error cannot say what it is about>"


def _representations(shown, raw):
    """Return an object as HTML, None if it has none, and as text."""
    if raw:
        return shown.get("text/html"), shown.get("text/plain", "")
    html = getattr(type(shown), "_repr_html_", None)
    return (html(shown) if html else None), repr(shown)


def _is_figure(shown):
    figure = sys.modules.get("matplotlib.figure")
    return figure is not None and isinstance(shown, figure.Figure)


def _show_figure(figure):
    # As IPython's inline backend draws it.
    stream = BytesIO()
    figure.savefig(
        stream,
        format="png",
        dpi=figure.dpi,
        facecolor=figure.get_facecolor(),
        edgecolor=figure.get_edgecolor(),
        bbox_inches="tight",
    )
    data = stream.getvalue()
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    _flush()
    _send({"type": "image", "width": width, "height": height}, data)


def _close_figures():
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def _flush():
    sys.stdout.flush()
    sys.stderr.flush()


def _send(head, data=b""):
    _messages.write(json.dumps(head).encode() + b"\n" + data)
