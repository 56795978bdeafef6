// The explorer of penalties: one slider moves weights, prediction, score and brain map together.
/* global drawBar, drawPicture, drawPlot, colourMap, largest, niceTicks, openExplorer, peakInWords, Slice, twoDecimals, unpack */
"use strict";

const powerOfTen = (power) =>
  power === 0 ? "1" : `10${String(power).replace(/./g, (sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? "⁻")}`;

class PenaltyExplorer {
  constructor(data, main) {
    this.data = data;
    this.find = (selector) => main.querySelector(selector);
    this.viridis = colourMap(data.colours.scores);
    this.diverging = colourMap(data.colours.weights);
    // Each of these holds one row a penalty; `at` cuts the rows out.
    this.map = unpack(data.map);
    this.scores = unpack(data.scores);
    this.weights = unpack(data.weights);
    this.predicted = unpack(data.predicted);
    this.measured = unpack(data.measured);
    this.slice = new Slice(this.find("#map"), data.volume, (k) => this.#showSlice(k));
    this.slider = this.find("#penalty");
    this.slider.max = data.penalties.length - 1;
    this.slider.value = this.place = data.start;
    this.chosen = 0;
    this.find(".source").textContent = data.source;
    this.#makeChoices();
    this.slider.addEventListener("input", () => {
      this.place = Number(this.slider.value);
      this.#draw(true);
    });
    this.#showSlice(this.#voxel().k);
    this.#draw(false);
    // The curves are drawn for the width that they have.
    new ResizeObserver(() => this.#drawPlots()).observe(main);
  }

  #makeChoices() {
    const fieldset = this.find("#voxels");
    this.data.names.forEach((name, place) => {
      const label = document.createElement("label");
      const input = Object.assign(document.createElement("input"), { type: "radio", name: "voxel", value: place });
      input.checked = place === this.chosen;
      label.append(input, ` ${name}`);
      fieldset.append(label);
    });
    fieldset.addEventListener("change", (event) => {
      this.chosen = Number(event.target.value);
      this.#showSlice(this.#voxel().k);
      this.#draw(true);
    });
  }

  #voxel() {
    return this.slice.voxels[this.data.columns[this.chosen]];
  }

  /** Cut one row of `length` values out of a table of penalties x chosen voxels. */
  #row(table, length, penalty = this.place) {
    const start = (penalty * this.data.names.length + this.chosen) * length;
    return table.slice(start, start + length);
  }

  #score(penalty = this.place) {
    return this.#row(this.scores, 1, penalty)[0];
  }

  #draw(tell) {
    const penalty = this.data.penalties[this.place];
    const { i, j, k } = this.#voxel();
    const above = this.data.above_zero[this.place];
    this.find("#penalty-value").textContent = penalty;
    this.slider.setAttribute("aria-valuetext", `penalty ${penalty}`);
    const one = `Voxel (${i}, ${j}, ${k}): R2 ${twoDecimals(this.#score())} at penalty ${penalty}.`;
    const all = `All voxels: ${above} above 0, mean R2 ${this.data.means[this.place]}.`;
    this.find("#voxel-line").textContent = one.replace("R2", "R²");
    this.find("#map-line").textContent = all.replace("R2", "R²");
    if (tell) this.find("#status").textContent = `${one} ${all}`;
    this.#drawWeights();
    this.#showSlice(this.slice.k);
    this.#drawPlots();
  }

  #drawWeights() {
    const n = this.weights.length / (this.data.penalties.length * this.data.names.length);
    const values = this.#row(this.weights, n);
    // One scale for all penalties, so that weights are seen to shrink.
    const limit = largest(this.data.penalties.map((_, place) => largest(this.#row(this.weights, n, place))));
    const canvas = this.find("#weights");
    drawPicture(canvas, values, this.data.shape, this.diverging, limit);
    const peak = peakInWords(values, this.data.shape);
    canvas.setAttribute("aria-label", `Weights: ${peak}, ${twoDecimals(Math.max(...values))}`);
    const label = `weight (SD); largest now ${Number(largest(values).toPrecision(2))}`;
    drawBar(this.find("#weight-bar"), this.diverging, [-limit, 0, limit].map(twoDecimals), label);
  }

  #showSlice(k) {
    const n = this.slice.voxels.length;
    const top = this.data.top;
    this.slice.draw(k, (voxel) => {
      const score = this.map[this.place * n + voxel.n];
      if (Number.isNaN(score)) return null;
      return score < 0 ? this.data.colours.below : this.viridis(score / top);
    });
    this.slice.mark(this.#voxel());
    const penalty = this.data.penalties[this.place];
    this.slice.box.setAttribute("aria-label", `Scores of slice k = ${k} at penalty ${penalty}`);
    const ticks = ["0", twoDecimals(top / 2), twoDecimals(top)];
    drawBar(this.find("#slice-bar"), this.viridis, ticks, "held-out R² (pale voxels: below 0)");
  }

  #drawPlots() {
    this.#drawCourse();
    this.#drawCurve();
  }

  #drawCourse() {
    const n = this.data.times.length;
    const measured = this.measured.slice(this.chosen * n, (this.chosen + 1) * n);
    const predicted = this.#row(this.predicted, n);
    const every = this.data.penalties.map((_, place) => largest(this.#row(this.predicted, n, place)));
    const reach = largest([...measured, ...every]) * 1.05; // the axis stays while the slider moves
    const times = this.data.times;
    const score = twoDecimals(this.data.run_scores[this.place][this.chosen]);
    this.find("#course-title").textContent = `A run that the fit left out: R² ${score}`;
    const svg = this.find("#course");
    svg.setAttribute("aria-label", `Measured and predicted response over one run, R2 ${score}`);
    drawPlot(svg, {
      x: [0, times[n - 1]],
      y: [-reach, reach],
      xTicks: niceTicks(0, times[n - 1], 5).map((tick) => [tick, tick]),
      yTicks: niceTicks(-reach, reach, 4).map((tick) => [tick, String(tick).replace("-", "−")]),
      xName: "time (s)",
      yName: "response (SD)",
      shades: this.data.shades,
      curves: [
        { x: times, y: measured, colour: "#1a1a1a", width: 1 },
        { x: times, y: predicted, colour: "#d55e00", width: 2.2 },
      ],
    });
  }

  #drawCurve() {
    const scores = this.data.penalties.map((_, place) => this.#score(place));
    const best = this.data.best[this.chosen];
    const [low, high] = [Math.min(0, ...scores), Math.max(0, ...scores)];
    const room = Math.max(high - low, 0.02) * 0.08;
    const powers = this.data.powers;
    const svg = this.find("#curve");
    const title = `R² by penalty: best at ${this.data.penalties[best]}`;
    this.find("#score-title").textContent = title;
    svg.setAttribute("aria-label", `${title.replace("R²", "R2")}, ${twoDecimals(scores[best])}`);
    const ends = [powers[0], powers[powers.length - 1]];
    const whole = niceTicks(ends[0], ends[1], 4).filter(Number.isInteger);
    const yTicks = niceTicks(low - room, high + room, 4);
    drawPlot(svg, {
      x: [ends[0] - 0.15, ends[1] + 0.15],
      y: [low - room, high + room],
      xTicks: whole.map((power) => [power, powerOfTen(power)]),
      yTicks: yTicks.map((tick) => [tick, twoDecimals(tick)]),
      xName: "penalty",
      yName: "held-out R²",
      curves: [{ x: powers, y: scores, colour: "#0072b2", width: 2 }],
      points: [
        ...scores.map((y, place) => ({ x: powers[place], y, r: 2.5, fill: "#0072b2" })),
        { x: powers[this.place], y: scores[this.place], r: 7, fill: "#d55e00", stroke: "white", "stroke-width": 2 },
      ],
    });
  }
}

openExplorer((data, main) => new PenaltyExplorer(data, main));
