// The timeline: one row per slot, one bar per trial in the colour of its state; gaps are idle slots.
import { draw } from "./chart.js";
import { byId } from "./dom.js";
import { duration, number, plural, STATE_WORDS, STATES } from "./format.js";
import { colour } from "./theme.js";

// `open` is called with the number of the trial that was clicked.
export function showTimeline(model, open) {
  // Trials taken over from a cleared study ran before this study started.
  const placed = model.ordered.filter((trial) => trial.slot !== null && trial.start >= model.started);
  const slots = model.reply.summary?.slots ?? 0;
  const rows = Math.max(slots, ...highest(placed));
  const unit = unitOf(model.elapsed);
  const until = model.active ? model.reply.now : (model.reply.attempts.at(-1)?.last ?? 0);
  byId("timeline-text").textContent = words(model, placed, { slots, rows });
  const after = (at) => (at - model.started) / unit.seconds;
  const series = STATES.map((state) => {
    const items = placed.filter((trial) => trial.state === state);
    const bars = {
      color: colour(state),
      from: (trial) => after(trial.start),
      to: (trial) => after(trial.end ?? until),
      row: (trial) => trial.slot,
    };
    const text = (trial) => describe(trial, (trial.end ?? until) - trial.start, model.metric);
    return { name: STATE_WORDS[state], items, bars, text };
  });
  const layout = {
    height: Math.min(640, 60 + rows * Math.max(8, Math.min(24, 400 / Math.max(rows, 1)))),
    x: { title: `${unit.name} since the start`, start: 0 },
    y: { title: rows > slots ? "trials at once" : "slot", range: [rows - 0.5, -0.5], ticks: rowTicks(rows) },
    verticals: model.reply.attempts.slice(1).map((attempt) => ({ at: after(attempt.opened) })),
  };
  draw(byId("timeline"), series, layout, { click: (trial) => open(trial.number) });
}

function rowTicks(rows) {
  const step = Math.ceil(rows / 20);
  return Array.from({ length: Math.ceil(rows / step) }, (_, index) => ({ at: index * step, text: String(index * step) }));
}

function highest(placed) {
  return [placed.reduce((most, trial) => Math.max(most, trial.slot + 1), 1)];
}

function unitOf(seconds) {
  if (seconds < 300) return { name: "seconds", seconds: 1 };
  return seconds < 3 * 3600 ? { name: "minutes", seconds: 60 } : { name: "hours", seconds: 3600 };
}

function describe(trial, seconds, metric) {
  const value = trial.value === null ? "" : `, ${metric.name} ${number(trial.value)}`;
  const origin = trial.origin && ` (${trial.origin})`;
  const line = `trial ${trial.number}${origin}: ${STATE_WORDS[trial.state]}, ${duration(seconds)}${value}`;
  return trial.failure ? [line, trial.failure] : [line];
}

// There may be more rows than slots now: executors have gone, or trials wait inside Spark.
function words(model, placed, { slots, rows }) {
  if (!placed.length) return "No trial has run yet.";
  const busy = model.reply.summary?.utilisation;
  const share = busy === null || busy === undefined ? "" : ` They were busy ${Math.round(busy * 100)} % of the time.`;
  const attempts = model.reply.attempts.length > 1 ? " A dotted line marks the start of another driver attempt." : "";
  const where = rows > slots ? `, ${plural(slots, "slot")} ${model.active ? "now" : "at the end"}` : ` on ${plural(slots, "slot")}`;
  return `${placed.length} trials${where}.${share}${attempts}`;
}
