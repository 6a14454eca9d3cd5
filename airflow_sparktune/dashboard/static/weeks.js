// The segments of a task over its runs: the best result and the decision in each run.
import { decisionColumn, PHASES } from "./attention.js";
import { column } from "./columns.js";
import { byId, el } from "./dom.js";
import { metricOf, minute, number } from "./format.js";
import { Table } from "./table.js";
import { trend } from "./trend.js";

const SHOWN = 4; // runs with a column at first
const CHANGES = ["first", "replaced"];

// `address(run, segment)` is that of a segment's page, `task` names the file.
export function weeksTable({ address, task }) {
  const table = new Table(byId("weeks-section"), {
    name: "weeks",
    noun: "segment",
    plural: "segments",
    keyOf: (row) => row.segment,
    file: () => ["segments", task],
    open: (row) => (location.href = address(row.runs[newest(row)], row.segment)),
  });
  return {
    // `runs` are those of the reply with their dates.
    show({ weeks, segments, runs: sent }, runs) {
      byId("weeks-section").hidden = !segments.length;
      if (!segments.length) return;
      const shown = weeks.map((index) => runs.find(({ folder, map_index: place }) => folder === sent[index].folder && place === sent[index].map_index));
      const rows = segments.map((row) => ({ ...row, runs: shown, shown: row.values.map(metricOf(row.maximize).shown) }));
      table.show(rows, columnsOf(shown, rows, address));
    },
  };
}

function columnsOf(runs, rows, address) {
  const metric = metricOf(rows[0].maximize);
  return [
    { key: "segment", title: "Segment", wide: true, value: (row) => row.segment, cell: (row) => el("a", { href: address(runs[newest(row)], row.segment), title: row.segment }, row.segment) },
    { key: "state", title: "State", choices: PHASES, value: (row) => row.phases[0] ?? "not in the last run" },
    decisionColumn(({ decisions: [kind] }) => ({ decision: kind && { kind, text: null } })),
    { key: "changes", title: "Changes", kind: "number", value: (row) => row.decisions.filter((kind) => CHANGES.includes(kind)).length },
    { key: "trend", title: "Trend", kind: "number", unit: "% worse than the run before", value: change, cell: (row) => trend(row.shown.toReversed(), row.decisions.toReversed(), metric.name) },
    ...runs.map((run, index) => ({
      key: `run ${run.run_id}`,
      title: run.at ? minute(run.at).slice(0, 10) : run.run_id,
      kind: "number",
      off: index >= SHOWN,
      value: (row) => row.shown[index],
      cell: (row) => week(row, index, address, run),
    })),
  ].map(column);
}

function week({ segment, shown, decisions, phases }, index, address, run) {
  if (phases[index] === null) return "";
  const kind = decisions[index];
  const text = shown[index] === null ? phases[index] : number(shown[index]);
  return el("a", { href: address(run, segment), class: CHANGES.includes(kind) ? "changed" : "", title: kind ?? phases[index] }, text);
}

// The newest run that the segment was in.
function newest({ phases }) {
  return phases.findIndex((phase) => phase !== null);
}

function change({ values }) {
  const [last, before] = values.filter((value) => value !== null);
  return before && last !== undefined ? (100 * (last - before)) / Math.abs(before) : null;
}
