// Where what Python needs comes from: the browser's storage, the book's own server, or, for a page
// that was opened from the disk, scripts that hold the same bytes as text.
import { megabytes } from "./words.js";

const KEPT = "live-assets"; // their names have a hash, so one storage serves all versions
const FROM_DISK = location.protocol === "file:";

/** A storage of the browser's; null where there is none (private windows, the disk). */
async function storage(name) {
  try {
    return await caches.open(name);
  } catch {
    return null;
  }
}

/** Loads the parts that the manifest names. */
export class Assets {
  #parts;
  #folder;
  #memory = new Map(); // Blobs that are not stored, perhaps never: a restart needs some again

  constructor({ manifest, assets }) {
    this.#parts = manifest.assets;
    this.#folder = new URL(assets, document.baseURI);
  }

  /** Load a part; `report(bytes)` is told how many have come. Resolves an ArrayBuffer. */
  load = async (name, report = () => {}) => {
    const { file, size } = this.#parts[name];
    const data = await this.#find(file, size, report);
    report(size);
    return data;
  };

  async #find(file, size, report) {
    if (this.#memory.has(file)) return this.#memory.get(file).arrayBuffer();
    if (FROM_DISK) {
      const data = await fromScript(new URL(`${file}.js`, this.#folder), file, size);
      this.#memory.set(file, new Blob([data]));
      return data;
    }
    const address = new URL(file, this.#folder).href;
    const kept = await storage(KEPT);
    const found = await kept?.match(address);
    if (found) {
      const data = await found.arrayBuffer();
      if (data.byteLength === size) return data;
      await kept.delete(address); // cut short, by a full disk for instance
    }
    const data = await fetched(address, size, report);
    this.#memory.set(file, new Blob([data]));
    return data;
  }

  /** Store what was loaded for the next chapter. Not while Python starts: it takes a core. */
  async keep() {
    const kept = FROM_DISK ? null : await storage(KEPT);
    if (!kept) return;
    for (const [file, blob] of this.#memory) {
      const headers = { "Content-Length": String(blob.size) };
      await kept.put(new URL(file, this.#folder).href, new Response(blob, { headers }));
      this.#memory.delete(file);
    }
  }

  /** Remove what earlier versions of this book have stored. */
  async tidy() {
    const kept = FROM_DISK ? null : await storage(KEPT);
    if (!kept) return;
    const needed = new Set(Object.values(this.#parts).map(({ file }) => file));
    for (const { url } of await kept.keys()) {
      const isOurs = url.startsWith(this.#folder.href);
      if (isOurs && !needed.has(url.slice(this.#folder.href.length))) await kept.delete(url);
    }
  }
}

/** Load from the server, and see that nothing is missing. */
async function fetched(address, size, report) {
  let response;
  try {
    response = await fetch(address);
  } catch {
    throw new Error("The server cannot be reached. Try again when you are online.");
  }
  if (!response.ok) {
    const name = address.split("/").at(-1);
    throw new Error(`The server does not have a part that Python needs (${name}: ${response.status}).`);
  }
  const data = new Uint8Array(size);
  let at = 0;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (at + value.length <= size) data.set(value, at);
      at += value.length;
      report(Math.min(at, size));
    }
  } catch {
    throw new Error(`The connection broke after ${megabytes(at)} of ${megabytes(size)}. Try again.`);
  }
  if (at !== size) {
    throw new Error(`A part that Python needs came with ${at} bytes in place of ${size}. Try again.`);
  }
  return data.buffer;
}

// --- From the disk -------------------------------------------------------------------------------

const asked = new Map(); // what takes the text of a file that is on its way

/** Load a script that calls liveAsset(file, base64). */
function fromScript(address, file, size) {
  window.liveAsset = (name, text) => asked.get(name)?.(text);
  return new Promise((resolve, reject) => {
    const missing = () =>
      reject(
        new Error(
          "This page was opened from the disk, and what Python needs does not lie beside it. Use the " +
            "zip of the book, which brings it, or start a server with “make serve”.",
        ),
      );
    asked.set(file, (text) => {
      const data = fromBase64(text);
      if (data.byteLength === size) resolve(data);
      else reject(new Error(`${file}.js holds ${data.byteLength} bytes in place of ${size}.`));
    });
    const script = document.createElement("script");
    script.addEventListener("load", () => {
      script.remove();
      asked.delete(file);
    });
    script.addEventListener("error", missing);
    script.src = address;
    document.head.append(script);
  });
}

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text).buffer;
  const letters = atob(text);
  const data = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) data[at] = letters.charCodeAt(at);
  return data.buffer;
}

// --- Files that cells made --------------------------------------------------------------------

/** Keeps the files that a chapter's cells make for others, such as the simulated recording. */
export class MadeFiles {
  #name;
  #folder;

  constructor({ manifest, assets }) {
    // Files of other helpers may hold other numbers.
    this.#name = `live-data-${manifest.helpers}`;
    this.#folder = new URL(assets, document.baseURI);
  }

  #address(path) {
    return new URL(`made${path.split("/").map(encodeURIComponent).join("/")}`, this.#folder).href;
  }

  async keep(path, data) {
    const kept = FROM_DISK ? null : await storage(this.#name);
    // A full or forbidden storage costs the seconds in which the file is made again.
    await kept?.put(this.#address(path), new Response(data)).catch(() => {});
  }

  async forget(path) {
    const kept = FROM_DISK ? null : await storage(this.#name);
    await kept?.delete(this.#address(path));
  }

  /** Give all files to Python, and remove those of other versions. */
  async putBack(python) {
    const kept = FROM_DISK ? null : await storage(this.#name);
    if (!kept) return;
    const start = `${this.#folder.href}made`;
    for (const request of await kept.keys()) {
      if (!request.url.startsWith(start)) continue;
      const data = new Uint8Array(await (await kept.match(request)).arrayBuffer());
      const path = request.url.slice(start.length).split("/").map(decodeURIComponent).join("/");
      await python.put(path, data);
    }
    for (const name of await caches.keys()) {
      if (name.startsWith("live-data-") && name !== this.#name) await caches.delete(name);
    }
  }
}
