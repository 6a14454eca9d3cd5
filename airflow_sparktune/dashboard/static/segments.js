// The page of an application: a table of its segments, each of which has a page of its own.
import { TaskInstance } from "./airflow.js";
import { byId, el } from "./dom.js";
import { showFigures } from "./figures.js";
import { number, title } from "./format.js";
import { generationBox, showTitle } from "./head.js";
import { copyLink } from "./links.js";
import { byUrgency, columnsOf, SegmentsModel, sentence } from "./segment_rows.js";
import { rememberOrder } from "./segment_way.js";
import { comparisonOf, indexIn, placeOf, studyQuery, subject } from "./selection.js";
import { follow, LiveSource } from "./source.js";
import { stopButton } from "./stop.js";
import { Table } from "./table.js";
import { followTheme } from "./theme.js";

const ENDED = ["success", "failed", "upstream_failed", "skipped", "removed"]; // states of the task
const ROOT = "../../../../../../";
const query = new URLSearchParams(location.search);
const task = new TaskInstance(query);
const source = new LiveSource(query, task);
const model = new SegmentsModel();
const { dag, task: name, run } = placeOf(location.pathname);
const index = indexIn(query);
const table = new Table(byId("segments-section"), {
  name: "segments",
  noun: "segment",
  keyOf: (row) => row.segment,
  open: (row) => (location.href = address(row)),
  file: () => ["segments", `${dag}.${name}`, run],
  compareAddress: (rows) => comparisonOf(ROOT, rows.map((row) => subject(dag, name, run, index, model.reply.generation, null, row.segment))),
  changed: () => viewed(),
});
let trouble = null;
let mayEdit = false;

// The address of a segment's page.
function address(row) {
  return `?${studyQuery({ index, generation: model.reply.generation, segment: row.segment })}`;
}

// The query of this application, even when the task has been cleared since.
function thisApplication() {
  return studyQuery({ index, generation: model.reply.generation });
}

function show(changed) {
  const { reply } = model;
  byId("application").hidden = false;
  showActions();
  showTitle(reply, task.current);
  if (!changed) return;
  const over = model.idle || ENDED.includes(task.state);
  const phase = model.active ? "running" : model.settled ? "done" : over ? "failed" : "waiting";
  byId("headline").replaceChildren(el("span", { class: `phase ${phase}` }, title(phase)), el("span", {}, sentence(model)));
  const rows = byUrgency(model.rows);
  table.show(rows, columnsOf(rows, address), reply.unread ? `, reading ${reply.unread} more` : "");
  viewed();
}

// The figures, and the order of the table, which its filters change.
function viewed() {
  if (!model.reply) return;
  rememberOrder(table.found().map((row) => row.segment), model.reply.generation);
  const { rows } = model;
  const waiting = rows.filter((row) => row.attention.length).length;
  const replaced = rows.filter((row) => row.changed).length;
  const figures = [
    [`${model.count("done")} of ${model.reply.segments}`, "done", { state: "done" }],
    [replaced, "changed production", { production: "changed" }],
    [number(rows.reduce((sum, row) => sum + (row.slot_hours ?? 0), 0)), "slot-hours", null],
    [waiting, waiting === 1 ? "needs a person" : "need a person", { attention: "*" }],
  ];
  showFigures(byId("figures"), figures, table);
}

function showActions() {
  const { generations, generation } = model.reply;
  const host = byId("actions");
  const stoppable = mayEdit && model.active;
  const signature = `${generations}|${generation}|${stoppable}`;
  if (host.dataset.signature === signature) return;
  host.dataset.signature = signature;
  const nodes = [el("a", { class: "button", href: "../../" }, "History of this task"), copyLink(thisApplication)];
  if (generations.length > 1) nodes.unshift(generationBox(query, generations, generation));
  if (stoppable) nodes.unshift(stopButton("Stop all and keep the best", () => source.stop(model), showTrouble));
  host.replaceChildren(...nodes);
}

function showTrouble(message) {
  if (message === trouble) return;
  trouble = message;
  byId("notices").replaceChildren(...(message ? [el("div", { class: "notice bad" }, el("p", {}, message))] : []));
}

// Only users who may edit the task instance may stop its studies.
source.may("stop").then((may) => {
  mayEdit = may;
  if (model.reply) showActions();
});
followTheme(() => {});
follow({ study: () => source.segments(model) }, model, { news: show, trouble: showTrouble });
