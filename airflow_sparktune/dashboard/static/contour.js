// The loss over two parameters, interpolated between the trials.
import { draw, showRamp, thin } from "./chart.js";
import { byId, el } from "./dom.js";
import { number } from "./format.js";
import { recall, recalled } from "./links.js";
import { hoverText } from "./losses.js";
import { colour } from "./theme.js";

const KEYS = ["contour-x", "contour-y"]; // in the page's address
const CELLS = 24;
const MOST_TRIALS = 400;
const FEWEST_TRIALS = 8;
// From the best rank to the worst; colours between them are interpolated.
const SHADES = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

export class Contour {
  constructor(open) {
    this.open = open;
    this.boxes = ["Parameter on the x axis", "Parameter on the y axis"].map((name) => el("select", { "aria-label": name }));
    for (const box of this.boxes) box.addEventListener("change", () => this.chosen());
    byId("contour-controls").append(...this.boxes);
  }

  chosen() {
    this.boxes.forEach((box, index) => recall(KEYS[index], box.value));
    if (this.model) this.show(this.model, this.axes);
  }

  // Offer the numeric parameters; without two of them, or with too few trials, hide the chart.
  offer(axes, successful) {
    const numeric = axes.filter((axis) => !axis.options);
    byId("contour-section").hidden = numeric.length < 2 || successful < FEWEST_TRIALS;
    const signature = numeric.map((axis) => axis.label).join("\n");
    if (signature === this.signature) return;
    this.signature = signature;
    this.boxes.forEach((box, index) => {
      const linked = numeric.findIndex((axis) => axis.label === recalled(KEYS[index]));
      const chosen = linked < 0 ? index : linked;
      const options = numeric.map((axis, each) => el("option", { value: axis.label, selected: each === chosen }, axis.label));
      box.replaceChildren(...options);
    });
  }

  show(model, axes) {
    this.model = model;
    this.axes = axes;
    const [across, up] = this.boxes.map((box) => axes.find((axis) => axis.label === box.value));
    if (!across || !up) return;
    const both = model.searched.filter(
      (trial) => trial.state === "ok" && across.read(trial) !== null && up.read(trial) !== null,
    );
    const trials = thin(both, MOST_TRIALS);
    byId("contour-text").textContent =
      trials.length < FEWEST_TRIALS
        ? `Too few trials: the chart needs ${FEWEST_TRIALS} with both parameters.`
        : `${trials.length} trials; the ${model.metric.name} between them is interpolated.`;
    const ramp = rampOf(trials);
    showRamp(byId("contour-legend"), ramp);
    const dots = { size: 6, color: colour("paper"), edge: colour("ink") };
    const series = { items: trials, x: across.read, y: up.read, dots, text: (trial) => hoverText(trial, model) };
    const layout = {
      height: 380,
      x: { title: across.label, ...scaleFor(across) },
      y: { title: up.label, ...scaleFor(up) },
      field: landscape(trials, across, up),
      fixed: true,
      ramp,
    };
    draw(byId("contour"), [series], layout, { click: (trial) => this.open(trial.number) });
  }
}

function scaleFor(axis) {
  return { kind: axis.log ? "log" : "linear", range: axis.bounds };
}

// The legend of the shades; null with too few trials.
function rampOf(trials) {
  if (trials.length < FEWEST_TRIALS) return null;
  const sorted = byLoss(trials);
  const [best, worst] = [sorted[0], sorted.at(-1)].map(({ value }) => number(value));
  return { low: `best ${best}`, high: `worst ${worst}`, shades: SHADES.map((shade) => `rgb(${shade})`) };
}

function byLoss(trials) {
  return [...trials].sort((one, other) => one.loss - other.loss);
}

// The colour in each cell of a grid: the mean of all trials, weighted by a negative power of their distance. Ranks
// are used in place of losses, so that a few bad trials do not hide the differences between good ones.
function landscape(trials, across, up) {
  if (trials.length < FEWEST_TRIALS) return null;
  const places = byLoss(trials).map((trial, rank) => [across.place(across.read(trial)), up.place(up.read(trial)), rank]);
  const steps = Array.from({ length: CELLS }, (_, index) => (index + 0.5) / CELLS);
  return steps.map((y) => steps.map((x) => shadeOf(weighted(places, x, y) / (trials.length - 1))));
}

function shadeOf(share) {
  const at = share * (SHADES.length - 1);
  const below = Math.min(Math.floor(at), SHADES.length - 2);
  const mixed = SHADES[below].map((part, index) => Math.round(part + (at - below) * (SHADES[below + 1][index] - part)));
  return `rgb(${mixed})`;
}

function weighted(places, x, y) {
  let [sum, weights] = [0, 0];
  for (const [left, bottom, rank] of places) {
    const weight = 1 / ((left - x) ** 2 + (bottom - y) ** 2 + 1e-3) ** 2;
    sum += weight * rank;
    weights += weight;
  }
  return sum / weights;
}
