// The history of a task. Each map index of a mapped task is a separate problem.
import { taskInstances } from "./airflow.js";
import { Champions } from "./champions.js";
import { Chooser } from "./chooser.js";
import { byId, el, fillTable } from "./dom.js";
import { showDrift } from "./drift.js";
import { duration, metricOf, moment, number, pairsText, short } from "./format.js";
import { LiveSource, Lost } from "./source.js";
import { placeOf, subject } from "./selection.js";
import { showSeries } from "./series.js";
import { followTheme } from "./theme.js";

const source = new LiveSource({});
const { dag, task } = placeOf(location.pathname);
const chooser = new Chooser(byId("runs-controls"), "../../../../");
const champions = new Champions(source, { changed: reload, runOf });
let runs = [];

// Add to each run its date, the previous one of the same map index, the changes since then, and Airflow's names. The
// newest date comes first: runs of a backfill are as old as their data, not as their start.
function connect(reply, instances) {
  const known = new Map(instances.map((each) => [`${each.dag_run_id} ${each.map_index}`, each]));
  const measured = reply.runs.map((run) => {
    const metric = metricOf(run.summary.maximize);
    const instance = known.get(`${run.run_id} ${run.map_index}`);
    const mapped = instance?.rendered_map_index ?? null;
    return { ...run.summary, ...run, metric, value: metric.shown(run.summary.best_loss), at: dateOf(run, instance), mapped };
  });
  measured.sort((one, other) => (other.at ?? 0) - (one.at ?? 0));
  return measured.map((run, index) => {
    const before = measured.slice(index + 1).find((each) => each.map_index === run.map_index) ?? null;
    return { ...run, before, changed: changes(run, before) };
  });
}

// The logical date of a run, in seconds since 1970. A run that assets have triggered has none.
function dateOf(run, instance) {
  if (instance?.logical_date) return Date.parse(instance.logical_date) / 1000;
  return run.data_at ?? (instance?.run_after ? Date.parse(instance.run_after) / 1000 : run.started);
}

function changes(run, before) {
  if (!before) return [];
  const found = [];
  if (run.code !== before.code) found.push("code");
  if (run.space !== before.space) found.push("space");
  if (run.maximize !== before.maximize) found.push("metric");
  return found;
}

function notice(title, ...lines) {
  const text = lines.filter(Boolean).map((line) => el("p", {}, line));
  byId("notices").replaceChildren(el("div", { class: "notice empty" }, el("h2", {}, title), ...text));
}

function show(reply, instances) {
  document.title = byId("title").textContent = `Tuning history: ${reply.title}`;
  byId("history").hidden = !reply.runs.length;
  if (!reply.runs.length) {
    notice("No tuning yet", "This page shows the result of each run's tuning.", reply.message);
    return;
  }
  runs = connect(reply, instances);
  const mapped = runs.some((run) => run.map_index >= 0);
  const columns = columnsOf(mapped);
  const rows = runs.map((run) => el("tr", {}, ...columns.map(([, cell]) => td(cell(run)))));
  fillTable(byId("runs"), columns.map(([name]) => name), rows);
  byId("best-title").textContent = `Best ${runs[0].metric.name} of each run`;
  byId("best-text").textContent = words(reply);
  champions.show(reply.champions);
  showCharts();
}

function showCharts() {
  champions.chart();
  showSeries(runs, { address, nameOf: indexName });
  showDrift(runs, { address });
}

function words(reply) {
  const done = runs.filter((run) => run.best_loss !== null && run.phase === "done");
  const left = reply.left_out ? ` ${reply.left_out} older runs are not shown.` : "";
  const spent = runs.reduce((sum, run) => sum + run.trials_s, 0);
  const compared = done.length > 1 ? " Results of different runs may have been measured on different data." : "";
  return `${done.length} of ${runs.length} runs ended with a result; their trials took ${duration(spent)}.${compared}${left}`;
}

function columnsOf(mapped) {
  const columns = [
    ["", (run) => chooser.box(subject(dag, task, run.run_id, run.map_index, run.generation), run.run_id)],
    ["Run", (run) => el("a", { href: address(run), title: run.run_id }, run.run_id)],
    ["Logical date", (run) => moment(run.at)],
    ["State", (run) => run.problem ?? run.texts.ended ?? run.texts.state],
    [`Best ${runs[0].metric.name}`, (run) => (run.value === null ? "" : number(run.value))],
    ["vs. previous run", change],
    ["Changed", (run) => run.changed.join(", ")],
    ["Trials", (run) => run.texts.trials ?? ""],
    ["Duration", (run) => duration(run.elapsed_s)],
    ["Time in trials", (run) => duration(run.trials_s)],
    ["Slot-hours", (run) => (run.reserved_slot_hours ? number(run.reserved_slot_hours) : "")],
    ["used", (run) => (run.used_slot_hours ? `${number(run.used_slot_hours)} (${Math.round(100 * run.utilisation)} %)` : "")],
    ["for the last gain", (run) => (run.last_improvement_slot_hours ? number(run.last_improvement_slot_hours) : "")],
    ["Best params", (run) => wide(pairsText(run.best))],
  ];
  if (runs.some((run) => run.note)) columns.splice(3, 0, ["Note", (run) => wide(run.note ?? "")]);
  if (runs.some((run) => run.saved_slot_hours)) {
    columns.splice(-1, 0, ["saved by pruning", (run) => (run.saved_slot_hours ? number(run.saved_slot_hours) : "")]);
  }
  if (runs.some((run) => run.decision)) columns.splice(4, 0, ["Decision", (run) => wide(run.texts.decision ?? "")]);
  if (mapped) columns.splice(2, 0, ["Map index", indexName]);
  return columns;
}

function td(content) {
  return el("td", { class: typeof content === "string" ? null : "text" }, content);
}

function wide(text) {
  return el("span", { title: text }, text);
}

function indexName(run) {
  if (run.map_index < 0) return "";
  if (run.segment) return run.segment;
  return run.mapped && run.mapped !== String(run.map_index) ? `${run.mapped} (${run.map_index})` : `map index ${run.map_index}`;
}

function address(run) {
  const index = run.map_index < 0 ? "" : `?map_index=${run.map_index}`;
  return `runs/${encodeURIComponent(run.run_id)}/${index}`;
}

function runOf(entry) {
  if (entry.folder === null) return "";
  const found = runs.find((run) => run.folder === entry.folder && run.map_index === entry.map_index);
  const run = found ?? { run_id: entry.folder, map_index: entry.map_index };
  const query = new URLSearchParams({ generation: entry.generation, ...(run.map_index >= 0 && { map_index: run.map_index }) });
  return el("a", { href: `runs/${encodeURIComponent(run.run_id)}/?${query}`, title: run.run_id }, short(run.run_id, 40));
}

function change(run) {
  if (run.best_loss === null || !run.before || run.before.best_loss === null) return "";
  if (run.maximize !== run.before.maximize) return "";
  const difference = run.best_loss - run.before.best_loss;
  if (difference === 0) return "the same";
  const arrow = run.value < run.before.value ? "▼" : "▲";
  return `${arrow} ${difference < 0 ? "better" : "worse"} by ${number(Math.abs(difference))}`;
}

async function load() {
  const instances = await taskInstances();
  const ids = [...new Set(instances.map((each) => each.dag_run_id))];
  show(await source.patient("history", { run: ids }), instances);
}

function reload() {
  return load().catch((error) => {
    if (!(error instanceof Lost)) throw error;
    notice("The history cannot be shown", error.message);
  });
}

followTheme(() => runs.length && showCharts());
reload();
