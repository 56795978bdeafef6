// What both explorers share: unpacking of arrays, colours, the brain slice, curves.
// helpers/explorer_data.py packs the arrays; the names of its fields are used here.
"use strict";

// --- Arrays -----------------------------------------------------------------------------------

/** Unpack an array that explorer_data.pack made; code 0 stands for NaN. */
function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.data), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const n = bytes.length / packed.bytes;
  const values = new Float64Array(n);
  for (let place = 0; place < n; place++) {
    const code = packed.bytes === 1 ? bytes[place] : view.getUint16(2 * place, true);
    values[place] = code === 0 ? NaN : packed.low + packed.step * (code - 1);
  }
  return values;
}

/** The voxels of a mask in its own order, C order, with their places in the grid. */
function listVoxels(volume) {
  const bytes = Uint8Array.from(atob(volume.mask), (letter) => letter.charCodeAt(0));
  const [ni, nj, nk] = volume.shape;
  const voxels = [];
  for (let place = 0; place < ni * nj * nk; place++) {
    if ((bytes[place >> 3] >> (7 - (place & 7))) & 1) {
      const i = Math.floor(place / (nj * nk)) + volume.first[0];
      const j = (Math.floor(place / nk) % nj) + volume.first[1];
      voxels.push({ n: voxels.length, i, j, k: (place % nk) + volume.first[2] });
    }
  }
  return voxels;
}

const largest = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/** Some decimals, and no minus in front of 0.00. */
function decimals(value, digits) {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

const oneDecimal = (value) => decimals(value, 1);
const twoDecimals = (value) => decimals(value, 2);

// --- Colours ----------------------------------------------------------------------------------

/** A colour map: takes 0 to 1 to [red, green, blue] by the nearest of its stops. */
function colourMap(stops) {
  const colours = stops.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return (share) => {
    const place = Math.round(Math.min(Math.max(share, 0), 1) * (colours.length - 1));
    return colours[place];
  };
}

const css = (colour) => `rgb(${colour.join(",")})`;

/** Fill a colour bar: the strip, its ticks and what the values are. */
function drawBar(bar, map, ticks, label, under) {
  const stops = Array.from({ length: 33 }, (_, place) => css(map(place / 32))).join(",");
  // Values below the first tick have a colour of their own, drawn as the bar's first part.
  const pale = under ? `linear-gradient(${under}, ${under}) 0 0 / 7% 100% no-repeat, ` : "";
  bar.querySelector(".strip").style.background = `${pale}linear-gradient(to right, ${stops})`;
  bar.querySelector(".ticks").replaceChildren(
    ...ticks.map((text) => Object.assign(document.createElement("span"), { textContent: text })),
  );
  bar.querySelector(".label").textContent = label;
}

// --- Pixels of images -------------------------------------------------------------------------

/** Draw one value for each pixel of rows x columns, from -limit to limit. */
function drawPicture(canvas, values, [rows, columns], map, limit) {
  [canvas.width, canvas.height] = [columns, rows];
  canvas.style.aspectRatio = columns / rows;
  const image = new ImageData(columns, rows);
  values.forEach((value, pixel) => {
    image.data.set([...map((value / limit + 1) / 2), 255], 4 * pixel);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Row and column of the pixel with the largest weight, in words. */
function peakInWords(values, [, columns]) {
  const peak = values.indexOf(Math.max(...values));
  return `largest weight at row ${Math.floor(peak / columns)}, column ${peak % columns}`;
}

// --- The brain slice --------------------------------------------------------------------------

/** One axial slice with its slider: drawn in voxels, chosen from by mouse, touch and keys. */
class Slice {
  /** `changed(k)` is called when the slider moves. */
  constructor(root, volume, changed) {
    this.volume = volume;
    this.voxels = listVoxels(volume);
    this.background = unpack(volume.background);
    this.box = root.querySelector(".slice");
    this.canvas = this.box.querySelector("canvas");
    this.overlay = this.box.querySelector("svg");
    this.slider = root.querySelector("input[type=range]");
    this.output = root.querySelector("output");
    const [ni, nj] = volume.shape;
    [this.canvas.width, this.canvas.height] = [ni, nj];
    this.overlay.setAttribute("viewBox", `0 0 ${ni} ${nj}`);
    this.box.style.aspectRatio = (ni * volume.zooms[0]) / (nj * volume.zooms[1]);
    const ks = this.voxels.map((voxel) => voxel.k);
    this.slider.min = Math.min(...ks);
    this.slider.max = Math.max(...ks);
    this.slider.addEventListener("input", () => changed(Number(this.slider.value)));
    this.#drawAxes();
  }

  /** Column and row in the picture: i grows to the left, j upwards, as in the book's figures. */
  place({ i, j }) {
    const [ni, nj] = this.volume.shape;
    return [ni - 1 - (i - this.volume.first[0]), nj - 1 - (j - this.volume.first[1])];
  }

  inSlice(k = this.k) {
    return this.voxels.filter((voxel) => voxel.k === k);
  }

  /**
   * Draw slice k; `colour(voxel)` gives [red, green, blue] or null for the bare brain, which is
   * drawn in a share `light` of its grey.
   */
  draw(k, colour, light = 1) {
    this.k = k;
    this.slider.value = k;
    this.slider.setAttribute("aria-valuetext", `slice k = ${k}`);
    this.output.textContent = k;
    const [ni, nj, nk] = this.volume.shape;
    const image = new ImageData(ni, nj);
    for (let i = 0; i < ni; i++) {
      for (let j = 0; j < nj; j++) {
        const grey = light * this.background[(i * nj + j) * nk + k - this.volume.first[2]];
        const pixel = (nj - 1 - j) * ni + ni - 1 - i;
        image.data.set([grey, grey, grey, 255], 4 * pixel);
      }
    }
    for (const voxel of this.inSlice()) {
      const shown = colour(voxel);
      const [x, y] = this.place(voxel);
      if (shown) image.data.set([...shown, 255], 4 * (y * ni + x));
    }
    this.canvas.getContext("2d").putImageData(image, 0, 0);
  }

  /** Frame one voxel in white and black, and others in yellow, where they lie in this slice. */
  mark(chosen, others = []) {
    const frames = others.map((voxel) => [voxel, "looks-here"]);
    if (chosen) frames.push([chosen, "mark-out"], [chosen, "mark-in"]);
    this.overlay.replaceChildren(
      ...frames
        .filter(([voxel]) => voxel.k === this.k)
        .map(([voxel, name]) => {
          const [x, y] = this.place(voxel);
          return svgElement(this.overlay, "rect", { x, y, width: 1, height: 1, class: name });
        }),
    );
  }

  /** The voxel under a pointer, or the nearest within 1.5 voxels: fingers are wide. */
  under(event) {
    const frame = this.box.getBoundingClientRect();
    const [ni, nj] = this.volume.shape;
    const x = ((event.clientX - frame.left) / frame.width) * ni - 0.5;
    const y = ((event.clientY - frame.top) / frame.height) * nj - 0.5;
    return this.#nearest(([px, py]) => {
      const apart = Math.hypot(px - x, py - y);
      return apart <= 1.5 ? apart : Infinity;
    });
  }

  /** The next voxel from here in a direction of the picture, however wide the gap. */
  beside(voxel, [right, down]) {
    const [x, y] = this.place(voxel);
    return this.#nearest(([px, py]) => {
      const ahead = (px - x) * right + (py - y) * down;
      const aside = Math.abs((px - x) * down) + Math.abs((py - y) * right);
      return ahead > 0 && aside <= ahead ? ahead + 2 * aside : Infinity;
    });
  }

  /** The voxel of slice k that lies closest to this one in i and j. */
  closest(voxel, k) {
    const [x, y] = this.place(voxel);
    return this.#nearest(([px, py]) => Math.hypot(px - x, py - y), k);
  }

  #nearest(cost, k = this.k) {
    let [found, least] = [null, Infinity];
    for (const voxel of this.inSlice(k)) {
      const here = cost(this.place(voxel));
      if (here < least) [found, least] = [voxel, here];
    }
    return found;
  }

  #drawAxes() {
    const frame = this.box.parentElement;
    const [ni, nj] = this.volume.shape;
    const add = (name, text, style) => {
      const label = document.createElement("span");
      label.className = name;
      label.textContent = text;
      label.setAttribute("aria-hidden", "true");
      Object.assign(label.style, style);
      frame.append(label);
    };
    const [i0, j0] = this.volume.first;
    for (let i = 10 * Math.ceil(i0 / 10); i < i0 + ni; i += 10) {
      add("tick x", i, { left: `${((ni - (i - i0) - 0.5) / ni) * 100}%` });
    }
    for (let j = 10 * Math.ceil(j0 / 10); j < j0 + nj; j += 10) {
      add("tick y", j, { bottom: `${((j - j0 + 0.5) / nj) * 100}%` });
    }
    add("axis-name x", "i");
    add("axis-name y", "j");
  }
}

// --- Curves -----------------------------------------------------------------------------------

/** Make a child of an SVG; its namespace comes from the parent. */
function svgElement(parent, name, attributes, text = "") {
  const child = document.createElementNS(parent.namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) child.setAttribute(key, value);
  child.textContent = text;
  return child;
}

/** Round steps (1, 2 or 5 times a power of ten) that give about `wanted` ticks. */
function niceTicks(low, high, wanted) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step / 1e6; tick += step) {
    ticks.push(Math.abs(tick) < step / 1e6 ? 0 : tick);
  }
  return ticks;
}

/**
 * Draw axes and curves into an SVG at its present size.
 *
 * plot: { x, y: [low, high], xTicks, yTicks: [[value, text], ...], xName, yName,
 *         shades: [[from, to], ...], curves: [{ x, y, colour, width }], points: [{ x, y, ... }] }
 */
function drawPlot(svg, plot) {
  const [width, height] = [svg.clientWidth, svg.clientHeight];
  if (width === 0 || height === 0) return; // not laid out yet: it is drawn when it has a size
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`); // paper is narrower, and draws nothing anew
  const inside = { left: 62, right: width - 12, top: 8, bottom: height - 38 };
  const scale = ([low, high], from, to) => (v) => from + ((v - low) / (high - low)) * (to - from);
  const x = scale(plot.x, inside.left, inside.right);
  const y = scale(plot.y, inside.bottom, inside.top);
  const parts = [];
  const add = (name, attributes, text) => parts.push(svgElement(svg, name, attributes, text));
  const line = (name, x1, y1, x2, y2) => add("line", { class: name, x1, y1, x2, y2 });
  for (const [from, to] of plot.shades ?? []) {
    const size = { width: x(to) - x(from), height: inside.bottom - inside.top };
    add("rect", { class: "shade", x: x(from), y: inside.top, ...size });
  }
  if (plot.y[0] < 0 && plot.y[1] > 0) line("zero", inside.left, y(0), inside.right, y(0));
  line("axis", inside.left, inside.bottom, inside.right, inside.bottom);
  line("axis", inside.left, inside.top, inside.left, inside.bottom);
  for (const [value, text] of plot.xTicks) {
    line("axis", x(value), inside.bottom, x(value), inside.bottom + 4);
    add("text", { x: x(value), y: inside.bottom + 17, "text-anchor": "middle" }, text);
  }
  for (const [value, text] of plot.yTicks) {
    line("axis", inside.left - 4, y(value), inside.left, y(value));
    add("text", { x: inside.left - 7, y: y(value) + 4, "text-anchor": "end" }, text);
  }
  const middle = (inside.left + inside.right) / 2;
  add("text", { x: middle, y: height - 5, "text-anchor": "middle" }, plot.xName);
  const turned = `translate(11 ${(inside.top + inside.bottom) / 2}) rotate(-90)`;
  add("text", { transform: turned, "text-anchor": "middle" }, plot.yName);
  for (const curve of plot.curves) {
    const places = Array.from(curve.y, (value, n) => `${x(curve.x[n])},${y(value)}`).join(" ");
    const style = { class: "curve", stroke: curve.colour, "stroke-width": curve.width };
    add("polyline", { points: places, ...style });
  }
  for (const { x: px, y: py, ...style } of plot.points ?? []) {
    add("circle", { cx: x(px), cy: y(py), ...style });
  }
  svg.replaceChildren(...parts);
}

// --- The frame --------------------------------------------------------------------------------

/** Fit the frame to the page around it, where there is one that it may reach; else it scrolls. */
function fitFrame() {
  let frame = null;
  try {
    frame = window.frameElement;
  } catch {
    return; // another origin
  }
  if (!frame) return; // opened as a page of its own
  // The book's letters, which Jupyter does not have. The page has loaded them already.
  const fonts = frame.ownerDocument.querySelector("link[href*='fonts.css']");
  if (fonts) {
    const link = document.createElement("link");
    document.head.append(Object.assign(link, { rel: "stylesheet", href: fonts.href }));
  }
  // As high as what is in it.
  document.documentElement.style.overflow = "hidden";
  const fit = () => {
    frame.style.height = `${Math.ceil(document.body.getBoundingClientRect().height)}px`;
  };
  new ResizeObserver(fit).observe(document.body);
  fit();
}

/** Read the data, show the explorer in place of the picture, and hand both to `start`. */
function openExplorer(start) {
  const data = JSON.parse(document.getElementById("data").textContent);
  const main = document.querySelector("main");
  main.hidden = false;
  start(data, main);
  fitFrame();
}
