// Loss by trial, with the running best as a line.
import { draw, thin } from "./chart.js";
import { byId } from "./dom.js";
import { number, plain } from "./format.js";
import { colour } from "./theme.js";

const MOST_DOTS = 1500;

let logChosen = null; // null until somebody decides

export function initLosses(redraw) {
  byId("log-loss").addEventListener("change", (event) => {
    logChosen = event.target.checked;
    redraw();
  });
}

export function showLosses(model) {
  const done = model.ordered.filter((trial) => trial.loss !== null && trial.state !== "running");
  const winners = runningBest(done);
  const log = logScale(done);
  const dots = thin(done, MOST_DOTS, new Set(winners.map((trial) => trial.number)));
  const traces = [
    dotTrace("ok", "circle", dots),
    dotTrace("pruned", "diamond", dots),
    bestTrace(winners, model.ordered.at(-1)),
    ...levels(model),
  ];
  byId("losses-text").textContent = words(done, winners, dots);
  return draw(byId("losses"), traces.filter((trace) => trace.x.length), {
    xaxis: { title: { text: "trial" }, rangemode: "nonnegative" },
    // "D2": labels at 1, 2 and 5 only.
    yaxis: { title: { text: "loss" }, type: log ? "log" : "linear", dtick: log ? "D2" : undefined },
  });
}

function runningBest(done) {
  let least = Infinity;
  return done.filter((trial) => {
    if (trial.state !== "ok" || trial.loss >= least) return false;
    least = trial.loss;
    return true;
  });
}

function logScale(done) {
  const losses = done.map((trial) => trial.loss);
  const least = losses.reduce((one, other) => Math.min(one, other), Infinity);
  const most = losses.reduce((one, other) => Math.max(one, other), -Infinity);
  const box = byId("log-loss");
  box.disabled = !(least > 0);
  box.checked = least > 0 && (logChosen ?? most / least > 10);
  return box.checked;
}

function dotTrace(state, symbol, trials) {
  const own = trials.filter((trial) => trial.state === state);
  return {
    name: state,
    type: "scatter",
    mode: "markers",
    x: own.map((trial) => trial.number),
    y: own.map((trial) => trial.loss),
    marker: { color: colour(state), symbol, size: 6, opacity: 0.65 },
    hovertemplate: `trial %{x}<br>loss %{y}<extra>${plain(state)}</extra>`,
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
    hovertemplate: "best %{y}<extra></extra>",
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

function words(done, winners, dots) {
  if (!winners.length) return "No successful trial yet.";
  const best = winners.at(-1);
  const thinned = dots.length < done.length ? ` Drawn: ${dots.length} of ${done.length} trials.` : "";
  return `Best loss ${number(best.loss)} at trial ${best.number}; it improved ${winners.length - 1} times.${thinned}`;
}
