// The best params over the runs.
import { draw, logAxis } from "./chart.js";
import { byId, el } from "./dom.js";
import { moment, number, plain } from "./format.js";
import { changeMarks } from "./series.js";
import { colour } from "./theme.js";

const MOST_CHARTS = 24;

// For unmapped tasks only, because each map index is a separate problem.
export function showDrift(runs, { address }) {
  const own = runs.filter((run) => run.map_index < 0 && run.phase === "done" && run.at !== null).reverse();
  const names = [...new Set(own.flatMap((run) => Object.keys(run.best)))].slice(0, MOST_CHARTS);
  const shown = own.length > 1 && names.length > 0;
  byId("drift-section").hidden = !shown;
  if (!shown) return;
  const nodes = names.map(() => el("div", { class: "chart small" }));
  const figures = names.map((name, index) => el("figure", {}, el("figcaption", {}, name), nodes[index]));
  byId("drift").replaceChildren(...figures);
  names.forEach((name, index) => chart(nodes[index], own, name, address));
}

async function chart(node, own, name, address) {
  const active = own.filter((run) => run.best[name] !== undefined);
  const values = active.map((run) => run.best[name]);
  const numeric = values.every((value) => typeof value === "number");
  const wide = numeric && values.every((value) => value > 0) && Math.max(...values) / Math.min(...values) > 20;
  const margin = (own.at(-1).at - own[0].at) / 20 + 1;
  const trace = {
    type: "scatter",
    mode: "lines+markers",
    x: active.map((run) => moment(run.at)),
    y: numeric ? values : values.map((value) => plain(value)),
    text: active.map((run) => `${plain(run.run_id)}<br>${plain(name)} = ${plain(number(run.best[name]))}`),
    marker: { color: colour("accent"), size: 6 },
    line: { color: colour("accent"), width: 1, shape: "hv" },
    hovertemplate: "%{text}<extra></extra>",
  };
  await draw(node, [trace], {
    height: 180,
    showlegend: false,
    margin: { l: 56, r: 8, t: 8, b: 30 },
    // Every chart has the same dates, even if a param was active in only one run.
    xaxis: { type: "date", range: [own[0].at, own.at(-1).at].map((at, side) => moment(at + (side ? margin : -margin))) },
    yaxis: wide ? logAxis(values) : { type: numeric ? "linear" : "category" },
    shapes: changeMarks(own),
  });
  node.removeAllListeners("plotly_click");
  node.on("plotly_click", ({ points }) => (location.href = address(active[points[0].pointNumber])));
}
