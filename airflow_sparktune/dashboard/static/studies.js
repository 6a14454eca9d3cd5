// The browser of all studies and champions. The rows stream in, one JSON object a line.
import { byId, el, fillTable } from "./dom.js";
import { metricOf, moment, number } from "./format.js";
import { followTheme } from "./theme.js";

async function* lines(path) {
  const response = await fetch(path, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`the server answered with ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const whole = (rest + part.value).split("\n");
    rest = whole.pop();
    for (const line of whole) yield JSON.parse(line);
  }
}

function address(row) {
  const index = row.last.map_index < 0 ? "" : `?map_index=${row.last.map_index}`;
  const [dag, task, run] = [row.dag_id, row.task_id, row.last.run_id].map(encodeURIComponent);
  return `dags/${dag}/tasks/${task}/runs/${run}/${index}`;
}

function cells(row) {
  const best = metricOf(row.last.maximize).shown(row.last.best);
  return [
    row.dag_id,
    row.task_id,
    row.segment ?? "",
    el("a", { href: address(row) }, row.last.run_id),
    row.last.phase,
    best === null ? "" : number(best),
    row.last.decision?.kind ?? "",
    moment(row.last.started),
  ];
}

async function load() {
  const names = ["DAG", "Task", "Segment", "Last study", "State", "Best", "Decision", "Started"];
  const rows = [];
  for await (const row of lines("studies")) {
    if (!row.end) rows.push(el("tr", {}, ...cells(row).map((cell) => el("td", {}, cell))));
  }
  fillTable(byId("tasks"), names, rows);
}

followTheme(() => {});
load();
