// An axis for a dimension: maps raw numbers to positions between 0 and 1 and back, and has labelled ticks.
import { number, short, valueOf } from "./format.js";

export function axesOf(model) {
  const trials = model.searched;
  return model.dimensions.map((dimension, index) => {
    const read = (trial) => trial.point[index] ?? null;
    const words = (raw) => valueOf(dimension, raw);
    return axis({ ...dimension, label: dimension.path, read, words }, trials);
  });
}

// The axes of the metrics that guardrails limit.
export function limitedAxes(model) {
  const names = Object.keys(model.reply.limits.guardrails ?? {}).filter((name) => model.metrics.includes(name));
  return names.map((name) => axis({ label: name, read: (trial) => trial.metrics[name] ?? null, words: number }, model.searched));
}

export function lossAxis(model) {
  const trials = model.searched.filter((trial) => trial.state === "ok");
  const read = (trial) => (trial.state === "ok" ? trial.value : null);
  return axis({ label: model.metric.name, read, words: number }, trials);
}

// `read` returns the raw number of an item of `trials`, or null.
export function axis({ label, options, low, high, log, read, words }, trials) {
  const [from, to] = options ? [0, Math.max(options.length - 1, 1)] : bounds(low, high, trials, read);
  const logarithmic = Boolean(log) && from > 0;
  const span = logarithmic ? Math.log(to / from) : to - from;
  const place = (raw) => (span ? (logarithmic ? Math.log(raw / from) : raw - from) / span : 0.5);
  const raw = (at) => (logarithmic ? from * Math.exp(at * span) : from + at * span);
  const named = Array.isArray(options) ? options : null;
  return {
    label,
    options: named,
    log: logarithmic,
    bounds: [from, to],
    read,
    place,
    raw,
    words,
    ticks: ticksOf(named, from, to, logarithmic, raw).map((each) => ({ at: place(each), text: short(words(each), 18) })),
  };
}

// Each option, the powers of ten on a wide log axis, or else quarters.
function ticksOf(options, from, to, logarithmic, raw) {
  if (options) return options.map((_, each) => each);
  if (logarithmic && to / from >= 100) {
    const [first, last] = [Math.ceil(Math.log10(from) - 1e-9), Math.floor(Math.log10(to) + 1e-9)];
    return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
  }
  return [0, 0.25, 0.5, 0.75, 1].map(raw);
}

// The bounds of the space. A normal dimension has no bounds, and a rounded value may be outside of them.
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
