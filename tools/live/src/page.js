// What "Run this page" loads: cells that can be changed, the bar, exercises, and Python.
import workerText from "worker-text";

import { Assets, MadeFiles } from "./assets.js";
import { keep } from "./attempts.js";
import { Bar } from "./bar.js";
import { addCoursework, findWritten } from "./coursework.js";
import { addExercises } from "./exercises.js";
import { Interpreter } from "./interpreter.js";
import { keepForLater } from "./keep.js";
import { Notebook } from "./notebook.js";
import { addOwnFiles } from "./own_files.js";
import "./live.css";

const data = JSON.parse(document.getElementById("live-notebook").textContent);
const { manifest } = data;
const assets = new Assets(data);
const made = new MadeFiles(data);
const python = new Interpreter({
  worker: workerText,
  assets: Object.keys(manifest.assets),
  load: assets.load,
});
python.onFile = (path, bytes) => made.keep(path, bytes);

const notebook = new Notebook(data, python, () => made.putBack(python).catch(() => {}));
const bar = new Bar(notebook, document.querySelector(".live-bar"));
findWritten(notebook);
keep(notebook);
addExercises(notebook);
addOwnFiles(notebook);
addCoursework(notebook, made);

/** Start Python, and run the cells from the top: the reader has asked for it. */
async function start() {
  const starting = notebook.start(({ done }) => bar.loaded({ done, total: manifest.weight }));
  notebook.runAll();
  if (!(await starting)) return; // the bar says why
  // An old version takes room, no more; a full or forbidden storage costs the next chapter a download.
  await assets.tidy().catch(() => {});
  assets.keep().catch(() => {});
  keepForLater(new URL("../../", notebook.assets), manifest.version);
}

// For the button, after a failure, and for tests.
window.live = { notebook, start };
start();
