// The charts of a confirmation: the repeats as pairs, and the differences.
import { nameOf } from "./confirmation.js";
import { draw, onClick } from "./chart.js";
import { byId } from "./dom.js";
import { number } from "./format.js";
import { colour } from "./theme.js";

const HEIGHT = 260;

// One column per configuration; a thin line joins the repeats with the same seed.
export function showPairs({ reply }, open) {
  const { contenders } = reply.retuning;
  const most = Math.max(0, ...contenders.map((each) => each.losses.length));
  const repeats = Array.from({ length: most }, (_, repeat) => pairTrace(contenders, repeat));
  const node = byId("confirmation-pairs");
  const layout = { height: HEIGHT, showlegend: false, xaxis: columns(contenders), yaxis: { title: { text: "loss" } } };
  return draw(node, [...repeats, ...contenders.map(meanTrace)], layout).then(() => onClick(node, open));
}

function columns(contenders) {
  return {
    tickvals: contenders.map((_, at) => at),
    ticktext: contenders.map(nameOf),
    range: [-0.5, contenders.length - 0.5],
    zeroline: false,
  };
}

function pairTrace(contenders, repeat) {
  const own = contenders.map((each, at) => [each, at]).filter(([each]) => (each.losses[repeat] ?? null) !== null);
  return {
    type: "scatter",
    mode: "lines+markers",
    x: own.map(([, at]) => at - 0.12),
    y: own.map(([each]) => each.losses[repeat]),
    customdata: own.map(([each]) => each.number),
    text: own.map(([each]) => `${nameOf(each)}, repeat ${repeat + 1}`),
    line: { color: colour("quiet"), width: 0.7 },
    marker: { color: colour("quiet"), size: 5 },
    opacity: 0.6,
    hovertemplate: "%{text}: %{y}<extra></extra>",
  };
}

function meanTrace(each, at) {
  const color = colour(each.incumbent ? "incumbent" : each.standing === "won" ? "best" : "accent");
  return {
    type: "scatter",
    mode: "markers",
    x: each.mean === null ? [] : [at + 0.12],
    y: each.mean === null ? [] : [each.mean],
    customdata: [each.number],
    text: [`${nameOf(each)}: mean of ${each.n}`],
    marker: { color, size: 10, symbol: each.incumbent ? "star" : "circle" },
    error_y: { type: "data", array: [each.std_error ?? 0], color, thickness: 2, width: 6 },
    hovertemplate: "%{text}: %{y}<extra></extra>",
  };
}

// One row per candidate: the mean difference, its standard error, and the bound that decides.
export function showDifferences({ reply }, open) {
  const compared = reply.retuning.contenders.filter((each) => each.difference !== null).reverse();
  const node = byId("confirmation-differences");
  node.parentElement.hidden = !compared.length;
  if (!compared.length) return undefined;
  const zero = { type: "line", x0: 0, x1: 0, y0: 0, y1: 1, yref: "paper", line: { color: colour("ink"), width: 1 } };
  const layout = {
    height: HEIGHT,
    showlegend: false,
    shapes: [zero],
    xaxis: { title: { text: "better by" }, zeroline: false },
    yaxis: { tickvals: compared.map((_, at) => at), ticktext: compared.map(nameOf), range: [-0.6, compared.length - 0.4], zeroline: false },
  };
  return draw(node, compared.flatMap(differenceTraces), layout).then(() => onClick(node, open));
}

function differenceTraces(each, at) {
  const color = colour(each.standing === "won" ? "best" : "accent");
  const bound = each.bound ?? each.difference;
  const text = `${nameOf(each)}: ${number(each.difference)}, at least ${number(each.bound)}`;
  return [
    {
      type: "scatter",
      mode: "lines+markers",
      x: [bound, each.difference],
      y: [at, at],
      line: { color, width: 1 },
      marker: { color, symbol: "line-ns", size: 14, line: { color, width: [2, 0] } },
      hoverinfo: "skip",
    },
    {
      type: "scatter",
      mode: "markers",
      x: [each.difference],
      y: [at],
      customdata: [each.number],
      text: [text],
      marker: { color, size: 9 },
      error_x: { type: "data", array: [each.difference_error ?? 0], color, thickness: 4, width: 0 },
      hovertemplate: "%{text}<extra></extra>",
    },
  ];
}
