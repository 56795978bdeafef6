// Exercises: a place for the reader's answer, and what the book's check says about it.
import "./exercises.css";

import { beginning, confirm, storeOf, withCode } from "./attempts.js";
import { button, element, seconds } from "./words.js";

/**
 * Give each exercise of the page an answer to write and a button that checks it.
 *
 * @param {Notebook} notebook
 */
export function addExercises(notebook) {
  notebook.answers ??= new Map(); // cells of answers that the notebook itself does not have
  const exercises = notebook.data.exercises ?? [];
  // Nobody has to open a solution, or to pass an earlier check, before a later cell runs. To run many
  // cells passes over them: a solution gives new values to variables that an answer may start from.
  for (const { solution, check } of exercises) {
    for (const id of [...solution, check]) {
      const cell = notebook.cell(id);
      if (cell) cell.optional = true;
    }
  }
  const needed = (cells) => notebook.run(cells.filter((cell) => !cell.optional));
  notebook.runAll = () => needed(notebook.cells);
  notebook.runAllAbove = (cell) => needed(notebook.above(cell));
  const solutions = new Set(exercises.flatMap(({ solution }) => solution));
  const shared = { isMixed: false }; // whether a solution has run since the cells above have
  notebook.on("done", (cell) => {
    if (solutions.has(cell.id)) shared.isMixed = true;
  });
  notebook.on("restart", () => {
    shared.isMixed = false;
  });
  return exercises
    .map((data) => new Exercise(notebook, data, shared))
    .filter((exercise) => exercise.answer);
}

class Exercise {
  constructor(notebook, data, shared) {
    this.notebook = notebook;
    this.data = data;
    this.shared = shared;
    this.check = notebook.cell(data.check);
    this.answer = null;
    if (!this.check || this.check.skipped) return;
    this.feedback = element("div", { class: "live-feedback" });
    this.feedback.hidden = true;
    if (data.answer) this.#useStub();
    else this.#addAnswer();
    if (!this.answer) return;
    this.#checkFromItsCell();
    notebook.on("change", (cell) => cell === this.answer && this.#say(null));
    notebook.on("restart", () => this.#say(null));
  }

  get written() {
    return this.answer.source !== this.answer.original;
  }

  /** In the students' version the answer is a cell of the notebook. */
  #useStub() {
    this.answer = this.notebook.cell(this.data.answer);
    if (!this.answer) return;
    this.answer.buttons.run.after(this.#button());
    this.answer.element.after(this.feedback);
  }

  /** In the full book it stands below the exercise's text, before the solution. */
  #addAnswer() {
    const box = document.getElementById(this.data.label);
    if (!box) return;
    const { number } = this.data;
    this.answer = this.notebook.addCell({
      id: `answer-${number}`,
      source: beginning(this.data),
      name: `your answer ${number}`,
      label: `Your answer to exercise ${number}: Python code`,
    });
    this.notebook.answers.set(number, this.answer);
    const kept = storeOf(this.notebook).kept.answers[number];
    if (kept !== undefined) this.answer.source = kept;
    const { run, above, reset } = this.answer.buttons;
    above.remove(); // Check and Run offer it when it is needed
    reset.remove();
    const clear = button("Clear", () => this.#clear(), { "aria-label": `Clear your answer to exercise ${number}` });
    run.after(this.#button(), clear);
    const title = element("p", { class: "live-answer-title" }, "Your answer");
    box.append(element("div", { class: "live-answer" }, title, this.answer.element, this.feedback));
  }

  #button() {
    const { number } = this.data;
    const name = { "aria-label": `Check your answer to exercise ${number}` };
    return button("Check", () => this.run(), { ...name, class: "live-button live-check" });
  }

  async #clear() {
    if (this.written && !await confirm(`Clear your answer to exercise ${this.data.number}?`, "Clear it")) return;
    this.answer.reset();
    this.#say(null);
  }

  /** The button of the check's own cell checks the answer, if there is one, and else the solution. */
  #checkFromItsCell() {
    const { check, notebook } = this;
    const request = check.request.bind(check);
    check.request = (options) => {
      if (this.written) return this.run();
      const solution = this.data.solution.map((id) => notebook.cell(id)).filter(Boolean);
      for (const cell of solution) cell.optional = false;
      const asked = request(options);
      for (const cell of solution) cell.optional = true;
      return asked;
    };
  }

  /** Check the answer, after what it needs has run. */
  async run() {
    const missing = this.notebook.missing(this.answer);
    if (missing.length) this.#offer(missing);
    else await this.#check();
  }

  #offer(missing) {
    const { notebook } = this;
    const back = document.activeElement;
    const times = missing.map((cell) => notebook.expected(cell));
    const about = times.includes(null) ? "" : ` (about ${seconds(times.reduce((sum, ms) => sum + ms, 0))})`;
    const which = missing.length === 1 ? "a cell above has" : `${missing.length} cells above have`;
    const close = (words) => {
      const held = this.feedback.contains(document.activeElement);
      this.#say(words);
      if (held) back?.focus({ preventScroll: true });
    };
    const first = button(`Run ${missing.length === 1 ? "it" : "them"} and check${about}`, () => {
      close("Running the cells above …");
      this.#runAndCheck(missing);
    });
    const no = button("Not now", () => close(null));
    this.#say(`The check needs what the chapter has made, and ${which} not run yet.`);
    this.feedback.append(element("div", { class: "live-buttons" }, first, no));
    first.focus();
  }

  async #runAndCheck(cells) {
    const { status, cell } = await this.notebook.run(cells);
    if (status === "ok") await this.#check();
    else if (status === "error") {
      this.#say(`Not checked: ${cell.name} above stopped with an error. Mend or reset that cell first.`, "wrong");
    } else this.#say("Not checked: stopped.");
  }

  async #check() {
    const { notebook, answer, check, data } = this;
    this.#say("Checking …", "", false);
    await this.#forgetNames();
    const given = answer.source;
    const own = await answer.run();
    if (own.status === "stopped") return this.#say("Not checked: stopped.");
    if (own.status === "error") return this.#say(this.#errorInAnswer(answer.error), "wrong");
    // The check's cell shows what it prints, as always; here it is read along.
    let printed = "";
    const show = check.show;
    check.show = (output) => {
      if (output.type === "stream") printed += output.text;
      show.call(check, output);
    };
    const checked = await check.run();
    delete check.show;
    if (answer.source !== given) return this.#say("Your answer has changed since. Check it again.");
    if (checked.status === "stopped") return this.#say("Not checked: stopped.");
    if (checked.status === "error") return this.#say(this.#errorInCheck(check.error), "wrong");
    const words = printed.trim() || `Exercise ${data.number}: checked.`;
    const right = /^Exercise \d+: right\.$/m.test(words);
    const more = right && data.solution.length ? " Open the solution, if you like, and compare." : "";
    this.#say(words + more, right ? "right" : "wrong");
    if (!right && this.shared.isMixed) this.#offerAnew();
    return null;
  }

  /** After a solution has run, variables of the chapter may hold its values. */
  #offerAnew() {
    const cells = this.notebook.above(this.answer).filter((cell) => !cell.optional);
    const anew = button("Run the cells above again and check", () => {
      this.shared.isMixed = false;
      this.answer.buttons.run.focus({ preventScroll: true });
      this.#say("Running the cells above …");
      this.#runAndCheck(cells);
    });
    const why = "A solution has run in between, and it may have changed variables that your answer starts from.";
    this.feedback.append(element("p", {}, why), element("div", { class: "live-buttons" }, anew));
  }

  /** An answer that lacks a variable must not pass with the one of a solution that was run. */
  async #forgetNames() {
    const above = this.notebook.above(this.answer).filter((cell) => !cell.optional);
    const own = (this.data.names ?? []).filter((name) => {
      const word = new RegExp(`\\b${name}\\b`);
      return !above.some((cell) => word.test(cell.source));
    });
    if (!own.length) return;
    const names = own.map((name) => JSON.stringify(name)).join(", ");
    await this.notebook.ask(`for _name in [${names}]:\n    globals().pop(_name, None)`);
  }

  #errorInAnswer(error) {
    if (error.name === "NotImplementedError") return error.message;
    const line = error.line ? ` in line ${error.line}` : "";
    return `Exercise ${this.data.number}: not checked, because your answer stops${line}, with the error above.`;
  }

  /** The checks say what is wrong themselves; what they cannot read, they fail at. */
  #errorInCheck(error) {
    const says = (words) => `Exercise ${this.data.number}: not yet. ${words}`;
    const unknown = /name '(\w+)' is not defined/.exec(error.message)?.[1];
    const names = this.data.names ?? [];
    if (names.includes(unknown)) return says(`\`${unknown}\` is missing: your answer should make a variable with this name.`);
    if (unknown) return says(`The check needs \`${unknown}\`, which a cell above makes: run the cells above again.`);
    const empty = names.find((name) => new RegExp(`^${name} *= *\\.\\.\\. *$`, "m").test(this.answer.source));
    if (empty) return says(`\`${empty}\` is still empty: put your answer there.`);
    return says(`The check cannot read your answer. ${error.name}: ${error.message}`);
  }

  /** Show words below the answer, and say them; null takes them away. */
  #say(words, kind = "", aloud = true) {
    const { feedback } = this;
    feedback.hidden = words === null;
    feedback.className = `live-feedback ${kind && `live-${kind}`}`.trim();
    feedback.replaceChildren(...(words === null ? [] : [element("p", {}, ...withCode(words))]));
    if (words !== null && aloud) this.notebook.say(words.replaceAll("`", ""));
  }
}
