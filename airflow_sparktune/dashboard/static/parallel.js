// Parallel coordinates: one axis per parameter, one line per trial in the colour of its loss. A box drawn over an
// axis is a filter. plotly's own `parcoords` needs WebGL and a policy that allows eval; plain lines do not.
import { draw, onClick, thin } from "./chart.js";
import { byId, el } from "./dom.js";
import { number, plain, short } from "./format.js";
import { hoverText } from "./losses.js";
import { colour } from "./theme.js";

const MOST_LINES = 1000;
const STUB = 0.07; // without it, a value between two inactive neighbours would have no visible line
const COLOURS = {
  light: ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#d2c220"],
  dark: ["#fde725", "#7ad151", "#22a884", "#2a9d9e", "#5c7fc0", "#7a6bb5"],
};

let drawings = 0;

export function showParallel(model, axes, filters, open) {
  const done = model.searched.filter((trial) => trial.state === "ok").sort((one, other) => one.loss - other.loss);
  const kept = done.filter((trial) => filters.kept(trial));
  const drawn = thin(kept, MOST_LINES);
  const palette = COLOURS[document.documentElement.dataset.theme] ?? COLOURS.light;
  const size = Math.max(1, Math.ceil(drawn.length / palette.length));
  const others = thin(done.filter((trial) => !filters.kept(trial)), 400);
  const traces = [
    ...palette.map((shade, index) => lines(drawn.slice(index * size, (index + 1) * size), axes, shade, 1.3, model)),
    lines(others, axes, colour("line"), 0.6, model),
  ].filter((trace) => trace.x.length);
  byId("parallel-text").textContent = words(done, kept, drawn);
  showLegend(palette, kept);
  const node = byId("parallel");
  const layout = {
    height: 380,
    showlegend: false,
    dragmode: "select",
    hovermode: "closest",
    hoverdistance: 12,
    margin: { l: 30, r: 30, t: 12, b: 36 },
    xaxis: {
      range: [-0.5, axes.length - 0.5],
      fixedrange: true,
      tickvals: axes.map((_, index) => index),
      ticktext: axes.map((axis) => plain(short(axis.label, 20))),
      zeroline: false,
      gridcolor: colour("quiet"),
    },
    yaxis: { range: [-0.05, 1.05], visible: false, fixedrange: true },
    annotations: axes.flatMap(ticksOf),
    shapes: axes.flatMap((axis, index) => brushOf(axis, index, filters)),
    selectionrevision: (drawings += 1), // removes the box, which is a filter now
  };
  // The worst trials first, so that the best lines are on top.
  return draw(node, traces.reverse(), layout, { displayModeBar: false }).then(() => {
    node.removeAllListeners("plotly_selected");
    node.on("plotly_selected", (event) => event?.range && brushed(event.range, axes, filters));
    onClick(node, open);
  });
}

function lines(trials, axes, shade, width, model) {
  const [x, y, text, customdata] = [[], [], [], []];
  const put = (at, value, words, trialNumber) => {
    x.push(at);
    y.push(value);
    text.push(words);
    customdata.push(trialNumber);
  };
  for (const trial of trials) {
    const words = hoverText(trial, model.dimensions);
    axes.forEach((axis, index) => {
      const value = axis.read(trial);
      if (value === null) return put(null, null, "", undefined);
      for (const at of [index - STUB, index, index + STUB]) put(at, axis.place(value), words, trial.number);
    });
    put(null, null, "", undefined);
  }
  const line = { color: shade, width, simplify: false };
  const hovertemplate = "%{text}<extra></extra>";
  return { type: "scatter", mode: "lines", x, y, text, customdata, line, opacity: 0.75, hovertemplate };
}

// The legend of the colours, from the best loss to the worst.
function showLegend(palette, kept) {
  const host = byId("parallel-legend");
  if (!kept.length) return host.replaceChildren();
  const shades = palette.map((shade) => {
    const box = el("span", { class: "shade" });
    box.style.background = shade;
    return box;
  });
  return host.replaceChildren(`best ${number(kept[0].loss)} `, ...shades, ` worst ${number(kept.at(-1).loss)}`);
}

function ticksOf(axis, index) {
  return axis.ticks.map(({ at, text }) => ({
    x: index,
    y: at,
    text: plain(text),
    showarrow: false,
    xanchor: "left",
    xshift: 4,
    font: { size: 10, color: colour("quiet") },
    bgcolor: colour("paper"),
    opacity: 0.85,
  }));
}

function brushOf(axis, index, filters) {
  const range = filters.ranges.get(axis.label);
  if (!range) return [];
  const place = (raw) => (Number.isFinite(raw) ? axis.place(raw) : raw > 0 ? 1 : 0);
  const [low, high] = range.map((raw) => within(-0.03, place(raw), 1.03));
  const edge = { color: colour("accent"), width: 2 };
  return [{ type: "rect", x0: index - 0.12, x1: index + 0.12, y0: low - 0.015, y1: high + 0.015, line: edge }];
}

function within(least, value, most) {
  return Math.min(most, Math.max(least, value));
}

function brushed(range, axes, filters) {
  const [left, right] = range.x.toSorted((one, other) => one - other);
  const [low, high] = range.y.toSorted((one, other) => one - other);
  let hit = axes.filter((_, index) => index >= left && index <= right);
  if (!hit.length) hit = [axes[within(0, Math.round((left + right) / 2), axes.length - 1)]];
  for (const axis of hit) filters.set(axis, axis.options ? optionsIn(axis, low, high) : numbersIn(axis, low, high));
}

function numbersIn(axis, low, high) {
  return [axis.raw(Math.max(low, -0.05)), axis.raw(Math.min(high, 1.05))];
}

// The options whose ticks are in the box, or else the nearest option.
function optionsIn(axis, low, high) {
  const inside = axis.options.map((_, index) => index).filter((index) => axis.place(index) >= low - 0.04 && axis.place(index) <= high + 0.04);
  if (inside.length) return [inside[0], inside.at(-1)];
  const nearest = within(0, Math.round(axis.raw((low + high) / 2)), axis.options.length - 1);
  return [nearest, nearest];
}

function words(done, kept, drawn) {
  const some = drawn.length < kept.length ? ` The chart shows ${drawn.length} of them.` : "";
  const filtered = kept.length < done.length ? `, ${kept.length} within the filters` : "";
  const advice = "To filter, draw a box over an axis or use the fields above.";
  return `${done.length} successful trials${filtered}, the best on top.${some} ${advice}`;
}
