// What a cell prints, draws and raises, below it. HTML that code makes gets into the page only as
// a table without anything that acts; the rest is shown in a frame that can do nothing here.
import { button, element } from "./words.js";

const LONGEST = 200_000; // letters of one box of text; more would make the page slow
const COLOURS_OF_TERMINALS = /\x1b\[[0-9;]*[A-Za-z]/g; // eslint-disable-line no-control-regex
const TABLE_PARTS = ["table", "thead", "tbody", "tr", "th", "td", "caption"];
const ELEMENTS = new Set(
  [...TABLE_PARTS, "p", "div", "span", "b", "i", "em", "strong", "br", "sup", "sub", "code"].map((name) =>
    name.toUpperCase(),
  ),
);
const ATTRIBUTES = ["class", "scope", "colspan", "rowspan"];

/** The outputs of one cell: the stored ones until it has some of its own. */
export class Output {
  #stored;
  #addresses = []; // of pictures, to give back
  #alts; // what the stored figures are called
  #replaced = true; // whether what is shown belongs to the run that goes on
  #images = 0;
  #stream = null; // the box that what is printed goes to
  #edited = false;
  #context = false;

  constructor(cell) {
    this.cell = cell;
    this.#stored = cell.element.querySelector(".cell_output");
    this.#alts = [...(this.#stored?.querySelectorAll("img") ?? [])].map((image) => image.alt);
    this.element = element("div", { class: "cell_output docutils container live-output" });
    this.element.hidden = true;
    if (this.#stored) this.#stored.after(this.element);
    else cell.element.append(this.element);
  }

  /** A run begins; what is shown stays until the run shows something. */
  begin({ edited, context }) {
    [this.#edited, this.#context, this.#replaced, this.#images] = [edited, context, false, 0];
    this.#stream = null;
  }

  /** A run ends. */
  end(result, cell) {
    this.#stream = null;
    if (result.status === "error") this.#add(this.#error(result.error, cell));
    else if (result.status === "stopped") {
      if (this.#replaced) this.#add(element("p", { class: "live-stopped" }, "Stopped before its end."));
    } else if (!this.#replaced) this.#replace();
    // As the theme does for stored outputs: Tab reaches what scrolls, and the arrow keys scroll it.
    for (const part of this.element.querySelectorAll("pre, .output")) {
      if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
    }
  }

  /** Show the stored output again. */
  restore() {
    this.#clear();
    this.element.hidden = true;
    if (this.#stored) this.#stored.hidden = false;
  }

  add(output) {
    if (output.type === "stream") this.#print(output);
    else {
      this.#stream = null;
      if (output.type === "image") this.#add(this.#picture(output));
      else if (output.type === "html") this.#add(showHtml(output.html, output.text, this.cell));
      else if (output.type === "text") this.#add(box("text_plain", output.text));
    }
  }

  /** The text of what is shown now, for a stored notebook: what was printed, and texts. */
  get text() {
    return [...this.element.querySelectorAll("pre, table")].map((part) => part.textContent).join("\n");
  }

  #add(shown) {
    if (!this.#replaced) this.#replace();
    this.element.hidden = false;
    this.element.append(shown);
  }

  #replace() {
    this.#replaced = true;
    this.#clear();
    if (this.#stored) this.#stored.hidden = true;
    this.element.hidden = true; // until there is something in it
  }

  #clear() {
    this.element.replaceChildren();
    this.#addresses.splice(0).forEach((address) => URL.revokeObjectURL(address));
  }

  #print({ name, text }) {
    if (this.#stream?.name !== name) {
      const shown = box(name === "stderr" ? "stderr" : "stream", "");
      this.#add(shown);
      this.#stream = { name, pre: shown.querySelector("pre"), text: "" };
    }
    const stream = this.#stream;
    if (stream.text.length > LONGEST) return;
    const clean = text.replace(COLOURS_OF_TERMINALS, "");
    stream.text += clean;
    if (stream.text.length > LONGEST) stream.pre.append("\n… and more, which is not shown here.");
    else if (stream.text.includes("\r")) stream.pre.textContent = overwritten(stream.text);
    else stream.pre.append(clean);
  }

  #picture({ data, width, height }) {
    if (!this.#replaced) this.#replace(); // gives back the addresses of the last run
    const address = URL.createObjectURL(new Blob([data], { type: "image/png" }));
    this.#addresses.push(address);
    const image = element("img", { src: address, alt: this.#alt() });
    if (width) image.width = width;
    if (height) image.height = height;
    return image;
  }

  #alt() {
    const stored = this.#alts[this.#images];
    this.#images += 1;
    if (this.#edited) return `Figure made by the edited code of ${this.cell.name}`;
    if (!stored) return `Figure made by ${this.cell.name}`;
    if (!this.#context) return stored;
    return `Figure made after changes in cells above. Without them it shows: ${stored}`;
  }

  #error({ name, message, line, traceback }, cell) {
    const where = `Error in ${cell.name}${line ? `, line ${line}` : ""}`;
    const shown = element("div", { class: "output live-error" });
    const title = element("p", {}, element("strong", {}, where));
    if (line && cell.editor) title.append(" ", button(`Go to line ${line}`, () => cell.focus(line)));
    shown.append(title, element("pre", {}, message ? `${name}: ${message}` : name));
    if (traceback) {
      const details = element("details", {}, element("summary", {}, "The whole traceback"));
      details.append(element("pre", {}, traceback.replace(COLOURS_OF_TERMINALS, "")));
      shown.append(details);
    }
    return shown;
  }
}

/** A box of text as the stored outputs have it. */
function box(kind, text) {
  const pre = element("pre", {}, text.replace(COLOURS_OF_TERMINALS, ""));
  const shown = element("div", { class: "highlight" }, pre);
  return element("div", { class: `output ${kind} highlight-myst-ansi notranslate` }, shown);
}

/** What a terminal would show: after a "\r", a line is written over. */
function overwritten(text) {
  const lines = text.split("\n").map((line) => line.replace(/\r+$/, "").split("\r").at(-1));
  return lines.join("\n");
}

// --- HTML that code makes ---------------------------------------------------------------------

/** A table for the page, or a frame. */
export function showHtml(html, text, cell) {
  // A document that DOMParser makes runs no scripts and loads nothing.
  const { body } = new DOMParser().parseFromString(html, "text/html");
  body.querySelectorAll("style[scoped]").forEach((style) => style.remove()); // pandas' own
  const all = [...body.querySelectorAll("*")];
  const isTable = body.querySelector("table") && all.every((part) => ELEMENTS.has(part.tagName));
  if (!isTable) return frame(body, html, text, cell);
  const shown = element("div", { class: "output text_html" });
  shown.append(...[...body.childNodes].map(copy));
  return shown;
}

/** A copy of allowed elements, with allowed attributes, and texts. */
function copy(node) {
  if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
  if (node.nodeType !== Node.ELEMENT_NODE || !ELEMENTS.has(node.tagName)) return document.createTextNode("");
  const made = document.createElement(node.tagName);
  for (const name of ATTRIBUTES) {
    if (node.hasAttribute(name)) made.setAttribute(name, node.getAttribute(name));
  }
  made.append(...[...node.childNodes].map(copy));
  return made;
}

/** HTML in a frame of its own, without access to the page, to files or to any host. */
function frame(body, html, text, cell) {
  // An explorer is a frame already; what is in it is shown, so that one frame is enough.
  const only = body.children.length === 1 ? body.children[0] : null;
  const inner = only?.tagName === "IFRAME" && only.getAttribute("srcdoc");
  const title = (inner && only.title) || text?.slice(0, 100) || `Output of ${cell.name}`;
  const made = element("iframe", {
    class: "live-frame",
    sandbox: "allow-scripts",
    title,
    src: new URL("frame.html", cell.notebook.assets),
  });
  const dark = document.documentElement.dataset.theme === "dark";
  const hear = ({ source, data }) => {
    if (!made.isConnected) removeEventListener("message", hear);
    if (source !== made.contentWindow || !made.contentWindow) return;
    if (data === "ready") {
      made.contentWindow.postMessage({ html: inner || html, whole: Boolean(inner), dark }, "*");
    } else if (Number.isFinite(data?.height)) {
      made.style.height = `${Math.min(Math.max(data.height, 20), 4000)}px`;
    }
  };
  addEventListener("message", hear);
  return element("div", { class: "output live-html" }, made);
}
