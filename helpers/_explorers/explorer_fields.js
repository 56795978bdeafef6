// The explorer of receptive fields: from a voxel to its field, and from a pixel to its voxels.
/* global drawBar, drawPicture, css, colourMap, oneDecimal, openExplorer, peakInWords, Slice, svgElement, twoDecimals, unpack */
"use strict";

class FieldExplorer {
  constructor(data, main) {
    this.data = data;
    this.find = (selector) => main.querySelector(selector);
    this.viridis = colourMap(data.colours.scores);
    this.diverging = colourMap(data.colours.weights);
    this.scores = unpack(data.scores);
    this.ceiling = data.ceiling && unpack(data.ceiling);
    this.fields = this.#unpackFields(data.fields);
    this.truth = data.truth && this.#unpackFields(data.truth);
    this.gaussians = data.gaussians; // row, column and size, or null for a voxel without
    this.row = new Map(data.columns.map((column, row) => [column, row])); // of a voxel's field
    this.slice = new Slice(main, data.volume, (k) => this.#changeSlice(k));
    this.kept = this.slice.voxels[data.start];
    this.pointed = null; // the voxel under the mouse, shown for as long as it is there
    this.pixel = null;
    this.mode = "score";
    this.find("#true-panel").hidden = !this.truth;
    this.find(".score .ceiling").hidden = !this.ceiling;
    this.find("#voxel-gaussian").hidden = this.find("#gaussian-legend").hidden = !this.gaussians;
    this.find("#score-legend").textContent = this.ceiling ? "blue: R²; black line: ceiling" : "R²";
    this.find(".source").textContent = data.source;
    this.#makePixels();
    this.#listen();
    this.#drawSlice(this.kept.k);
    this.#drawVoxel();
  }

  /** Weights are packed as shares of each voxel's largest one, beside that largest one. */
  #unpackFields(packed) {
    const [shares, sizes] = [unpack(packed.shares), unpack(packed.largest)];
    const n = shares.length / sizes.length;
    return Array.from(sizes, (size, row) => ({
      shares: shares.slice(row * n, (row + 1) * n),
      largest: size,
    }));
  }

  #listen() {
    const { box } = this.slice;
    box.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") this.#point(this.slice.under(event));
    });
    box.addEventListener("pointerleave", () => this.#point(null));
    box.addEventListener("click", (event) => {
      const voxel = this.slice.under(event);
      if (voxel) this.#keep(voxel);
    });
    box.addEventListener("keydown", (event) => this.#step(event));
    this.find("#mode").addEventListener("change", (event) => {
      this.mode = event.target.value;
      this.#drawSlice(this.slice.k);
    });
  }

  // --- Voxels

  #point(voxel) {
    if (voxel === this.pointed) return;
    this.pointed = voxel;
    this.#drawVoxel();
  }

  #keep(voxel) {
    this.kept = voxel;
    this.pointed = null;
    if (voxel.k !== this.slice.k) this.#drawSlice(voxel.k);
    this.#drawVoxel();
    const { name, score } = this.#words(voxel);
    const row = this.row.get(voxel.n);
    const field = this.gaussians || row === undefined ? `, ${this.#gaussianInWords(row)}` : "";
    this.find("#status").textContent = `${name}, ${score}${field}`;
  }

  #changeSlice(k) {
    this.#keep(this.slice.closest(this.kept, k) ?? this.kept);
  }

  #step(event) {
    const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const turns = { PageUp: 1, PageDown: -1 };
    let next;
    if (event.key in directions) next = this.slice.beside(this.kept, directions[event.key]);
    else if (event.key in turns) next = this.slice.closest(this.kept, this.slice.k + turns[event.key]);
    else if (event.key === "Home") next = this.#bestInSlice();
    else return;
    event.preventDefault(); // or the page scrolls
    if (next) this.#keep(next);
  }

  #bestInSlice() {
    const score = ({ n }) => (Number.isNaN(this.scores[n]) ? -Infinity : this.scores[n]);
    const better = (a, b) => (score(b) > score(a) ? b : a);
    return this.slice.inSlice().reduce(better);
  }

  #words(voxel) {
    const area = this.data.areas[this.data.area_codes[voxel.n]];
    const name = `voxel (${voxel.i}, ${voxel.j}, ${voxel.k})${area ? `, ${area}` : ""}`;
    const ceiling = this.ceiling ? ` of ceiling ${twoDecimals(this.ceiling[voxel.n])}` : "";
    return { name, score: `R2 ${twoDecimals(this.scores[voxel.n])}${ceiling}` };
  }

  #drawVoxel() {
    const voxel = this.pointed ?? this.kept;
    const { name, score } = this.#words(voxel);
    this.find("#voxel-name").textContent = name[0].toUpperCase() + name.slice(1);
    this.find("#voxel-score").textContent = score.replace("R2", "R²");
    const percent = (value) => `${100 * Math.min(Math.max(value || 0, 0), 1)}%`; // NaN: no bar
    this.find(".score .fill").style.width = percent(this.scores[voxel.n]);
    if (this.ceiling) this.find(".score .ceiling").style.left = percent(this.ceiling[voxel.n]);
    const row = this.row.get(voxel.n);
    this.#drawField(row === undefined ? null : this.fields[row]);
    if (this.truth) this.#drawTruth(row === undefined ? null : this.truth[row]);
    if (this.gaussians) this.#drawGaussian(row);
    this.#drawMarks();
  }

  #gaussianInWords(row) {
    if (row === undefined) return "no field shown";
    if (!this.gaussians[row]) return "no population receptive field";
    const [y, x, size] = this.gaussians[row].map(oneDecimal);
    return `population receptive field: row ${y}, column ${x}, size ${size} pixels`;
  }

  /** A circle at one standard deviation and a dot at the centre: dark, on dark weights with a light rim. */
  #drawGaussian(row) {
    const words = this.#gaussianInWords(row);
    this.find("#voxel-gaussian").textContent = words[0].toUpperCase() + words.slice(1);
    const grid = this.find(".pixels");
    grid.setAttribute("aria-label", `Estimated receptive field: pixels of the image; ${words}`);
    const overlay = grid.querySelector("svg");
    const [rows, columns] = this.data.shape;
    overlay.setAttribute("viewBox", `-0.5 -0.5 ${columns} ${rows}`); // whole at pixel centres
    const [cy, cx, size] = this.gaussians[row] ?? [];
    const parts = [["gaussian-out", size], ["gaussian-in", size], ["gaussian-centre", columns / 90]];
    overlay.replaceChildren(
      ...(size ? parts : []).map(([name, r]) => svgElement(overlay, "circle", { class: name, cx, cy, r })),
    );
  }

  #drawField(field) {
    this.cells.forEach((cell, pixel) => {
      const share = field && field.shares[pixel];
      cell.style.background = field ? css(this.diverging((share + 1) / 2)) : "";
      const weight = field ? `, weight ${twoDecimals(share * field.largest)}` : "";
      cell.setAttribute("aria-label", `${this.#pixelName(pixel)}${weight}`);
    });
    this.#drawWeightBar("#field-bar", field, "weight (SD of the response)");
  }

  #drawTruth(field) {
    const canvas = this.find("#true-field");
    const values = field ? field.shares : new Float64Array(this.cells.length).fill(NaN);
    drawPicture(canvas, values, this.data.shape, field ? this.diverging : () => [236, 236, 236], 1);
    const words = field ? peakInWords(values, this.data.shape) : "none shown for this voxel";
    canvas.setAttribute("aria-label", `True receptive field: ${words}`);
    this.#drawWeightBar("#true-bar", field, "true weight (% of the baseline)");
  }

  #drawWeightBar(selector, field, label) {
    const ticks = field ? [-field.largest, 0, field.largest].map(twoDecimals) : ["−", "0", "+"];
    const none = `none here: drawn for R² of ${this.data.lowest} or more`;
    drawBar(this.find(selector), this.diverging, ticks, field ? label : none);
  }

  // --- Pixels

  /** Row and column of a pixel. */
  #place(pixel) {
    const columns = this.data.shape[1];
    return [Math.floor(pixel / columns), pixel % columns];
  }

  #pixelName(pixel) {
    const [row, column] = this.#place(pixel);
    return `pixel in row ${row}, column ${column}`;
  }

  /** The pixels are a grid of which one cell can be reached with Tab, and the arrows do the rest. */
  #makePixels() {
    const grid = this.find(".pixels");
    const [rows, columns] = this.data.shape;
    grid.style.aspectRatio = columns / rows;
    this.cells = [];
    const element = (parent, role) => {
      const made = document.createElement("div");
      made.setAttribute("role", role);
      return parent.appendChild(made);
    };
    for (let row = 0; row < rows; row++) {
      const line = element(grid, "row");
      for (let column = 0; column < columns; column++) {
        const cell = element(line, "gridcell");
        cell.tabIndex = this.cells.length ? -1 : 0;
        cell.setAttribute("aria-selected", "false");
        this.cells.push(cell);
      }
    }
    grid.addEventListener("click", (event) => {
      const pixel = this.cells.indexOf(event.target);
      if (pixel >= 0) this.#choosePixel(pixel);
    });
    grid.addEventListener("keydown", (event) => this.#stepPixel(event));
    this.#explainPixels();
  }

  #stepPixel(event) {
    const pixel = this.cells.indexOf(event.target);
    const [rows, columns] = this.data.shape;
    const [row, column] = this.#place(pixel);
    const moves = {
      ArrowLeft: [row, Math.max(column - 1, 0)],
      ArrowRight: [row, Math.min(column + 1, columns - 1)],
      ArrowUp: [Math.max(row - 1, 0), column],
      ArrowDown: [Math.min(row + 1, rows - 1), column],
      Home: [row, 0],
      End: [row, columns - 1],
    };
    if (event.key === "Enter" || event.key === " ") this.#choosePixel(pixel);
    else if (event.key in moves) this.#focusPixel(moves[event.key][0] * columns + moves[event.key][1]);
    else return;
    event.preventDefault();
  }

  #focusPixel(pixel) {
    this.cells.forEach((cell, place) => {
      cell.tabIndex = place === pixel ? 0 : -1;
    });
    this.cells[pixel].focus();
  }

  #choosePixel(pixel) {
    this.pixel = pixel;
    this.cells.forEach((cell, place) => cell.setAttribute("aria-selected", String(place === pixel)));
    this.#focusPixel(pixel);
    this.mode = "pixel";
    const choice = this.find("input[value=pixel]");
    choice.disabled = false;
    choice.checked = true;
    this.find("#pixel-choice").textContent = `weight of pixel (${this.#place(pixel).join(", ")})`;
    this.#drawSlice(this.slice.k);
    this.find("#status").textContent = this.find("#pixel-text").textContent;
  }

  /** The voxels whose largest weight is that of the chosen pixel. */
  #lookers() {
    if (this.mode !== "pixel") return [];
    return this.data.columns
      .filter((_, row) => this.data.peaks[row] === this.pixel)
      .map((column) => this.slice.voxels[column]);
  }

  #explainPixels() {
    const text = this.find("#pixel-text");
    if (this.mode !== "pixel") {
      text.textContent = "Click a pixel of the field to see which voxels look at it.";
      return;
    }
    const lookers = this.#lookers();
    const here = lookers.filter((voxel) => voxel.k === this.slice.k).length;
    const name = this.#pixelName(this.pixel);
    text.textContent =
      `${name[0].toUpperCase()}${name.slice(1)}: ${lookers.length} voxels have their largest weight there, ` +
      `${here} of them in this slice (framed in yellow).`;
  }

  // --- The slice

  #drawSlice(k) {
    const byScore = this.mode === "score";
    // Weights near 0 are white: on a darker brain they stand out.
    if (byScore) this.slice.draw(k, this.#scoreColour);
    else this.slice.draw(k, this.#pixelColour, 0.45);
    this.find("#slice-title").textContent = byScore ? "R² of each voxel" : "Which voxels look at the pixel?";
    const bar = this.find("#slice-bar");
    const top = this.data.top;
    if (byScore) {
      const ticks = ["0", twoDecimals(top / 2), twoDecimals(top)];
      drawBar(bar, this.viridis, ticks, "held-out R² (pale voxels: below 0)");
    } else {
      drawBar(bar, this.diverging, ["−1", "0", "1"], "weight of the pixel / largest weight of the voxel");
    }
    this.#explainPixels();
    this.#drawMarks();
  }

  #scoreColour = (voxel) => {
    const score = this.scores[voxel.n];
    if (Number.isNaN(score)) return null;
    return score < 0 ? this.data.colours.below : this.viridis(score / this.data.top);
  };

  #pixelColour = (voxel) => {
    const row = this.row.get(voxel.n);
    return row === undefined ? null : this.diverging((this.fields[row].shares[this.pixel] + 1) / 2);
  };

  #drawMarks() {
    this.slice.mark(this.pointed ?? this.kept, this.#lookers());
  }
}

openExplorer((data, main) => new FieldExplorer(data, main));
