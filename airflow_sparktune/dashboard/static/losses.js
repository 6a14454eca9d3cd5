// The loss or score by trial, or another number that the objective returned, with the best so far as a line.
import { draw, logKind, logScale } from "./chart.js";
import { byId, el } from "./dom.js";
import { number, short, STATE_WORDS, title, valueOf } from "./format.js";
import { recall, recalled } from "./links.js";
import { colour } from "./theme.js";

const MARKED = ["warm start", "champion"]; // origins with separate marks
const NAMED_PARAMS = 8; // in the hover text

const SCALES = { log: true, linear: false };

let logChosen = SCALES[recalled("scale")] ?? null; // null until the user decides
let chosen = recalled("y") ?? ""; // the metric on the y axis; "" is the loss

export function initLosses(redraw) {
  byId("log-loss").addEventListener("change", (event) => {
    logChosen = event.target.checked;
    recall("scale", logChosen ? "log" : "linear");
    redraw();
  });
  byId("y-axis").addEventListener("change", (event) => {
    chosen = event.target.value;
    recall("y", chosen);
    redraw();
  });
}

export function showLosses(model, open) {
  const { metric } = model;
  const shown = model.metrics.includes(chosen) ? chosen : "";
  offerMetrics(model.metrics, metric.name, shown);
  const read = shown ? (trial) => trial.metrics[shown] ?? null : (trial) => trial.value;
  const done = model.searched.filter((trial) => read(trial) !== null && trial.state !== "running");
  const ended = (...states) => model.searched.filter((trial) => states.includes(trial.state));
  const pruned = ended("pruned");
  const failed = ended("failed", "cancelled");
  const lowest = shown ? [] : improvements(done.filter((trial) => !trial.beyond));
  const log = logScale(byId("log-loss"), done.map(read), logChosen);
  const from = (origin) => done.filter((trial) => trial.origin === origin);
  const others = done.filter((trial) => !MARKED.includes(trial.origin));
  const text = (trial) => hoverText(trial, model);
  const dotsOf = (state, trials, dots, name = STATE_WORDS[state]) => {
    const items = trials.filter((trial) => trial.state === state);
    return { name, items, x: numberOf, y: read, dots: { color: colour(state), ...dots }, opacity: 0.7, text };
  };
  const series = [
    dotsOf("ok", others.filter((trial) => !trial.beyond), {}),
    dotsOf("ok", others.filter((trial) => trial.beyond), { shape: "ring" }, "beyond a guardrail"),
    dotsOf("ok", from("warm start"), { shape: "square", size: 9 }, "warm start"),
    dotsOf("ok", from("champion"), { shape: "star", size: 12, color: colour("incumbent") }, "champion"),
    edgeSeries("pruned", pruned, { shape: "diamond", color: colour("pruned") }, text),
    edgeSeries("failed or cut off", failed, { shape: "cross", size: 8, color: colour("failed") }, text),
    lowestSeries(lowest, model.searched.at(-1), metric),
    ...(shown ? [] : levels(model)),
    ...guardrails(model, shown || metric.name),
  ];
  byId("losses-title").textContent = `${shown || title(metric.name)} by trial`;
  byId("losses-text").textContent = words(done, lowest, [...pruned, ...failed], model);
  const layout = {
    x: { title: "trial", start: 0 },
    y: { title: shown || metric.name, kind: log ? logKind(done.map(read)) : "linear" },
  };
  draw(byId("losses"), series, layout, { click: (trial) => open(trial.number) });
}

// The hover text of a trial, as lines.
export function hoverText(trial, { dimensions, metric }) {
  const lines = [`trial ${trial.number}${trial.value === null ? "" : `: ${metric.name} ${number(trial.value)}`}`];
  if (trial.origin) lines.push(trial.origin);
  const active = dimensions.map((each, index) => [each, trial.point[index]]).filter(([, raw]) => raw !== null);
  for (const [dimension, raw] of active.slice(0, NAMED_PARAMS)) {
    lines.push(`${dimension.path} = ${short(valueOf(dimension, raw), 40)}`);
  }
  if (active.length > NAMED_PARAMS) lines.push(`and ${active.length - NAMED_PARAMS} more`);
  if (trial.failure) lines.push(short(trial.failure, 80));
  return lines;
}

function numberOf(trial) {
  return trial.number;
}

function offerMetrics(metrics, first, shown) {
  const box = byId("y-axis");
  box.parentElement.hidden = !metrics.length;
  if (box.options.length === metrics.length + 1 && box.options[0].text === first) return;
  const names = ["", ...metrics];
  box.replaceChildren(...names.map((name) => el("option", { value: name, selected: name === shown }, name || first)));
}

// The trials with a lower loss than all before them.
export function improvements(done) {
  let least = Infinity;
  return done.filter((trial) => {
    if (trial.state !== "ok" || trial.loss >= least) return false;
    least = trial.loss;
    return true;
  });
}

// Trials without a value: their marks are at the lower edge.
function edgeSeries(name, items, dots, text) {
  return { name, items, x: numberOf, y: () => 0.02, edge: true, dots, text };
}

function lowestSeries(lowest, last, { extreme }) {
  const items = lowest.map((trial) => ({ at: trial.number, value: trial.value }));
  if (lowest.length) items.push({ at: last.number, value: items.at(-1).value });
  const line = { color: colour("best"), width: 2, steps: true };
  return { name: `${extreme} so far`, items, x: ({ at }) => at, y: ({ value }) => value, line };
}

function levels({ reply, searched, metric }) {
  if (!searched.length) return [];
  const last = searched.at(-1).number;
  const { loss_threshold: threshold } = reply.limits;
  const { incumbent = null, incumbent_loss: inProduction = null } = reply.retuning ?? {};
  const found = [];
  if (threshold !== null && threshold !== undefined) {
    found.push(level(`${metric.name} threshold`, 0, last, threshold, { color: colour("quiet"), dash: [6, 4] }));
  }
  if (incumbent !== null && inProduction !== null) {
    const line = { color: colour("incumbent"), width: 1.5, dash: [2, 3] };
    found.push(level("in production today", incumbent, last, metric.shown(inProduction), line));
  }
  return found;
}

// The bounds of a metric. Those relative to the incumbent are known once that has run.
function guardrails({ reply, searched }, name) {
  const bounds = Object.entries(reply.limits.guardrails?.[name] ?? {});
  if (!searched.length) return [];
  return bounds
    .filter(([, at]) => typeof at === "number")
    .filter(([bound]) => !bound.endsWith("drop") && !bound.endsWith("rise"))
    .map(([bound, at]) => level(`${bound.replace("_", " ")} of ${name}`, 0, searched.at(-1).number, at, { color: colour("failed"), dash: [6, 4] }));
}

function level(name, from, to, at, line) {
  return { name, items: [from, to], x: (place) => place, y: () => at, line };
}

function words(done, lowest, failed, { metric, reply: { summary } }) {
  const crosses = failed.length ? ` Trials without a ${metric.name} (${failed.length}) are marked at the lower edge.` : "";
  if (!lowest.length) return `${done.length} trials with a value.${crosses}`;
  const last = lowest.at(-1);
  const times = lowest.length === 2 ? "once" : `${lowest.length - 1} times`;
  const noisy = summary.noise === null ? "" : ` A single trial may be lucky: the result is the trial with the best expected ${metric.name}.`;
  return `${title(metric.extreme)} ${metric.name} ${number(last.value)} at trial ${last.number}; it improved ${times}.${noisy}${crosses}`;
}
