// Parallel coordinates: one axis per parameter, one line per trial in the colour of its loss. A box drawn over an
// axis is a filter.
import { draw, showRamp, thin } from "./chart.js";
import { byId } from "./dom.js";
import { number } from "./format.js";
import { hoverText } from "./losses.js";
import { within } from "./scale.js";
import { colour, ranks } from "./theme.js";

const MOST_LINES = 1000;
const MOST_OTHERS = 400; // outside the filters

export function showParallel(model, axes, filters, open) {
  const text = ({ trial }) => hoverText(trial, model);
  const done = model.searched.filter((trial) => trial.state === "ok").sort((one, other) => one.loss - other.loss);
  const kept = done.filter((trial) => filters.kept(trial));
  const drawn = thin(kept, MOST_LINES);
  const palette = ranks();
  const size = Math.max(1, Math.ceil(drawn.length / palette.length));
  const others = thin(done.filter((trial) => !filters.kept(trial)), MOST_OTHERS);
  const series = [
    ...palette.flatMap((shade, index) => lines(drawn.slice(index * size, (index + 1) * size), axes, { color: shade, width: 1.3 }, text)),
    ...lines(others, axes, { color: colour("line"), width: 0.6 }, text),
  ];
  byId("parallel-text").textContent = words(done, kept, drawn, model);
  const boxes = axes.flatMap((axis, index) => brushOf(axis, index, filters));
  const ramp = kept.length ? { low: `best ${number(kept[0].value)}`, high: `worst ${number(kept.at(-1).value)}`, shades: palette } : null;
  showRamp(byId("parallel-legend"), ramp);
  // The worst trials first, so that the best lines are on top.
  draw(byId("parallel"), series.reverse(), { ...layoutOf(axes), boxes, ramp }, {
    click: ({ trial }) => open(trial.number),
    brush: (across, up) => brushed(across, up, axes, filters),
  });
}

export function layoutOf(axes) {
  return {
    height: 380,
    x: { range: [-0.5, axes.length - 0.5], ticks: axes.map((axis, at) => ({ at, text: axis.label })) },
    y: { range: [-0.05, 1.05], hidden: true },
    notes: axes.flatMap((axis, index) => axis.ticks.map(({ at, text }) => ({ x: index, y: at, text }))),
  };
}

// The lines of trials: a faint series and a solid one. Across the axes of parameters that a trial does not have, its line is fainter.
export function lines(trials, axes, { color, width }, text, name) {
  const [solid, faint] = [[], []];
  for (const trial of trials) {
    const end = { trial, at: null, place: null }; // an item without a place ends a line
    let before = null;
    axes.forEach((axis, at) => {
      const value = axis.read(trial);
      if (value === null) return;
      const item = { trial, at, place: axis.place(value) };
      if (before && at > before.at + 1) {
        faint.push(before, item, end);
        solid.push(end);
      }
      solid.push(item);
      before = item;
    });
    solid.push(end);
  }
  const series = { name, x: ({ at }) => at, y: ({ place }) => place };
  return [
    { ...series, items: faint, line: { color, width: width / 2 }, opacity: 0.4 },
    { ...series, items: solid, line: { color, width }, opacity: 0.75, text },
  ];
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

function words(done, kept, drawn, model) {
  const some = drawn.length < kept.length ? ` The chart shows ${drawn.length} of them.` : "";
  const filtered = kept.length < done.length ? `, ${kept.length} within the filters` : "";
  const conditional = model.dimensions.some((dimension) => dimension.parent);
  const faint = conditional ? " A line is faint where it passes parameters that its trial does not have." : "";
  const advice = "To filter, draw a box over an axis or use the fields above.";
  return `${done.length} successful trials${filtered}, the best on top.${some}${faint} ${advice}`;
}
