// A task's tunings over its runs.
import { draw } from "./chart.js";
import { byId, el } from "./dom.js";
import { duration, number, plain, STATES } from "./format.js";
import { LiveSource, Lost } from "./source.js";
import { colour, followTheme } from "./theme.js";

const COLUMNS = ["Run", "Started", "Stopped by", "Best loss", "Run before", "Trials", "Duration", "Best params"];

let reply = null;

function notice(title, ...lines) {
  const text = lines.filter(Boolean).map((line) => el("p", {}, line));
  byId("notices").replaceChildren(el("div", { class: "notice empty" }, el("h2", {}, title), ...text));
}

function show() {
  document.title = byId("title").textContent = `Tuning history: ${reply.title}`;
  byId("history").hidden = !reply.runs.length;
  if (!reply.runs.length) {
    notice("No tuning yet", "This page shows what the tunings of this task came to, run by run.", reply.message);
    return;
  }
  byId("runs").tHead.replaceChildren(el("tr", {}, ...COLUMNS.map((name) => el("th", { scope: "col" }, name))));
  byId("runs").tBodies[0].replaceChildren(...reply.runs.map((run, index) => row(run, before(index))));
  showBest();
}

// The run before it, of the same map index.
function before(index) {
  const { map_index: mapIndex } = reply.runs[index];
  return reply.runs.slice(index + 1).find((run) => run.map_index === mapIndex);
}

function row(run, previous) {
  const name = el("td", { class: "text" }, el("a", { href: address(run) }, nameOf(run)));
  const cells = [
    run.started ? new Date(run.started).toLocaleString() : "–",
    run.phase === "closed" ? run.stop_reason : run.phase,
    number(run.best_loss),
    change(run, previous),
    counts(run),
    duration(run.elapsed_s),
  ];
  const params = el("td", { class: "text" }, run.best_params === null ? "–" : JSON.stringify(run.best_params));
  return el("tr", {}, name, ...cells.map((cell) => el("td", {}, String(cell))), params);
}

function nameOf(run) {
  return run.map_index < 0 ? run.run_id : `${run.run_id}, map index ${run.map_index}`;
}

function address(run) {
  const index = run.map_index < 0 ? "" : `?map_index=${run.map_index}`;
  return `runs/${encodeURIComponent(run.run_id)}/${index}`;
}

function change(run, previous) {
  if (run.best_loss === null || !previous || previous.best_loss === null) return "–";
  const difference = run.best_loss - previous.best_loss;
  if (difference === 0) return "the same";
  return `${difference < 0 ? "▼ better by" : "▲ worse by"} ${number(Math.abs(difference))}`;
}

function counts(run) {
  const others = STATES.filter((state) => state !== "ok" && run.counts[state]);
  return [run.trials, ...others.map((state) => `${run.counts[state]} ${state}`)].join(", ");
}

function showBest() {
  const runs = reply.runs.filter((run) => run.best_loss !== null && run.started).reverse();
  const left = reply.left_out ? ` ${reply.left_out} older runs are left out.` : "";
  byId("best-text").textContent = `${runs.length} runs with a result.${left}`;
  const trace = {
    type: "scatter",
    mode: "lines+markers",
    x: runs.map((run) => run.started),
    y: runs.map((run) => run.best_loss),
    text: runs.map((run) => plain(nameOf(run))),
    marker: { color: colour("best"), size: 9 },
    line: { color: colour("best"), width: 1 },
    hovertemplate: "%{text}<br>best loss %{y}<extra></extra>",
  };
  const node = byId("best");
  const layout = { showlegend: false, xaxis: { type: "date" }, yaxis: { title: { text: "best loss" } } };
  draw(node, [trace], layout).then(() => {
    node.removeAllListeners("plotly_click");
    node.on("plotly_click", ({ points }) => (location.href = address(runs[points[0].pointNumber])));
  });
}

followTheme(() => reply?.runs.length && showBest());
new LiveSource({}).get("history", {}).then(
  (answer) => {
    reply = answer;
    show();
  },
  (error) => {
    if (!(error instanceof Lost)) throw error;
    notice("The history cannot be shown", error.message);
  },
);
