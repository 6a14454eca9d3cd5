// The columns of the browser of studies: a row for each task that tunes, and for each of its segments.
import { attentionColumn, decisionColumn, reasonColumn, stateColumn, urgency, whyColumn } from "./attention.js";
import { column } from "./columns.js";
import { el } from "./dom.js";
import { metricOf, minute, moment, number, plural } from "./format.js";
import { comparisonOf, folderOf, studyPage, subject } from "./selection.js";
import { trend } from "./trend.js";

// Ids may have dots, but no blanks: `a.b c` and `a b.c` are two tasks.
export function keyOf({ dag_id: dag, task_id: task, segment, map_index: index }) {
  const part = segment === null ? index >= 0 && `map index ${index}` : `segment ${segment}`;
  return `${dag} ${task}${part ? `, ${part}` : ""}`;
}

export function historyAddress(row) {
  return folderOf("", { dag: row.dag_id, task: row.task_id });
}

export function studyAddress({ last, ...row }) {
  return studyPage("", { dag: row.dag_id, task: row.task_id, run: last.run_id, index: last.map_index });
}

// The page that compares the last studies of these rows.
export function compareAddress(rows) {
  return comparisonOf("", rows.map(({ dag_id: dag, task_id: task, last }) => subject(dag, task, last.run_id, last.map_index, last.generation)));
}

// The rows that need a person come first, the most urgent before the others; then the newest.
export function byUrgency(one, other) {
  return urgency(one) - urgency(other) || (other.last.started ?? 0) - (one.last.started ?? 0);
}

export function columnsOf(rows) {
  const some = (has) => rows.some(has);
  return [
    { key: "dag", title: "DAG", value: (row) => row.dag_id, cell: (row) => el("a", { href: historyAddress(row) }, row.dag_id) },
    { key: "task", title: "Task", value: (row) => row.task_id, cell: (row) => el("a", { href: historyAddress(row) }, row.task_id) },
    some((row) => row.segment !== null || row.segments !== null) && { key: "segment", title: "Segment", value: segmentOf, cell: (row) => (row.segments === null ? segmentOf(row) ?? "" : el("a", { href: studyAddress(row) }, segmentOf(row))) },
    some((row) => row.segment === null && row.map_index >= 0) && { key: "index", title: "Map index", kind: "number", value: (row) => (row.map_index < 0 ? null : row.map_index) },
    attentionColumn,
    stateColumn(lastOf),
    { key: "when", title: "Last study", kind: "date", value: ({ last }) => last.started, cell: study },
    { key: "best", title: "Best", kind: "number", value: best, cell: bestCell },
    { key: "trend", title: "Trend", kind: "number", unit: "% worse than the study before", value: change, cell: curve },
    decisionColumn(lastOf),
    { key: "champion", title: "Champion", wide: true, value: ({ champion }) => champion?.params ?? null },
    { key: "since", title: "Since", kind: "date", value: ({ champion }) => champion?.since ?? null, cell: ({ champion }) => (champion ? el("span", { title: moment(champion.since) }, day(champion.since)) : "") },
    { key: "cost", title: "Slot-hours", kind: "number", value: ({ last }) => last.slot_hours },
    reasonColumn,
    whyColumn(lastOf),
    { key: "by", title: "By", wide: true, off: true, value: ({ champion }) => champion?.by ?? null },
    { key: "championloss", title: "Champion's result", kind: "number", off: true, value: ({ champion }) => (champion ? metricOf(champion.maximize).shown(champion.loss) : null) },
    { key: "found", title: "Champion found in", wide: true, off: true, value: ({ champion }) => champion?.study ?? null },
    { key: "run", title: "Run", wide: true, off: true, value: ({ last }) => last.run_id },
    { key: "trials", title: "Trials", kind: "number", off: true, value: ({ last }) => last.trials },
    { key: "studies", title: "Studies", kind: "number", off: true, value: (row) => row.studies },
    some(({ last }) => last.note) && { key: "note", title: "Note", wide: true, value: ({ last }) => last.note },
  ].filter(Boolean).map(column);
}

function segmentOf({ segment, segments }) {
  return segments === null ? segment : plural(segments, "segment");
}

function lastOf({ last }) {
  return { ...last, end: last.texts.ended };
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

function day(at) {
  return moment(at).slice(0, 10);
}
