"""Run a notebook inside the sandbox, and answer what is asked of it.

The only file of the course that goes into the sandbox, and it needs no other. It knows no answer.
Student code runs in this same process and may do what it likes with it; so whoever reads what
comes out of here (`sandbox`) takes it for what it is, a message from a student.

A message is its length, the length of its JSON, the JSON, and the bytes of arrays, with neither
pickle nor zip.
"""

import json
import math
import numbers
import os
import re
import signal
import struct
import sys
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np

HEADER = struct.Struct(">QI")
LARGEST = 64 * 2**20  # bytes of a message
LONGEST_JSON = 8 * 2**20
DEEPEST, MOST = 20, 200_000  # levels and entries of a message
LARGEST_ARRAY = 8 * 2**20  # entries: of bytes they may be, and who judges makes them floats
TYPES = re.compile(r"[<>|]?(b1|i[1248]|u[1248]|f[248]|c8|c16|U\d{1,7})")
TEXT = 20_000  # characters of a cell's output that are kept
IMAGES = 2 * 2**20  # bytes of a cell's images
ALL = 10 * 2**20  # bytes of all outputs
CUT = "\n... (the rest was cut)\n"


class NotPlainError(Exception):
    """A value is neither a number nor text, an array, a list, a dictionary or None."""


class BadMessageError(Exception):
    """What arrived is no message."""


class Listed(list):
    """A list that stays a list, where others with numbers alone become arrays on their way."""


def pack(tree):
    """Return the message that says a tree of plain values.

    Parameters
    ----------
    tree
        None, bool, int, float, complex, str, bytes, arrays, and lists and dictionaries of these.

    Returns
    -------
    bytes
    """
    body = []
    text = json.dumps(_encode(tree, body, 0)).encode()
    size = HEADER.size + len(text) + sum(map(len, body))
    if size > LARGEST or len(text) > LONGEST_JSON:
        raise NotPlainError(f"data of {size / 2**20:.0f} MB")
    return b"".join([HEADER.pack(size - 8, len(text)), text, *body])


def unpack(message):
    """Return the tree of a message, without its header's eight bytes of length.

    Parameters
    ----------
    message : bytes

    Returns
    -------
    tree
        As for `pack`.

    Raises
    ------
    BadMessageError
        Whatever is wrong with it.
    """
    try:
        (length,) = struct.unpack_from(">I", message)
        if length > LONGEST_JSON:
            raise BadMessageError("too much text")
        start = 4 + length
        tree = json.loads(message[4:start].decode())
        return _decode(tree, memoryview(message)[start:], [0, 0], 0)
    except (
        *(ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError),
        *(MemoryError, struct.error),
    ) as error:
        raise BadMessageError(str(error)[:200]) from error


def _encode(value, body, depth):
    if depth > DEEPEST:
        raise NotPlainError("a list of lists without an end")
    if value is None or type(value) in (bool, float, str):
        return value
    if type(value) is int:
        if value.bit_length() > 1024:
            raise NotPlainError("a whole number of more than 300 digits")
        return value
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": _add(bytes(value), body)}
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, dict):
        return {
            "dict": [
                [_encode(key, body, depth + 1), _encode(entry, body, depth + 1)]
                for key, entry in value.items()
            ]
        }
    if isinstance(value, range):
        value = list(value)
    if isinstance(value, (list, tuple)):
        table = None if isinstance(value, Listed) else _table(value)
        if table is not None:
            return _array(table, body)
        return {"list": [_encode(entry, body, depth + 1) for entry in value]}
    return _encode_other(value, body, depth)


def _encode_other(value, body, depth):
    """Encode what has to become an array first: NumPy, pandas, SciPy's sparse, anything like it."""
    kind = type(value).__name__
    if isinstance(value, np.ma.MaskedArray):
        value = value.astype(float).filled(np.nan) if np.ma.is_masked(value) else value.data
    elif callable(getattr(value, "toarray", None)):
        value = value.toarray()
    elif not isinstance(value, (np.ndarray, np.generic)) and not hasattr(value, "__array__"):
        if isinstance(value, numbers.Real):  # Fraction, Decimal
            return float(value)
        raise NotPlainError(kind)
    array = np.asarray(value)
    if array.dtype.kind == "O":  # Texts and columns of several types in pandas
        return _encode(array.tolist(), body, depth) if array.size else _array(array, body)
    if array.dtype == np.longdouble or array.dtype == np.clongdouble:
        array = array.astype(complex if array.dtype.kind == "c" else float)
    if not TYPES.fullmatch(array.dtype.str):
        raise NotPlainError(kind if array.dtype.kind == "V" else f"{kind} of {array.dtype}")
    return _array(array, body)


def _table(values):
    """Return a list of numbers, or of such lists of equal length, as an array; else None."""
    first = values
    for _ in range(DEEPEST):  # A list may hold itself.
        if isinstance(first, (list, tuple)) and len(first):
            first = first[0]
    if not isinstance(first, (numbers.Number, np.bool_)):
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            array = np.asarray(values)
    except (ValueError, TypeError, OverflowError):
        return None
    return array if TYPES.fullmatch(array.dtype.str) and array.dtype.kind != "U" else None


def _array(array, body):
    if array.dtype.kind == "O":
        array = array.astype(float)
    if array.size > LARGEST_ARRAY:
        raise NotPlainError(f"an array of {array.size} entries")
    data = np.ascontiguousarray(array)
    return {"array": [data.dtype.str, list(array.shape), *_add(data.tobytes(), body)]}


def _add(data, body):
    where = sum(map(len, body)) if len(body) < 100 else _joined(body)
    if where + len(data) > LARGEST:
        raise NotPlainError(f"data of more than {LARGEST // 2**20} MB")
    body.append(data)
    return [where, len(data)]


def _joined(body):
    body[:] = [b"".join(body)]
    return len(body[0])


def _decode(value, body, count, depth):
    count[0] += 1
    if depth > 2 * DEEPEST or count[0] > MOST:
        raise BadMessageError("too many values")
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        if value.bit_length() > 1024:
            raise BadMessageError("too large a number")
        return value
    if isinstance(value, str):
        return _text(value)
    if not isinstance(value, dict) or len(value) != 1:
        raise BadMessageError("a value of no known kind")
    ((kind, content),) = value.items()
    if not isinstance(content, list):
        raise BadMessageError("a value without content")
    if kind == "list":
        return [_decode(entry, body, count, depth + 1) for entry in content]
    if kind == "dict":
        pairs = [[_decode(part, body, count, depth + 1) for part in pair] for pair in content]
        return {key if isinstance(key, (str, int)) else str(key): entry for key, entry in pairs}
    if kind == "complex":
        return complex(float(content[0]), float(content[1]))
    if kind == "bytes":
        return bytes(_part(content, body, count))
    if kind == "array":
        return _decode_array(content, body, count)
    raise BadMessageError("a value of no known kind")


def _text(text):
    # A lone half of a character can be written to no file.
    return text.encode("utf-8", "replace").decode()


def _part(content, body, count):
    where, size = content
    if type(where) is not int or type(size) is not int or not 0 <= where <= where + size:
        raise BadMessageError("bytes that are not there")
    if where + size > len(body):
        raise BadMessageError("bytes that are not there")
    count[1] += size  # Else a thousand arrays could be made of the same bytes.
    if count[1] > len(body):
        raise BadMessageError("the same bytes more than once")
    return body[where : where + size]


def _decode_array(content, body, count):
    name, shape, where, size = content
    if not isinstance(name, str) or not TYPES.fullmatch(name):
        raise BadMessageError("an array of another type")
    dtype = np.dtype(name)
    if not isinstance(shape, list) or len(shape) > 32:
        raise BadMessageError("an array without a shape")
    if not all(type(length) is int and 0 <= length <= LARGEST for length in shape):
        raise BadMessageError("an array without a shape")
    part = _part((where, size), body, count)
    if math.prod(shape) > LARGEST_ARRAY:
        raise BadMessageError("too large an array")
    if math.prod(shape) * dtype.itemsize != size:
        raise BadMessageError("an array of another size")
    if dtype.itemsize == 0:
        return np.zeros(shape, dtype) if math.prod(shape) <= MOST else np.zeros(0, dtype)
    if dtype.kind == "U":
        codes = np.frombuffer(part, f"{dtype.str[0]}u4").copy()
        codes[(codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))] = 0xFFFD
        return codes.view(dtype).reshape(shape)
    if dtype.kind == "b":
        return (np.frombuffer(part, np.uint8) != 0).reshape(shape)
    return np.frombuffer(part, dtype).astype(dtype.newbyteorder("=")).reshape(shape)


def read_message(stream):
    """Read one message from a stream, or None where it ends.

    Parameters
    ----------
    stream : binary file

    Returns
    -------
    tree
        As for `pack`.
    """
    start = stream.read(8)
    if len(start) < 8:
        return None
    (size,) = struct.unpack(">Q", start)
    if not 4 <= size <= LARGEST:
        raise BadMessageError(f"a message of {size} bytes")
    message = stream.read(size)
    return unpack(message) if len(message) == size else None


# From here on, what runs inside only.


class OutOfTimeError(BaseException):
    """A cell or a call has had its time; no Exception, since students catch these."""


def _out_of_time(*_):
    raise OutOfTimeError


class Timed:
    """Interrupt what runs in here, and again every second: some code catches everything."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):  # noqa: D105
        if hasattr(signal, "setitimer"):  # Not on Windows: there, whoever asks loses patience.
            signal.signal(signal.SIGALRM, _out_of_time)
            signal.setitimer(signal.ITIMER_REAL, self.seconds, 1)

    def __exit__(self, *_):  # noqa: D105
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)


class Printed:
    """Takes the place of stdout and stderr: keeps the beginning."""

    encoding, errors, closed = "utf-8", "replace", False

    def __init__(self):
        self.kept, self.left = [], TEXT

    def write(self, text):
        """Keep a text, as far as there is room."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if 0 < self.left < len(text):
            self.kept.append(text[: self.left] + CUT)
        elif self.left > 0:
            self.kept.append(text)
        self.left -= len(text)
        return len(text)

    def writelines(self, lines):
        """Keep several texts."""
        for line in lines:
            self.write(line)

    def flush(self):
        """Do nothing: what is kept is there."""

    def isatty(self):
        """Say that nobody looks."""
        return False

    def writable(self):
        """Say that it can be written to."""
        return True

    def fileno(self):
        """Programs that are started from here write into nothing."""
        return 1


def limit(limits):
    """Set what one process may take; `sandbox` watches over all of them together.

    Parameters
    ----------
    limits : dict
        With "gigabytes", "processes" and "written_megabytes".
    """
    try:
        import resource
    except ImportError:
        return
    written = int(limits["written_megabytes"] * 2**20)
    for name, most in (
        ("AS", int(limits["gigabytes"] * 2**30)),
        ("NPROC", 10 * limits["processes"]),  # of the user, with all threads
        ("FSIZE", written),
        ("NOFILE", 256),
        ("CORE", 0),
        ("MSGQUEUE", 0),
    ):
        number = getattr(resource, f"RLIMIT_{name}", None)
        with suppress(ValueError, OSError, TypeError):  # Other systems lack some of them.
            _, hard = resource.getrlimit(number)
            if name == "NPROC" and limits.get("trusted"):
                continue  # Here it would count all that the teacher runs.
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(number, (most, most))


def make_shell():
    """Return an IPython without history, terminal or kernel, whose output `Printed` keeps."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    def keep(bundle):
        image = bundle.get("image/png")
        if isinstance(image, str):
            with suppress(ValueError):
                import base64

                image = base64.b64decode(image)
        if isinstance(image, bytes):
            shell.images.append(image)
        elif isinstance(bundle.get("text/plain"), str):
            sys.stdout.write(bundle["text/plain"] + "\n")

    class Shown(DisplayHook):
        def write_output_prompt(self):
            pass

        def write_format_data(self, format_dict, md_dict=None):
            keep(format_dict)

        def finish_displayhook(self):
            pass

    class Published(DisplayPublisher):
        def publish(self, data, metadata=None, **_):
            keep(data)

    class Shell(InteractiveShell):
        images = ()

        def enable_gui(self, gui=None):
            pass

        def enable_matplotlib(self, gui=None):
            return "agg", "agg"  # `%matplotlib inline`: figures are kept anyhow.

        def _showtraceback(self, etype, evalue, stb):
            pass

        def init_create_namespaces(self, user_module=None, user_ns=None):
            super().init_create_namespaces(user_module, user_ns)

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.display_page = True
    shell = Shell.instance(
        config=config, displayhook_class=Shown, display_pub_class=Published, autoawait=True
    )
    return shell


class Notebook:
    """A notebook that runs, and whose names can be asked for.

    Parameters
    ----------
    seconds : float
        What one cell, or one call, may take.
    """

    def __init__(self, seconds):
        self.seconds, self.left = seconds, ALL
        self.shell = make_shell()
        self.printed = None

    def run(self, source):
        """Run one cell.

        Parameters
        ----------
        source : str

        Returns
        -------
        dict
            "status", "text", "images" and "error".
        """
        self.shell.images = []
        sys.stdout = sys.stderr = printed = Printed()
        error, status = None, "ok"
        try:
            with Timed(self.seconds):
                result = self.shell.run_cell(source, store_history=True)
                error = result.error_before_exec or result.error_in_exec
                self._draw()
        except BaseException as raised:
            error = raised
        if error is not None:
            status = "timeout" if isinstance(error, OutOfTimeError) else "error"
        text = "".join(printed.kept)
        images, room = [], min(IMAGES, self.left - len(text))
        for image in self.shell.images:
            if len(image) <= room:
                images.append(image)
                room -= len(image)
        self.left -= len(text) + sum(map(len, images))
        if self.left < 0:
            text = CUT
        answer = {"status": status, "text": text, "images": images}
        if status == "error":
            answer["error"] = self.describe(error)
        return answer

    def _draw(self):
        """Keep the figures that a cell leaves open, as a notebook shows them."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None:
            return
        import io

        for number in pyplot.get_fignums():
            stream = io.BytesIO()
            with warnings.catch_warnings(action="ignore"):
                pyplot.figure(number).savefig(
                    stream, format="png", dpi=80, bbox_inches="tight", metadata={"Software": None}
                )
            self.shell.images.append(stream.getvalue())
        pyplot.close("all")

    def describe(self, error):
        """Describe an exception in plain values.

        Parameters
        ----------
        error : BaseException

        Returns
        -------
        dict
            "type", "message" and "line", the number of the line in its cell, or None.
        """
        files = getattr(self.shell.compile, "_filename_map", {})
        line, trace = None, getattr(error, "__traceback__", None)
        for _ in range(1000):
            if trace is None:
                break
            if trace.tb_frame.f_code.co_filename in files:
                line = trace.tb_lineno
            trace = trace.tb_next
        if line is None and isinstance(error, SyntaxError):
            line = error.lineno
        try:
            message = str(error)[:1000]
        except BaseException:
            message = ""
        return {"type": str(type(error).__name__)[:100], "message": message, "line": line}

    def ask(self, name, call=None):
        """Return what a name holds, or what its function returns.

        Parameters
        ----------
        name : str
        call : (list, dict), optional
            Positional and named arguments.

        Returns
        -------
        dict
            "value", or "missing", "not_plain", "timeout" or "error".
        """
        sys.stdout = sys.stderr = Printed()
        if name not in self.shell.user_ns:
            return {"missing": name}
        try:
            with Timed(self.seconds):
                value = self.shell.user_ns[name]
                if call is not None:
                    if not callable(value):
                        return {"not_plain": type(value).__name__, "function": False}
                    value = value(*call[0], **call[1])
                # Whoever reads it refuses more than this one sends, and would end it all.
                unpack(pack({"value": value})[8:])
                return {"value": value}
        except OutOfTimeError:
            return {"timeout": self.seconds}
        except NotPlainError as error:
            return {"not_plain": str(error)}
        except BadMessageError as error:
            return {"not_plain": f"data of an odd form ({error})"}
        except BaseException as error:
            return {"error": self.describe(error)}
        finally:
            with suppress(Exception):
                pyplot = sys.modules.get("matplotlib.pyplot")
                if pyplot is not None:
                    pyplot.close("all")


def serve(requests, answers, limits):
    """Answer requests until there are no more.

    Parameters
    ----------
    requests, answers : binary file
    limits : dict
        As for `limit`, with "seconds".
    """
    notebook = Notebook(limits["seconds"])
    # What went wrong until now was for the teacher; what a student's code writes is for nobody.
    os.dup2(1, 2)
    answers.write(pack({"ready": True}))
    while True:
        answers.flush()
        request = read_message(requests)
        if request is None:
            return
        if "source" in request:
            answer = notebook.run(request["source"])
        elif "file" in request:
            path = Path.cwd() / "files" / request["file"]
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(request["content"])
            answer = {"value": str(path)}
        else:
            answer = notebook.ask(request["name"], request.get("call"))
        try:
            message = pack({**answer, "number": request["number"]})
        except BaseException as error:
            message = pack({"not_plain": str(error)[:100], "number": request["number"]})
        answers.write(message)


def main():
    """Set limits, take hold of the pipes, and serve."""
    limits = json.loads(sys.argv[1])
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    limit(limits)
    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.argv = [""]
    # The helpers are those beside this file, also where a link leads to somebody's own folder.
    for finder in sys.meta_path[:]:
        if "__editable__" in getattr(finder, "__module__", ""):
            sys.meta_path.remove(finder)
    # Notebooks import what lies beside them.
    sys.path.insert(0, "")
    warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")
    for number in (0, 1):
        os.dup2(nothing, number)
    serve(requests, answers, limits)


if __name__ == "__main__":
    main()
