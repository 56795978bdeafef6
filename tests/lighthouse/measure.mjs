// Lighthouse scores of pages of the built book, served on this machine: all pages, or those named.
// It ends with 1 when a page has less than 95 in accessibility or in best practices.
import { once } from "node:events";
import { createServer } from "node:http";
import { readFile, readdir } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";

const BOOK = fileURLToPath(new URL("../../_build/html", import.meta.url));
const CATEGORIES = ["accessibility", "best-practices"];
const LEAST = 95;
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

async function serve(request, response) {
  const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
  try {
    const content = await readFile(join(BOOK, path));
    const type = TYPES[extname(path)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type }).end(content);
  } catch {
    response.writeHead(404).end();
  }
}

async function allPages() {
  const files = (await readdir(BOOK, { recursive: true })).map((file) => file.split(sep).join("/"));
  const pages = files.filter((file) => file.endsWith(".html") && !file.startsWith("_static/"));
  return pages.filter((file) => file !== "index.html").map((file) => file.slice(0, -5)).sort();
}

async function measure(url, port) {
  const { lhr } = await lighthouse(url, { port, onlyCategories: CATEGORIES, logLevel: "error" });
  const scores = CATEGORIES.map((name) => Math.round(100 * lhr.categories[name].score));
  const counted = CATEGORIES.flatMap((name) => lhr.categories[name].auditRefs);
  const faults = counted
    .filter(({ id, weight }) => weight > 0 && lhr.audits[id].score !== null)
    .filter(({ id }) => lhr.audits[id].score < 1)
    .map(({ id }) => id);
  return { scores, faults };
}

const server = createServer(serve).listen(0, "localhost");
await once(server, "listening");
const { port: own } = server.address();
const chrome = await launch({
  chromePath: process.env.CHROMIUM,
  chromeFlags: ["--headless", "--no-sandbox", "--disable-dev-shm-usage"],
});
try {
  const named = process.argv.slice(2);
  console.log(`${"page".padEnd(44)} ${CATEGORIES.join("  ")}`);
  for (const page of named.length ? named : await allPages()) {
    const { scores, faults } = await measure(`http://localhost:${own}/${page}.html`, chrome.port);
    const columns = scores.map((score, i) => String(score).padStart(CATEGORIES[i].length));
    console.log(`${page.padEnd(44)} ${columns.join("  ")}  ${faults.join(", ")}`);
    if (Math.min(...scores) < LEAST) process.exitCode = 1;
  }
} finally {
  await chrome.kill();
  server.close();
}
