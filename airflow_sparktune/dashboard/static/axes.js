// An axis for a dimension: raw numbers to places between 0 and 1 and back, with ticks in words.
import { number, short, valueOf } from "./format.js";

export function axesOf(model) {
  const trials = model.ordered;
  return model.dimensions.map((dimension, index) => {
    const read = (trial) => trial.point[index] ?? null;
    return axis({ ...dimension, read, words: (raw) => valueOf(dimension, raw) }, trials);
  });
}

export function lossAxis(model) {
  const trials = model.ordered.filter((trial) => trial.state === "ok");
  return axis({ label: "loss", read: (trial) => (trial.state === "ok" ? trial.loss : null), words: number }, trials);
}

function axis({ label, options, low, high, log, read, words }, trials) {
  const [from, to] = options ? [0, Math.max(options.length - 1, 1)] : bounds(low, high, trials, read);
  const logarithmic = Boolean(log) && from > 0;
  const span = logarithmic ? Math.log(to / from) : to - from;
  const place = (raw) => (span ? (logarithmic ? Math.log(raw / from) : raw - from) / span : 0.5);
  const raw = (at) => (logarithmic ? from * Math.exp(at * span) : from + at * span);
  const ticks = Array.isArray(options) ? options.map((_, each) => each) : [0, 0.25, 0.5, 0.75, 1].map(raw);
  return {
    label,
    options: Array.isArray(options) ? options : null,
    log: logarithmic,
    read,
    place,
    raw,
    words,
    ticks: ticks.map((each) => ({ at: place(each), text: short(words(each), 18) })),
  };
}

// What the space says; a normal dimension has no bounds, and a rounded value may lie beside them.
function bounds(low, high, trials, read) {
  let [from, to] = [low ?? Infinity, high ?? -Infinity];
  for (const trial of trials) {
    const value = read(trial);
    if (value === null) continue;
    from = Math.min(from, value);
    to = Math.max(to, value);
  }
  return from <= to ? [from, to] : [0, 1];
}
