// The worker's other interpreter: Pyodide, from its npm package. It answers the same messages as
// wasi.js and runs the same page.py. The book does not ship it: a test proves with it that the page
// does not depend on one interpreter. It has Python's own library, no NumPy.

import { loadPyodide } from "pyodide";
import createPyodideModule from "pyodide/pyodide.asm.mjs";

import { unpack } from "./unpack.js";
import { receive } from "./worker.js";

const KEPT = "/book/data";
const HOME = "/home";
const ENVIRONMENT = { HOME, TMPDIR: "/tmp", MPLBACKEND: "agg", TQDM_DISABLE: "1", PYTHON_COLORS: "0" };
const HOST = "https://assets.invalid/"; // nothing is fetched: see below
const SEARCHED = ["/packages", "/book/site", "/book"];
let python, post, result;
const seen = new Map(); // files under KEPT that the page has: when they were written, by path

/** Pyodide fetches what the page has loaded for it, and nothing else. */
function serve(assets, module) {
  const program = assets.python ?? new ArrayBuffer(); // at a restart, the module is there
  const given = { "pyodide.asm.wasm": program, "python_stdlib.zip": assets.library };
  self.fetch = async (address) => {
    const data = given[String(address).replace(HOST, "")];
    if (!data) throw new TypeError(`${address} is not fetched`);
    return new Response(data, { headers: { "Content-Type": "application/wasm" } });
  };
  let compiled = module;
  WebAssembly.instantiateStreaming = async (response, imports) => {
    compiled ??= await WebAssembly.compileStreaming(response);
    return { module: compiled, instance: await WebAssembly.instantiate(compiled, imports) };
  };
  return () => compiled;
}

// ---- files

export function put(path, data) {
  const { FS } = python;
  FS.mkdirTree(path.slice(0, path.lastIndexOf("/")) || "/");
  FS.writeFile(path, data);
  if (path.startsWith(KEPT)) seen.set(path, FS.stat(path).mtime.getTime());
}

export function take(path) {
  const { FS } = python;
  const { exists, object } = FS.analyzePath(path);
  return exists && FS.isFile(object.mode) ? FS.readFile(path) : null;
}

/** Send the files under KEPT that are new since the last time. */
function sendNewFiles(folder = KEPT) {
  const { FS } = python;
  for (const name of FS.readdir(folder)) {
    if (name === "." || name === "..") continue;
    const path = `${folder}/${name}`;
    const { mode, mtime } = FS.stat(path);
    if (FS.isDir(mode)) sendNewFiles(path);
    else if (seen.get(path) !== mtime.getTime()) {
      seen.set(path, mtime.getTime());
      const data = FS.readFile(path);
      post({ type: "file", path, data }, [data.buffer]);
    }
  }
}

/** The file to which page.py writes its messages, each in one piece. */
function openMessages() {
  const { FS } = python;
  const device = FS.makedev(64, 0);
  FS.registerDevice(device, {
    write(stream, buffer, offset, length) {
      const message = new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length).slice();
      result = receive(message, post) ?? result;
      return length;
    },
  });
  FS.mkdev("/dev/page", device);
}

function stream(name) {
  const decode = new TextDecoder();
  return {
    write(bytes) {
      const text = decode.decode(bytes, { stream: true });
      if (text) post({ type: "output", output: { type: "stream", name, text } });
      return bytes.length;
    },
  };
}

// ---- Python

// stand_ins.py mends NumPy and what nilearn imports: without them, there is nothing to mend.
const BOOT = `
import sys
sys.path[:0] = ${JSON.stringify(SEARCHED)}
from importlib.util import find_spec
if find_spec("numpy") is None:
    from types import ModuleType
    sys.modules["stand_ins"] = ModuleType("stand_ins")
    sys.modules["stand_ins"].install = lambda: None
import page
page.LIBRARY = next(place for place in sys.path if place.endswith(".zip"))
page.boot()
`;

/** Unpack what the page has loaded, and start Python. Returns the compiled module, for a restart. */
export async function start({ assets, module, files }, sendMessage) {
  post = sendMessage;
  const compiled = serve(assets, module);
  const [helpers, ...packages] = await Promise.all(
    ["helpers", "packages"].filter((name) => assets[name]).map((name) => unpack(assets[name])),
  );
  python = await loadPyodide({
    createPyodideModule,
    indexURL: HOST,
    lockFileContents: {
      info: { abi_version: "2026_0", arch: "wasm32", platform: "emscripten_5_0_3", python: "3.14.2" },
      packages: {},
    },
    env: ENVIRONMENT,
  });
  for (const folder of ["/tmp", KEPT, "/book/notebooks", "/book/pages"]) python.FS.mkdirTree(folder);
  for (const [name, data] of helpers) put(`/book/${name}`, data);
  for (const [name, data] of packages[0] ?? []) put(`/packages/${name}`, data);
  for (const { path, data } of files ?? []) put(path, data);
  openMessages();
  python.setStdout(stream("stdout"));
  python.setStderr(stream("stderr"));
  python.runPython(BOOT);
  if (!result) throw new Error("Python gave no answer");
  return { module: compiled(), memory: python._module.HEAPU8.byteLength };
}

/** Run a cell; its outputs go to the page while it runs. */
export function run({ source, name }) {
  const begun = performance.now();
  result = null;
  let ended = null;
  try {
    python.runPython(`import page; page.run(${JSON.stringify(source)}, ${JSON.stringify(name)})`);
  } catch (error) {
    ended = error; // out of memory or of stack: this Python cannot go on
  }
  if (!ended && !result) ended = new Error("Python gave no answer");
  if (!ended) sendNewFiles();
  else {
    const message = String(ended.message ?? ended);
    result = { status: "error", error: { name: "Python ended", message, line: null, traceback: "" } };
  }
  return {
    status: result.status,
    error: result.error,
    ended: ended !== null,
    ms: performance.now() - begun,
    memory: python._module.HEAPU8.byteLength,
  };
}
