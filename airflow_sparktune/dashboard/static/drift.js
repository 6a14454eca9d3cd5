// The best params over the runs.
import { draw } from "./chart.js";
import { byId, el } from "./dom.js";
import { number } from "./format.js";
import { changeMarks, DATE } from "./series.js";
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

function chart(node, own, name, address) {
  const items = own.filter((run) => run.best[name] !== undefined);
  const values = items.map((run) => run.best[name]);
  const numeric = values.every((value) => typeof value === "number");
  const names = numeric ? [] : [...new Set(values.map(String))];
  const wide = numeric && values.every((value) => value > 0) && Math.max(...values) / Math.min(...values) > 20;
  const margin = (own.at(-1).at - own[0].at) / 20 + 1;
  const series = {
    items,
    x: (run) => run.at,
    y: (run) => (numeric ? run.best[name] : names.indexOf(String(run.best[name]))),
    line: { color: colour("accent"), steps: true },
    dots: { color: colour("accent"), size: 6 },
    text: (run) => [run.run_id, `${name} = ${number(run.best[name])}`],
  };
  const named = { ticks: names.map((text, at) => ({ at, text })), range: [-0.6, names.length - 0.4] };
  const layout = {
    name: `Best ${name} over the runs`,
    height: 180,
    // Every chart has the same dates, even if a param was active in only one run.
    x: { kind: "date", name: DATE, range: [own[0].at - margin, own.at(-1).at + margin] },
    y: { name, ...(numeric ? { kind: wide ? "log" : "linear" } : named) },
    verticals: changeMarks(own),
  };
  draw(node, [series], layout, { click: (run) => (location.href = address(run)) });
}
