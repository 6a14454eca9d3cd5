// The loss by trial, or another number that the objective returned, with the best so far as a line.
import { draw, extent, logAxis, onClick, thin } from "./chart.js";
import { byId, el } from "./dom.js";
import { number, originOf, plain, short, STATE_WORDS, valueOf } from "./format.js";
import { colour } from "./theme.js";

const MOST_DOTS = 1500;
const MARKED = ["warm_start", "incumbent"]; // origins with separate marks
const NAMED_PARAMS = 8; // in the hover text

let logChosen = null; // null until the user decides
let shown = ""; // the metric on the y axis; "" is the loss

export function initLosses(redraw) {
  byId("log-loss").addEventListener("change", (event) => {
    logChosen = event.target.checked;
    redraw();
  });
  byId("y-axis").addEventListener("change", (event) => {
    shown = event.target.value;
    redraw();
  });
}

export function showLosses(model, open) {
  offerMetrics(model.metrics);
  const read = shown ? (trial) => trial.metrics[shown] ?? null : (trial) => trial.loss;
  const done = model.searched.filter((trial) => read(trial) !== null && trial.state !== "running");
  const failed = model.searched.filter((trial) => trial.state === "failed" || trial.state === "cancelled");
  const winners = shown ? [] : runningBest(done);
  const log = logScale(done.map(read));
  const dots = thin(done, MOST_DOTS, new Set(winners.map((trial) => trial.number)));
  const from = (origin) => dots.filter((trial) => trial.origin === origin);
  const others = dots.filter((trial) => !MARKED.includes(trial.origin));
  const traces = [
    dotTrace("ok", "circle", others, read, model),
    dotTrace("ok", "square-open", from("warm_start"), read, model, "from an earlier study"),
    dotTrace("ok", "star", from("incumbent"), read, model, "incumbent"),
    dotTrace("pruned", "diamond", dots, read, model),
    failedTrace(thin(failed, MOST_DOTS), model),
    bestTrace(winners, model.searched.at(-1)),
    ...(shown ? [] : levels(model)),
  ];
  byId("losses-title").textContent = `${shown || "Loss"} by trial`;
  byId("losses-text").textContent = words(done, winners, dots, failed);
  const node = byId("losses");
  return draw(node, traces.filter((trace) => trace.x.length), {
    xaxis: { title: { text: "trial" }, rangemode: "nonnegative" },
    yaxis: { title: { text: plain(short(shown || "loss")) }, ...(log ? logAxis(done.map(read)) : { type: "linear" }) },
    // Failed trials have no loss: their marks are at the lower edge.
    yaxis2: { overlaying: "y", range: [0, 1], visible: false, fixedrange: true },
  }).then(() => onClick(node, open));
}

// The hover text of a trial.
export function hoverText(trial, dimensions) {
  const lines = [`trial ${trial.number}${trial.loss === null ? "" : `: loss ${number(trial.loss)}`}`];
  if (originOf(trial)) lines.push(originOf(trial));
  const active = dimensions.map((each, index) => [each, trial.point[index]]).filter(([, raw]) => raw !== null);
  for (const [dimension, raw] of active.slice(0, NAMED_PARAMS)) {
    lines.push(`${dimension.path} = ${short(valueOf(dimension, raw), 40)}`);
  }
  if (active.length > NAMED_PARAMS) lines.push(`and ${active.length - NAMED_PARAMS} more`);
  if (trial.failure) lines.push(short(trial.failure, 80));
  return lines.map(plain).join("<br>");
}

function offerMetrics(metrics) {
  const box = byId("y-axis");
  box.parentElement.hidden = !metrics.length;
  if (box.options.length === metrics.length + 1) return;
  const names = ["", ...metrics];
  box.replaceChildren(...names.map((name) => el("option", { value: name, selected: name === shown }, name || "loss")));
}

function runningBest(done) {
  let least = Infinity;
  return done.filter((trial) => {
    if (trial.state !== "ok" || trial.loss >= least) return false;
    least = trial.loss;
    return true;
  });
}

function logScale(values) {
  const [least, most] = extent(values);
  const box = byId("log-loss");
  box.disabled = !(least > 0);
  box.checked = least > 0 && (logChosen ?? most / least > 10);
  return box.checked;
}

function dotTrace(state, symbol, trials, read, model, name = STATE_WORDS[state]) {
  const own = trials.filter((trial) => trial.state === state);
  return {
    name,
    type: "scatter",
    mode: "markers",
    x: own.map((trial) => trial.number),
    y: own.map(read),
    text: own.map((trial) => hoverText(trial, model.dimensions)),
    customdata: own.map((trial) => trial.number),
    marker: markerOf(state, symbol),
    hovertemplate: "%{text}<extra></extra>",
  };
}

function markerOf(state, symbol) {
  if (symbol === "star") return { color: colour("incumbent"), symbol, size: 12 };
  if (symbol === "square-open") return { color: colour(state), symbol, size: 9, line: { width: 2 } };
  return { color: colour(state), symbol, size: 7, opacity: 0.7 };
}

function failedTrace(failed, model) {
  return {
    name: "failed or cut off",
    type: "scatter",
    mode: "markers",
    yaxis: "y2",
    x: failed.map((trial) => trial.number),
    y: failed.map(() => 0.02),
    text: failed.map((trial) => hoverText(trial, model.dimensions)),
    customdata: failed.map((trial) => trial.number),
    marker: { color: colour("failed"), symbol: "x-thin", size: 8, line: { color: colour("failed"), width: 2 } },
    hovertemplate: "%{text}<extra></extra>",
  };
}

function bestTrace(winners, last) {
  const x = winners.map((trial) => trial.number);
  const y = winners.map((trial) => trial.loss);
  if (winners.length) {
    x.push(last.number);
    y.push(y.at(-1));
  }
  return {
    name: "best so far",
    type: "scatter",
    mode: "lines",
    x,
    y,
    line: { color: colour("best"), width: 2, shape: "hv" },
    hoverinfo: "skip",
  };
}

function levels({ reply, searched }) {
  if (!searched.length) return [];
  const last = searched.at(-1).number;
  const { loss_threshold: threshold } = reply.limits;
  const { incumbent = null, incumbent_loss: inProduction = null } = reply.retuning ?? {};
  const traces = [];
  if (threshold !== null && threshold !== undefined) {
    traces.push(level("loss threshold", 0, last, threshold, { color: colour("quiet"), width: 1, dash: "dash" }));
  }
  if (incumbent !== null && inProduction !== null) {
    const line = { color: colour("incumbent"), width: 1.5, dash: "dot" };
    traces.push(level("in production today", incumbent, last, inProduction, line));
  }
  return traces;
}

function level(name, from, to, at, line) {
  const hovertemplate = `${name} %{y}<extra></extra>`;
  return { name, type: "scatter", mode: "lines", x: [from, to], y: [at, at], line, hovertemplate };
}

function words(done, winners, dots, failed) {
  const thinned = dots.length < done.length ? ` The chart shows ${dots.length} of ${done.length} trials.` : "";
  const crosses = failed.length ? ` Trials without a loss (${failed.length}) are marked at the lower edge.` : "";
  if (!winners.length) return `${done.length} trials with a value.${thinned}${crosses}`;
  const best = winners.at(-1);
  const times = winners.length === 2 ? "once" : `${winners.length - 1} times`;
  return `Best loss ${number(best.loss)} at trial ${best.number}; it improved ${times}.${crosses}${thinned}`;
}
