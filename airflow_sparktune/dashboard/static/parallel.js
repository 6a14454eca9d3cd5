// Parallel coordinates: one axis per parameter, one line per trial in the colour of its loss. A box drawn over an
// axis is a filter.
import { draw, thin } from "./chart.js";
import { byId, el } from "./dom.js";
import { number } from "./format.js";
import { hoverText } from "./losses.js";
import { within } from "./scale.js";
import { colour } from "./theme.js";

const MOST_LINES = 1000;
const MOST_OTHERS = 400; // outside the filters
const STUB = 0.07; // without it, a value between two inactive neighbours would have no visible line
const COLOURS = {
  light: ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#d2c220"],
  dark: ["#fde725", "#7ad151", "#22a884", "#2a9d9e", "#5c7fc0", "#7a6bb5"],
};

export function showParallel(model, axes, filters, open) {
  const done = model.searched.filter((trial) => trial.state === "ok").sort((one, other) => one.loss - other.loss);
  const kept = done.filter((trial) => filters.kept(trial));
  const drawn = thin(kept, MOST_LINES);
  const palette = COLOURS[document.documentElement.dataset.theme] ?? COLOURS.light;
  const size = Math.max(1, Math.ceil(drawn.length / palette.length));
  const others = thin(done.filter((trial) => !filters.kept(trial)), MOST_OTHERS);
  const series = [
    ...palette.map((shade, index) => lines(drawn.slice(index * size, (index + 1) * size), axes, shade, 1.3, model)),
    lines(others, axes, colour("line"), 0.6, model),
  ];
  byId("parallel-text").textContent = words(done, kept, drawn);
  showLegend(palette, kept);
  const layout = {
    height: 380,
    x: { range: [-0.5, axes.length - 0.5], ticks: axes.map((axis, at) => ({ at, text: axis.label })) },
    y: { range: [-0.05, 1.05], hidden: true },
    notes: axes.flatMap((axis, index) => axis.ticks.map(({ at, text }) => ({ x: index, y: at, text }))),
    boxes: axes.flatMap((axis, index) => brushOf(axis, index, filters)),
  };
  // The worst trials first, so that the best lines are on top.
  draw(byId("parallel"), series.reverse(), layout, {
    click: ({ trial }) => open(trial.number),
    brush: (across, up) => brushed(across, up, axes, filters),
  });
}

// An item without a place ends a line.
function lines(trials, axes, color, width, model) {
  const items = [];
  for (const trial of trials) {
    axes.forEach((axis, index) => {
      const value = axis.read(trial);
      const place = value === null ? null : axis.place(value);
      for (const at of [index - STUB, index, index + STUB]) items.push({ trial, at, place });
    });
    items.push({ trial, at: null, place: null });
  }
  const text = ({ trial }) => hoverText(trial, model);
  return { items, x: ({ at }) => at, y: ({ place }) => place, line: { color, width }, opacity: 0.75, text };
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
  return host.replaceChildren(`best ${number(kept[0].value)} `, ...shades, ` worst ${number(kept.at(-1).value)}`);
}

function brushOf(axis, index, filters) {
  const range = filters.ranges.get(axis.label);
  if (!range) return [];
  const place = (raw) => (Number.isFinite(raw) ? axis.place(raw) : raw > 0 ? 1 : 0);
  const [low, high] = range.map((raw) => within(-0.03, place(raw), 1.03));
  return [{ x: [index - 0.12, index + 0.12], y: [low - 0.015, high + 0.015] }];
}

function brushed([left, right], [low, high], axes, filters) {
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
