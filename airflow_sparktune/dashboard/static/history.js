// The history of a task. Each map index of a mapped task is a separate problem.
import { taskInstances } from "./airflow.js";
import { Champions } from "./champions.js";
import { byId, el } from "./dom.js";
import { showDrift } from "./drift.js";
import { duration } from "./format.js";
import { copyLink } from "./links.js";
import { address, columnsOf, connect, indexName, keyOf } from "./runs.js";
import { comparisonOf, placeOf, studyQuery, subject } from "./selection.js";
import { showSeries } from "./series.js";
import { failureOf, LiveSource } from "./source.js";
import { Table } from "./table.js";
import { followTheme } from "./theme.js";
import { weeksTable } from "./weeks.js";

const ROOT = "../../../../";
const source = new LiveSource({});
const { dag, task } = placeOf(location.pathname);
const name = `${dag}.${task}`;
const table = new Table(byId("runs-section"), {
  name: "runs",
  noun: "run",
  sort: "-date",
  keyOf,
  open: (run) => (location.href = address(run)),
  file: () => ["runs", name],
  compareAddress: (chosen) => comparisonOf(ROOT, chosen.map((run) => subject(dag, task, run.run_id, run.map_index, run.generation))),
});
const champions = new Champions(source, { changed: reload, studyOf, task: name });
const weeks = weeksTable({ address, task: name });
let runs = [];

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
  runs = connect(reply.runs, instances);
  weeks.show(reply, runs);
  byId("best-section").hidden = runs.every((run) => run.segments !== null);
  table.show(runs, columnsOf(runs), reply.left_out ? `, ${reply.left_out} older ones are not shown` : "");
  byId("best-title").textContent = `Best ${runs[0].metric.name} of each run`;
  byId("best-text").textContent = words();
  champions.show(reply.champions);
  showCharts();
}

function showCharts() {
  champions.chart();
  showSeries(runs, { address, nameOf: indexName });
  showDrift(runs, { address });
}

function words() {
  const done = runs.filter((run) => (run.segments !== null || run.best_loss !== null) && run.phase === "done");
  const spent = runs.reduce((sum, run) => sum + run.trials_s, 0);
  const compared = done.length > 1 ? " Results of different runs may have been measured on different data." : "";
  return `${done.length} of ${runs.length} runs ended with a result; their trials took ${duration(spent)}.${compared}`;
}

// The name and the address of an entry's study, null if it is not one of this task.
function studyOf(entry) {
  if (entry.folder === null) return null;
  const run = runs.find(({ folder, map_index: index }) => folder === entry.folder && index === entry.map_index);
  const name = run?.run_id ?? entry.folder;
  return { name, href: `runs/${encodeURIComponent(name)}/?${studyQuery({ ...entry, index: entry.map_index })}` };
}

async function load() {
  const instances = await taskInstances();
  const ids = [...new Set(instances.map((each) => each.dag_run_id))];
  show(await source.patient("history", { run: ids }), instances);
}

function reload() {
  return load().catch((error) => notice("The history cannot be shown", failureOf(error)));
}

byId("actions").append(copyLink());
followTheme(() => runs.length && showCharts());
reload();
