// What a reader has changed: kept in this browser, saved as a notebook, opened from one, forgotten.
// Nothing here asks the network.
import { button, element } from "./words.js";

const LARGEST = 50e6; // bytes of a notebook that is opened: figures make some large
const PAUSE = 400; // ms without a key, before changes are kept

// ---- notebooks as text, and back

const CHECK = /^exercise\.check_(\d+)\(/;

/** The code of the reader's answer to begin with: the variables that the check asks for, empty. */
export function beginning({ number, names, stub }) {
  if (!names?.length) return stub.replace(/\n?raise NotImplementedError\([^\n]*\)\s*$/, "");
  const empty = names.map((name) => `${name} = ...`);
  return [`# Exercise ${number}. Put your answers in place of the dots.`, ...empty].join("\n");
}

/**
 * Read a file in Jupyter's form.
 *
 * @param {string} text
 * @param {string} name the file's name, for messages
 * @returns {{cells: {id: string?, type: string, source: string, exercise: number?}[], page: string?}}
 * @throws {Error} with a sentence that says what is wrong with it
 */
export function readNotebook(text, name) {
  let book;
  try {
    book = JSON.parse(text);
  } catch {
    throw new Error(`“${name}” is not a notebook: its text is not JSON. Choose a file that ends in .ipynb.`);
  }
  const version = book?.nbformat;
  if (typeof version === "number" && version < 4) {
    throw new Error(`“${name}” is a notebook of an old form (${version}). Open it in JupyterLab, save it, and try again.`);
  }
  if (!Array.isArray(book?.cells)) {
    throw new Error(`“${name}” is not a notebook: it has no list of cells.`);
  }
  const cells = book.cells.map((cell, place) => {
    const source = Array.isArray(cell?.source) ? cell.source.join("") : cell?.source;
    if (typeof source !== "string") {
      throw new Error(`“${name}” is damaged: cell ${place + 1} has no text.`);
    }
    const exercise = Number.isInteger(cell.metadata?.exercise) ? cell.metadata.exercise : null;
    const id = typeof cell.id === "string" ? cell.id : null;
    return { id, type: cell.cell_type, source: source.replace(/\r\n?/g, "\n"), exercise };
  });
  const page = typeof book.metadata?.page === "string" ? book.metadata.page : null;
  return { cells, page };
}

/**
 * Find the places of a notebook's cells in the page.
 *
 * @param {object} read from `readNotebook`
 * @param {object} data the page's notebook, as it stands in the page
 * @returns {{sources: Map<string, string>, answers: Map<number, string>, added: number,
 *   changedTexts: number, noIds: boolean}} code by the cell's id, answers by the exercise's number,
 *   and how many cells have no place here
 */
export function matchNotebook(read, data) {
  const known = new Map(data.cells.map((cell) => [cell.id, cell]));
  const checks = new Map(data.exercises.map((exercise) => [exercise.check, exercise.number]));
  const stubs = new Map(data.exercises.map((each) => [each.answer, each.number]));
  const numbers = new Set(checks.values());
  const sources = new Map();
  const answers = new Map();
  let strangers = [];
  let added = 0;
  let changedTexts = 0;
  let inSolution = false;
  for (const cell of read.cells) {
    if (/^`{3,}\{solution-start\}/.test(cell.source)) inSolution = true;
    const here = cell.id === null ? null : known.get(cell.id);
    if (cell.type !== "code" && here?.course?.role === "written") {
      sources.set(cell.id, cell.source);
    } else if (cell.type !== "code") {
      // Text of the page stays. A solution's text is in one version of the book only.
      if (here && here.type !== "code" && here.source.trim() !== cell.source.trim()) changedTexts++;
      if (/^`{3,}\{solution-end\}/m.test(cell.source)) inSolution = false;
      if (/^`{3,}\{exercise-start\}/m.test(cell.source)) {
        added += strangers.length; // what stands above an exercise does not answer it
        strangers = [];
      }
    }
    if (cell.type !== "code") continue;
    const asks = Number(CHECK.exec(cell.source)?.[1]);
    const check = checks.get(cell.id) ?? (numbers.has(asks) ? asks : null);
    if (check !== null) {
      // A student may have cut an answer into several cells: what stands before the check is it.
      if (strangers.length) answers.set(check, strangers.join("\n\n"));
      strangers = [];
      if (here?.type === "code") sources.set(cell.id, cell.source);
    } else if (stubs.has(cell.id) || numbers.has(cell.exercise)) {
      strangers.push(cell.source);
    } else if (here?.type === "code") {
      added += strangers.length;
      strangers = [];
      sources.set(cell.id, cell.source);
    } else if (cell.source.trim() && !inSolution) {
      // A solution is no cell of the students' version, and no answer of theirs.
      strangers.push(cell.source);
    }
  }
  added += strangers.length;
  const noIds = read.cells.length > 0 && read.cells.every((cell) => cell.id === null);
  if (noIds) added = 0; // nobody can tell
  for (const [number, text] of answers) answers.set(number, withoutRaise(text));
  return { sources, answers, added, changedTexts, noIds };
}

/** An answer without the line that stops a run of the students' version. */
function withoutRaise(text) {
  return text.replace(/^raise NotImplementedError\("Exercise \d+: take this line out[^\n]*\n?/m, "").trimEnd();
}

/**
 * Write the page as a notebook that JupyterLab opens.
 *
 * @param {object} data the page's notebook
 * @param {{sources: Map, answers: Map, outputs: Map}} reader's code and words by cell id, answers by
 *   number of the exercise, and outputs of this session by cell id, in Jupyter's form
 * @returns {string}
 */
export function writeNotebook(data, { sources, answers, outputs }) {
  const before = new Map(data.exercises.map((exercise) => [exercise.check, exercise]));
  const cells = [];
  for (const cell of data.cells) {
    const exercise = before.get(cell.id);
    if (exercise && !exercise.answer && answers.has(exercise.number)) {
      // Right before the check, and so after a solution, whose variables it replaces.
      const made = code(`answer-${exercise.number}`, answers.get(exercise.number));
      cells.push({ ...made, metadata: { exercise: exercise.number } });
    }
    const source = sources.get(cell.id) ?? cell.source;
    const made = cell.type === "code"
      ? code(cell.id, source, outputs.get(cell.id))
      : { cell_type: "markdown", id: cell.id, metadata: {}, source: lines(source) };
    if (cell.course) made.metadata.course = cell.course; // which question of an assignment it is
    cells.push(made);
  }
  const metadata = {
    kernelspec: { display_name: "Python 3", language: "python", name: "python3" },
    language_info: { name: "python" },
    page: data.name,
  };
  return `${JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }, null, 1)}\n`;
}

const lines = (text) => text.split(/(?<=\n)/);

function code(id, source, outputs = []) {
  return {
    cell_type: "code", execution_count: null, id, metadata: {}, outputs, source: lines(source),
  };
}

// ---- what the browser keeps

/** Changes of one page, in localStorage where the browser lets us. */
class Store {
  constructor(notebook) {
    this.data = notebook.data;
    // Several books may have one host: the folder of this one is in the key.
    const book = new URL(this.data.assets, document.baseURI).pathname.replace(/_static\/live\/$/, "");
    this.key = `live-attempts ${book} ${this.data.name}`;
    this.problem = null;
    this.touched = new Set(); // what was changed in this tab; another tab may have changed the rest
    this.kept = this.#read();
  }

  #read() {
    const empty = { cells: {}, answers: {} };
    try {
      const text = localStorage.getItem(this.key);
      const found = text ? JSON.parse(text) : {};
      return { cells: strings(found.cells), answers: strings(found.answers) };
    } catch (error) {
      // What is damaged is no loss of storage: it will be written anew.
      if (!(error instanceof SyntaxError)) this.problem = "forbidden";
      return empty;
    }
  }

  /** Note a change; `source` null means that there is none any more. */
  set(kind, name, source) {
    this.touched.add(`${kind} ${name}`);
    if (source === null) delete this.kept[kind][name];
    else this.kept[kind][name] = source;
  }

  write() {
    const mine = this.kept;
    this.problem = null;
    this.kept = this.#read();
    for (const each of this.touched) {
      const [kind, name] = each.split(" ");
      if (name in mine[kind]) this.kept[kind][name] = mine[kind][name];
      else delete this.kept[kind][name];
    }
    try {
      const { cells, answers } = this.kept;
      const none = !Object.keys(cells).length && !Object.keys(answers).length;
      if (none) localStorage.removeItem(this.key);
      else localStorage.setItem(this.key, JSON.stringify({ cells, answers }));
    } catch (error) {
      this.problem = error?.name === "QuotaExceededError" ? "full" : "forbidden";
      this.kept = mine;
    }
  }

  forget() {
    this.kept = { cells: {}, answers: {} };
    this.touched.clear();
    try {
      localStorage.removeItem(this.key);
    } catch {
      // Where nothing can be kept, nothing is left.
    }
  }
}

function strings(found) {
  const all = Object.entries(found && typeof found === "object" ? found : {});
  return Object.fromEntries(all.filter(([, source]) => typeof source === "string"));
}

const stores = new WeakMap();

/** What this browser keeps of a page; exercises ask for their answers before they are shown. */
export function storeOf(notebook) {
  if (!stores.has(notebook)) stores.set(notebook, new Store(notebook));
  return stores.get(notebook);
}

// ---- the part of the bar

/** Text with `code` in it, as nodes. */
export function withCode(text) {
  return text.split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part));
}

/** Ask before something is lost. Resolves whether the reader says yes; Escape says no. */
export function confirm(question, yes, no = "Cancel") {
  return new Promise((resolve) => {
    const id = `live-question-${Math.random().toString(36).slice(2)}`;
    const dialog = element("dialog", { class: "live-dialog", "aria-labelledby": id },
      element("p", { id }, question),
      element("div", { class: "live-buttons" },
        button(no, () => dialog.close("no")), button(yes, () => dialog.close("yes"))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal(); // the browser keeps the focus inside, and gives it back
  });
}

const count = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;

/**
 * Keep what the reader changes, and show how to save it, open it and forget it.
 *
 * @param {Notebook} notebook
 */
export function keep(notebook) {
  const { data } = notebook;
  const store = storeOf(notebook);
  const changeable = [...notebook.cells, ...notebook.written];
  const byId = new Map(changeable.map((cell) => [cell.id, cell]));
  notebook.answers ??= new Map(); // Answer by number: exercises.js adds them

  for (const [id, source] of Object.entries(store.kept.cells)) {
    const cell = byId.get(id);
    if (cell && cell.source !== source) cell.source = source;
  }

  // ---- elements

  const summary = element("summary", {}, "My changes");
  const state = element("p", { class: "live-kept" });
  const chooser = element("input", {
    type: "file", accept: ".ipynb,application/x-ipynb+json,application/json", hidden: "",
    "aria-label": "Notebook to open",
  });
  chooser.addEventListener("change", () => open(chooser.files[0]));
  const saveButton = button("Save as notebook (.ipynb)", save);
  const openButton = button("Open a notebook…", () => chooser.click());
  const forgetButton = button("Forget my changes", forget);
  const told = element("div", { class: "live-told" });
  const place = element("p", { class: "live-small" });
  const box = element("details", { class: "live-attempts" }, summary,
    element("div", { class: "live-attempts-box" }, state,
      element("div", { class: "live-buttons" }, saveButton, openButton, forgetButton), chooser, told, place));
  notebook.bar.add(box);

  // ---- what is kept

  const changedCells = () => changeable.filter((cell) => cell.source !== cell.original);
  const writtenAnswers = () => [...notebook.answers].filter(([, each]) => each.source !== each.original);

  function show() {
    const [cells, answers] = [changedCells().length, writtenAnswers().length];
    const parts = [];
    if (cells) parts.push(`${count(cells, "cell")} changed`);
    if (answers) parts.push(`${count(answers, "answer")} written`);
    summary.textContent = parts.length ? `My changes (${cells + answers})` : "My changes";
    state.textContent = parts.length ? `${parts.join(", ")} on this page.` : "You have changed nothing on this page.";
    forgetButton.disabled = !parts.length && !Object.keys({ ...store.kept.cells, ...store.kept.answers }).length;
    place.textContent = {
      full: "The storage of this browser is full: new changes are not kept, and are gone when you close "
        + "this page. Save them as a notebook.",
      forbidden: "This browser lets the page keep nothing (a private window or a setting does this): your "
        + "changes are gone when you close this page. Save them as a notebook.",
    }[store.problem] ?? "Changes and answers are kept in this browser, on this computer, for your next "
      + "visit. Nothing is sent anywhere. To take them elsewhere, or to hand them in, save them as a "
      + "notebook: JupyterLab opens it, and so does this page.";
    box.classList.toggle("live-warns", store.problem !== null);
  }

  let timer = null;
  const noted = new Map();
  const atFirst = { cells: { ...store.kept.cells }, answers: { ...store.kept.answers } };
  function write() {
    if (timer === null) return;
    clearTimeout(timer);
    timer = null;
    for (const cell of changeable) note("cells", cell.id, cell);
    for (const [number, answer] of notebook.answers) note("answers", String(number), answer);
    store.write();
    show();
  }
  function note(kind, name, each) {
    const source = each.source === each.original ? null : each.source;
    const key = `${kind} ${name}`;
    // What another tab has kept since is not for this one to take away.
    const before = noted.has(key) ? noted.get(key) : atFirst[kind][name] ?? null;
    if (before !== source) store.set(kind, name, source);
    noted.set(key, source);
  }
  function change() {
    clearTimeout(timer);
    timer = setTimeout(write, PAUSE);
    show();
  }
  notebook.on("change", change);
  addEventListener("pagehide", write);
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && write());

  // ---- save, open, forget

  function download() {
    const sources = new Map(changeable.map((cell) => [cell.id, cell.source]));
    const answers = new Map(writtenAnswers().map(([number, answer]) => [number, answer.source]));
    const outputs = new Map(notebook.cells.map((cell) => [cell.id, textOutputs(cell)]));
    const text = writeNotebook(data, { sources, answers, outputs });
    const address = URL.createObjectURL(new Blob([text], { type: "application/x-ipynb+json" }));
    const link = element("a", { href: address, download: `${data.name.split("/").pop()}.ipynb` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 60e3);
    return link.download;
  }
  notebook.download = download;

  function save() {
    tell([`Saved as ${download()}, in your folder of downloads.`]);
  }

  async function open(file) {
    chooser.value = ""; // the same file may be chosen again
    if (!file) return;
    try {
      if (file.size > LARGEST) throw new Error(`“${file.name}” is larger than 50 MB. Clear its outputs in JupyterLab first.`);
      const text = await file.text().catch(() => {
        throw new Error(`“${file.name}” cannot be read. Was it moved or deleted?`);
      });
      const read = readNotebook(text, file.name);
      const found = matchNotebook(read, data);
      if (!found.sources.size && !found.answers.size) {
        const chapter = read.page && read.page !== data.name ? ` It belongs to the page ${read.page}.` : "";
        const ids = found.noIds ? " Its cells have no ids: open it in JupyterLab 3 or newer, and save it again." : "";
        throw new Error(`No cell of “${file.name}” belongs to this page.${chapter}${ids}`);
      }
      const lost = takes(found);
      if (lost && !await confirm(`This notebook takes the place of what you have changed in ${count(lost, "cell or answer").replace("cell or answers", "cells and answers")}.`, "Open it")) return;
      tell(take(found, file.name));
    } catch (error) {
      tell([error.message], true);
    }
  }

  /** The reader's own texts that a notebook would replace by others. */
  function takes({ sources, answers }) {
    const cells = changedCells().filter(({ id, source }) => sources.has(id) && sources.get(id) !== source);
    const written = writtenAnswers().filter(([number, { source }]) => answers.has(number) && answers.get(number) !== source);
    return cells.length + written.length;
  }

  function take({ sources, answers, added, changedTexts, noIds }, name) {
    let [cells, written] = [0, 0];
    for (const [id, source] of sources) {
      const cell = byId.get(id);
      if (!cell || cell.source === source) continue;
      cell.source = source;
      cells++;
    }
    for (const [number, source] of answers) {
      // In the students' version the answer is a cell of the page.
      const stub = data.exercises.find((exercise) => exercise.number === number)?.answer;
      const answer = stub ? byId.get(stub) : notebook.answers.get(number);
      if (!answer || answer.source === source || isEmpty(source)) continue;
      answer.source = source;
      written++;
    }
    change();
    const says = [`Opened “${name}”: ${count(cells, "cell")} and ${count(written, "answer")} are different now.`];
    if (added) says.push(`${count(added, "cell")} that you added ${added === 1 ? "has" : "have"} no place on this page and ${added === 1 ? "was" : "were"} left out.`);
    if (changedTexts) says.push(`The page keeps its own text: ${count(changedTexts, "text cell")} that you changed ${changedTexts === 1 ? "was" : "were"} left out.`);
    if (noIds) says.push("Its cells have no ids, so only answers were taken.");
    return says;
  }

  async function forget() {
    const sure = await confirm("Forget all that you have changed on this page? Your cells and answers go back to what the book has.", "Forget my changes");
    if (!sure) return;
    for (const cell of changedCells()) cell.source = cell.original;
    for (const [, answer] of notebook.answers) answer.source = answer.original;
    clearTimeout(timer);
    timer = null;
    store.forget();
    for (const key of noted.keys()) noted.set(key, null);
    atFirst.cells = atFirst.answers = {};
    tell(["Forgotten: the page is as the book has it."]);
    show();
  }

  function tell(sentences, isProblem = false) {
    told.classList.toggle("live-problem", isProblem);
    told.replaceChildren(...sentences.map((sentence) => element("p", {}, sentence)));
    notebook.say(sentences.join(" "));
    box.open = true;
  }

  show();
}

/** Whether an answer has nothing but comments. */
const isEmpty = (source) => source.split("\n").every((line) => /^\s*(#|$)/.test(line));

/** What a cell shows since it ran in this session, in Jupyter's form; text alone. */
function textOutputs(cell) {
  if (!cell.output || cell.skipped || cell.output.hidden) return [];
  return [...cell.output.querySelectorAll(":scope > .output")].flatMap((shown) => {
    const text = [...shown.querySelectorAll("pre, table")].map((part) => part.textContent).join("\n");
    if (!text.trim()) return [];
    if (shown.classList.contains("live-error")) {
      const { name = "Error", message = "" } = cell.error ?? {};
      return [{ output_type: "error", ename: name, evalue: message, traceback: text.split("\n") }];
    }
    const name = shown.classList.contains("stderr") ? "stderr" : "stdout";
    return [{ output_type: "stream", name, text: lines(text) }];
  });
}
