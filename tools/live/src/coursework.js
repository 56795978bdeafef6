// An assignment in its page: the student's recording, answers in code and in words, and the notebook
// that is handed in. The page says what its tests say, and nothing more: marks come later.
import { readZip } from "./unpack.js";
import { button, element } from "./words.js";

const FOLDER = "/book/assignments"; // where Python works on these pages
const RECORDING = `${FOLDER}/recording/`;
const LARGEST = 200e6; // bytes of a recording
const START = `import os\nos.makedirs("${FOLDER}", exist_ok=True)\nos.chdir("${FOLDER}")`;

// ---- answers in words

/** Put a box to write in where the notebook has a cell of text for an answer. */
export function findWritten(notebook) {
  for (const cell of notebook.data.cells) {
    if (cell.type === "code" || cell.course?.role !== "written") continue;
    const place = document.getElementById(`cell-${cell.id}`);
    if (place) notebook.written.push(new Written(notebook, cell, place));
  }
}

/** An answer in words: it has the source of a cell, and nobody runs it. */
class Written {
  constructor(notebook, { id, source }, place) {
    this.id = id;
    this.original = source;
    this.box = element("textarea", { id: `words-${id}`, class: "live-words", rows: "12", spellcheck: "true" });
    this.box.addEventListener("input", () => {
      this.#count();
      notebook.emit("change", this);
    });
    this.counted = element("span", { class: "live-info" });
    const label = element("label", { for: `words-${id}`, class: "live-answer-title" }, "Your answer in words");
    place.replaceChildren(label, this.box, this.counted);
    this.element = place;
    this.#count();
  }

  get source() {
    return this.box.value.trim() ? this.box.value : this.original;
  }

  set source(text) {
    this.box.value = text.trim() === this.original.trim() ? "" : text;
    this.#count();
  }

  #count() {
    const words = this.box.value.split(/\s+/).filter(Boolean).length;
    this.counted.textContent = `${words} word${words === 1 ? "" : "s"}`;
  }
}

// ---- the assignment

/**
 * Make a page that holds an assignment fit to work on it and to hand it in.
 *
 * @param {Notebook} notebook
 * @param {MadeFiles} made keeps a recording that was handed out, for the next visit
 */
export function addCoursework(notebook, made) {
  const { assignment } = notebook.data;
  if (!assignment) return;
  const questions = sortCells(notebook);
  const student = questions.find((question) => /^STUDENT *=/m.test(question.cell.original));
  waitForAnswers(notebook, questions, student?.cell);
  workInFolder(notebook, assignment);
  const recording = assignment.recording ? new Recording(notebook, made, student?.cell) : null;
  offerToMakeAnew(notebook, recording);
  new HandIn(notebook, questions);
}

/**
 * The answers of an assignment, in order.
 *
 * @returns {{cell: object, title: string, tests: Cell[]}[]} each with the heading above it, and the
 *   cells between it and the next answer that test it
 */
function sortCells(notebook) {
  const questions = [];
  let title = "";
  for (const { id, type, source, course } of notebook.data.cells) {
    if (type !== "code") title = /^## +(.+)$/m.exec(source)?.[1] ?? title;
    const cell = notebook.cell(id) ?? notebook.written.find((each) => each.id === id);
    if (!cell) continue;
    if (course?.role === "answer" || course?.role === "written") {
      questions.push({ cell, title: title || "Your id", tests: [] });
    } else if (course?.points && questions.length) questions.at(-1).tests.push(cell);
  }
  return questions;
}

/** Nothing runs that has no answer yet; and who fails at one question may go on with the next. */
function waitForAnswers(notebook, questions, student) {
  const byCell = new Map(questions.map((question) => [question.cell, question]));
  const tests = new Set(questions.flatMap((question) => question.tests));
  let last = null;
  for (const cell of notebook.cells) {
    if (byCell.has(cell)) last = cell;
    const answer = last;
    const isOpen = () => answer.source === answer.original || student?.source === student?.original;
    if (answer) cell.unanswered = isOpen;
    // No other cell needs what a test makes.
    if (tests.has(cell)) cell.optional = true;
    else if (byCell.get(cell)?.tests.length) addTestButton(notebook, cell, byCell.get(cell).tests);
  }
  notebook.runAll = () => notebook.run(notebook.cells);
  notebook.goesOn = (cell) => tests.has(cell) || (byCell.has(cell) && cell !== student);
}

function addTestButton(notebook, cell, tests) {
  cell.buttons?.run.after(button("Run and test", async () => {
    const { status } = await cell.request();
    if (status === "ok") await notebook.run(tests, { asked: tests[0] });
  }));
}

/** Python works in a folder of its own, as the notebook does on a disk. */
function workInFolder(notebook, { recording }) {
  const goThere = () => notebook.ask(START, { first: true });
  const { prepare } = notebook;
  notebook.prepare = async () => {
    await prepare();
    if (recording) await notebook.python.put(`${FOLDER}/${recording.note}`, new Uint8Array());
    goThere(); // runs before the first cell
  };
  notebook.on("restart", goThere);
}

/** A recording that was made for a mistyped id stands in the way of the right one. */
function offerToMakeAnew(notebook, recording) {
  let offer = null;
  notebook.on("run", () => offer?.remove());
  notebook.on("done", (cell, { status, error }) => {
    if (status !== "error" || !/folder "recording".* belongs to /.test(error.message)) return;
    const words = recording
      ? "If the id is right, take this recording out, and put in the one that you were given."
      : "In this page there is no folder to delete. If the id is right, make its recording here:";
    offer = element("div", { class: "live-question" }, element("p", {}, words));
    if (!recording) {
      offer.append(button("The id is right: make its recording", async () => {
        await notebook.ask(`import shutil\nshutil.rmtree("${RECORDING}")`);
        cell.run();
      }));
    }
    cell.toolbar.after(offer);
  });
}

// ---- a recording that was handed out

/** The place for the files that a course with a secret hands out. */
class Recording {
  constructor(notebook, made, student) {
    this.notebook = notebook;
    this.made = made;
    this.student = student;
    this.wanted = notebook.data.assignment.recording.files;
    this.files = new Map(); // bytes by path, from "recording/" on
    const chooser = (attributes, label) => {
      const input = element("input", { type: "file", hidden: "", "aria-label": label, ...attributes });
      input.addEventListener("change", async () => {
        const chosen = [...input.files];
        await this.add(chosen);
        input.value = ""; // the same file may be chosen again
      });
      return input;
    };
    const files = chooser({ multiple: "", accept: ".zip,.gz,.csv,.json" }, "The file that you were given");
    const folder = chooser({ webkitdirectory: "" }, "The folder that you were given");
    this.choose = button("Choose the file…", () => files.click());
    const chooseFolder = button("Choose the folder…", () => folder.click());
    this.out = button("Take it out", () => this.takeOut());
    this.told = element("div", { class: "live-told", role: "status" });
    const titled = { id: "your-recording", "aria-labelledby": "your-recording-title" };
    this.element = element("section", { class: "live-files", ...titled },
      element("h2", { id: "your-recording-title" }, "Your recording"),
      element("p", {}, "Your teacher gave you a recording of your own, as one file that ends in .zip. Choose it here. If "
        + "your computer has unpacked it, choose the folder. Nothing is uploaded: the files go from your disk into this "
        + "page, and your browser keeps them for your next visit."),
      element("div", { class: "live-buttons" }, this.choose, chooseFolder, this.out), files, folder, this.told);
    this.out.hidden = true;
    // Above what the notebook says of the id, which the recording brings.
    const above = notebook.cells[notebook.cells.indexOf(student) - 1];
    if (above) above.element.after(this.element);
    else notebook.cells[0].element.before(this.element);
    const end = notebook.on("state", () => {
      if (!["ready", "running"].includes(notebook.state)) return;
      end();
      this.#find();
    });
  }

  /** What an earlier visit has put in. */
  async #find() {
    for (const name of this.wanted) {
      const data = await this.notebook.python.take(RECORDING + name);
      if (data) this.files.set(name, data);
    }
    if (this.files.size) this.#say(this.#state());
  }

  async add(chosen) {
    try {
      const added = await this.#read(chosen);
      if (!added.size) {
        throw new Error("No file of a recording is among these. It comes as one file that ends in .zip, or as a "
          + "folder with the name “recording”.");
      }
      const stamp = added.get("student.json");
      // Parts of two people's recordings do not belong together.
      if (stamp && this.owner && this.owner !== ownerOf(stamp)) await this.#remove();
      for (const [name, data] of added) {
        this.files.set(name, data);
        await this.notebook.python.put(RECORDING + name, data);
        await this.made.keep(RECORDING + name, data);
      }
      if (this.owner && this.student && this.student.source === this.student.original) {
        this.student.source = `STUDENT = ${JSON.stringify(this.owner)}`;
      }
      this.#say(this.#state(), this.missing.length > 0);
    } catch (error) {
      this.#say([error.message], true);
    }
  }

  get owner() {
    return ownerOf(this.files.get("student.json"));
  }

  get missing() {
    return this.wanted.filter((name) => !this.files.has(name));
  }

  /** The recording's files among those chosen, by path. */
  async #read(chosen) {
    const found = new Map();
    for (const file of chosen) {
      if (file.size > LARGEST) {
        throw new Error(`“${file.name}” is larger than 200 MB, and no recording of this course is.`);
      }
      const data = new Uint8Array(await file.arrayBuffer().catch(() => {
        throw new Error(`The browser cannot read “${file.name}”. Was it moved or deleted?`);
      }));
      const inside = /\.zip$/i.test(file.name)
        ? await readZip(data, file.name, (path) => this.#place(path))
        : [[file.name, data]];
      for (const [path, bytes] of inside) {
        const name = this.#place(path);
        if (name) found.set(name, bytes);
      }
    }
    return found;
  }

  /** Where a file belongs: their names tell, whatever folder they come from. */
  #place(path) {
    const name = path.split(/[/\\]/).at(-1);
    return this.wanted.find((each) => each.split("/").at(-1) === name) ?? null;
  }

  #state() {
    const says = [];
    if (this.owner) says.push(`This is the recording of “${this.owner}”.`);
    const { missing } = this;
    if (missing.length) says.push(`Still missing: ${missing.join(", ")}.`);
    else says.push("It is complete. Check that the id below is yours, and run that cell.");
    return says;
  }

  async takeOut() {
    await this.#remove();
    this.#say(["The recording was taken out, also from what the browser keeps."]);
    this.choose.focus();
  }

  async #remove() {
    for (const name of this.wanted) {
      this.notebook.python.forget(RECORDING + name);
      await this.made.forget(RECORDING + name);
    }
    this.files.clear();
    await this.notebook.ask(`import shutil\nshutil.rmtree("${RECORDING}", ignore_errors=True)`);
  }

  #say(sentences, isProblem = false) {
    this.out.hidden = this.files.size === 0;
    this.told.classList.toggle("live-problem", isProblem);
    this.told.replaceChildren(...sentences.map((sentence) => element("p", {}, sentence)));
  }
}

function ownerOf(stamp) {
  try {
    return JSON.parse(new TextDecoder().decode(stamp)).student ?? null;
  } catch {
    return null;
  }
}

// ---- handing in

/** The end of the page: what is done, and the file for the teacher. */
class HandIn {
  constructor(notebook, questions) {
    this.notebook = notebook;
    this.questions = questions;
    const file = `${notebook.data.assignment.name}.ipynb`;
    this.state = element("ul", { class: "live-hand-in-state" });
    this.told = element("div", { class: "live-told", role: "status" });
    const save = button("Download my notebook to hand in", () => this.save(), { class: "live-button live-main" });
    const anew = button("Start anew and run all", async () => {
      await notebook.stop();
      await notebook.runAll();
    });
    const titled = { id: "hand-in", "aria-labelledby": "hand-in-title" };
    const panel = element("section", { class: "live-files live-hand-in", ...titled },
      element("h2", { id: "hand-in-title" }, "Hand in"),
      this.state,
      element("p", {}, "The tests below your answers see only a part. When you have handed in, further tests "
        + "follow, which compare with what is true of your own recording. Before that, let everything run once "
        + "more from the start:"),
      element("div", { class: "live-buttons" }, anew),
      element("p", {}, "Then download your notebook. This page sends nothing to anybody, so it is not handed in yet."),
      element("div", { class: "live-buttons" }, save),
      this.told,
      element("ol", {},
        element("li", {}, "Find ", element("code", {}, file), " in your folder of downloads."),
        element("li", {}, "Upload this file where your course collects assignments, and look whether the "
          + "platform says that it has it."),
        element("li", {}, "Keep a copy. “My changes” at the top of this page opens it again, on another computer, "
          + "too; JupyterLab opens it as well. If you change something later, download and upload again."),
        element("li", {}, "On a computer that others use, press “Forget my changes” at the top when you have "
          + "your file.")));
    notebook.cells.at(-1).element.closest("article").append(panel);
    const link = element("a", { href: "#hand-in" }, "Hand in");
    notebook.bar.add(element("p", {}, "Type your id below, and go on from question to question. This page has no "
      + "cells to add: try things in the cell of an answer, and tidy it before you hand in. Your answers are kept in "
      + "this browser while you work. When you are done: ", link, "."));
    for (const event of ["change", "done", "restart"]) notebook.on(event, () => this.show());
    this.show();
  }

  save() {
    const name = this.notebook.download();
    const open = this.open.length ? ` It has no answer yet to: ${this.open.join("; ")}.` : "";
    const words = `${name} is in your folder of downloads.${open} Now upload it: see below.`;
    this.told.replaceChildren(element("p", {}, words));
  }

  /** Titles of what is not answered. */
  get open() {
    const isOpen = ({ cell }) => cell.source === cell.original || /^\s*raise NotImplementedError\(\)/m.test(cell.source);
    return titles(this.questions.filter(isOpen));
  }

  show() {
    const { open } = this;
    const failed = titles(this.questions.filter(({ tests }) => tests.some(({ status }) => status === "error")));
    const changed = titles(this.questions.filter(({ cell, tests }) => cell.source !== cell.original
      && tests.some((test) => !test.ran && test.status !== "error" || cell.stale)));
    const says = [open.length ? `No answer yet: ${open.join("; ")}.` : "There is something in each answer."];
    if (failed.length) says.push(`A test says what is wrong: ${failed.join("; ")}.`);
    if (changed.length) says.push(`Not tested as it is now: ${changed.join("; ")}.`);
    this.state.replaceChildren(...says.map((text) => element("li", {}, text)));
  }
}

const titles = (questions) => [...new Set(questions.map(({ title }) => title))];
