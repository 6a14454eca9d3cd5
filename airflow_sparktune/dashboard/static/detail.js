// Everything about one trial: params, timing, the failure with its traceback, what the objective reported.
import { el } from "./dom.js";
import { duration, number } from "./format.js";

export function showDetail(cell, trial) {
  const timing = [
    ["start", moment(trial.start)],
    ["end", moment(trial.end)],
    ["in the objective", duration(trial.run_s)],
    ["slot", number(trial.slot)],
    ["attempt", number(trial.attempt)],
  ];
  const parts = [block("Params", el("pre", {}, JSON.stringify(trial.params, null, 2))), block("Timing", pairs(timing))];
  if (trial.error) {
    parts.unshift(
      block(
        `Failure: ${trial.error.kind}`,
        el("p", {}, trial.error.message),
        trial.error.traceback && el("pre", { class: "traceback", tabindex: "0" }, trial.error.traceback),
      ),
    );
  }
  if (Object.keys(trial.info).length) parts.push(block("Reported by the objective", el("pre", {}, JSON.stringify(trial.info, null, 2))));
  cell.replaceChildren(...parts);
}

function block(title, ...children) {
  return el("div", {}, el("h3", {}, title), ...children);
}

function pairs(entries) {
  return el("dl", {}, ...entries.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function moment(text) {
  return text ? new Date(text).toLocaleString() : "–";
}
