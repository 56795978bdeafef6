// The bar under the title: what runs and how far, Run all, Stop, and a place for others' buttons.
import { DESCRIPTION } from "./editor.js";
import { button, element, megabytes, seconds } from "./words.js";

/** Takes the place of what loader.js has put into the bar. */
export class Bar {
  #started = 0;
  #tick = null;

  constructor(notebook, root) {
    this.notebook = notebook;
    this.element = root;
    this.said = root.querySelector(".live-said");
    this.main = root.querySelector(".live-main");
    this.row = root.querySelector(".live-row"); // the button and what it says
    this.progress = element("progress", { "aria-label": "Loaded", max: "1", value: "0" });
    this.status = element("p", { class: "live-state" });
    this.all = button("Run all", () => notebook.runAll(), { title: "All cells, from the top" });
    this.end = button("Stop", () => notebook.stop(), { title: "Ends what runs; Python starts anew" });
    this.facts = element("p", { class: "live-facts" });
    this.others = element("div", { class: "live-others" });
    const group = { class: "live-controls", role: "group", "aria-label": "Run and stop" };
    this.controls = element("div", group, this.all, this.end, this.status, this.progress);
    this.controls.hidden = true;
    root.after(this.controls); // stays in sight while the page scrolls
    const keys = element("p", { id: DESCRIPTION, hidden: "" });
    keys.append(
      "Shift+Enter runs the cell and goes on to the next. Ctrl+Enter runs it and stays. Tab indents; " +
        "Escape, then Tab, leaves the editor.",
    );
    this.help = element("details", { class: "live-help" }, element("summary", {}, "How this works"));
    this.help.append(
      element("p", {}, keys.textContent),
      element(
        "p",
        {},
        "Python runs in this tab of your browser, on your computer. Cells share their variables: a cell " +
          "knows what the cells that ran before it have made. Reset brings back a cell's code and the " +
          "output that is stored in the book. Stop ends an endless loop, too; Python then starts anew, and " +
          "the cells have to run again.",
      ),
    );
    this.row.after(this.others, this.facts, this.help, keys);
    for (const part of [this.progress, this.facts, this.help]) part.hidden = true;
    notebook.on("state", () => this.show());
    notebook.on("say", (text) => this.say(text));
    notebook.on("restart", () => this.show());
    notebook.bar = this;
  }

  /** Put buttons of another part of the page into the bar. */
  add(part) {
    this.others.append(part);
  }

  /** Say something to who does not see the page. */
  say(text) {
    // The same words again are said again.
    this.said.textContent = this.said.textContent === text ? `${text}\u00a0` : text;
  }

  /** Show that `done` of `total` bytes have come. */
  loaded({ done, total }) {
    this.progress.max = total;
    this.progress.value = Math.min(done, total);
    this.#loading =
      done < total
        ? `Loading Python: ${Math.round(done / 1e6)} of ${megabytes(total)}`
        : "Python is there and starts";
    this.show();
  }

  #loading = "Loading Python";

  fail(error) {
    if (!this.element.classList.contains("live-on")) return; // it has been said
    this.element.classList.remove("live-on");
    clearInterval(this.#tick);
    this.#tick = null;
    for (const part of [this.progress, this.controls, this.facts]) part.hidden = true;
    this.row.hidden = false;
    const isFull = error instanceof RangeError || /memory|allocat/i.test(error.message);
    const why = isFull
      ? `Python needs 400 to 900 MB of memory, and the browser does not give it (${error.message}). ` +
        "Close other tabs and programs, and try again."
      : error.message;
    this.element.dispatchEvent(new CustomEvent("live-failed", { detail: why }));
  }

  show() {
    const { state, batch, current, cells } = this.notebook;
    if (state === "failed") this.fail(this.notebook.failure);
    if (state === "failed" || state === "off") return;
    const isStarting = state === "starting";
    const hadFocus = document.activeElement === this.main;
    this.element.classList.add("live-on");
    this.row.hidden = true;
    this.element.querySelector(".live-warning")?.setAttribute("hidden", "");
    this.progress.hidden = !isStarting;
    this.controls.hidden = false;
    this.help.hidden = false;
    this.facts.hidden = false;
    const busy = ["running", "stopping"].includes(state) || (isStarting && batch !== null);
    // A button that cannot be pressed any more gives the focus to the other one.
    const focused = document.activeElement;
    const isLosing = hadFocus || focused === (busy ? this.all : this.end);
    this.end.disabled = !busy;
    this.all.disabled = busy;
    if (isLosing) (busy ? this.end : this.all).focus({ preventScroll: true });
    this.#set(this.status, this.#words(state, batch, current, cells));
    this.#set(this.facts, this.#numbers(cells));
    if (state === "running") this.#tick ??= setInterval(() => this.show(), 500);
    else {
      clearInterval(this.#tick);
      this.#tick = null;
    }
  }

  #set(part, text) {
    if (part.textContent !== text) part.textContent = text;
  }

  #words(state, batch, current, cells) {
    if (state === "starting") return batch ? `${this.#loading}; then the cells run` : this.#loading;
    if (state === "stopping") return "Stopping; Python starts anew …";
    if (state === "running" && current) {
      if (this.#running !== current) [this.#running, this.#started] = [current, performance.now()];
      const since = performance.now() - this.#started;
      const of = batch && batch.cells.length > 1 ? ` (${batch.done + 1} of ${batch.cells.length})` : "";
      const before = current.source === undefined ? null : this.notebook.expected(current);
      const last = before === null ? "" : `, took ${seconds(before)} last time`;
      const now = since < 1000 ? "" : `: ${Math.floor(since / 1000)} s`;
      return `Running ${current.name}${of}${now}${last}`;
    }
    this.#running = null;
    const wrong = cells.find((cell) => cell.status === "error");
    if (wrong) return `${capital(wrong.name)} ended with an error`;
    const ran = cells.filter((cell) => cell.ran).length;
    // Solutions and checks of exercises wait until they are asked for.
    const all = cells.filter((cell) => !cell.skipped && (cell.ran || !cell.optional)).length;
    if (ran === all) return `All ${all} cells have run`;
    return ran ? `${ran} of ${all} cells have run` : "Python is ready; no cell has run yet";
  }

  #running = null;

  #numbers(cells) {
    const { memory } = this.notebook;
    const took = cells.reduce((sum, cell) => sum + (cell.ran ? cell.ms : 0), 0);
    const parts = [];
    if (took) parts.push(`the cells took ${seconds(took)}`);
    if (memory) parts.push(`Python holds ${megabytes(memory)} of memory`);
    if (parts.length === 0) return "";
    return `${capital(parts.join("; "))}.`;
  }
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);
