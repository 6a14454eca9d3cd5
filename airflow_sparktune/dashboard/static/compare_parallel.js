// Parallel coordinates of several studies in one scale, with a colour for each.
import { axis } from "./axes.js";
import { draw, thin } from "./chart.js";
import { metricName } from "./compare_member.js";
import { byId } from "./dom.js";
import { number } from "./format.js";
import { hoverText } from "./losses.js";
import { layoutOf, lines } from "./parallel.js";

const MOST_LINES = 1000;

export function showParallel(members, open) {
  const shown = members.filter((member) => member.done.length);
  const most = Math.ceil(MOST_LINES / Math.max(shown.length, 1));
  const entries = shown.map((member) => thin(member.done, most).map((trial) => ({ member, trial })));
  const axes = axesOf(shown, entries.flat());
  const text = ({ trial: { member, trial } }) => [member.name, ...hoverText(trial, member.model)];
  const series = shown.flatMap((member, index) => {
    const width = member.trial === null ? 1 : 2.5;
    return lines(entries[index], axes, { color: member.colour, width }, text, member.name);
  });
  byId("parallel").style.setProperty("--wide", `${axes.length * 5.5}rem`);
  byId("parallel-text").textContent = words(shown, entries);
  draw(byId("parallel"), series, layoutOf(axes), { click: ({ trial: { member } }) => open(member) });
}

// An axis for each parameter of any of the studies, and one for the loss.
function axesOf(members, entries) {
  const merged = new Map();
  for (const model of new Set(members.map((member) => member.model))) {
    model.dimensions.forEach((dimension, index) => merge(merged, model, dimension, index));
  }
  const rows = [...merged.values()].map(({ places, ...row }) => ({
    ...row,
    read: ({ member, trial }) => places.get(member.model)?.(trial) ?? null,
    words: row.options ? (at) => row.options[at] : number,
  }));
  const loss = { label: metricName(members), read: ({ trial }) => trial.value, words: number };
  return [...rows, loss].map((row) => axis(row, entries));
}

// A parameter that is a choice in one study and a number in another has two axes. Options are told apart by name.
function merge(merged, model, { path, options, low, high, log }, index) {
  const key = `${path} ${Boolean(options)}`;
  const row = merged.get(key) ?? { label: path, low, high, log, places: new Map(), ...(options && { options: [] }) };
  merged.set(key, row);
  row.low = lesser(row.low, low, Math.min);
  row.high = lesser(row.high, high, Math.max);
  row.log = row.log && log;
  const names = options && [options].flat();
  for (const name of names ?? []) if (!row.options.includes(name)) row.options.push(name);
  row.places.set(model, (trial) => {
    const raw = trial.point[index];
    return names && raw !== null ? row.options.indexOf(names[raw] ?? names[0]) : raw;
  });
}

// The bound of both; none if one of them has none.
function lesser(one, other, choose) {
  return one === undefined || other === undefined ? undefined : choose(one, other);
}

function words(members, entries) {
  const some = entries.some((each, index) => each.length < members[index].done.length) ? " Of large studies, an even sample is drawn." : "";
  return `The successful trials, each in the colour of its study. A line is faint where it passes parameters that its trial does not have.${some}`;
}
