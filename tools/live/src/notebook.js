// The state of a page that runs: its cells, what Python has run so far, and what it runs next.
import { makeEditor } from "./editor.js";
import { Output } from "./outputs.js";
import { button, element, seconds } from "./words.js";

/** One place for "when this happens, call that". */
class Events {
  #listeners = new Map();

  /** Call `listener(...details)` at each event of a kind; returns a function that ends this. */
  on(kind, listener) {
    if (!this.#listeners.has(kind)) this.#listeners.set(kind, new Set());
    this.#listeners.get(kind).add(listener);
    return () => this.#listeners.get(kind).delete(listener);
  }

  emit(kind, ...details) {
    this.#listeners.get(kind)?.forEach((listener) => listener(...details));
  }
}

/**
 * A page that runs.
 *
 * Events: "change" (cell): its source has changed; "run" (cell): it begins; "done" (cell, result):
 * it has ended, by itself or not; "state" (): anything that the bar shows; "say" (text): words for
 * screen readers; "restart" (): Python has started anew, and its variables are gone.
 *
 * state: "off" | "starting" | "ready" | "running" | "stopping" | "failed".
 */
export class Notebook extends Events {
  #queue = []; // {cell} or {source, name, hear}, each with promise and resolve
  #receive = null; // takes the outputs of what runs
  #working = null; // a promise while the queue is worked off
  #stopping = null;

  /**
   * `data` is the JSON of the page; `python` an Interpreter that has not been started; `prepare`
   * is called when Python has started, before the first cell runs.
   */
  constructor(data, python, prepare = async () => {}) {
    super();
    this.data = data;
    this.python = python;
    this.prepare = prepare;
    this.assets = new URL(data.assets, document.baseURI); // the folder of what is loaded
    this.bar = null; // bar.js sets it
    this.state = "off";
    this.memory = 0;
    this.current = null; // the cell that runs
    this.batch = null; // what is on order: {cells, done, ms}, or null
    this.failure = null; // why Python could not start
    this.extras = []; // cells that are not the notebook's own
    this.written = []; // answers in words: of an assignment, see coursework.js
    this.goesOn = () => false; // whether the error of a cell leaves those that wait in the queue
    this.cells = [];
    const code = data.cells.filter((cell) => cell.type === "code");
    code.forEach((cell, place) => {
      const container = document.getElementById(`cell-${cell.id}`);
      if (!container) return;
      const skipped = data.skipped?.[cell.id] ?? "";
      this.cells.push(
        new Cell(this, {
          id: cell.id,
          source: cell.source,
          name: `cell ${place + 1}`,
          number: place + 1,
          element: container,
          skipped,
        }),
      );
    });
    this.#findUnanswered();
    python.onOutput = (output) => this.#receive?.(output);
  }

  /** The cell with an id, among the notebook's own and the others. */
  cell(id) {
    return [...this.cells, ...this.extras].find((cell) => cell.id === id) ?? null;
  }

  /**
   * Make a cell that is not in the notebook, for a reader's answer for instance. Its `element`
   * belongs to no place yet. `name` is what errors and screen readers call it.
   */
  addCell({ id, source, name, label }) {
    const container = element("div", { class: "cell docutils container live-cell live-extra" });
    const input = element("div", { class: "cell_input docutils container" });
    container.append(input);
    const cell = new Cell(this, { id, source, name, label, element: container, skipped: "" });
    this.extras.push(cell);
    return cell;
  }

  /** Start Python. Resolves true, or false when it cannot start (`failure` has the error). */
  async start(onProgress) {
    this.failure = null;
    this.#be("starting");
    try {
      const { memory } = await this.python.start(onProgress);
      this.memory = memory ?? 0;
      await this.prepare();
    } catch (error) {
      this.failure = error;
      this.#drop();
      this.#be("failed");
      return false;
    }
    this.#be("ready");
    this.#work();
    return true;
  }

  /**
   * Run cells in order; the first error ends all that is on order. Cells that do not run in the
   * page are passed over, and so are exercises that nobody has answered, but for the one `asked`.
   * Resolves {status: "ok"|"error"|"stopped", cell} with the cell that had the error.
   */
  async run(cells, { asked = cells.length === 1 ? cells[0] : null } = {}) {
    const wanted = cells.filter((cell) => !cell.skipped && (cell === asked || !cell.unanswered()));
    if (this.state === "failed" || wanted.length === 0) return { status: "stopped", cell: null };
    const orders = wanted.map((cell) => this.#orderCell(cell, wanted.length > 1));
    const fresh = orders.filter((order) => order.fresh).map((order) => order.cell);
    for (const order of orders) order.fresh = false;
    if (this.batch) this.batch.cells.push(...fresh);
    else this.batch = { cells: fresh, done: 0, ms: 0 };
    this.emit("state");
    this.#work();
    let result = { status: "ok", cell: null };
    for (const order of orders) {
      const { status, cell } = await order.promise;
      if (status !== "ok" && result.status === "ok") result = { status, cell };
    }
    return result;
  }

  /** Run all cells, from the top; those that are optional wait for a reader who asks for them. */
  runAll() {
    return this.run(this.cells.filter((cell) => !cell.optional));
  }

  /** Run the cells above one, all of them. */
  runAllAbove(cell) {
    return this.run(this.above(cell).filter((other) => !other.optional));
  }

  /** The cells above one; for a cell of `addCell`, those above its place in the page. */
  above(cell) {
    const before = Node.DOCUMENT_POSITION_PRECEDING;
    return this.cells.filter(
      (other) =>
        other !== cell && !other.skipped && cell.element.compareDocumentPosition(other.element) & before,
    );
  }

  /** The cells above one that this session of Python has neither run nor will run. */
  missing(cell) {
    const ordered = new Set(this.#queue.map((order) => order.cell));
    return this.above(cell).filter(
      (other) =>
        !other.ran && !other.optional && !other.unanswered() && !ordered.has(other) && other !== this.current,
    );
  }

  /**
   * Run code that is in no cell, and tell nobody but the caller.
   * Resolves what the interpreter's `run` resolves, and `outputs`, a list.
   */
  async ask(source, { name = "the page", first = false } = {}) {
    const outputs = [];
    const order = this.#order({ source, name, hear: (output) => outputs.push(output) });
    this.#queue.splice(first ? 0 : this.#queue.length, 0, order);
    this.#work();
    const result = await order.promise;
    return { ...result, outputs };
  }

  /** End what runs, and forget what waits. Python starts anew, without variables. */
  async stop() {
    if (this.state === "starting") {
      this.#drop();
      this.emit("state");
    }
    if (!["ready", "running"].includes(this.state)) return this.#stopping;
    this.#stopping = this.#stop();
    await this.#stopping;
    this.#stopping = null;
    this.#be(this.failure ? "failed" : "ready");
    this.#work();
  }

  /** Bring back a cell's source and stored output. */
  reset(cell) {
    cell.reset();
  }

  /** Say something to who does not see the page. */
  say(text) {
    this.emit("say", text);
  }

  // --- How far, how long ------------------------------------------------------------------

  /** How long a cell is likely to take in ms: its last run in this browser; null if unknown. */
  expected(cell) {
    return cell.ms ?? this.#times()[cell.id] ?? this.data.times?.[cell.id] ?? null;
  }

  #timesKey = null;

  #times() {
    this.#timesKey ??= `live-times:${this.data.name}`;
    try {
      return JSON.parse(localStorage.getItem(this.#timesKey)) ?? {};
    } catch {
      return {}; // a browser that keeps nothing
    }
  }

  #keepTime(cell) {
    try {
      const times = { ...this.#times(), [cell.id]: Math.round(cell.ms) };
      localStorage.setItem(this.#timesKey, JSON.stringify(times));
    } catch {
      // The time is known in this session only.
    }
  }

  // --- The queue --------------------------------------------------------------------------

  #order(order) {
    order.promise = new Promise((resolve) => {
      order.resolve = resolve;
    });
    return order;
  }

  /** Put a cell into the queue, if it is not there: alone, it waits for those above it only. */
  #orderCell(cell, several) {
    const waiting = this.#queue.find((order) => order.cell === cell);
    if (waiting) return waiting;
    const order = this.#order({ cell, fresh: true });
    cell.set("waiting");
    const above = new Set(this.above(cell));
    const after = this.#queue.findLastIndex((other) => above.has(other.cell));
    this.#queue.splice(several ? this.#queue.length : after + 1, 0, order);
    return order;
  }

  #be(state) {
    this.state = state;
    this.emit("state");
  }

  /** Work off the queue, one order at a time. */
  #work() {
    if (this.state !== "ready" || this.#working || this.#stopping) return;
    if (this.#queue.length > 0) this.#working = this.#workOff();
  }

  async #workOff() {
    while (this.#queue.length > 0 && !this.#stopping) {
      const order = this.#queue.shift();
      this.state = "running";
      const result = order.cell ? await this.#runCell(order.cell) : await this.#runSource(order);
      this.current = null;
      this.#receive = null;
      if (result.memory) this.memory = result.memory;
      if (order.cell && result.status === "error" && !this.goesOn(order.cell)) this.#drop();
      order.resolve(order.cell ? { ...result, cell: order.cell } : result);
      if (result.crashed) await this.#startAnew();
      else if (result.ended) this.#forget(); // the interpreter has started anew by itself
    }
    this.#working = null;
    if (this.#stopping) return; // stop() goes on from here
    this.batch = null;
    this.#be(this.failure ? "failed" : "ready");
    this.#work(); // what a listener has just ordered
  }

  async #runSource({ source, name, hear }) {
    this.current = { name };
    this.#receive = hear;
    this.emit("state");
    return this.#python(source, name);
  }

  async #runCell(cell) {
    const source = cell.source;
    this.current = cell;
    this.#receive = (output) => cell.show(output);
    cell.begin(source);
    this.emit("run", cell);
    this.emit("state");
    if (this.batch?.cells.length === 1) this.say(`Running ${cell.name}.`);
    else if (this.batch?.done === 0) this.say(`Running ${this.batch.cells.length} cells.`);
    const result = await this.#python(source, cell.name);
    cell.end(source, result);
    if (result.status === "ok") this.#keepTime(cell);
    if (this.batch) {
      this.batch.done += 1;
      this.batch.ms += result.ms ?? 0;
    }
    this.#tell(cell, result);
    this.emit("done", cell, result);
    return result;
  }

  /** Run code; that the worker itself dies, for want of memory above all, is an error as well. */
  async #python(source, name) {
    const since = performance.now();
    try {
      return await this.python.run(source, { name });
    } catch (error) {
      const message = `${error.message} Python starts anew; what the cells made is gone.`;
      const told = { name: "Python has stopped", message, line: null, traceback: "" };
      return { status: "error", ms: performance.now() - since, memory: 0, error: told, crashed: true };
    }
  }

  /** Words for screen readers: each cell if one was ordered, else the first and the last. */
  #tell(cell, result) {
    if (result.status === "error") {
      const line = result.error.line ? `, line ${result.error.line}` : "";
      this.say(`Error in ${cell.name}${line}: ${result.error.name}: ${result.error.message}`);
    } else if (result.status === "ok") {
      const last = !this.#queue.some((order) => order.cell);
      const several = this.batch?.cells.length > 1;
      if (several && last) {
        this.say(`All ${this.batch.cells.length} cells are done in ${seconds(this.batch.ms)}.`);
      } else if (!several) {
        this.say(`Done: ${cell.name}, in ${seconds(result.ms)}.`);
      }
    }
  }

  /** Take all that waits out of the queue. */
  #drop() {
    for (const order of this.#queue.splice(0)) {
      order.cell?.set(order.cell.before);
      order.resolve({ status: "stopped", ms: 0, error: null, cell: order.cell, outputs: [] });
    }
    this.batch = null;
  }

  async #stop() {
    this.#drop();
    this.#be("stopping");
    await this.#startAnew();
    await this.#working;
    if (!this.failure) this.say("Stopped. Python has started anew: what the cells made is gone.");
  }

  async #startAnew() {
    try {
      await this.python.interrupt();
    } catch (error) {
      this.failure = error;
    }
    this.#forget();
  }

  #forget() {
    for (const cell of [...this.cells, ...this.extras]) cell.forget();
    this.emit("restart");
  }

  /** In the students' version, an exercise waits for an answer, and its check with it. */
  #findUnanswered() {
    for (const exercise of this.data.exercises ?? []) {
      const answer = exercise.answer && this.cell(exercise.answer);
      if (!answer) continue;
      const untouched = () => answer.source === answer.original;
      answer.unanswered = untouched;
      const check = this.cell(exercise.check);
      if (check) check.unanswered = untouched;
    }
  }
}

/** One code cell: an editor in place of its listing, buttons, and outputs of its own. */
export class Cell {
  constructor(notebook, { id, source, name, number = null, label, element: container, skipped }) {
    this.notebook = notebook;
    this.id = id;
    this.original = source;
    this.name = name; // "cell 3", as in tracebacks
    this.number = number;
    this.element = container;
    this.skipped = skipped;
    this.status = "stored";
    this.before = "stored"; // the status to go back to if a run is called off
    this.ran = false; // in this session of Python
    this.ranSource = null;
    this.optional = false; // true: other cells do not need it, so only its own button runs it
    this.ms = null; // how long its last run in this session took
    this.error = null;
    this.#build(label ?? `Python code of ${name}`);
  }

  /** In the students' version: whether this cell waits for an answer. */
  unanswered() {
    return false;
  }

  get source() {
    return this.editor ? this.editor.text : this.original;
  }

  set source(text) {
    if (this.editor) this.editor.text = text;
  }

  get edited() {
    return this.source !== this.original;
  }

  /** Whether the source has changed since the last run. */
  get stale() {
    return this.ran && this.ranSource !== this.source;
  }

  /** Run this cell alone, at once, without asking for those above it. */
  run() {
    return this.notebook.run([this]);
  }

  /** Run this cell; if cells above it have not run, ask first what to do. */
  async request({ moveOn = false } = {}) {
    if (this.notebook.state === "failed") this.notebook.bar?.main.focus(); // "Try again"
    const missing = this.#alone ? [] : this.notebook.missing(this);
    if (missing.length === 0) {
      if (moveOn) this.#moveOn();
      return this.run();
    }
    const answer = await this.#question(missing);
    if (answer === "above") return this.notebook.run([...missing, this], { asked: this });
    if (answer === "alone") {
      this.#alone = true;
      return this.run();
    }
    return { status: "stopped", cell: this };
  }

  /** Show an output of the cell that runs. */
  show(output) {
    this.#outputs.add(output);
  }

  /** Put the cursor into the editor, at a line if one is given; opens a folded cell. */
  focus(line) {
    this.#details?.setAttribute("open", "");
    this.editor?.focus(line);
  }

  reset() {
    this.#closeQuestion("none");
    this.source = this.original;
    this.editor?.mark(null);
    this.error = null;
    this.#outputs.restore();
    if (!["running", "waiting"].includes(this.status)) this.set("stored");
    this.before = "stored";
    this.notebook.say(`The code of ${this.name} is as it was.`);
  }

  // --- What the notebook calls ------------------------------------------------------------

  set(status) {
    if (status === "waiting") this.before = this.status;
    this.status = status;
    this.element.dataset.status = status;
    this.#describe();
  }

  begin(source) {
    this.#closeQuestion("none");
    this.error = null;
    this.editor?.mark(null);
    this.#outputs.begin({ edited: source !== this.original, context: this.#editedAbove() });
    this.set("running");
  }

  end(source, result) {
    this.#outputs.end(result, this);
    if (result.status !== "stopped") {
      this.ms = result.ms ?? 0;
      this.ran = result.status === "ok" || this.ran;
      this.ranSource = source;
      this.#alone ||= result.status === "ok";
    }
    if (result.status === "error") {
      this.error = result.error;
      if (this.source === source) this.editor?.mark(result.error.line);
      if (result.error.line) this.#details?.setAttribute("open", "");
    }
    this.set({ ok: "done", error: "error", stopped: "stopped" }[result.status]);
  }

  /** Python has started anew. */
  forget() {
    this.ran = false;
    this.ranSource = null;
    this.#alone = false;
    this.#describe();
  }

  // --- Its own ----------------------------------------------------------------------------

  #alone = false; // the reader has said: without those above
  #details = null;
  #outputs;
  #answer = null;
  #note = null;

  #build(label) {
    const input = this.element.querySelector(".cell_input");
    this.#details = input?.closest("details") ?? null;
    const block = this.#details && this.element.contains(this.#details) ? this.#details : input;
    if (block !== this.#details) this.#details = null;
    this.toolbar = element("div", { class: "live-toolbar" });
    this.info = element("span", { class: "live-info" });
    block.after(this.toolbar);
    this.#outputs = new Output(this);
    this.output = this.#outputs.element;
    if (this.skipped) {
      const why = `This cell does not run in the page. ${this.skipped}`;
      this.toolbar.append(element("p", { class: "live-skipped" }, why));
      return;
    }
    this.toolbar.setAttribute("role", "group");
    this.toolbar.setAttribute("aria-label", `Buttons of ${this.name}`);
    this.buttons = {
      run: button("Run", () => this.request(), { title: "Shift+Enter in the code" }),
      above: button("Run all above", () => this.notebook.runAllAbove(this)),
      reset: button("Reset", () => this.notebook.reset(this), { title: "As it is in the book" }),
    };
    const title = this.number ? `Cell ${this.number}` : "";
    if (title) this.toolbar.append(element("span", { class: "live-name" }, title));
    this.toolbar.append(...Object.values(this.buttons), this.info);
    const note = this.notebook.data.notes?.[this.id];
    if (note) this.toolbar.after(element("p", { class: "live-different" }, note));
    // Nothing is above the first, and who writes an answer has another button.
    if (this.number === 1 || !this.number) this.buttons.above.hidden = true;
    this.toolbar.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.shiftKey) return;
      event.preventDefault();
      this.request({ moveOn: true });
    });
    this.editor = makeEditor({
      parent: input,
      text: this.original,
      label,
      onChange: () => {
        this.#describe();
        this.notebook.emit("change", this);
      },
      onRun: (moveOn) => this.request({ moveOn }),
    });
    this.#describe();
  }

  /** The line beside the buttons. */
  #describe() {
    if (!this.buttons) return;
    const expected = this.notebook.expected(this);
    const took = expected === null ? "" : `took ${seconds(expected)} last time`;
    const words = {
      stored: took,
      waiting: ["waiting", took].filter(Boolean).join(", "),
      running: ["running", took].filter(Boolean).join(", "),
      done: this.ran ? `done in ${seconds(this.ms)}` : took, // Python may have started anew since
      error: this.error?.line ? `error in line ${this.error.line}` : "error",
      stopped: "stopped",
    };
    const edited = this.stale ? "changed since it ran" : this.edited && !this.ran ? "changed" : "";
    const text = [words[this.status], edited].filter(Boolean).join("; ");
    if (this.info.textContent !== text) this.info.textContent = text;
    this.buttons.reset.disabled = !this.edited && this.status === "stored";
  }

  /** Whether a cell above was run in another form than the book's. */
  #editedAbove() {
    return this.notebook.above(this).some((cell) => cell.ran && cell.ranSource !== cell.original);
  }

  #moveOn() {
    const { cells } = this.notebook;
    const next = cells.slice(cells.indexOf(this) + 1).find((cell) => cell.editor && cell.visible);
    if (!next || !cells.includes(this)) return;
    if (next.folded) next.buttons.run.focus();
    else next.editor.focus();
  }

  /** Whether a reader can get at this cell without opening a box around it. */
  get visible() {
    return this.toolbar.getClientRects().length > 0;
  }

  get folded() {
    return this.#details !== null && !this.#details.open;
  }

  /** Ask whether to run the cells above. Resolves "above", "alone" or "none". */
  #question(missing) {
    this.#closeQuestion("none");
    const times = missing.map((cell) => this.notebook.expected(cell));
    const known = times.every((ms) => ms !== null);
    const about = known ? ` (about ${seconds(times.reduce((sum, ms) => sum + ms, 0))})` : "";
    const one = missing.length === 1;
    const names = one ? `Cell ${missing[0].number} above has` : `${missing.length} cells above have`;
    const text = `${names} not run yet. This cell may need what ${one ? "it makes" : "they make"}.`;
    const back = document.activeElement;
    return new Promise((resolve) => {
      this.#answer = (answer) => {
        if (this.#note?.contains(document.activeElement)) back?.focus({ preventScroll: true });
        this.#note?.remove();
        this.#note = this.#answer = null;
        resolve(answer);
      };
      const order = `Run the cell${one ? "" : "s"} above first${about}`;
      const first = button(order, () => this.#answer?.("above"));
      const only = button("Run only this cell", () => this.#answer?.("alone"));
      this.#note = element("div", { class: "live-question", role: "group", "aria-label": text });
      this.#note.append(element("p", {}, text), first, only);
      this.#note.addEventListener("keydown", (event) => {
        if (event.key === "Escape") this.#answer?.("none");
      });
      this.toolbar.after(this.#note);
      first.focus();
      this.notebook.say(text);
    });
  }

  #closeQuestion(answer) {
    this.#answer?.(answer);
  }
}
