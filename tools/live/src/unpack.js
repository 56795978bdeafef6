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
