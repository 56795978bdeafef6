// The service worker: opens pages that were visited, and what they need, without a network.
// It starts with the reader's click on "Run this page" and answers for the book's own folder only.
// What Python needs is not its business: page.js keeps that itself.

const ROOT = new URL("./", location);
const KEPT = `book ${ROOT.pathname}`; // a host can have more than one book
const PATIENCE = 5000; // ms, after which a page that is kept is shown in place of a slow one
const HASHED = /[.-][0-9a-f]{8,}\.\w+$|\/[0-9a-f]{32,}\.\w+$/; // page.1a2b3c4d.js, or a figure's name
const HASH_ASKED = /^\?(v|digest)=\w{6,}$/; // theme.css?v=1a2b3c4d
const OF_PYTHON = /\/_static\/live\/.*\.(gz|zip|wasm|bin|pack)$/;
const NAMED = /(?:src|href)="([^"#]+)/g;
const NAMED_BY_STYLES = /url\(\s*["']?([^"')#]+)/g;

/** Whether an address is one of the book's that is kept here. */
function ours(address) {
  const { origin, pathname } = new URL(address);
  const inside = origin === ROOT.origin && pathname.startsWith(ROOT.pathname);
  return inside && !OF_PYTHON.test(pathname) && !pathname.includes("/_downloads/");
}

function unchanging(address) {
  const { pathname, search } = new URL(address);
  return !pathname.endsWith(".html") && (HASHED.test(pathname) || HASH_ASKED.test(search));
}

const isPage = (response) => (response.headers.get("Content-Type") ?? "").startsWith("text/html");

/** The files of the book that a page or a style sheet names. */
function filesOf(text, address, pattern = NAMED) {
  const files = new Set();
  for (const [, name] of text.matchAll(pattern)) {
    const at = new URL(name.replaceAll("&amp;", "&"), address);
    if (at.protocol !== "data:" && at.pathname.includes("/_") && ours(at)) files.add(at.href);
  }
  return files;
}

/** Where a response is kept: pages without what was asked of them, such as words to highlight. */
function place(address, response) {
  const at = new URL(address);
  at.hash = "";
  if (isPage(response)) at.search = "";
  return at.href;
}

/** Keep a response. What the page in its place named, and the new page does not, is dropped. */
async function keep(address, response) {
  if (response.status !== 200 || response.type !== "basic" || response.redirected) return;
  const kept = await caches.open(KEPT);
  const at = place(address, response);
  if (isPage(response)) {
    const before = await kept.match(at, { ignoreVary: true });
    if (before) {
      const [now, then] = await Promise.all([response.clone().text(), before.text()]);
      const needed = filesOf(now, at);
      for (const file of filesOf(then, at)) if (!needed.has(file)) await kept.delete(file);
    }
  }
  await kept.put(at, response);
}

/** What is kept for an address; for a file that has another hash by now, the file of that name. */
async function find(address) {
  const kept = await caches.open(KEPT);
  const exact = await kept.match(address, { ignoreVary: true });
  return exact ?? kept.match(address, { ignoreVary: true, ignoreSearch: true });
}

async function answer(event) {
  const { request } = event;
  if (unchanging(request.url)) {
    const kept = await (await caches.open(KEPT)).match(request.url, { ignoreVary: true });
    if (kept) return kept;
  }
  const asked = fetch(request).then((response) => {
    const copy = response.clone();
    event.waitUntil(keep(request.url, copy).catch(() => {})); // a full disk is no reason to fail
    return response;
  });
  asked.catch(() => {}); // it is told below, unless a copy has been shown by then
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  try {
    const first = await Promise.race([asked, late]);
    if (first && first.status < 500) return first;
    return (await find(request.url)) ?? (await asked);
  } catch (error) {
    const kept = await find(request.url);
    if (kept) return kept;
    throw error;
  }
}

/** Fetch files and keep them; those that are kept and cannot change stay. */
async function collect(addresses) {
  const kept = await caches.open(KEPT);
  const more = new Set();
  const collectOne = async (address) => {
    if (unchanging(address) && (await kept.match(address, { ignoreVary: true }))) return;
    const response = await fetch(address);
    if (new URL(address).pathname.endsWith(".css")) {
      const styles = await response.clone().text();
      for (const file of filesOf(styles, address, NAMED_BY_STYLES)) more.add(file);
    }
    await keep(address, response);
  };
  await Promise.allSettled([...addresses].filter(ours).map(collectOne));
  if (more.size) await collect([...more].filter((address) => !addresses.includes(address)));
}

/** The pages were made anew, with another Python: fetch those that are kept, drop what is gone. */
async function renew(addresses) {
  const kept = await caches.open(KEPT);
  for (const { url } of await kept.keys()) {
    const before = await kept.match(url);
    if (url.includes("/_static/live/") && !addresses.includes(url)) await kept.delete(url);
    if (!isPage(before) || addresses.includes(url)) continue;
    const now = await fetch(url);
    if (now.status === 404) await kept.delete(url);
    if (!now.ok) continue;
    const files = filesOf(await now.clone().text(), url);
    await keep(url, now);
    await collect([...files]);
  }
}

async function keepFor({ addresses, version }) {
  await collect(addresses);
  const kept = await caches.open(KEPT);
  const note = new URL("_version", ROOT).href;
  const before = await kept.match(note);
  if (before && (await before.text()) !== version) await renew(addresses);
  await kept.put(note, new Response(version));
}

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("message", (event) => {
  const reply = (kept) => event.ports[0]?.postMessage(kept);
  if (event.data?.type !== "keep") return;
  event.waitUntil(keepFor(event.data).then(() => reply(true), () => reply(false)));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && !request.headers.has("Range") && ours(request.url)) {
    event.respondWith(answer(event));
  }
});
