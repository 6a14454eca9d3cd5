// The columns of the browser of studies: a row for each task that tunes, and for each of its segments.
import { column } from "./columns.js";
import { el } from "./dom.js";
import { metricOf, minute, moment, number, title } from "./format.js";
import { comparisonOf, subject } from "./selection.js";
import { trend } from "./trend.js";

// The reasons why a person should look, the most urgent first.
const ATTENTION = { failed: "failed", lost: "lost", approval: "approval", old: "old champion", kept: "often kept" };
const PHASES = ["waiting", "starting", "running", "done", "failed", "killed", "lost"];
const DECISIONS = ["first", "replaced", "kept", "proposed", "outdated", "promoted", "restored"];

// Ids may have dots, but no blanks: `a.b c` and `a b.c` are two tasks.
export function keyOf({ dag_id: dag, task_id: task, segment, map_index: index }) {
  const part = segment === null ? index >= 0 && `map index ${index}` : `segment ${segment}`;
  return `${dag} ${task}${part ? `, ${part}` : ""}`;
}

export function historyAddress(row) {
  return `dags/${encodeURIComponent(row.dag_id)}/tasks/${encodeURIComponent(row.task_id)}/`;
}

export function studyAddress({ last, ...row }) {
  const index = last.map_index < 0 ? "" : `?map_index=${last.map_index}`;
  return `${historyAddress(row)}runs/${encodeURIComponent(last.run_id)}/${index}`;
}

// The page that compares the last studies of these rows.
export function compareAddress(rows) {
  return comparisonOf("", rows.map(({ dag_id: dag, task_id: task, last }) => subject(dag, task, last.run_id, last.map_index, last.generation)));
}

// What needs a person comes first, the most urgent before the others; then the newest.
export function byUrgency(one, other) {
  const reasons = Object.keys(ATTENTION);
  const rank = (row) => Math.min(reasons.length, ...row.attention.map(({ kind }) => reasons.indexOf(kind)));
  return rank(one) - rank(other) || (other.last.started ?? 0) - (one.last.started ?? 0);
}

export function columnsOf(rows) {
  const some = (has) => rows.some(has);
  return [
    { key: "dag", title: "DAG", value: (row) => row.dag_id, cell: (row) => el("a", { href: historyAddress(row) }, row.dag_id) },
    { key: "task", title: "Task", value: (row) => row.task_id, cell: (row) => el("a", { href: historyAddress(row) }, row.task_id) },
    some((row) => row.segment !== null) && { key: "segment", title: "Segment", value: (row) => row.segment },
    some((row) => row.segment === null && row.map_index >= 0) && { key: "index", title: "Map index", kind: "number", value: (row) => (row.map_index < 0 ? null : row.map_index) },
    { key: "attention", title: "Attention", choices: Object.values(ATTENTION), value: attention, text: (row) => attention(row) ?? "", cell: badges },
    { key: "state", title: "State", choices: PHASES, value: ({ last }) => last.phase, cell: state },
    { key: "when", title: "Last study", kind: "date", value: ({ last }) => last.started, cell: study },
    { key: "best", title: "Best", kind: "number", value: best, cell: bestCell },
    { key: "trend", title: "Trend", kind: "number", unit: "% worse than the study before", value: change, cell: curve },
    { key: "decision", title: "Decision", choices: DECISIONS, value: ({ last }) => last.decision?.kind ?? null, cell: decision },
    { key: "champion", title: "Champion", wide: true, value: ({ champion }) => champion?.params ?? null },
    { key: "since", title: "Since", kind: "date", value: ({ champion }) => champion?.since ?? null, cell: ({ champion }) => (champion ? el("span", { title: moment(champion.since) }, day(champion.since)) : "") },
    { key: "cost", title: "Slot-hours", kind: "number", value: ({ last }) => last.slot_hours },
    { key: "reason", title: "Reason", wide: true, off: true, value: (row) => row.attention.map(({ text }) => text).join("; ") || null },
    { key: "why", title: "Why", wide: true, off: true, value: ({ last }) => last.decision?.text ?? null },
    { key: "by", title: "By", wide: true, off: true, value: ({ champion }) => champion?.by ?? null },
    { key: "championloss", title: "Champion's result", kind: "number", off: true, value: ({ champion }) => (champion ? metricOf(champion.maximize).shown(champion.loss) : null) },
    { key: "found", title: "Champion found in", wide: true, off: true, value: ({ champion }) => champion?.study ?? null },
    { key: "run", title: "Run", wide: true, off: true, value: ({ last }) => last.run_id },
    { key: "trials", title: "Trials", kind: "number", off: true, value: ({ last }) => last.trials },
    { key: "studies", title: "Studies", kind: "number", off: true, value: (row) => row.studies },
    some(({ last }) => last.note) && { key: "note", title: "Note", wide: true, value: ({ last }) => last.note },
  ].filter(Boolean).map(column);
}

function attention(row) {
  return row.attention.map(({ kind }) => ATTENTION[kind]).join(", ") || null;
}

function badges(row) {
  return el("span", { class: "badges" }, ...row.attention.map(({ kind, text }) => el("span", { class: `badge ${kind}`, title: text }, ATTENTION[kind])));
}

function state({ last }) {
  return el("span", { class: `phase ${last.phase}`, title: last.problem ?? last.texts.ended ?? null }, last.problem ? "unreadable" : last.phase);
}

function study(row) {
  const { run_id: run, started } = row.last;
  return el("a", { href: studyAddress(row), title: run }, started === null ? run : minute(started));
}

function best({ last }) {
  return metricOf(last.maximize).shown(last.best);
}

function bestCell(row) {
  const value = best(row);
  return value === null ? "" : el("span", {}, number(value), el("span", { class: "quiet" }, ` ${metricOf(row.last.maximize).name}`));
}

// By how many percent the last result is worse than the one before.
function change({ recent }) {
  const [before, last] = recent.map((each) => each.best).filter((each) => each !== null).slice(-2);
  return before && last !== undefined ? (100 * (last - before)) / Math.abs(before) : null;
}

function curve({ recent, last }) {
  const { shown, name } = metricOf(last.maximize);
  return trend(recent.map((each) => shown(each.best)), recent.map((each) => each.decision), name);
}

function decision({ last }) {
  if (!last.decision) return "";
  const { kind, text } = last.decision;
  return el("strong", { class: `decision ${kind}`, title: text }, title(kind));
}

function day(at) {
  return moment(at).slice(0, 10);
}
