// Shows "Run this page" under the title, and loads what that needs when a reader presses it. Until
// then, this small file and its style sheet are all that a page has to do with Python.
(() => {
  "use strict";
  const text = document.getElementById("live-notebook")?.textContent;
  const title = document.querySelector("article.bd-article h1");
  if (!text || !title) return;
  const data = JSON.parse(text);
  const folder = new URL(data.assets, document.baseURI);

  const make = (name, attributes, ...content) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...content);
    return made;
  };

  /** Why a small device may not be able to do this; "" if it looks large enough. */
  function warning() {
    const isPhone = matchMedia("(max-width: 40rem) and (pointer: coarse)").matches;
    if (!isPhone && !(navigator.deviceMemory < 4)) return "";
    return (
      "On a phone or a small computer: this takes 400 to 900 MB of memory, which may be too much for " +
      "your device. If it is, the page is loaded anew, and you can read it as before."
    );
  }

  /** Whether attempts.js has kept something of this page in the browser. */
  function hasChanges() {
    try {
      const book = folder.pathname.replace(/_static\/live\/$/, "");
      return localStorage.getItem(`live-attempts ${book} ${data.name}`) !== null;
    } catch {
      return false; // a browser that keeps nothing
    }
  }

  /** What is missing in this browser, in words; "" if nothing is. */
  function missing() {
    const works = typeof WebAssembly === "object" && typeof DecompressionStream === "function";
    // A program with nothing but a "try", in the form that Python's WebAssembly has.
    const trial = [
      [0, 97, 115, 109, 1, 0, 0, 0], [1, 4, 1, 96, 0, 0], [3, 2, 1, 0], [10, 8, 1, 6, 0, 31, 64, 0, 11, 11],
    ];
    if (works && WebAssembly.validate(new Uint8Array(trial.flat()))) return "";
    return (
      "This browser is too old to run Python: it lacks a part of WebAssembly (exception handling). A " +
      "Chrome, Edge or Firefox of 2025 or later has it."
    );
  }

  const weight = `${Math.round(data.manifest.weight / 1e6)} MB`;
  const start = make("button", { type: "button", class: "live-button live-main" }, "Run this page");
  const about = make(
    "p",
    { class: "live-about" },
    `Change the code and see what happens, here in your browser, with nothing to install. About ${weight} ` +
      "are loaded once and kept for all chapters; nothing is loaded before you press.",
  );
  if (hasChanges()) about.append(" What you have changed on this page is kept, and comes back.");
  const said = make("p", { class: "live-said", role: "status" });
  const bar = make("section", { class: "live-bar", "aria-label": "Run this page" });
  const row = make("div", { class: "live-row" }, start, about);
  bar.append(row, said);
  const warned = warning();
  if (warned) row.after(make("p", { class: "live-warning" }, warned));

  // Without its style sheet the bar would be seen in two shapes, one after the other.
  const linked = [...document.querySelectorAll('link[rel="stylesheet"]')];
  if (linked.some(({ href }) => href.includes("/live/live."))) {
    title.after(bar);
  } else {
    const styles = make("link", { rel: "stylesheet", href: new URL(data.manifest.styles, folder) });
    for (const ended of ["load", "error"]) styles.addEventListener(ended, () => title.after(bar));
    document.head.append(styles);
  }

  /** Say what failed, and where the chapter can be run nevertheless. */
  function fail(why) {
    bar.querySelector(".live-failure")?.remove();
    const other = [...document.querySelectorAll(".dropdown-launch-buttons a")].find(({ href }) =>
      href.includes("binder"),
    );
    const notebook = [...document.querySelectorAll(".dropdown-download-buttons a")].find(({ href }) =>
      /\.ipynb$/.test(href),
    );
    const box = make("div", { class: "live-failure" }, make("p", {}, why));
    const ways = [];
    if (other) ways.push(make("a", { href: other.href }, "run this chapter on Binder"));
    if (notebook) ways.push(make("a", { href: notebook.href, download: "" }, "download the notebook"));
    if (ways.length > 0) {
      const line = make("p", {}, "You can still read the page. To run it elsewhere, ", ways[0]);
      if (other) line.append(" (which takes some minutes to start)");
      if (ways[1]) line.append(" or ", ways[1]);
      if (notebook) line.append(" and open it in JupyterLab");
      line.append(".");
      box.append(line);
    }
    bar.append(box);
    said.textContent = `Python cannot be started. ${why}`;
    isStarting = false;
    start.textContent = "Try again";
  }

  let isStarting = false; // a disabled button would lose the focus

  function press() {
    bar.querySelector(".live-failure")?.remove();
    const lacks = missing();
    if (lacks) {
      fail(lacks);
      return;
    }
    if (isStarting) return;
    isStarting = true;
    start.textContent = "Starting …";
    said.textContent = "Loading Python.";
    if (window.live) {
      window.live.start();
      return;
    }
    const script = make("script", { src: new URL(data.manifest.page, folder) });
    script.addEventListener("error", () => {
      script.remove();
      fail(`A part of the page could not be loaded (${data.manifest.page}). Try again when you are online.`);
    });
    document.head.append(script);
  }

  start.addEventListener("click", press);
  bar.addEventListener("live-failed", ({ detail }) => fail(detail));
})();
