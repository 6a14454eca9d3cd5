// The charts of a confirmation: the repeats as pairs, and the differences.
import { nameOf } from "./confirmation.js";
import { draw } from "./chart.js";
import { byId } from "./dom.js";
import { number } from "./format.js";
import { colour } from "./theme.js";

const HEIGHT = 260;

// One column per configuration; a thin line joins the repeats with the same seed.
export function showPairs({ reply, metric }, open) {
  const columns = reply.retuning.contenders.map((each, at) => ({ each, at }));
  const most = Math.max(0, ...columns.map(({ each }) => each.losses.length));
  const repeats = Array.from({ length: most }, (_, repeat) => repeatSeries(columns, repeat, metric));
  const means = columns.map((column) => meanSeries(column, metric));
  const layout = {
    name: `Comparison with production: ${metric.name} in each repeat`,
    height: HEIGHT,
    x: { ticks: columns.map(({ each, at }) => ({ at, text: nameOf(each) })), range: [-0.5, columns.length - 0.5] },
    y: { title: metric.name },
    fixed: true,
  };
  draw(byId("confirmation-pairs"), [...repeats, ...means], layout, { click: ({ each }) => open(each.number) });
}

function repeatSeries(columns, repeat, metric) {
  const value = ({ each }) => metric.shown(each.losses[repeat]);
  return {
    items: columns.filter((column) => value(column) !== null),
    x: ({ at }) => at - 0.12,
    y: value,
    line: { color: colour("quiet"), width: 0.7 },
    dots: { color: colour("quiet"), size: 5 },
    opacity: 0.6,
    text: (column) => [`${nameOf(column.each)}, repeat ${repeat + 1}: ${number(value(column))}`],
  };
}

function meanSeries(column, metric) {
  const { each } = column;
  const color = colour(each.incumbent ? "incumbent" : each.standing === "won" ? "best" : "accent");
  const mean = metric.shown(each.mean);
  return {
    items: mean === null ? [] : [column],
    x: ({ at }) => at + 0.12,
    y: () => mean,
    dots: { color, size: 10, shape: each.incumbent ? "star" : "circle" },
    errors: { color, y: () => each.std_error ?? 0 },
    text: () => [`${nameOf(each)}: mean of ${each.n}: ${number(mean)}`],
  };
}

// One row per candidate: the mean difference, its standard error, and the bound that decides.
export function showDifferences({ reply }, open) {
  const compared = reply.retuning.contenders.filter((each) => each.difference !== null).reverse();
  const node = byId("confirmation-differences");
  node.parentElement.hidden = !compared.length;
  if (!compared.length) return;
  const rows = compared.map((each, at) => ({ each, at }));
  const layout = {
    name: "Comparison with production: differences",
    height: HEIGHT,
    x: { title: "better by" },
    y: { ticks: rows.map(({ each, at }) => ({ at, text: nameOf(each) })), range: [-0.6, rows.length - 0.4] },
    verticals: [{ at: 0, solid: true }],
    fixed: true,
  };
  draw(node, rows.flatMap(differenceSeries), layout, { click: ({ each }) => open(each.number) });
}

function differenceSeries(row) {
  const { each, at } = row;
  const color = colour(each.standing === "won" ? "best" : "accent");
  const bound = each.bound ?? each.difference;
  const [x, y] = [(value) => value, () => at];
  return [
    { items: [bound, each.difference], x, y, line: { color } },
    { items: [bound], x, y, dots: { color, shape: "tick", size: 14 } },
    {
      items: [row],
      x: () => each.difference,
      y,
      dots: { color, size: 9 },
      errors: { color, width: 4, x: () => each.difference_error ?? 0 },
      text: () => [`${nameOf(each)}: ${number(each.difference)}, at least ${number(each.bound)}`],
    },
  ];
}
