// The runs of a task: what changed from one to the next, and the columns of their table.
import { column } from "./columns.js";
import { el } from "./dom.js";
import { duration, metricOf, number, pairsText } from "./format.js";
import { studyQuery } from "./selection.js";

// Add to each run its date, the previous one of the same map index, the changes since then, and Airflow's names. The
// newest date comes first: runs of a backfill are as old as their data, not as their start.
export function connect(found, instances) {
  const known = new Map(instances.map((each) => [`${each.dag_run_id} ${each.map_index}`, each]));
  const measured = found.map((run) => {
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

export function indexName(run) {
  if (run.map_index < 0) return "";
  if (run.segment) return run.segment;
  return run.mapped && run.mapped !== String(run.map_index) ? `${run.mapped} (${run.map_index})` : `map index ${run.map_index}`;
}

// The page of a run's study, or of a segment's in it.
export function address(run, segment = null) {
  const query = studyQuery({ index: run.map_index, segment });
  return `runs/${encodeURIComponent(run.run_id)}/${query.size ? `?${query}` : ""}`;
}

export function keyOf(run) {
  return [run.run_id, indexName(run)].filter(Boolean).join(", ");
}

export function columnsOf(runs) {
  const some = (has) => runs.some(has);
  return [
    { key: "run", title: "Run", value: (run) => run.run_id, cell: (run) => el("a", { href: address(run), title: run.run_id }, run.run_id), wide: true },
    some((run) => run.map_index >= 0) && { key: "index", title: "Map index", value: (run) => indexName(run) || null },
    some((run) => run.segments !== null) && { key: "segments", title: "Segments", kind: "number", value: (run) => run.segments },
    { key: "date", title: "Logical date", kind: "date", value: (run) => run.at },
    some((run) => run.note) && { key: "note", title: "Note", wide: true, value: (run) => run.note },
    some((run) => run.decision) && { key: "decision", title: "Decision", wide: true, value: (run) => run.texts.decision ?? null },
    { key: "state", title: "State", value: (run) => run.problem ?? run.texts.ended ?? run.texts.state },
    some(alone) && { key: "best", title: `Best ${runs[0].metric.name}`, kind: "number", value: (run) => run.value },
    some(alone) && { key: "gain", title: "vs. previous run", kind: "number", unit: "better by", value: gain, text: gainText },
    some(alone) && { key: "changed", title: "Changed", value: (run) => run.changed.join(", ") || null },
    { key: "trials", title: "Trials", kind: "number", wide: true, value: (run) => run.trials, text: (run) => run.texts.trials ?? "" },
    { key: "duration", title: "Duration", ...seconds((run) => run.elapsed_s) },
    { key: "spent", title: "Time in trials", off: true, ...seconds((run) => run.trials_s) },
    { key: "reserved", title: "Slot-hours", ...hours((run) => run.reserved_slot_hours) },
    { key: "used", title: "Slot-hours used", ...hours((run) => run.used_slot_hours), text: used },
    { key: "last", title: "Slot-hours to the last gain", off: true, ...hours((run) => run.last_improvement_slot_hours) },
    some((run) => run.saved_slot_hours) && { key: "saved", title: "Slot-hours saved by pruning", ...hours((run) => run.saved_slot_hours) },
    some(alone) && { key: "params", title: "Best params", wide: true, value: (run) => pairsText(run.best) || null },
  ].filter(Boolean).map(column);
}

// Returns true if a run has a single study, and not one for each segment.
function alone({ segments }) {
  return segments === null;
}

function seconds(value) {
  return { kind: "number", unit: "s", value, text: (run) => ((value(run) ?? null) === null ? "" : duration(value(run))) };
}

function hours(value) {
  return { kind: "number", value: (run) => value(run) || null };
}

function used(run) {
  return run.used_slot_hours ? `${number(run.used_slot_hours)} (${Math.round(100 * run.utilisation)} %)` : "";
}

// By how much a run's loss is lower than that of the run before, or its score higher.
function gain(run) {
  if (!run.before || run.best_loss === null || run.before.best_loss === null) return null;
  return run.maximize === run.before.maximize ? run.before.best_loss - run.best_loss : null;
}

function gainText(run) {
  const difference = gain(run);
  if (!difference) return difference === 0 ? "the same" : "";
  const arrow = run.value < run.before.value ? "▼" : "▲";
  return `${arrow} ${difference > 0 ? "better" : "worse"} by ${number(Math.abs(difference))}`;
}
