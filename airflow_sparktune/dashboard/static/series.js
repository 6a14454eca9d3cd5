// The best result over the runs: one chart, or a small one for each map index of a mapped task.
import { draw } from "./chart.js";
import { byId, el } from "./dom.js";
import { moment, number, title } from "./format.js";
import { colour } from "./theme.js";

export const DATE = "logical date";
const MOST_CHARTS = 24;

export function showSeries(runs, { address, nameOf }) {
  const indices = [...new Set(runs.map((run) => run.map_index))].sort((one, other) => one - other);
  const host = byId("best");
  host.classList.toggle("single", indices.length === 1);
  host.replaceChildren(...indices.slice(0, MOST_CHARTS).map((index) => {
    const newest = runs.find((run) => run.map_index === index);
    const own = runs.filter((run) => run.map_index === index && run.best_loss !== null && run.at !== null).reverse();
    const alike = own.filter((run) => run.maximize === newest.maximize);
    return figure(alike, nameOf(newest), address, indices.length > 1);
  }));
  if (indices.length > MOST_CHARTS) host.append(el("p", { class: "quiet" }, `and ${indices.length - MOST_CHARTS} more map indices`));
}

function figure(own, name, address, small) {
  const last = own.at(-1);
  const caption = el("figcaption", {}, [name, last && `${number(last.value)}${gain(own)}`].filter(Boolean).join(": "));
  if (!own.length) return el("figure", {}, caption, el("p", { class: "quiet" }, "no result yet"));
  // A single run is shown as a number; a line needs two.
  if (own.length === 1) return el("figure", {}, small ? caption : null, el("p", { class: "single-number" }, number(last.value)));
  const node = el("div", { class: small ? "chart small" : "chart" });
  chart(node, own, address, small, name);
  return el("figure", {}, caption, node);
}

function gain(own) {
  if (own.length < 2) return "";
  const [before, last] = own.slice(-2);
  const share = before.best_loss ? (100 * (before.best_loss - last.best_loss)) / Math.abs(before.best_loss) : null;
  if (share === null) return "";
  return share === 0 ? ", as before" : `, ${Math.abs(share).toPrecision(2)} % ${share > 0 ? "better" : "worse"} than the run before`;
}

function chart(node, own, address, small, caption) {
  const name = `best ${own[0].metric.name}`;
  const series = {
    items: own,
    x: (run) => run.at,
    y: (run) => run.value,
    line: { color: colour("best") },
    dots: { color: colour("best"), size: small ? 6 : 9 },
    text: (run) => [run.run_id, moment(run.at), `${name} ${number(run.value)}`],
  };
  const layout = {
    name: caption ? `${title(name)}: ${caption}` : `${title(name)} of each run`,
    height: small ? 180 : 300,
    x: { kind: "date", name: DATE },
    y: { title: small ? null : name, name },
    verticals: changeMarks(own),
  };
  draw(node, [series], layout, { click: (run) => (location.href = address(run)) });
}

// A dotted line for each change of the objective's code, of the space or of the metric.
export function changeMarks(own) {
  return own.filter((run) => run.changed.length).map((run) => ({ at: run.at }));
}
