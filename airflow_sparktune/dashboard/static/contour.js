// A contour plot of the loss over two parameters.
import { draw, logAxis, onClick, thin } from "./chart.js";
import { byId, el } from "./dom.js";
import { number, plain, short } from "./format.js";
import { hoverText } from "./losses.js";
import { colour } from "./theme.js";

const CELLS = 24;
const MOST_TRIALS = 400;
const FEWEST_TRIALS = 8;
const SCALE = [[0, "#440154"], [0.25, "#3b528b"], [0.5, "#21918c"], [0.75, "#5ec962"], [1, "#fde725"]];

export class Contour {
  constructor(open) {
    this.open = open;
    this.boxes = ["Parameter on the x axis", "Parameter on the y axis"].map((name) => el("select", { "aria-label": name }));
    for (const box of this.boxes) box.addEventListener("change", () => this.show(this.model, this.axes));
    byId("contour-controls").append(...this.boxes);
  }

  // Offer the numeric parameters; without two of them, or with too few trials, hide the chart.
  offer(axes, successful) {
    const numeric = axes.filter((axis) => !axis.options);
    byId("contour-section").hidden = numeric.length < 2 || successful < FEWEST_TRIALS;
    const signature = numeric.map((axis) => axis.label).join("\n");
    if (signature === this.signature) return;
    this.signature = signature;
    this.boxes.forEach((box, index) => {
      const options = numeric.map((axis, each) => el("option", { value: axis.label, selected: each === index }, axis.label));
      box.replaceChildren(...options);
    });
  }

  async show(model, axes) {
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
        : `${trials.length} trials; the loss between them is interpolated.`;
    const node = byId("contour");
    await draw(node, [...landscape(trials, across, up), dots(trials, across, up, model)], {
      height: 380,
      showlegend: false,
      xaxis: { title: { text: plain(short(across.label, 40)) }, ...scaleOf(across) },
      yaxis: { title: { text: plain(short(up.label, 40)) }, ...scaleOf(up) },
    });
    onClick(node, this.open);
  }
}

function scaleOf(axis) {
  return axis.log ? logAxis(axis.bounds) : { type: "linear" };
}

function dots(trials, across, up, model) {
  return {
    type: "scatter",
    mode: "markers",
    x: trials.map(across.read),
    y: trials.map(up.read),
    text: trials.map((trial) => hoverText(trial, model.dimensions)),
    customdata: trials.map((trial) => trial.number),
    marker: { size: 6, color: colour("paper"), line: { color: colour("ink"), width: 1 } },
    hovertemplate: "%{text}<extra></extra>",
  };
}

// The loss in each cell of a grid: the mean of all trials, weighted by a negative power of their distance. Ranks
// are used in place of losses, so that a few bad trials do not hide the differences between good ones.
function landscape(trials, across, up) {
  if (trials.length < FEWEST_TRIALS) return [];
  const sorted = [...trials].sort((one, other) => one.loss - other.loss);
  const places = sorted.map((trial, rank) => [across.place(across.read(trial)), up.place(up.read(trial)), rank]);
  const steps = Array.from({ length: CELLS }, (_, index) => index / (CELLS - 1));
  const z = steps.map((y) => steps.map((x) => weighted(places, x, y)));
  const label = (rank) => number(sorted[Math.min(sorted.length - 1, Math.round(rank))].loss);
  const ticks = [0, 0.5, 1].map((share) => share * (sorted.length - 1));
  return [
    {
      type: "contour",
      x: steps.map(across.raw),
      y: steps.map(up.raw),
      z,
      colorscale: SCALE,
      contours: { showlines: false, start: 0, end: sorted.length - 1, size: sorted.length / 12 },
      colorbar: { title: { text: "loss" }, tickvals: ticks, ticktext: ticks.map(label), thickness: 12 },
      hoverinfo: "skip",
    },
  ];
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
