// The best loss over the runs: one chart, or a small one for each map index of a mapped task.
import { draw } from "./chart.js";
import { byId, el } from "./dom.js";
import { moment, number, plain } from "./format.js";
import { colour } from "./theme.js";

const MOST_CHARTS = 24;

export function showSeries(runs, { address, nameOf }) {
  const indices = [...new Set(runs.map((run) => run.map_index))].sort((one, other) => one - other);
  const host = byId("best");
  host.classList.toggle("single", indices.length === 1);
  host.replaceChildren(...indices.slice(0, MOST_CHARTS).map((index) => {
    const own = runs.filter((run) => run.map_index === index && run.best_loss !== null && run.at !== null).reverse();
    return figure(own, nameOf(runs.find((run) => run.map_index === index)), address, indices.length > 1);
  }));
  if (indices.length > MOST_CHARTS) host.append(el("p", { class: "quiet" }, `and ${indices.length - MOST_CHARTS} more map indices`));
}

function figure(own, name, address, small) {
  const last = own.at(-1);
  const caption = el("figcaption", {}, [name, last && `${number(last.best_loss)}${gain(own)}`].filter(Boolean).join(": "));
  if (!own.length) return el("figure", {}, caption, el("p", { class: "quiet" }, "no result yet"));
  // A single run is shown as a number; a line needs two.
  if (own.length === 1) return el("figure", {}, small ? caption : null, el("p", { class: "single-number" }, number(last.best_loss)));
  const node = el("div", { class: small ? "chart small" : "chart" });
  chart(node, own, address, small);
  return el("figure", {}, caption, node);
}

function gain(own) {
  if (own.length < 2) return "";
  const [before, last] = own.slice(-2);
  const share = before.best_loss ? (100 * (before.best_loss - last.best_loss)) / Math.abs(before.best_loss) : null;
  if (share === null) return "";
  return share === 0 ? ", as before" : `, ${Math.abs(share).toPrecision(2)} % ${share > 0 ? "better" : "worse"} than the run before`;
}

async function chart(node, own, address, small) {
  const trace = {
    type: "scatter",
    mode: "lines+markers",
    x: own.map((run) => moment(run.at)),
    y: own.map((run) => run.best_loss),
    text: own.map((run) => plain(`${run.run_id}\n${moment(run.at)}`).replace("\n", "<br>")),
    marker: { color: colour("best"), size: small ? 6 : 9 },
    line: { color: colour("best"), width: 1 },
    hovertemplate: "%{text}<br>best loss %{y}<extra></extra>",
  };
  await draw(node, [trace], {
    height: small ? 180 : 300,
    showlegend: false,
    xaxis: { type: "date" },
    yaxis: small ? {} : { title: { text: "best loss" } },
    shapes: changeMarks(own),
  });
  node.removeAllListeners("plotly_click");
  node.on("plotly_click", ({ points }) => (location.href = address(own[points[0].pointNumber])));
}

// A dotted line for each change of the objective's code or of the space.
export function changeMarks(own) {
  const line = { color: colour("quiet"), width: 1, dash: "dot" };
  return own
    .filter((run) => run.changed.length)
    .map((run) => ({ type: "line", x0: moment(run.at), x1: moment(run.at), y0: 0, y1: 1, yref: "paper", line }));
}
