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
  const params = el("pre", {}, JSON.stringify(trial.params, null, 2));
  const parts = [block("Params", params), block("Timing", pairs(timing))];
  if (trial.error) {
    parts.unshift(
      block(
        `Failure: ${trial.error.kind}`,
        el("p", {}, trial.error.message),
        trial.error.traceback && el("pre", { class: "traceback", tabindex: "0" }, trial.error.traceback),
      ),
    );
  }
  for (const [name, value] of Object.entries(trial.info)) {
    if (!isSeries(value)) continue;
    parts.push(block(`${name}: ${value.length} values, the last ${number(value.at(-1))}`, sparkline(value)));
  }
  if (Object.keys(trial.info).length) {
    parts.push(block("Reported by the objective", el("pre", {}, JSON.stringify(trial.info))));
  }
  cell.replaceChildren(...parts);
}

// A list of numbers that the objective reported, such as its loss epoch by epoch.
function sparkline(values) {
  const least = Math.min(...values);
  const span = Math.max(...values) - least || 1;
  const step = 100 / (values.length - 1);
  const points = values.map((value, index) => `${step * index},${30 - (30 * (value - least)) / span}`);
  const space = "http://www.w3.org/2000/svg";
  const [picture, line] = [document.createElementNS(space, "svg"), document.createElementNS(space, "polyline")];
  picture.setAttribute("class", "sparkline");
  picture.setAttribute("viewBox", "0 0 100 30");
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("aria-hidden", "true"); // the numbers stand below
  line.setAttribute("points", points.join(" "));
  picture.append(line);
  return picture;
}

function isSeries(value) {
  return Array.isArray(value) && value.length > 1 && value.every((item) => typeof item === "number");
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
