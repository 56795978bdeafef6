// Run by build.py with Node.js: compile the modules of packages and helpers in the Python that will
// import them, since compiling them in a reader's browser would take a second or two.
//
//     node compile.js assets.json compiled.zip
import { readFileSync, writeFileSync } from "node:fs";

import { run, start, take } from "./wasi.js";

const ZIP = "/tmp/compiled.zip";
// With the hash of the source, which is compared: what was compiled from another one is not used.
const COMPILE = `
import py_compile
from pathlib import Path
from zipfile import ZipFile

with ZipFile("${ZIP}", "w") as made:
    for folder in ("/packages", "/book"):
        for path in sorted(Path(folder).rglob("*.py")):
            compiled = py_compile.compile(
                str(path), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
            )
            made.writestr(compiled.lstrip("/"), Path(compiled).read_bytes())
`;

const [, , list, target] = process.argv;
const read = (file) => {
  const data = readFileSync(file);
  return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
};
const files = Object.entries(JSON.parse(readFileSync(list, "utf8")));
const assets = Object.fromEntries(files.map(([name, file]) => [name, read(file)]));
await start({ assets }, () => {});
const { status, error } = run({ source: COMPILE, name: "compile" });
if (status !== "ok") throw new Error(error.traceback || error.message);
writeFileSync(target, take(ZIP));
