// A conditional search space as a tree: each choice with its options, their numbers of trials and best losses.
import { byId, el } from "./dom.js";
import { number, plural } from "./format.js";

export function showTree(model) {
  const conditional = model.dimensions.some((dimension) => dimension.parent);
  byId("tree-section").hidden = !conditional;
  if (conditional) byId("tree").replaceChildren(level(model, undefined, undefined));
}

function level(model, parent, branch) {
  const own = model.dimensions
    .map((dimension, index) => ({ dimension, index }))
    .filter(({ dimension }) => dimension.parent === parent && dimension.branch === branch);
  return el("ul", {}, ...own.map(({ dimension, index }) => entry(model, dimension, index)));
}

function entry(model, dimension, index) {
  if (!Array.isArray(dimension.options)) return el("li", {}, dimension.path, " ", range(dimension));
  const options = dimension.options.map((name, option) => {
    const own = model.searched.filter((trial) => trial.point[index] === option);
    return el("li", {}, el("strong", {}, name), `: ${summary(own, model.metric)}`, level(model, dimension.label, option));
  });
  return el("li", {}, dimension.path, el("ul", {}, ...options));
}

function summary(trials, metric) {
  const losses = trials.filter((trial) => trial.state === "ok").map((trial) => trial.loss);
  const lowest = losses.length ? `, ${metric.extreme} ${number(metric.shown(losses.reduce((one, other) => Math.min(one, other))))}` : "";
  return `${plural(trials.length, "trial")}${lowest}`;
}

function range({ low, high, log }) {
  if (low === undefined || high === undefined) return "";
  return el("span", { class: "quiet" }, `${number(low)} to ${number(high)}${log ? ", log" : ""}`);
}
