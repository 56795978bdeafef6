"""A sandbox for one submission: where a student's code runs, and what is asked of it there.

`find` chooses bubblewrap, podman or docker; `Sandbox.open` starts one submission, and the
`Session` runs its cells, reads its values and calls its functions. What comes back are plain
values that were checked here (see `inside.unpack`): nothing that a student's code does there can
do more than answer wrongly.
"""

import compileall
import contextlib
import errno
import inspect
import json
import os
import platform
import queue
import re
import secrets
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import inside
import numpy as np
import psutil

import helpers
from helpers import twin
from helpers._twin import students

HERE = Path(__file__).resolve().parent
HOME = "/home/student"  # inside; the notebook's folder
COURSE = "/course"  # inside: the helpers and `inside.py`
RECORDING = "recording"  # beside the notebook
IMAGE = "visual-encoding-course"  # that podman and docker run; see `Containerfile`
BLINK = 0.1  # seconds between two looks at what a submission takes
GRACE = 15  # seconds in which code that was interrupted has to say so
START = 120  # seconds until Python is there
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has one way only.
PNG = b"\x89PNG\r\n\x1a\n"


class CourseError(Exception):
    """Something that the teacher has to set right."""


class StudentError(Exception):
    """The student's function raised an exception, of which these are `type`, `message`, `line`."""

    def __init__(self, name, error):
        self.name = name
        self.type, self.message, self.line = error["type"], error["message"], error["line"]
        where = "" if self.line is None else f" (line {self.line} of its cell)"
        text = f"{name} raised {self.type}: {self.message}"
        super().__init__(text[:400] + where)


class Timeout(Exception):
    """The student's function took too long."""


class NotPlain(Exception):
    """A value is neither a number nor text, an array, a list, a dictionary or None."""


class Missing(Exception):
    """There is no such name once the notebook has run."""


class SessionEnded(Exception):
    """The submission's processes are gone; `Session.ended` says why."""


@dataclass(frozen=True)
class Limits:
    """What a submission may take, with all of its processes together.

    Attributes
    ----------
    minutes : float
        For the notebook and all questions.
    gigabytes : float
        Memory, with what is written.
    processes : int
    written_megabytes : float
    seconds : float
        What one cell, or one call of a function, may take.
    """

    minutes: float = 10
    gigabytes: float = 4
    processes: int = 100
    written_megabytes: float = 500
    seconds: float = 120


def find(kind=None):
    """Find something that keeps a student's code from the rest of the computer.

    Parameters
    ----------
    kind : {"bubblewrap", "podman", "docker", "trusted"}, optional
        What to use; otherwise the first of bubblewrap, podman and docker that works here.
        "trusted" is no sandbox at all, for answers that you wrote yourself.

    Returns
    -------
    Sandbox

    Raises
    ------
    CourseError
        If there is none, with what to install.
    """
    kinds = {
        "bubblewrap": Bubblewrap,
        "podman": Podman,
        "docker": Docker,
        "trusted": Trusted,
    }
    if kind is not None and kind not in kinds:
        raise CourseError(f'The sandbox is "{kind}"; expected one of {", ".join(kinds)}.')
    reasons = []
    for name in [kind] if kind else ["bubblewrap", "podman", "docker"]:
        reason = kinds[name].lacks()
        if reason is None:
            return kinds[name]()
        reasons.append(f"{name}: {reason}")
    raise CourseError(
        "Nothing here keeps a student's program from your files and marks "
        f"({'; '.join(reasons)}). On Linux install bubblewrap (Debian, Ubuntu: sudo apt-get "
        "install bubblewrap), elsewhere podman or docker. With --trusted nothing is kept from "
        "them: only for answers that you know."
    )


class Sandbox:
    """Starts submissions, each in a sandbox of its own.

    Use `find`. Making it copies the helpers for students' programs, without what knows the truth
    about recordings; ``close`` removes the copy.
    """

    kind = None
    killed = (-KILL, 128 + KILL)  # how a process ends that was killed

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="course-")
        self.package = Path(self._folder.name) / "course"
        copy_helpers(self.package)

    def __enter__(self):  # noqa: D105
        return self

    def __exit__(self, *_):  # noqa: D105
        self.close()

    def close(self):
        """Remove the copy of the helpers."""
        self._folder.cleanup()

    @staticmethod
    def lacks():
        """Return why this kind does not work here, or None if it does."""
        return None

    def open(self, recording, notebook, limits=None):
        """Start a submission.

        Close it in the thread that has opened it, or before this thread ends.

        Parameters
        ----------
        recording : path-like or None
            Folder that the student was handed; inside it is ``recording`` beside the notebook,
            and nothing can be written to it.
        notebook : list of cleaning.Cell, or a notebook as dict
            What to run.
        limits : Limits, optional

        Returns
        -------
        Session
            A context manager.
        """
        recording = None if recording is None else Path(recording).resolve()
        return Session(self, recording, notebook, limits or Limits())

    def command(self, recording, limits, name):
        """Return the command line that starts `inside`, and what `subprocess.Popen` needs with it.

        Parameters
        ----------
        recording : pathlib.Path or None
        limits : Limits
        name : str
            Of the session.

        Returns
        -------
        command : list of str
        options : dict
        """
        raise NotImplementedError

    def end(self, process, name):
        """End a session's processes, all of them.

        Parameters
        ----------
        process : subprocess.Popen
        name : str
            Of the session.
        """
        if process.poll() is None:
            for member in _tree(process.pid):
                with contextlib.suppress(OSError):
                    os.kill(member, KILL)
            process.kill()
        process.wait()

    def watch(self, process, limits):
        """Say which limit a session has passed, or None.

        Parameters
        ----------
        process : subprocess.Popen
        limits : Limits

        Returns
        -------
        str or None
        """
        members = _tree(process.pid)
        threads, memory = 0, 0
        for member in members:
            with contextlib.suppress(OSError, ValueError, KeyError, psutil.Error):
                more, taken = _threads_and_memory(member)
                threads, memory = threads + more, memory + taken
        # What starts it counts, too: two processes of bubblewrap.
        if len(members) > limits.processes + 2 or threads > 10 * limits.processes:
            return f"started more than {limits.processes} processes"
        written = self.written(members)
        most = limits.gigabytes * 2**30 - written
        # Memory that processes share counts once; to know how much it is takes longer.
        if memory > most and sum(map(_share, members)) > most:
            return f"used more than {limits.gigabytes:g} GB"
        if written > limits.written_megabytes * 2**20 - 2**16:
            return f"wrote more than {limits.written_megabytes:g} MB"
        return None

    def written(self, members):
        """Return how many bytes lie in a session's own folders, or 0 where nobody can know.

        Parameters
        ----------
        members : list of int
            Its processes.

        Returns
        -------
        int
        """
        return 0

    def place(self, folder):
        """Return the folder that a session sees its files in, as text."""
        return HOME


def _arguments(limits, **others):
    return json.dumps(
        {
            "gigabytes": limits.gigabytes,
            "processes": limits.processes,
            "written_megabytes": limits.written_megabytes,
            "seconds": limits.seconds,
            **others,
        }
    )


def _variables(home, course, path):
    """Return the environment variables of a submission: these, and no others."""
    return {
        "HOME": home,
        "PATH": path,
        "LANG": "C.UTF-8",
        "TMPDIR": f"{home}/tmp",
        "PYTHONPATH": str(course),
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": f"{home}/.matplotlib",
        "IPYTHONDIR": f"{home}/.ipython",
        "BOOK_DATA_DIR": f"{home}/.book",
        "JOBLIB_TEMP_FOLDER": f"{home}/tmp",
        "TQDM_DISABLE": "1",
        # More threads help less than another submission at the same time.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


class Trusted(Sandbox):
    """No sandbox: a process with the teacher's rights, for answers that somebody trusts."""

    kind = "trusted"

    def command(self, recording, limits, name):
        """See `Sandbox.command`."""
        home = Path(self._folder.name) / name
        (home / "tmp").mkdir(parents=True)
        if recording is not None:
            shutil.copytree(recording, home / RECORDING)
        variables = _variables(str(home), self.package, os.environ.get("PATH", ""))
        if sys.platform == "win32":  # Python does not start there without the first of them.
            variables |= {"SYSTEMROOT": os.environ["SYSTEMROOT"], "USERPROFILE": str(home)}
        command = [
            sys.executable,
            str(self.package / "inside.py"),
            _arguments(limits, trusted=True),
        ]
        return command, {"cwd": home, "env": variables, "start_new_session": True}

    def end(self, process, name):
        """See `Sandbox.end`."""
        super().end(process, name)
        shutil.rmtree(self.place(name), ignore_errors=True)

    def place(self, folder):
        """See `Sandbox.place`."""
        return str(Path(self._folder.name) / folder)


class Bubblewrap(Sandbox):
    """Linux's own walls: namespaces of processes, files, network and users."""

    kind = "bubblewrap"
    WALLS = (
        *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--unshare-cgroup-try", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"),
        *("--hostname", "sandbox", "--die-with-parent", "--new-session", "--clearenv"),
    )

    @staticmethod
    def lacks():
        """See `Sandbox.lacks`."""
        program = shutil.which("bwrap")
        if sys.platform != "linux" or program is None:
            return "not installed" if sys.platform == "linux" else "on Linux only"
        command = [program, *Bubblewrap.WALLS, "--ro-bind", "/", "/", "--proc", "/proc", "true"]
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
        return None if tried.returncode == 0 else f"it does not work here: {tried.stderr.strip()}"

    def command(self, recording, limits, name):
        """See `Sandbox.command`."""
        written = str(int(limits.written_megabytes * 2**20))
        options, environment = [*self.WALLS], _environment()
        # A virtual environment may lie in /tmp; then no link can stand in its place.
        self.has_tmp = any(option.startswith("/tmp/") for option in environment)
        self.tmp_size = int(written) + 2**16
        if self.has_tmp:
            options += ["--size", written, "--perms", "0777", "--tmpfs", "/tmp"]
        options += [*environment, "--ro-bind", str(self.package), COURSE]
        installed = Path(helpers.__file__).resolve().parent
        if _covered(installed, options):  # Packages that are no link to somebody's own folder.
            options += ["--ro-bind", str(self.package / "helpers"), str(installed)]
        options += ["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]
        options += ["--dev-bind", "/dev/null", "/dev/zero"]  # Else memory that nobody counts.
        options += ["--size", str(64 * 2**20), "--perms", "0777", "--tmpfs", "/dev/shm"]
        options += ["--remount-ro", "/dev", "--size", written, "--tmpfs", HOME]
        options += ["--dir", f"{HOME}/tmp"]
        if not self.has_tmp:
            options += ["--symlink", f"{HOME}/tmp", "/tmp"]
        if recording is not None:
            options += ["--ro-bind", str(recording), f"{HOME}/{RECORDING}"]
        options += ["--remount-ro", "/", "--chdir", HOME]
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        for variable, value in _variables(HOME, COURSE, path).items():
            options += ["--setenv", variable, value]
        passed = []
        filters = _filters()
        if filters is not None:
            passed.append(_as_file(filters))
            options += ["--seccomp", str(passed[-1])]
        # Not on the command line: processes inside can read that of the first one among them.
        passed.append(_as_file("\0".join(options).encode() + b"\0"))
        command = [shutil.which("bwrap"), "--args", str(passed[-1]), "--", sys.executable]
        command += [f"{COURSE}/inside.py", _arguments(limits)]
        # Processes inside can read the variables of the first one among them, too.
        return command, {"pass_fds": passed, "env": {}}

    def written(self, members):
        """See `Sandbox.written`."""
        total = 0
        for place in (HOME, "/dev/shm", *["/tmp"] * self.has_tmp):
            with contextlib.suppress(OSError, IndexError):
                room = os.statvfs(f"/proc/{members[1]}/root{place}")
                # Until the walls stand, it is the computer's own folder that is seen here.
                if place == "/tmp" and room.f_blocks * room.f_frsize > self.tmp_size:
                    continue
                total += (room.f_blocks - room.f_bfree) * room.f_frsize
                total += (room.f_files - room.f_ffree) * 1024  # what the kernel needs for a file
        return total

    def end(self, process, name):
        """See `Sandbox.end`."""
        # The first process of the namespace takes all others with it, wherever they went.
        if process.poll() is None:
            for first in _children(process.pid):
                with contextlib.suppress(OSError):
                    os.kill(first, KILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
        process.wait()


class Podman(Sandbox):
    """A container without network, from an image that the teacher has made of `Containerfile`."""

    kind = "podman"
    OWN = ("--userns=keep-id:uid=1000,gid=1000",)

    @classmethod
    def lacks(cls):
        """See `Sandbox.lacks`."""
        program = shutil.which(cls.kind)
        if program is None:
            return "not installed"
        tried = subprocess.run(
            [program, "image", "inspect", IMAGE], capture_output=True, text=True, check=False
        )
        if tried.returncode == 0:
            return None
        return (
            f'it has no image "{IMAGE}" ({tried.stderr.strip()[:200]}): run {cls.kind} build '
            f"--tag {IMAGE} --file tools/coursework/Containerfile . in the book's folder"
        )

    def command(self, recording, limits, name):
        """See `Sandbox.command`."""
        written = f"size={int(limits.written_megabytes * 2**20)},mode=0777,nosuid,nodev"
        memory = f"{int(limits.gigabytes * 2**30)}b"
        options = [
            *("run", "--rm", "--interactive", "--name", name, "--pull=never", *self.OWN),
            *("--network=none", "--ipc=private", "--read-only", "--cap-drop=ALL"),
            *("--security-opt=no-new-privileges", "--user=1000:1000", "--hostname=sandbox"),
            *(f"--memory={memory}", f"--memory-swap={memory}"),
            *(f"--pids-limit={limits.processes}", "--ulimit=core=0", "--ulimit=nofile=256"),
            *("--shm-size=64m", f"--tmpfs={HOME}:{written}", f"--tmpfs=/tmp:{written}"),
            f"--volume={self.package}:{COURSE}:ro",
            f"--workdir={HOME}",
        ]
        if recording is not None:
            options.append(f"--volume={recording}:{HOME}/{RECORDING}:ro")
        path = "/usr/local/bin:/usr/bin:/bin"
        variables = {**_variables(HOME, COURSE, path), "TMPDIR": "/tmp"}
        options += [f"--env={variable}={value}" for variable, value in variables.items()]
        command = ["python3", f"{COURSE}/inside.py", _arguments(limits)]
        return [shutil.which(self.kind) or self.kind, *options, IMAGE, *command], {}

    def watch(self, process, limits):
        """See `Sandbox.watch`: here it is the container's own limits that hold."""
        return None

    def end(self, process, name):
        """See `Sandbox.end`."""
        subprocess.run(
            [shutil.which(self.kind) or self.kind, "rm", "--force", "--time=0", name],
            capture_output=True,
            check=False,
        )
        process.kill()
        process.wait()


class Docker(Podman):
    """As `Podman`."""

    kind = "docker"
    OWN = ("--init",)

    def end(self, process, name):
        """See `Sandbox.end`."""
        subprocess.run(
            [shutil.which(self.kind) or self.kind, "rm", "--force", name],
            capture_output=True,
            check=False,
        )
        process.kill()
        process.wait()


class Session:
    """One submission in its sandbox; see `Sandbox.open`.

    Attributes
    ----------
    recording : pathlib.Path or None
    """

    def __init__(self, sandbox, recording, notebook, limits):
        self.recording, self.limits = recording, limits
        self._sandbox, self._cells = sandbox, _cells_of(notebook)
        self._name = "s" + secrets.token_hex(8)
        self._reason, self._number, self._closing = None, 0, False
        self._words, self._left = b"", inside.ALL
        self._pieces, self._got = queue.Queue(32), bytearray()
        self._process, self._threads = None, []

    def __enter__(self):  # noqa: D105
        command, options = self._sandbox.command(self.recording, self.limits, self._name)
        self._deadline = time.monotonic() + 60 * self.limits.minutes + START
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, **options
            )
        finally:
            for number in options.get("pass_fds", ()):
                os.close(number)
        self._threads = [
            threading.Thread(target=work, daemon=True)
            for work in (self._watch, self._listen, self._receive)
        ]
        for thread in self._threads:
            thread.start()
        try:
            ready = self._read(time.monotonic() + START)
            if ready != {"ready": True}:
                raise SessionEnded
        except SessionEnded:
            self.close()
            words = self._words.decode(errors="replace").strip()
            raise CourseError(
                f"The sandbox ({self._sandbox.kind}) did not start: "
                f"{words or self._reason or 'without a word'}."
            ) from None
        self._deadline = time.monotonic() + 60 * self.limits.minutes
        return self

    def __exit__(self, *_):  # noqa: D105
        self.close()

    def close(self):
        """End everything that runs in it."""
        self._closing = True
        if self._process is not None:
            self._sandbox.end(self._process, self._name)
            for thread in self._threads:
                thread.join()
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
                with contextlib.suppress(OSError):
                    stream.close()
            self._process = None

    @property
    def ended(self):
        """None, or why it runs no longer: "took longer than 10 minutes", for instance."""
        return self._reason

    def run(self):
        """Run the cells.

        Returns
        -------
        list of dict
            For each cell of code its "id" (or None), "status" ("ok", "error", "timeout" or "not
            run"), "text", "images" (PNG, bytes) and "error" (None, or "type", "message", "line").
        """
        outputs = []
        for name, source in self._cells:
            output = {"id": name, "status": "not run", "text": "", "images": [], "error": None}
            outputs.append(output)
            if self._reason is None:
                with contextlib.suppress(SessionEnded):
                    output.update(self._output(self._ask({"source": source})))
        return outputs

    def again(self):
        """Return a new session with the same cells, for after this one has ended.

        Returns
        -------
        Session
            A context manager.
        """
        return Session(self._sandbox, self.recording, self._cells, self.limits)

    def value(self, name):
        """Return what a name holds, as plain values.

        Parameters
        ----------
        name : str

        Returns
        -------
        None, bool, int, float, complex, str, ndarray, list or dict
            Lists of numbers come as arrays.

        Raises
        ------
        Missing, NotPlain, Timeout, StudentError, SessionEnded
        """
        return self._value(self._ask({"name": name}), name, f"{name} is")

    def call(self, name, /, *args, **kwargs):
        """Call a function of the submission.

        Parameters
        ----------
        name : str
        *args, **kwargs
            Plain values, and paths in the recording, which become those inside.

        Returns
        -------
        As `value`.

        Raises
        ------
        As `value`.
        """
        call = self._inner([list(args), kwargs])
        return self._value(self._ask({"name": name, "call": call}), name, f"{name} returned")

    def file(self, name, content):
        """Put a file into the sandbox.

        Parameters
        ----------
        name : str
        content : bytes

        Returns
        -------
        str
            Its path inside.
        """
        return str(self._value(self._ask({"file": Path(name).name, "content": content}), name, ""))

    def _inner(self, value):
        """Turn paths in the recording into those inside, anywhere in a value."""
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, (list, tuple)):
            # Functions get lists as lists, and numbers as Python's own.
            return inside.Listed(self._inner(entry) for entry in value)
        if isinstance(value, dict):
            return {key: self._inner(entry) for key, entry in value.items()}
        if isinstance(value, Path) or (isinstance(value, str) and value.startswith("/")):
            with contextlib.suppress(OSError, ValueError):
                path = Path(value).resolve()
                if self.recording is not None and path.is_relative_to(self.recording):
                    inner = path.relative_to(self.recording).as_posix()
                    return f"{self._sandbox.place(self._name)}/{RECORDING}/{inner}"
        return value

    def _ask(self, request):
        if self._reason is not None or self._process is None:
            raise SessionEnded
        self._number += 1
        # Code that catches even its end is interrupted every second; in the end, from here.
        patience = time.monotonic() + self.limits.seconds + GRACE
        self._write(inside.pack({**request, "number": self._number}), patience)
        answer = self._read(patience)
        if not isinstance(answer, dict) or answer.get("number") != self._number:
            self._end("sent what was not asked for")
            raise SessionEnded
        return answer

    def _value(self, answer, name, what):
        if "value" in answer:
            return answer["value"]
        if "missing" in answer:
            raise Missing(name)
        if "timeout" in answer:
            raise Timeout(f"{name} took longer than {self.limits.seconds:g} seconds.")
        if answer.get("function") is False:
            raise NotPlain(f"{name} is no function.")
        if "error" in answer:
            raise StudentError(name, _error(answer["error"]))
        kind = _line(answer.get("not_plain"))
        raise NotPlain(f"{what} {kind}; expected numbers, text, an array or a list of these.")

    def _output(self, answer):
        status = answer.get("status")
        images = []
        for image in answer.get("images") or [] if isinstance(answer.get("images"), list) else []:
            if _is_picture(image) and len(image) <= min(inside.IMAGES, self._left):
                self._left -= len(image)
                images.append(image)
        text = answer.get("text")
        text = re.sub(r"[^\S\n\t ]|[\x00-\x08\x0e-\x1f\x7f-\x9f]", "", _printed(text))
        if len(text) > inside.TEXT + len(inside.CUT):
            text = text[: inside.TEXT] + inside.CUT
        if len(text) > self._left:
            text = inside.CUT
        self._left -= len(text)
        return {
            "status": status if status in ("ok", "error", "timeout") else "error",
            "text": text,
            "images": images,
            "error": _error(answer["error"]) if "error" in answer else None,
        }

    def _write(self, message, patience):
        """Send a message; whoever does not read it keeps a thread waiting, and not this one."""

        def write():
            view = memoryview(message)
            with contextlib.suppress(OSError, ValueError):  # Reading then says that it has ended.
                while view:
                    view = view[self._process.stdin.write(view) :]

        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        while thread.is_alive():
            self._check(patience)
            thread.join(0.2)

    def _read(self, patience):
        head = self._read_exactly(8, patience)
        size = int.from_bytes(head)
        if not 4 <= size <= inside.LARGEST:
            self._end("sent what was not asked for")
            raise SessionEnded
        try:
            return inside.unpack(self._read_exactly(size, patience))
        except inside.BadMessageError:
            self._end("sent what was not asked for")
            raise SessionEnded from None

    def _read_exactly(self, size, patience):
        while len(self._got) < size:
            self._check(patience)
            with contextlib.suppress(queue.Empty):
                piece = self._pieces.get(timeout=0.2)
                if not piece:
                    self._gone()
                self._got += piece
        read = bytes(self._got[:size])
        del self._got[:size]
        return read

    def _check(self, patience):
        """Raise SessionEnded once the watcher has ended the session, or patience has."""
        if self._reason is None and time.monotonic() > patience:
            self._end(f"went on for longer than {self.limits.seconds:g} seconds in one cell")
        if self._reason is not None:
            raise SessionEnded

    def _gone(self):
        """Say why the other end of a pipe is closed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        code = self._process.poll()
        if code is None:
            self._end("closed the pipe that it answers through")
        elif code in self._sandbox.killed:
            self._end("was killed: it took too much memory, or killed itself")
        else:
            self._end("ended itself")
        raise SessionEnded

    def _end(self, reason):
        if self._reason is None and not self._closing:
            self._reason = reason
        self._sandbox.end(self._process, self._name)

    def _watch(self):
        """End a session that takes too much; runs in a thread of its own."""
        process, limits = self._process, self.limits
        while not self._closing and self._reason is None and process.poll() is None:
            reason = None
            if time.monotonic() > self._deadline:
                reason = f"took longer than {limits.minutes:g} minutes"
            else:
                reason = self._sandbox.watch(process, limits)
            if reason is not None:
                self._end(reason)
                return
            time.sleep(BLINK)

    def _receive(self):
        """Take what comes out of the pipe, little more than is read; runs in a thread of its own.

        A pipe can be waited for with a limit of time in this way on every system.
        """
        number, piece = self._process.stdout.fileno(), b"-"
        while piece:
            try:
                piece = os.read(number, 2**16)
            except OSError:
                piece = b""
            while not self._closing:
                with contextlib.suppress(queue.Full):
                    self._pieces.put(piece, timeout=0.2)
                    break

    def _listen(self):
        """Keep the end of what the sandbox itself says, and forget what students' code says."""
        stream = self._process.stderr
        while piece := stream.read(65536):
            self._words = (self._words + piece)[-2000:]


def copy_helpers(folder):
    """Write what students' programs need of this repository: the helpers, and `inside`.

    What knows the truth of recordings, or answers of the chapters' exercises, is left out.

    Parameters
    ----------
    folder : pathlib.Path
        New folder.
    """
    source, copied = Path(helpers.__file__).resolve().parent, folder / "helpers"
    shutil.copytree(
        source, copied, ignore=shutil.ignore_patterns("__pycache__", "exercises", "_twin")
    )
    (copied / "_twin").mkdir()
    for name in ("__init__.py", "stimuli.py", "truth.py"):
        shutil.copyfile(source / "_twin" / name, copied / "_twin" / name)
    letters = inspect.getsource(students.letter_images)
    for name, text in (
        ("twin.py", TWIN + inspect.getsource(twin.student_files)),
        ("_twin/writing.py", WRITING),
        ("_twin/students.py", STUDENTS + letters),
    ):
        (copied / name).write_text(text, encoding="utf-8")
    shutil.copyfile(HERE / "inside.py", folder / "inside.py")
    compileall.compile_dir(folder, quiet=1)


TWIN = '''"""The recording that a student was handed; how it was made is not told here."""

from pathlib import Path

from helpers import data
from helpers._twin import students

__all__ = ["load_student", "student_files", "students"]


def load_student(student):
    """Find the recording of a student beside the notebook."""
    folder = Path("recording").resolve()
    if not folder.is_dir():
        raise ValueError('Put the folder "recording" that you were given beside this notebook.')
    return student_files(folder)


'''
WRITING = '''"""Where submissions run, no twin is made."""

from helpers._files import DataError


def make_twin(*args, **kwargs):
    """Refuse."""
    raise DataError("Where submissions run, no twin is made: use the recording beside them.")
'''
STUDENTS = '''"""What students know of their recordings."""

from helpers._twin import stimuli


'''


def _environment():
    """Return options of bubblewrap that show Python and shared libraries, and nothing else."""
    options = []
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            options += ["--ro-bind", str(path), str(path)]
    system = ("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/share/fonts")
    system += ("/usr/share/zoneinfo", "/etc/fonts", "/etc/ld.so.cache", "/etc/localtime")
    system += ("/etc/alternatives", "/nix/store")
    places = [Path(name) for name in system]
    # A virtual environment leads to its Python by links, of which each has to be there.
    python = Path(sys.executable)
    prefixes = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.base_prefix).resolve()]
    for _ in range(20):
        prefixes.append(python.parent.parent)
        if not python.is_symlink():
            break
        python = python.parent / python.readlink()
    for prefix in dict.fromkeys(Path(os.path.normpath(prefix)) for prefix in prefixes):
        if prefix not in (Path("/"), Path("/usr")):
            places += [prefix / part for part in ("bin", "lib", "lib64", "pyvenv.cfg")]
    places += [Path(place) for place in sys.path if Path(place).name == "dist-packages"]
    for place in places:
        if place.exists() and not _covered(place, options):
            options += ["--ro-bind", str(place), str(place)]
    return options


def _covered(path, options):
    """Say whether a path lies in a folder that is bound under its own name."""
    bound = [options[at + 2] for at, option in enumerate(options) if option == "--ro-bind"]
    return any(path.is_relative_to(place) for place in bound)


def _as_file(content):
    """Return the number of an open file, for a child to read."""
    with tempfile.TemporaryFile() as stream:
        stream.write(content)
        stream.seek(0)
        number = os.dup(stream.fileno())
    os.set_inheritable(number, True)
    return number


# Calls of the kernel that no notebook needs: other processes' memory, keys, mounts, namespaces,
# and memory that belongs to no process and would be counted nowhere. On x86-64, and on 64-bit ARM.
FORBIDDEN = {
    "x86_64": (
        *(101, 310, 311, 248, 249, 250, 321, 298, 323, 425, 426, 427, 165, 166, 155, 428, 429),
        *(430, 431, 432, 433, 442, 272, 308, 319, 447, 29, 68, 64, 240, 161, 304, 135, 103),
    ),
    "aarch64": (
        *(117, 270, 271, 217, 218, 219, 280, 241, 282, 425, 426, 427, 40, 39, 41, 428, 429),
        *(430, 431, 432, 433, 442, 97, 268, 279, 447, 194, 186, 190, 180, 51, 265, 92, 116),
    ),
}
# The machine, and its numbers of socket, clone and mmap.
SPECIAL = {"x86_64": (0xC000003E, 41, 56, 9), "aarch64": (0xC00000B7, 198, 220, 222)}


def _filters():
    """Return the filter of the kernel's calls, or None for a machine that it is not written for.

    Sockets are for processes in the sandbox among each other only: there is no loopback, either.
    """
    machine = platform.machine()
    if machine not in FORBIDDEN:
        return None
    architecture, socket, clone, mmap = SPECIAL[machine]
    load, equal, at_least, any_bit, mask, answer = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
    allow, kill = 0x7FFF0000, 0x80000000

    def refuse(error):
        return (answer, 0, 0, 0x00050000 | error)

    program = [(load, 0, 0, 4), (equal, 1, 0, architecture), (answer, 0, 0, kill), (load, 0, 0, 0)]
    # The other numbers of the same calls on x86-64.
    program += [(at_least, 0, 1, 0x40000000), refuse(errno.EPERM)]
    for number in FORBIDDEN[machine]:
        program += [(equal, 0, 1, number), refuse(errno.EPERM)]
    # A newer clone, whose arguments a filter cannot see; libraries then use the older one.
    program += [(equal, 0, 1, 435), refuse(errno.ENOSYS)]
    program += [(equal, 0, 4, socket), (load, 0, 0, 16), (equal, 0, 1, 1)]
    program += [(answer, 0, 0, allow), refuse(errno.EACCES)]
    # Memory that is shared and has no file stays when no process counts it any longer.
    program += [(equal, 0, 5, mmap), (load, 0, 0, 40), (mask, 0, 0, 0x21), (equal, 0, 1, 0x21)]
    program += [refuse(errno.EPERM), (answer, 0, 0, allow)]
    program += [(equal, 0, 3, clone), (load, 0, 0, 16), (any_bit, 0, 1, 0x7E020000)]
    program += [refuse(errno.EPERM), (answer, 0, 0, allow)]
    return b"".join(struct.pack("=HBBI", *line) for line in program)


def _children(process):
    """Return the numbers of a process's children."""
    try:
        children = []
        for thread in Path(f"/proc/{process}/task").iterdir():
            children += map(int, (thread / "children").read_text().split())
        return children
    except OSError:
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(process).children()]
        return []


def _tree(process):
    """Return the numbers of a process and of all that it has started, the first one first."""
    members = [process]
    for member in members:
        members += _children(member)
        if len(members) > 5000:
            break
    return members


def _threads_and_memory(process):
    """Return how many threads a process has, and its bytes, shared or swapped ones included."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        found = psutil.Process(process)
        return found.num_threads(), found.memory_info().rss
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    memory = [int(lines[name].split()[0]) for name in ("VmRSS", "VmSwap") if name in lines]
    return int(lines["Threads"]), 1024 * sum(memory)


def _share(process):
    """Return a process's memory; what it shares with others counts in parts."""
    with contextlib.suppress(psutil.Error, AttributeError):
        found = psutil.Process(process).memory_full_info()
        return found.pss + found.swap
    with contextlib.suppress(psutil.Error):
        return psutil.Process(process).memory_info().rss
    return 0


def _cells_of(notebook):
    """Return the id, or None, and the source of each cell of code."""
    if not isinstance(notebook, dict):
        return [
            cell if isinstance(cell, tuple) else (cell.id, cell.source)
            for cell in notebook
            if isinstance(cell, tuple) or cell.kind == "code"
        ]
    cells = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            source = cell["source"]
            name = cell.get("metadata", {}).get("course", {}).get("id")
            cells.append((name, source if isinstance(source, str) else "".join(source)))
    return cells


def _printed(text):
    return text if isinstance(text, str) else ""


def _line(text):
    """Return a text of a student's program as one short line."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", _printed(text))[:400].strip() or "something else"


def _error(error):
    error = error if isinstance(error, dict) else {}
    line = error.get("line")
    return {
        "type": _line(error.get("type"))[:100],
        "message": _line(error.get("message")),
        "line": line if type(line) is int and 0 < line < 10**6 else None,
    }


def _is_picture(image):
    """Say whether bytes begin as a PNG of a size that a browser can show."""
    if not isinstance(image, bytes) or image[:8] != PNG or image[12:16] != b"IHDR":
        return False
    return all(0 < side <= 5000 for side in struct.unpack(">II", image[16:24]))
