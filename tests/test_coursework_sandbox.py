"""What a student's program can do in its sandbox, and what it cannot."""

import json
import math
import os
import platform
import re
import secrets
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "coursework"))
import inside
import judging
import sandbox
from sandbox import Limits

COURSEWORK = Path(sandbox.__file__).parent
WHY_NOT = sandbox.Bubblewrap.lacks()
walls = pytest.mark.skipif(WHY_NOT is not None, reason=f"bubblewrap: {WHY_NOT}")
SOON = Limits(seconds=30)
windows = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows interrupts no cell and runs no shell"
)


@pytest.fixture(scope="module")
def bubblewrap():
    with sandbox.find("bubblewrap") as made:
        yield made


@pytest.fixture(scope="module")
def trusted():
    with sandbox.find("trusted") as made:
        yield made


@pytest.fixture(params=[pytest.param("bubblewrap", marks=walls), "trusted"])
def either(request):
    return request.getfixturevalue(request.param)


def cells(*sources):
    return {
        "cells": [
            {"cell_type": "code", "source": source, "metadata": {"course": {"id": f"c-{number}"}}}
            for number, source in enumerate(sources)
        ]
    }


@pytest.fixture
def run(bubblewrap):
    """Run one cell; return its output and why the session ended, or None."""

    def run_one(source, limits=SOON, recording=None):
        with (
            bubblewrap.open(recording, cells(source))
            if limits is None
            else bubblewrap.open(recording, cells(source), limits) as session
        ):
            return session.run()[0], session.ended

    return run_one


@pytest.fixture
def recording(tmp_path):
    folder = tmp_path / "recording"
    (folder / "func").mkdir(parents=True)
    (folder / "func" / "run.txt").write_text("1,2,3")
    return folder


# What a notebook does, in bubblewrap and without.


def test_cells_run_and_say_what_became_of_them(either):
    notebook = cells(
        "print('hi'); import sys; print('oh', file=sys.stderr)\n1 + 1",
        "import matplotlib.pyplot as plt\n%matplotlib inline\nplt.plot([1, 2])\nplt.show()",
        "first = 1\n1 / 0",
        "import pandas as pd\npd.DataFrame({'a': [1]})",
        "this is no Python",
        "_ = await __import__('asyncio').sleep(0, 3)\nfirst + _",
    )
    with either.open(None, notebook, SOON) as session:
        outputs = session.run()
        assert session.ended is None
    assert [output["id"] for output in outputs] == [f"c-{number}" for number in range(6)]
    assert [output["status"] for output in outputs] == ["ok", "ok", "error", "ok", "error", "ok"]
    assert outputs[0]["text"] == "hi\noh\n2\n"
    assert [image[:4] for image in outputs[1]["images"]] == [b"\x89PNG"]
    assert outputs[2]["error"] == {
        "type": "ZeroDivisionError",
        "message": "division by zero",
        "line": 2,
    }
    assert "<" not in outputs[3]["text"]
    assert outputs[3]["text"].split() == ["a", "0", "1"]
    assert outputs[4]["error"]["type"] == "SyntaxError"
    assert outputs[5]["text"] == "4\n"


PLAIN = """
import numpy as np, pandas as pd, scipy.sparse
number, text, flag, nothing, unreal = 3, "Grüße", True, None, 1 + 2j
floats = np.arange(6, dtype=np.float32).reshape(2, 3)
lists, ragged = [[1, 2], [3, 4]], [[1, 2], [3]]
frame, series = pd.DataFrame({"a": [1.5, 2]}), pd.Series(["LH", "RH"])
masked = np.ma.array([1.0, 2], mask=[False, True])
sparse = scipy.sparse.eye_array(2)
pair = (np.ones(2), ["n", "e"])
table = {"a": np.int8(4), 2: [True]}
long = np.longdouble(1.5)
big = np.array([1, 2], dtype=">i4")
Odd = type("Odd", (), {"__eq__": lambda *_: True})
odd, endless = Odd(), iter(int, 1)
loop = []; loop.append(loop)
evil = type("Evil", (float,), {"__eq__": lambda *_: True, "__gt__": lambda *_: True})(2)
"""


def test_values_come_out_plain(either):
    with either.open(None, cells(PLAIN), SOON) as session:
        assert session.run()[0]["error"] is None
        for name, right in (
            ("number", 3),
            ("text", "Grüße"),
            ("flag", True),
            ("nothing", None),
            ("unreal", 1 + 2j),
            ("ragged", [[1, 2], [3]]),
            ("long", 1.5),
        ):
            found = session.value(name)
            assert [list(row) for row in found] == right if name == "ragged" else found == right
        assert session.value("floats").dtype == np.float32
        np.testing.assert_array_equal(session.value("floats"), np.arange(6).reshape(2, 3))
        np.testing.assert_array_equal(session.value("lists"), [[1, 2], [3, 4]])
        np.testing.assert_array_equal(session.value("frame"), [[1.5], [2]])
        assert list(session.value("series")) == ["LH", "RH"]
        np.testing.assert_array_equal(session.value("masked"), [1, np.nan])
        np.testing.assert_array_equal(session.value("sparse"), np.eye(2))
        ones, letters = session.value("pair")
        assert ones.tolist() == [1, 1]
        assert letters == ["n", "e"]
        assert session.value("table")[2] == [True]
        assert session.value("big").tolist() == [1, 2]
        assert type(session.value("evil")) is float
        for name in ("odd", "endless", "loop", "Odd"):
            with pytest.raises(sandbox.NotPlain):
                session.value(name)
        with pytest.raises(sandbox.Missing, match="nowhere"):
            session.value("nowhere")
        assert session.ended is None


@windows
def test_functions_are_called_with_plain_values_and_paths(either, recording):
    notebook = cells(
        "def f(x, y=1):\n    x *= 2\n    return x + y",
        "def read(path):\n    return open(path).read()",
        "def fails(x):\n    y = x\n    raise ValueError(f'not {y}')",
        "def slow(x):\n    while True:\n        pass",
        "three = 3",
        "def kind(x):\n    return type(x).__name__",
    )
    limits = Limits(seconds=2)
    with either.open(recording, notebook, limits) as session:
        session.run()
        given_array = np.ones(3)
        assert session.call("f", given_array, y=[1, 2, 3]).tolist() == [3, 4, 5]
        assert given_array.tolist() == [1, 1, 1]
        assert session.call("read", recording / "func" / "run.txt") == "1,2,3"
        assert session.call("read", session.file("label.csv", b"4,5")) == "4,5"
        with pytest.raises(sandbox.StudentError, match=r"ValueError: not 7 \(line 3"):
            session.call("fails", 7)
        with pytest.raises(sandbox.NotPlain, match="three is no function"):
            session.call("three")
        with pytest.raises(sandbox.Timeout, match="longer than 2 seconds"):
            session.call("slow", 1)
        assert session.call("f", 2) == 5
        kinds = {"int": 3, "list": [1, 2], "ndarray": np.ones(2)}
        assert [session.call("kind", x) for x in kinds.values()] == list(kinds)
    assert recording.joinpath("func", "run.txt").read_text() == "1,2,3"


@windows
def test_a_cell_that_takes_too_long_does_not_stop_the_others(either):
    with either.open(None, cells("while True: pass", "x = 1"), Limits(seconds=1)) as session:
        assert [output["status"] for output in session.run()] == ["timeout", "ok"]


def test_outputs_are_cut(either):
    notebook = cells(
        "for _ in range(2000): print('x' * 100_000)",
        "from IPython.display import display, Image\n"
        "for _ in range(30): display(Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + bytes(10**6)))",
        "print('\\x1b[31mred\\x00\\ud800')",
    )
    with either.open(None, notebook, SOON) as session:
        long, pictures, strange = session.run()
    assert len(long["text"]) < 21_000
    assert "the rest was cut" in long["text"]
    assert pictures["images"] == []  # They are no pictures.
    assert strange["text"] == "[31mred?\n"


def test_each_cell_of_a_nuisance_ends_within_its_limits(either):
    with either.open(None, cells("import sys; sys.exit(3)", "exit()", "x = 1"), SOON) as session:
        outputs = session.run()
        assert session.value("x") == 1
    assert outputs[0]["status"] == "error"


# Walls.


@walls
def test_it_has_no_rights_and_a_filter(run):
    output, _ = run("print(open('/proc/self/status').read())")
    status = dict(
        line.split(":\t") for line in output["text"].strip().splitlines() if ":\t" in line
    )
    assert [int(status[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Bnd")] == [0] * 4
    assert status["NoNewPrivs"] == "1"
    assert status["Uid"].split() == ["1000"] * 4
    if platform.machine() in sandbox.FORBIDDEN:
        assert status["Seccomp"] == "2"


@walls
def test_there_is_no_network_and_no_loopback(run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        output, _ = run(
            f"import socket, subprocess, sys\n"
            f"for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):\n"
            f"    try:\n"
            f"        made = socket.socket(family)\n"
            f"        made.connect(('127.0.0.1', {port}))\n"
            f"        print('reached')\n"
            f"    except Exception as error:\n"
            f"        print(type(error).__name__)\n"
        )
        assert "reached" not in output["text"]
        if platform.machine() in sandbox.FORBIDDEN:
            assert output["text"].split() == ["PermissionError"] * 3


@walls
def test_nothing_of_the_course_or_of_its_teacher_is_there(run, recording, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_TEACHER", "42")
    secret = recording.parent / "truth.npz"
    secret.write_text("the truth")
    output, _ = run(
        f"""
import os, pathlib
for name in ({str(secret)!r}, {str(COURSEWORK)!r}, {str(COURSEWORK.parents[1] / ".git")!r},
             {str(Path.home() / ".bashrc")!r}, {str(Path.home() / ".ssh")!r}, "/etc/shadow",
             "/etc/passwd", "/run", "/var", "/sys", "/boot", "recording/../truth.npz"):
    print(os.path.exists(name))
""",
        recording=recording,
    )
    assert output["text"].split() == ["False"] * 12
    output, _ = run(
        "import os\nprint(dict(os.environ))\nprint(os.listdir('/'), os.listdir('.'))\n"
        "for name in ('cmdline', 'environ'):\n"
        "    for process in (1, 2, 'self'):\n"
        "        print(open(f'/proc/{process}/{name}').read())",
        recording=recording,
    )
    text = output["text"]
    assert "inside.py" in text
    assert "SECRET_OF_THE_TEACHER" not in text
    assert str(recording.parent) not in text
    assert "recording" in text


@walls
def test_nothing_can_be_written_but_its_own_folder(run, recording):
    output, ended = run(
        """
import os, sys, numpy, helpers
def tried(name):
    try:
        with open(name, "a") as stream:
            stream.write("x")
        return "written"
    except OSError as error:
        return type(error).__name__
for name in ("recording/func/run.txt", "recording/new", "/course/inside.py", "/course/new",
             numpy.__file__, os.path.dirname(numpy.__file__) + "/new.pth", helpers.__file__,
             sys.executable, "/new", "/dev/new", "/etc/new", "/proc/sys/kernel/hostname",
             "/proc/self/oom_score_adj", "/proc/self/comm"):
    print(name, tried(name) == "written")
print(tried("new"), tried("/tmp/new"), tried("/dev/shm/new"))
""",
        recording=recording,
    )
    lines = output["text"].splitlines()
    assert [line for line in lines[:-1] if line.endswith("True")] == []
    assert lines[-1] == "written written written"
    assert len(lines) == 15
    assert ended is None
    assert (recording / "func" / "run.txt").read_text() == "1,2,3"


@walls
def test_it_sees_and_ends_only_its_own_processes(run):
    output, _ = run(
        f"""
import os, signal
pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
print(len(pids))
try:
    os.kill({os.getpid()}, signal.SIGKILL)
except ProcessLookupError:
    print("not there")
"""
    )
    number, there = output["text"].splitlines()
    assert int(number) <= 3
    assert there == "not there"


@walls
@pytest.mark.parametrize(
    "source", ["import os; os.kill(1, 9); os.kill(-1, 9)", "import os; os.kill(os.getpid(), 9)"]
)
def test_what_it_kills_is_itself(run, source):
    _, ended = run(f"{source}\nimport time; time.sleep(5)")
    assert ended is None or "killed" in ended or "ended" in ended


@walls
@pytest.mark.skipif(platform.machine() not in sandbox.FORBIDDEN, reason="no filter here")
def test_the_kernel_answers_no_call_that_leads_outside(run):
    output, _ = run(
        """
import ctypes, errno, os, platform
libc = ctypes.CDLL(None, use_errno=True)
numbers = {"x86_64": (101, 250, 272, 165, 321, 425, 319, 29, 435), "aarch64": (
    117, 219, 97, 40, 280, 425, 279, 194, 435)}[platform.machine()]
for number in numbers:
    result = libc.syscall(number, 0x10000000, 0, 0, 0, 0, 0)
    print(result, errno.errorcode[ctypes.get_errno()])
clone = {"x86_64": 56, "aarch64": 220}[platform.machine()]
print(libc.syscall(clone, 0x10000000 | 17, 0, 0, 0, 0), errno.errorcode[ctypes.get_errno()])
import mmap
for what in (-1, os.open("/dev/zero", os.O_RDWR)):
    try:
        mmap.mmap(what, 2**20, flags=mmap.MAP_SHARED)
        print("shared")
    except OSError as error:
        print(type(error).__name__)
mmap.mmap(-1, 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
import multiprocessing
print(multiprocessing.Array("d", 3)[:])
import threading
thread = threading.Thread(target=print, args=["thread"]); thread.start(); thread.join()
import subprocess
print(subprocess.run(["echo", "child"], capture_output=True).stdout)
"""
    )
    lines = output["text"].splitlines()
    assert lines[:8] == ["-1 EPERM"] * 8
    assert lines[8:] == [
        "-1 ENOSYS",
        "-1 EPERM",
        "PermissionError",
        "OSError",
        "[0.0, 0.0, 0.0]",
        "thread",
        "b'child\\n'",
    ]


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3, 200):
            try: os.close(fd)
            except OSError: pass
        os.execv("/usr/bin/env", ["env", "sleep", "{mark}"])
    os._exit(0)
time.sleep(0.5)
"""


def sleepers(mark):
    found = []
    for process in psutil.process_iter():
        try:
            if mark in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


@walls
@pytest.mark.parametrize("last", ["x = 1", "import os; os._exit(0)"])
def test_what_leaves_its_session_ends_with_it(bubblewrap, last):
    mark = f"4{secrets.randbelow(10**8)}.5"
    with bubblewrap.open(None, cells(DAEMON.format(mark=mark), last), SOON) as session:
        first, _ = session.run()
        assert first["status"] == "ok"
        assert last != "x = 1" or len(sleepers(mark)) == 1
    assert sleepers(mark) == []


@walls
def test_when_the_grader_is_killed_submissions_end_too(tmp_path):
    mark = f"4{secrets.randbelow(10**8)}.5"
    grader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(COURSEWORK)!r})\n"
            f"import sandbox\n"
            f"box = sandbox.find('bubblewrap')\n"
            f"with box.open(None, {cells(DAEMON.format(mark=mark))!r}) as session:\n"
            f"    session.run()\n"
            f"    print('runs', flush=True)\n"
            f"    input()\n",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(tmp_path)},  # Where it leaves its copy of the helpers.
    )
    assert grader.stdout.readline() == b"runs\n"
    assert len(sleepers(mark)) == 1
    grader.kill()
    grader.communicate()
    end = time.monotonic() + 10
    while sleepers(mark) and time.monotonic() < end:
        time.sleep(0.1)
    assert sleepers(mark) == []


# Limits.


@walls
def test_memory_is_that_of_all_its_processes(run):
    _, ended = run(
        "import os, time\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0:\n"
        "        kept = bytearray(300 * 2**20)\n"
        "        time.sleep(60)\n"
        "time.sleep(20)",
        Limits(gigabytes=0.7),
    )
    assert ended == "used more than 0.7 GB"


@walls
def test_one_process_is_told_that_there_is_no_more_memory(run):
    output, ended = run("kept = bytearray(3 * 2**30)", Limits(gigabytes=1))
    assert output["error"]["type"] == "MemoryError"
    assert ended is None


@walls
def test_processes_are_counted(run):
    started = time.monotonic()
    _, ended = run(
        "import os, time\nwhile True:\n    if os.fork() == 0:\n        time.sleep(60)",
        Limits(processes=20),
    )
    assert ended == "started more than 20 processes"
    assert time.monotonic() - started < 20


@walls
def test_a_bomb_of_forks_ends(run):
    _, ended = run("import os\nwhile True:\n    os.fork()", Limits(processes=50))
    assert ended == "started more than 50 processes"


@walls
def test_what_is_written_is_counted(run):
    _, ended = run(
        "import itertools\n"
        "for number in itertools.count():\n"
        "    try:\n"
        "        open(f'/tmp/file{number}', 'wb').write(bytes(2**20))\n"
        "    except OSError:\n"
        "        pass",
        Limits(written_megabytes=50),
    )
    assert ended == "wrote more than 50 MB"


@walls
def test_empty_files_are_counted(run):
    _, ended = run(
        "import os\nfor number in range(200_000): os.mknod(f'/tmp/file{number}')",
        Limits(written_megabytes=50),
    )
    assert ended == "wrote more than 50 MB"


@walls
def test_only_its_own_pipes_are_open(run):
    output, _ = run(
        "import os\nfor fd in os.listdir('/proc/self/fd'):\n"
        "    try: print(os.readlink(f'/proc/self/fd/{fd}').partition(':')[0])\n"
        "    except OSError: pass"
    )
    opened = [name for name in output["text"].split() if name not in ("/dev/null", "anon_inode")]
    assert sorted(opened) == ["pipe", "pipe"]


@walls
def test_all_of_it_has_a_time(run):
    _, ended = run("import time; time.sleep(60)", Limits(minutes=0.05))
    assert ended == "took longer than 0.05 minutes"


@walls
def test_code_that_is_deaf_to_interrupts_is_ended(run, monkeypatch):
    monkeypatch.setattr(sandbox, "GRACE", 3)
    forever = "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass"
    output, ended = run(forever, Limits(seconds=1))
    assert ended == "went on for longer than 1 seconds in one cell"
    assert output["status"] == "not run"


@walls
def test_nobody_reads_what_its_children_print(run):
    output, ended = run(
        "import subprocess\nfor fd in (1, 2):\n"
        "    subprocess.run(f'yes | head -c 200000000 >&{fd}', shell=True)"
    )
    assert (output["status"], ended) == ("ok", None)


# What is written into the pipe by others than `inside`.

FORGED = """
import os, json, struct, time
def say(data):
    for number in range(3, 60):
        try:
            if "pipe" in os.readlink(f"/proc/self/fd/{number}"):
                os.write(number, data)
        except OSError:
            pass
%s
time.sleep(1)
"""


@walls
@pytest.mark.parametrize(
    "forged",
    [
        "say(b'garbage that is long enough')",
        "say(struct.pack('>Q', 2**63))",
        "say(struct.pack('>QI', 2**20, 2**31) + bytes(2**20 - 4))",
        "text = b'[' * 10**6\nsay(struct.pack('>QI', len(text) + 4, len(text)) + text)",
        'text = b\'{"dict": [["number", 1]]}\'\n'
        "say(struct.pack('>QI', len(text) + 4, len(text)) + text)",
        "text = json.dumps({'dict': [['number', 1], ['status', {'list': [1]}], ['text', 7], "
        "['images', 'x'], ['error', 'no'], ['value', {'array': ['O', [1], 0, 8]}]]}).encode()\n"
        "say(struct.pack('>QI', len(text) + 4, len(text)) + text)",
        "import pickle\nsay(pickle.dumps(print))",
        "os.closerange(3, 60)",
    ],
)
def test_a_forged_message_hurts_its_own_submission_only(bubblewrap, forged):
    with bubblewrap.open(None, cells(FORGED % forged, "x = 1"), Limits(seconds=5)) as session:
        outputs = session.run()
        for output in outputs:
            assert output["status"] in ("ok", "error", "timeout", "not run")
            assert isinstance(output["text"], str)
        with pytest.raises((sandbox.SessionEnded, sandbox.Missing)):
            session.value("nothing of this name")
    with bubblewrap.open(None, cells("x = 1"), SOON) as session:
        assert session.run()[0]["status"] == "ok"


@walls
def test_a_message_without_an_end_is_not_waited_for(bubblewrap, monkeypatch):
    monkeypatch.setattr(sandbox, "GRACE", 1)
    forged = FORGED % "say(struct.pack('>QI', 1000, 10))\nwhile True: pass"
    with bubblewrap.open(None, cells(forged), Limits(seconds=1)) as session:
        session.run()
        assert session.ended is not None


@walls
def test_a_submission_leaves_nothing_for_the_next(bubblewrap):
    leave = """
import os, pathlib, sys
for place in (pathlib.Path.home() / ".ipython/profile_default/startup", pathlib.Path("/tmp"),
              pathlib.Path("/dev/shm"), pathlib.Path("/course"), pathlib.Path(sys.prefix) / "lib"):
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / "left.py").write_text("left = True")
        (place / "left.pth").write_text("import left")
    except OSError:
        pass
"""
    with bubblewrap.open(None, cells(leave), SOON) as session:
        assert session.run()[0]["status"] == "ok"
    look = "import pathlib\nfound = [str(p) for place in ('/tmp', '/home', '/dev/shm', '/course') "
    look += "for p in pathlib.Path(place).rglob('left*')]\nfound"
    with bubblewrap.open(None, cells(look), SOON) as session:
        assert session.run()[0]["text"] == "[]\n"
        with pytest.raises(sandbox.Missing):
            session.value("left")


# What the helpers know.


def test_the_copy_of_the_helpers_is_whole_but_for_the_truth(trusted, tmp_path):
    names = [
        ".".join(path.relative_to(trusted.package).with_suffix("").parts)
        for path in sorted((trusted.package / "helpers").rglob("*.py"))
    ]
    assert "helpers.ridge" in names
    source = (
        f"import importlib\nfor name in {names}:\n    importlib.import_module(name)\n"
        "from helpers import twin\nfrom helpers._twin import students\n"
        "print(sorted(name for name in dir(students) if name[0] != '_'))\n"
        "print(students.letter_images().shape, hasattr(twin, 'graded_truth'), twin.__file__)\n"
        "for name in ('helpers.exercises', 'helpers._twin.brain', 'helpers._twin.responses'):\n"
        "    try:\n        importlib.import_module(name)\n        print('there')\n"
        "    except ModuleNotFoundError: pass\n"
    )
    with trusted.open(None, cells(source), SOON) as session:
        output = session.run()[0]
    assert output["error"] is None
    lines = output["text"].splitlines()
    assert lines[0] == "['letter_images', 'stimuli']"
    assert lines[1].startswith("(5, 10, 10) False ")
    assert str(trusted.package) in lines[1]
    assert len(lines) == 2
    text = "".join(path.read_text() for path in trusted.package.rglob("*.py"))
    assert "graded_truth" not in text
    assert "seed_of" not in text


def test_a_handed_out_recording_loads(either, tmp_path):
    from helpers import twin
    from helpers._twin import students

    students.make(tmp_path / "recording", "mia", "salt")
    source = (
        "from helpers import data, twin\nfilms, letters = twin.load_student('Mia')\n"
        "table = data.recording(films, 'all', shift=2).bold\n"
        "n = [len(films.func), len(letters.func)]"
    )
    with either.open(tmp_path / "recording", cells(source), SOON) as session:
        assert session.run()[0]["error"] is None
        assert session.value("n").tolist() == [8, 2]
        assert session.value("table").ndim == 2
    assert twin.students.read_stamp(tmp_path / "recording")["student"] == "mia"


# Where there is no bubblewrap.


def test_without_a_sandbox_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    with pytest.raises(sandbox.CourseError, match=r"install bubblewrap.*--trusted"):
        sandbox.find()
    with pytest.raises(sandbox.CourseError, match="expected one of"):
        sandbox.find("chroot")


@pytest.mark.parametrize("kind", [sandbox.Podman, sandbox.Docker])
def test_containers_promise_the_same(kind, recording):
    with kind() as made:
        command, _ = made.command(recording, Limits(), "s1")
        words = " ".join(command)
        for word in (
            "--network=none",
            "--read-only",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--user=1000:1000",
            f"--memory={4 * 2**30}b",
            f"--memory-swap={4 * 2**30}b",
            "--pids-limit=100",
            "--pull=never",
            f"--tmpfs=/home/student:size={500 * 2**20},",
            f"--volume={recording}:/home/student/recording:ro",
        ):
            assert word in words
        volumes = [word for word in command if word.startswith("--volume")]
        assert len(volumes) == 2
        assert all(word.endswith(":ro") for word in volumes)
        assert "--privileged" not in words
        assert command[command.index(sandbox.IMAGE) + 1 :][:2] == ["python3", "/course/inside.py"]


@windows
def test_a_container_is_ended_by_its_name(tmp_path, monkeypatch):
    """An engine that starts the command itself, and writes down what it was called with."""
    engine = tmp_path / "podman"
    engine.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nwhile [ $# -gt 3 ]; do shift; done\n'
        f'case "$2" in */inside.py) cd {tmp_path}; exec {sys.executable} '
        f'{COURSEWORK}/inside.py "$3";; esac\n'
    )
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with sandbox.find("podman") as made, made.open(None, cells("x = 1"), SOON) as session:
        assert session.run()[0]["status"] == "ok"
        assert session.value("x") == 1
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[0] == f"image inspect {sandbox.IMAGE}"
    name = calls[1].split("--name ")[1].split()[0]
    assert calls[-1] == f"rm --force --time=0 {name}"


def test_what_does_not_start_is_said(trusted, monkeypatch):
    monkeypatch.setattr(
        type(trusted),
        "command",
        lambda *_: ([sys.executable, "-c", "raise SystemExit('no such thing')"], {}),
    )
    with (
        pytest.raises(sandbox.CourseError, match="did not start: no such thing"),
        trusted.open(None, cells("x = 1")),
    ):
        pass


# Messages.

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st_numpy.arrays(
        st.sampled_from(["<f8", "<f4", "<i2", "|b1", "<c16", "<u1"]),
        st_numpy.array_shapes(min_dims=0, min_side=0),
        elements={"allow_nan": False},
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=20,
)


def same(one, other):
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(np.asarray(one), np.asarray(other))
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    return one == other


@settings(max_examples=200, deadline=None)
@given(plain)
def test_what_is_sent_arrives(tree):
    assert same(tree, inside.unpack(inside.pack(tree)[8:]))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), plain, st.data())
def test_no_bytes_are_too_odd(garbage, tree, data):
    message = bytearray(inside.pack(tree)[8:])
    for _ in range(3):
        at = data.draw(st.integers(0, len(message) - 1))
        message[at] = data.draw(st.integers(0, 255))
    for odd in (bytes(message), garbage, struct.pack(">I", len(garbage)) + garbage):
        try:
            inside.unpack(odd)
        except inside.BadMessageError:
            continue


@pytest.mark.parametrize(
    "tree",
    [
        {"array": ["<f8", [10**9, 10**9], 0, 8]},
        {"array": ["<U0", [10**7], 0, 0]},
        {"array": ["|O", [1], 0, 8]},
        {"array": ["<f8", [-1], 0, 8]},
        {"array": ["<f8", [1], 4, 8]},
        {"array": ["<f8", [1], 0, True]},
        {"array": ["<f8, <f8", [1], 0, 16]},
        {"list": 3},
        {"pickle": [1]},
        {"dict": [[1]]},
        {"dict": [[{"list": []}, 1]]},
        {"complex": ["x", 1]},
        [1],
    ],
)
def test_a_message_of_another_form_is_refused(tree):
    text = json.dumps(tree).encode()
    message = struct.pack(">I", len(text)) + text + bytes(8)
    try:
        found = inside.unpack(message)
    except inside.BadMessageError:
        return
    assert np.size(found) <= inside.MOST or found == {"[]": 1}


# The judge.


@judging.question("a", points=4, words="It doubles")
def doubles(given, truth, recording, rng):
    number = int(rng.integers(3, 9))
    double = given.function("double")
    found = given.number(double(number), "double")
    judging.expect(found == 2 * number, f"With {number} it does not double.")
    truth["shared"].append(1)
    assert truth["shared"] == [1]


@judging.question("b", points=3, words="Half of it")
def half(given, truth, recording, rng):
    judging.expect(given.text(given.value("letters"), "letters") == "neuro", "Not the letters.")
    return 0.5


@judging.question("c", points=2, words="Shape")
def shape(given, truth, recording, rng):
    given.array(given.value("table"), (None, 3), "table")


@judging.question("d", points=1, words="Odd")
def odd_one(given, truth, recording, rng):
    given.value("table").nonsense()


def judged(session, salt="salt"):
    session.run()
    asked = list(globals()["QUESTIONS"].values())
    return judging.judge(asked, session, {"shared": []}, None, "mia", salt)


def test_each_question_is_judged_on_its_own(trusted):
    notebook = cells(
        "import numpy as np\ndef double(x): return np.float32(2 * x)",
        "letters = np.array('neuro')\ntable = [[1, 2, 3]]",
    )
    with trusted.open(None, notebook, SOON) as session:
        a, b, c, d = judged(session)
    assert (a.points, a.words, a.status) == (4, "It doubles", "judged")
    assert b.points == 1.5
    assert c.points == 2
    assert (d.points, d.max_points, d.status) == (None, 1, "not judged")
    assert "did not foresee" in d.words
    assert "AttributeError" in d.note


def test_wrong_answers_get_words(trusted):
    notebook = cells("def double(x):\n    return 3 * x", "letters = 7\ntable = [[1, 2]]")
    with trusted.open(None, notebook, SOON) as session:
        a, b, c, _ = judged(session)
        again = judged(session, "another salt")
    assert a.points == b.points == c.points == 0
    assert a.words.startswith("With ")
    assert b.words == "letters is no text: write it in quotes."
    assert c.words == "table has the shape (1, 2); expected (any, 3)."
    assert again[0].points == 0


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1", "double is not defined when the notebook has run"),
        ("def double(x):\n    return y", r"NameError: name 'y' is not defined \(line 2"),
        ("double = 3", "double is no function"),
        ("def double(x): pass", "no array of numbers: did you forget to return"),
        ("def double(x): return object()", "double returned object; expected numbers"),
        ("def double(x): return [1, 2]", "2 entries; expected a single number"),
    ],
)
def test_what_is_no_answer_is_told_in_words(trusted, source, words):
    with trusted.open(None, cells(source), SOON) as session:
        first = judged(session)[0]
    assert first.points == 0
    assert math.isclose(first.max_points, 4)
    assert re.search(words, first.words)


def test_a_question_that_ends_the_notebook_does_not_take_the_others_with_it(trusted):
    source = "def double(x):\n    import os; os._exit(0)"
    with trusted.open(None, cells(source, "letters, table = 'neuro', [[1, 2, 3]]"), SOON) as one:
        results = judged(one)
    assert [result.points for result in results] == [None, 1.5, 2, None]
    assert results[0].status == "not judged"
    assert "ended itself" in results[0].words


def test_what_cannot_be_judged_has_no_points(trusted):
    with trusted.open(None, cells("import os; os._exit(0)"), SOON) as one:
        results = judged(one)
    assert {result.points for result in results} == {None}
    assert {result.status for result in results} == {"not judged"}
    assert "ended itself" in results[0].words


def test_two_questions_need_two_ids():
    with pytest.raises(sandbox.CourseError, match="two questions with the id"):

        @judging.question("a", points=4, words="Another")
        def another(given, truth, recording, rng):
            pass


def test_an_assignment_without_a_judge_is_named():
    with pytest.raises(sandbox.CourseError, match="no judge of"):
        judging.questions_of(Path("judging", "assignment_z.py"))
