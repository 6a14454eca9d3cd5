// Learning curves: what trials reported, step by step. The best trial, or the one in the panel, is highlighted.
import { draw, extent, thin } from "./chart.js";
import { byId, el } from "./dom.js";
import { number, plural, STATE_WORDS, title } from "./format.js";
import { colour } from "./theme.js";

const MOST_CURVES = 300;
const WIDE = 20; // the ratio of the largest to the smallest loss from which the axis is logarithmic

export function showCurves(model, open) {
  const reported = reportedOf(model);
  const best = reported.find((trial) => trial.number === model.reply.summary.best_number);
  const marked = reported.some((trial) => trial.state === "pruned") ? "; pruned ones are marked where they ended" : "";
  byId("curves-text").textContent = `${title(model.metric.name)} by step of ${plural(reported.length, "trial")}${marked}.`;
  const shown = others(model, reported, best?.number);
  if (best) shown.push(line("best", [[best, model.curves.get(best.number)]], model, { color: colour("best"), width: 2.5 }));
  plot(byId("curves"), shown, model, open);
}

// The curve of one trial against the others', for its panel; null if it has not reported. The details of a trial
// have more points than the overview, but a report has those of the overview only.
export function ownCurve(model, details, open) {
  const curve = details.curve ?? model.curves.get(details.number);
  const own = model.ordered.find((trial) => trial.number === details.number);
  if (!curve || !own) return null;
  const reported = reportedOf(model);
  const node = el("div", { class: "chart small" });
  const highlighted = line(`trial ${own.number}`, [[own, curve]], model, { color: colour("accent"), width: 2.5 });
  const ended = own.state === "pruned" ? [ends("", [[own, curve]], model)] : [];
  const layout = { name: `Learning curve of trial ${own.number}`, height: 180 };
  plot(node, [...others(model, reported, own.number), highlighted, ...ended], model, open, layout);
  return node;
}

function reportedOf(model) {
  return model.ordered.filter((trial) => model.curves.has(trial.number));
}

function others(model, reported, except) {
  const withCurve = (trials) => trials.map((trial) => [trial, model.curves.get(trial.number)]);
  const shown = withCurve(thin(reported.filter((trial) => trial.number !== except), MOST_CURVES));
  const faint = { ...line("trials", shown, model, { color: colour("quiet") }), opacity: 0.35 };
  return [faint, ends("pruned", shown.filter(([trial]) => trial.state === "pruned"), model)];
}

// A series of curves, with a gap between each two. The small dots show a curve of a single point.
function line(name, curves, model, { color, width = 1 }) {
  const items = curves.flatMap(([trial, curve]) => [...pointsOf(trial, curve, model.metric), { step: null, value: null }]);
  return { ...series(name, items, model.metric), line: { color, width }, dots: { color, size: width + 1 } };
}

function ends(name, curves, model) {
  const items = curves.map(([trial, curve]) => pointsOf(trial, curve, model.metric).at(-1));
  return { ...series(name, items, model.metric), dots: { shape: "diamond", color: colour("pruned") } };
}

function series(name, items, metric) {
  const text = ({ trial, step, value }) => [
    `trial ${trial.number}: ${STATE_WORDS[trial.state]}`,
    `step ${step}: ${metric.name} ${number(value)}`,
  ];
  return { name, items, x: ({ step }) => step, y: ({ value }) => value, text };
}

function pointsOf(trial, { steps, losses }, metric) {
  return steps.map((step, index) => ({ trial, step, value: metric.shown(losses[index]) }));
}

function plot(node, shown, { metric }, open, named = {}) {
  const values = shown.flatMap(({ items }) => items.map(({ value }) => value)).filter((value) => value !== null);
  const [least, most] = extent(values);
  const kind = least > 0 && most / least > WIDE ? "log" : "linear";
  const layout = { ...named, x: { title: "step" }, y: { title: metric.name, kind } };
  draw(node, shown, layout, { click: ({ trial }) => open(trial.number) });
}
