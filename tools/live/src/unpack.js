// What build.py packs: files one behind the other, compressed by gzip as a whole, which is smaller
// and faster to unpack than a zip. First the length of the list of names and sizes, then this list
// as JSON, then the files.

/** Return a Map of paths to Uint8Arrays. The arrays share one buffer. */
export async function unpack(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const list = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const files = new Map();
  let at = 4 + length;
  for (const [path, size] of list) {
    files.set(path, new Uint8Array(buffer, at, size));
    at += size;
  }
  return files;
}

/**
 * Read files of a zip.
 *
 * @param {Uint8Array} data
 * @param {string} name the zip's, for messages
 * @param {function(string): boolean} wanted says of a path whether to read this file
 * @returns {Promise<[string, Uint8Array][]>} paths and contents
 */
export async function readZip(data, name, wanted = () => true) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const damaged = new Error(`“${name}” is no zip that this page can read. Is it damaged? Download it once more.`);
  let end = data.length - 22; // the list of files is at the end, before a comment
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw damaged;
  const found = [];
  try {
    let at = view.getUint32(end + 16, true);
    for (let count = view.getUint16(end + 10, true); count > 0; count--) {
      if (view.getUint32(at, true) !== 0x02014b50) throw damaged;
      const [method, packed] = [view.getUint16(at + 10, true), view.getUint32(at + 20, true)];
      const [long, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
      const path = new TextDecoder().decode(data.subarray(at + 46, at + 46 + long));
      const head = view.getUint32(at + 42, true);
      const from = head + 30 + view.getUint16(head + 26, true) + view.getUint16(head + 28, true);
      if (wanted(path)) found.push([path, await inflate(data.subarray(from, from + packed), method)]);
      at += 46 + long + extra + comment;
    }
  } catch {
    throw damaged;
  }
  return found;
}

async function inflate(packed, method) {
  if (method === 0) return packed.slice();
  if (method !== 8) throw new Error("another way to pack");
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
