// The reader's own files: from their disk into Python's memory, and a cell that reads them.
// Nothing here sends anything: a file is read by the browser and handed to the worker.
import { withCode } from "./attempts.js";
import { button, element } from "./words.js";

const FOLDER = "/book/pages/my_files/";
const LIMIT = 1e9; // bytes of all files: page and Python each hold a copy in memory
const MUCH = 1e9; // bytes of the runs when unpacked, as numbers of four bytes
const KINDS = [".nii", ".nii.gz", ".csv", ".tsv", ".json", ".npy", ".txt"];

const LOOK = "Look at this cell: we guessed from the names what each file is for. Change what is wrong, then run it.";

// The page, what stands below the panel, and the cells that the reader's own recording replaces:
// those above this section, but for the first.
const PAGES = {
  "pages/your_own_data": {
    before: "a-dataset-like-yours",
    goesOn: "a-score-for-each-voxel",
    says: "Try this page with a recording of yours: at least two runs, and for each a table of what you showed.",
  },
  "pages/other_data": {
    before: "moving-bars-on-the-surface",
    says: "Try a line of this page with files of yours. The cells below stay with their made datasets: "
      + "copy what you need from them into your cell.",
  },
};

// ---- what a file is

/** A size in words: "812 B", "3.4 kB", "12 MB", "1.2 GB". */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let place = 0;
  let value = bytes;
  while (value >= 999.5 && place < 3) {
    value /= 1000;
    place++;
  }
  return `${place && value < 9.95 ? Number(value.toFixed(1)) : Math.round(value)} ${units[place]}`;
}

/** A name that is safe in a path and in Python's quotes. */
const safeName = (name) => name.replace(/[\u0000-\u001f\u007f"'\\/]/g, "_");

/**
 * Read the first bytes of a NIfTI file.
 *
 * @param {Uint8Array} bytes the file's
 * @param {string} name
 * @returns {Promise<{shape: number[]}|null>} null if the file is none
 */
export async function readHeader(bytes, name) {
  let head = bytes.subarray(0, 540);
  if (name.toLowerCase().endsWith(".gz")) {
    if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return null;
    head = await unpackFirst(bytes, 540).catch(() => null);
  }
  if (!head || head.length < 348) return null;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  for (const little of [true, false]) {
    const length = view.getInt32(0, little);
    const newer = length === 540;
    if (length !== 348 && !newer) continue;
    if (newer && head.length < 540) return null;
    const read = (place) =>
      newer ? Number(view.getBigInt64(16 + 8 * place, little)) : view.getInt16(40 + 2 * place, little);
    const count = read(0);
    if (count < 1 || count > 7) return null;
    const shape = Array.from({ length: count }, (_, place) => read(place + 1));
    if (shape.some((each) => each < 1)) return null;
    return { shape };
  }
  return null;
}

async function unpackFirst(bytes, wanted) {
  // The stream may end early: only its first part is given to it.
  const part = new Blob([bytes.subarray(0, 65536)]);
  const reader = part.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const found = new Uint8Array(wanted);
  let filled = 0;
  while (filled < wanted) {
    const { value, done } = await reader.read();
    if (done) break;
    const taken = value.subarray(0, wanted - filled);
    found.set(taken, filled);
    filled += taken.length;
  }
  reader.cancel().catch(() => {});
  return found.subarray(0, filled);
}

// ---- the cell

const byName = (a, b) => a.localeCompare(b, "en", { numeric: true });
const isImage = (name) => /\.nii(\.gz)?$/i.test(name);
const stem = (name) => name.replace(/\.nii(\.gz)?$/i, "");
const quoted = (text) => JSON.stringify(text);

/** Guess from names and shapes what each file is for. */
export function sortFiles(files) {
  const sorted = { runs: [], masks: [], backgrounds: [], events: [], confounds: [], tables: [], sidecars: [] };
  for (const { name, shape } of [...files].sort((a, b) => byName(a.name, b.name))) {
    const spatial = shape?.filter((each, place) => place < 3 || each > 1).length ?? 4;
    let kind = "tables";
    if (isImage(name)) {
      if (/mask|roi/i.test(name)) kind = "masks";
      // CIFTI files say .dtseries.nii, and have dimensions of their own.
      else if (/T1w|T2w|anat|boldref|background/i.test(name) || (spatial < 4 && !/dtseries/i.test(name))) kind = "backgrounds";
      else kind = "runs";
    } else if (/\.json$/i.test(name)) kind = "sidecars";
    else if (/event|onset/i.test(name)) kind = "events";
    else if (/confound|regressor|motion/i.test(name)) kind = "confounds";
    sorted[kind].push(name);
  }
  return sorted;
}

/** What the reader still has to add, in words. */
export function missing(files) {
  const { runs, events, tables } = sortFiles(files);
  const says = [];
  if (!runs.length) says.push("a NIfTI file with the volumes of each run");
  if (!events.length && !tables.length) {
    says.push("for each run a table: `events.tsv` with onsets and durations, or a table with a row for each volume");
  }
  return says;
}

/** The cell that reads the files, for the reader to go on with. */
export function skeleton(files) {
  const { runs, masks, backgrounds, events, confounds, tables, sidecars } = sortFiles(files);
  const standard = ["import tempfile", "from pathlib import Path"];
  const others = [];
  const lines = [];
  const list = (name, names) => {
    if (names.length === 1) lines.push(`${name} = [mine / ${quoted(names[0])}]`);
    else lines.push(`${name} = [`, ...names.map((each) => `    mine / ${quoted(each)},`), "]");
  };
  const options = [];
  const shown = events.length ? events : tables;
  const kind = events.length ? "events" : "label";
  const single = runs.length === 1 && shown.length <= 1;

  if (runs.length) list("func", runs);
  else lines.push("func = []  # add the NIfTI file of each run");
  if (shown.length) list(kind, shown);
  else lines.push(`${kind} = []  # add a table for each run`);
  if (runs.length && shown.length && runs.length !== shown.length) {
    lines.push(`# ${runs.length} of func, ${shown.length} of ${kind}: put one ${kind} beside each run, in the same order.`);
  }
  options.push(`${kind}=${kind}`);
  if (events.length && tables.length) {
    lines.push(`# Not used, since there are events: ${tables.join(", ")}`);
  }

  const masksOfRuns = runs.length > 1 && masks.length === runs.length;
  if (masksOfRuns) {
    others.push("from nilearn.masking import intersect_masks");
    list("masks", masks);
    lines.push("mask = intersect_masks(masks, threshold=1)  # what all of them share");
  } else if (masks.length) {
    const main = masks.find((name) => /brain/i.test(name)) ?? masks[0];
    lines.push(`mask = mine / ${quoted(main)}`);
    const regions = masks.filter((name) => name !== main);
    if (regions.length) {
      lines.push("regions = {", ...regions.map((name) => `    ${quoted(stem(name))}: mine / ${quoted(name)},`), "}");
      options.push("mask_roi=regions");
    }
  } else if (runs.some((name) => !/dtseries/i.test(name))) {
    others.push("from nilearn.masking import compute_multi_epi_mask");
    lines.push("mask = compute_multi_epi_mask(func)  # a guess: better add your own mask");
  } else lines.push("mask = None");
  options.push("mask=mask");
  if (backgrounds.length) options.push(`background=mine / ${quoted(backgrounds[0])}`);

  if (confounds.length) {
    list("tables", confounds);
    if (confounds.some((name) => /confounds_(timeseries|regressors)/i.test(name))) {
      lines.push(
        "# fMRIPrep writes hundreds of columns; these are the head's motion.",
        'motion = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"]',
        'confounds = [pd.read_csv(table, sep="\\t")[motion] for table in tables]',
      );
      others.push("import pandas as pd");
      options.push("confounds=confounds");
    } else options.push("confounds=tables");
    if (confounds.length !== runs.length) {
      lines.push("# One table of confounds for each run, please; None for a run without.");
    }
  }
  if (single && runs.length) {
    others.push("import nibabel as nib", "import numpy as np");
    lines.push("n_volumes = nib.load(func[0]).shape[-1]");
    options.push("runs=np.arange(n_volumes) // 60,  # one file: cut into blocks of 60 volumes");
  }
  const sidecar = sidecars.find((name) => /bold\.json$/i.test(name));
  if (sidecar) {
    standard.push("import json");
    options.push(`t_r=json.loads((mine / ${quoted(sidecar)}).read_text())["RepetitionTime"]`);
  }

  return [
    ...standard.sort(importOrder), "",
    ...(others.length ? [...others.sort(importOrder), ""] : []),
    "from helpers import data", "",
    `mine = Path(${quoted(FOLDER.slice(0, -1))})`,
    ...lines,
    "dataset = data.from_files(",
    "    func,",
    ...options.map((option) => (option.includes("#") ? `    ${option}` : `    ${option},`)),
    ")",
    "recording = data.recording(dataset, shift=0, memory=None)",
    "dataset.t_r = recording.t_r  # if None: say t_r=2.0, for instance, in from_files",
    "temporary = tempfile.TemporaryDirectory()  # for the map, below",
    'print("samples x voxels:", recording.bold.shape)',
    'print("samples x features:", recording.stimuli.shape)',
    'print("runs:", len(set(recording.runs)))',
    'print("seconds from volume to volume:", recording.t_r)',
  ].join("\n");
}

/** "import" before "from", and each by name. */
const importOrder = (a, b) => /^from/.test(a) - /^from/.test(b) || (a < b ? -1 : 1);

// ---- the panel

/**
 * Show a panel for the reader's own files, on the pages that are about them.
 *
 * @param {Notebook} notebook
 */
export function addOwnFiles(notebook) {
  const page = PAGES[notebook.data.name];
  const section = page && document.getElementById(page.before);
  if (!section) return;
  const files = new Map(); // {name, bytes, shape} by name; in Python's file system, too

  // ---- elements

  const chooser = element("input", {
    type: "file", multiple: "", hidden: "", accept: [...KINDS, ".gz"].join(","),
    "aria-label": "Files to add",
  });
  const choose = button("Choose files…", () => chooser.click());
  const told = element("div", { class: "live-told" });
  const list = element("ul", { class: "live-file-list", "aria-label": "Your files" });
  const total = element("p", { class: "live-kept" });
  const lacks = element("p", { class: "live-small" });
  const drop = element("div", { class: "live-drop" },
    element("p", {}, choose, " or drop them here"),
    element("p", { class: "live-small" },
      `NIfTI (.nii, .nii.gz) and tables (.csv, .tsv, .txt, .npy, .json), together at most ${size(LIMIT)}.`));
  const anew = button("Write the cell anew for these files", () => writeCell(true));
  const then = element("p", { class: "live-then" });
  const cellPlace = element("div", { class: "live-own-cell" });
  cellPlace.hidden = anew.hidden = true;
  const proof = element("details", { class: "live-proof" },
    element("summary", {}, "How can I see that for myself?"),
    element("p", {}, "Wait until Python is ready. Then switch off the wireless network, or pull the cable, and add "
      + "your files: all of it works as before, because Python runs in this page."),
    element("p", {}, "Or let the browser show you what it sends: press F12, open “Network”, and add your files. No "
      + "line appears. The page itself also forbids your browser to talk to any other site than this one."));
  const panel = element("section", { class: "live-files", id: "your-own-files", "aria-labelledby": "your-own-files-title" },
    element("h2", { id: "your-own-files-title" }, "Your own files"),
    element("p", {}, page.says),
    element("p", {}, element("strong", {}, "Nothing is uploaded."), " Your files go from your disk into the memory of "
      + "this page, and are gone when you close it. Your disk keeps them as they are."),
    proof, drop, chooser, told, list, total, lacks, cellPlace);
  section.before(panel);

  // ---- adding

  chooser.addEventListener("change", () => {
    const chosen = [...chooser.files];
    chooser.value = ""; // the same file may be chosen again
    add(chosen);
  });
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  let inside = 0; // entering a child of the place comes before leaving the place
  const light = (change) => {
    inside = Math.max(0, inside + change);
    drop.classList.toggle("live-over", inside > 0);
  };
  drop.addEventListener("dragenter", (event) => carriesFiles(event) && light(1));
  drop.addEventListener("dragleave", (event) => carriesFiles(event) && light(-1));
  // A file that misses the place would take the browser away from the page, and from Python.
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = drop.contains(event.target) ? "copy" : "none";
  });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    light(-inside);
    if (!drop.contains(event.target)) return;
    const folders = [...event.dataTransfer.items]
      .map((item) => item.webkitGetAsEntry?.())
      .filter((entry) => entry?.isDirectory)
      .map((entry) => entry.name);
    add([...event.dataTransfer.files], folders);
  });

  let adding = Promise.resolve();
  /** One batch after the other: sums stay right. */
  function add(chosen, folders = []) {
    adding = adding.then(() => addAll(chosen, folders));
    return adding;
  }

  async function addAll(chosen, folders) {
    const says = folders.map((name) => `“${name}” is a folder. Open it, and choose the files in it.`);
    let added = 0;
    for (const file of chosen) {
      if (folders.includes(file.name)) continue;
      tell([`Reading ${file.name} …`]);
      const [problem, note] = await addOne(file);
      if (problem) says.push(`“${file.name}” was not added: ${problem}`);
      else added++;
      if (note) says.push(note);
    }
    if (added) says.unshift(`${count(added)} added.`);
    tell(says, says.length > (added ? 1 : 0));
    show();
    if (added) writeCell();
  }

  /** Returns why the file was not added, and what else there is to say; nulls if nothing. */
  async function addOne(file) {
    const name = safeName(file.name);
    if (!KINDS.some((ending) => name.toLowerCase().endsWith(ending))) {
      return [`this page takes ${KINDS.slice(0, -1).join(", ")} and ${KINDS.at(-1)}.`, null];
    }
    if (file.size === 0) return ["it is empty.", null];
    const others = [...files.values()].reduce((sum, each) => sum + (each.name === name ? 0 : each.bytes), 0);
    if (others + file.size > LIMIT) {
      const sum = others ? `it has ${size(file.size)}, and ${size(LIMIT - others)} are left` : `it has ${size(file.size)}`;
      return [`${sum}. All files together may have at most ${size(LIMIT)}, because the browser holds them in `
        + "memory. Take fewer runs, or fewer slices.", null];
    }
    let data;
    try {
      data = new Uint8Array(await file.arrayBuffer());
    } catch {
      return ["the browser cannot read it. Was it moved, or is there too little memory?", null];
    }
    let shape = null;
    if (isImage(name)) {
      shape = (await readHeader(data, name))?.shape ?? null;
      if (!shape) return ["it is called NIfTI, but does not begin like a NIfTI file. Is it damaged?", null];
    }
    const replaces = files.has(name);
    try {
      await whenReady();
      await notebook.python.put(FOLDER + name, data);
    } catch (error) {
      notebook.python.forget?.(FOLDER + name);
      return [`Python could not take it (${error.message}).`, null];
    }
    files.set(name, { name, bytes: data.length, shape });
    return [null, replaces ? `“${name}” takes the place of the file with this name.` : null];
  }

  /** Python takes files once it has started. */
  function whenReady() {
    if (["ready", "running"].includes(notebook.state)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = notebook.on("state", () => {
        if (!["ready", "running", "failed"].includes(notebook.state)) return;
        end();
        if (notebook.state === "failed") reject(new Error("Python has not started"));
        else resolve();
      });
    });
  }

  async function remove(name) {
    const place = [...files.keys()].indexOf(name);
    files.delete(name);
    notebook.python.forget?.(FOLDER + name);
    show();
    const next = list.children[Math.min(place, files.size - 1)]?.querySelector("button");
    (next ?? choose).focus();
    tell([`${name} was taken out.`]);
    writeCell();
    // Python has a copy of its own, as long as it is not started anew.
    await notebook.ask(`import os\nos.remove(${quoted(FOLDER + name)})`);
  }

  // ---- what is shown

  function show() {
    list.replaceChildren(...[...files.values()].sort((a, b) => byName(a.name, b.name)).map(({ name, bytes, shape }) => {
      const about = [size(bytes), shape?.join(" × ")].filter(Boolean).join(", ");
      const out = button("Remove", () => remove(name), { "aria-label": `Remove ${name}` });
      return element("li", {}, element("span", { class: "live-file-name" }, name), " ",
        element("span", { class: "live-file-about" }, about), " ", out);
    }));
    list.hidden = total.hidden = files.size === 0;
    const sum = [...files.values()].reduce((all, each) => all + each.bytes, 0);
    total.textContent = `${count(files.size)}, ${size(sum)} of at most ${size(LIMIT)}. In Python they lie in ${FOLDER}`;
    const unpacked = [...files.values()].reduce((all, { shape }) => all + 4 * (shape?.reduce((a, b) => a * b, 1) ?? 0), 0);
    const says = [];
    const wanted = files.size ? missing([...files.values()]) : [];
    if (wanted.length) says.push(`Still missing: ${wanted.join("; ")}.`);
    if (unpacked > MUCH) {
      says.push(`Unpacked, your images have ${size(unpacked)}, which may be too much for a browser. If Python runs `
        + "out of memory, take fewer runs or a smaller mask, or run the downloaded notebook.");
    }
    lacks.replaceChildren(...withCode(says.join(" ")));
    lacks.hidden = !says.length;
    cellPlace.hidden = files.size === 0;
  }

  const count = (number) => `${number} file${number === 1 ? "" : "s"}`;

  function tell(sentences, isProblem = false) {
    told.classList.toggle("live-problem", isProblem);
    told.replaceChildren(...sentences.map((sentence) => element("p", {}, sentence)));
    if (sentences.length) notebook.say(sentences.join(" "));
  }

  // ---- the cell

  let cell = null;
  function writeCell(overwrite = false) {
    const source = skeleton([...files.values()]);
    if (!cell) {
      cell = notebook.addCell({
        id: "own-files", source, name: "your cell", label: "Python code that reads your files",
      });
      cellPlace.append(element("h3", {}, "A cell that reads them"), then, cell.element, anew);
    } else if (overwrite || cell.source === cell.original) {
      cell.original = source;
      cell.source = source;
    }
    then.textContent = LOOK;
    anew.hidden = cell.source === source;
  }
  notebook.on("change", (changed) => {
    if (changed === cell && cell) anew.hidden = cell.source === skeleton([...files.values()]);
  });

  // The page goes on with the reader's recording; its made dataset would take the recording's place.
  const goesOn = page.goesOn && document.getElementById(page.goesOn);
  function passOver(whether) {
    if (!goesOn) return;
    const place = (one, other) => one.compareDocumentPosition(other);
    for (const each of notebook.cells) {
      const below = place(panel, each.element) & Node.DOCUMENT_POSITION_FOLLOWING;
      const above = place(goesOn, each.element) & Node.DOCUMENT_POSITION_PRECEDING;
      if (below && above) each.optional = whether;
    }
  }
  notebook.on("restart", () => {
    passOver(false); // the recording is gone; the files are not
    then.textContent = LOOK;
  });
  notebook.on("done", (ended, result) => {
    if (ended !== cell || result.status !== "ok" || !goesOn) return;
    passOver(true);
    const title = goesOn.querySelector("h2, h3")?.firstChild.textContent ?? "";
    then.replaceChildren("`recording` is yours now. Go on at ", element("a", { href: `#${page.goesOn}` }, title),
      ": the cells in between would make the simulated dataset again. Cells that draw pixels work only with images.");
    then.firstChild.replaceWith(...withCode(then.firstChild.textContent));
  });

  show();
}
