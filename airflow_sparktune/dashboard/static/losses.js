// Loss by trial, with the running best as a line; or another number that the objective returned.
import { draw, extent, logAxis, onClick, thin } from "./chart.js";
import { byId, el } from "./dom.js";
import { number, plain, short, STATE_WORDS, valueOf } from "./format.js";
import { colour } from "./theme.js";

const MOST_DOTS = 1500;
const NAMED_PARAMS = 8; // in the text under the pointer

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
  const done = model.ordered.filter((trial) => read(trial) !== null && trial.state !== "running");
  const failed = model.ordered.filter((trial) => trial.state === "failed" || trial.state === "cancelled");
  const winners = shown ? [] : runningBest(done);
  const log = logScale(done.map(read));
  const dots = thin(done, MOST_DOTS, new Set(winners.map((trial) => trial.number)));
  const traces = [
    dotTrace("ok", "circle", dots, read, model),
    dotTrace("pruned", "diamond", dots, read, model),
    failedTrace(thin(failed, MOST_DOTS), model),
    bestTrace(winners, model.ordered.at(-1)),
    ...(shown ? [] : levels(model)),
  ];
  byId("losses-title").textContent = `${shown || "Loss"} by trial`;
  byId("losses-text").textContent = words(done, winners, dots, failed);
  const node = byId("losses");
  return draw(node, traces.filter((trace) => trace.x.length), {
    xaxis: { title: { text: "trial" }, rangemode: "nonnegative" },
    yaxis: { title: { text: plain(short(shown || "loss")) }, ...(log ? logAxis(done.map(read)) : { type: "linear" }) },
    // Failed trials have no loss: their marks stand at the lower edge.
    yaxis2: { overlaying: "y", range: [0, 1], visible: false, fixedrange: true },
  }).then(() => onClick(node, open));
}

// A trial in words, for the pointer.
export function hoverText(trial, dimensions) {
  const lines = [`trial ${trial.number}${trial.loss === null ? "" : `: loss ${number(trial.loss)}`}`];
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

function dotTrace(state, symbol, trials, read, model) {
  const own = trials.filter((trial) => trial.state === state);
  return {
    name: STATE_WORDS[state],
    type: "scatter",
    mode: "markers",
    x: own.map((trial) => trial.number),
    y: own.map(read),
    text: own.map((trial) => hoverText(trial, model.dimensions)),
    customdata: own.map((trial) => trial.number),
    marker: { color: colour(state), symbol, size: 7, opacity: 0.7 },
    hovertemplate: "%{text}<extra></extra>",
  };
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

function levels({ reply, ordered }) {
  const threshold = reply.limits.loss_threshold;
  if (threshold === null || threshold === undefined || !ordered.length) return [];
  return [
    {
      name: "loss threshold",
      type: "scatter",
      mode: "lines",
      x: [0, ordered.at(-1).number],
      y: [threshold, threshold],
      line: { color: colour("quiet"), width: 1, dash: "dash" },
      hovertemplate: "loss threshold %{y}<extra></extra>",
    },
  ];
}

function words(done, winners, dots, failed) {
  const thinned = dots.length < done.length ? ` Drawn: ${dots.length} of ${done.length} trials.` : "";
  const crosses = failed.length ? ` Trials without a loss (${failed.length}) are marked at the lower edge.` : "";
  if (!winners.length) return `${done.length} trials with a value.${thinned}${crosses}`;
  const best = winners.at(-1);
  const times = winners.length === 2 ? "once" : `${winners.length - 1} times`;
  return `Best loss ${number(best.loss)} at trial ${best.number}; it improved ${times}.${crosses}${thinned}`;
}
