// Formats numbers, durations, times, values, losses and scores.

export const STATES = ["ok", "failed", "pruned", "cancelled", "running"];
export const SIGNS = { ok: "✓", failed: "✕", pruned: "◆", cancelled: "–", running: "▶" };
export const STATE_WORDS = { ok: "ok", failed: "failed", pruned: "pruned", cancelled: "cut off", running: "running" };

// Four significant digits; from 1,000 to 1e15 a whole number: as `number` in study/formatting.py.
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number" || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1000 && size < 1e15) return value.toFixed(0);
  const rounded = Number(value.toPrecision(4));
  const plain = rounded === 0 || (Math.abs(rounded) >= 1e-4 && Math.abs(rounded) < 1e15);
  return plain ? String(rounded) : rounded.toExponential().replace("e+", "e");
}

// A value with its standard error, both rounded to the second digit of the error: as `with_error` there.
export function withError(value, error) {
  if (value === null || value === undefined) return "–";
  if (!error) return number(value);
  if (Math.max(Math.abs(value), error) >= 1e15) return `${number(value)} ± ${number(error)}`;
  const power = Number(error.toExponential().split("e")[1]);
  const decimals = Math.min(Math.max(1 - power, 0), 12);
  return `${value.toFixed(decimals)} ± ${error.toFixed(decimals)}`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor(minutes / 60) % 24} h`;
}

// A time in the viewer's time zone: 2026-01-31 08:15:02. Takes seconds since 1970, or ISO text.
export function moment(at) {
  if (at === null || at === undefined) return "–";
  const date = new Date(typeof at === "number" ? at * 1000 : at);
  const two = (part) => String(part).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

export function minute(at) {
  return moment(at).slice(0, 16);
}

// The value of a dimension's raw number: the name of a choice's option, or the number.
export function valueOf(dimension, raw) {
  if (raw === null || raw === undefined) return "";
  if (!dimension.options) return number(raw);
  return Array.isArray(dimension.options) ? (dimension.options[raw] ?? String(raw)) : String(dimension.options);
}

// Params by readable name in one line.
export function pairsText(params) {
  return Object.entries(params).map(([name, value]) => `${name} = ${number(value)}`).join(", ");
}

export function short(text, most = 24) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

export function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

// The metric that the page shows for a loss: the loss itself, or the score that the study maximises.
export function metricOf(maximize) {
  const sign = maximize ? -1 : 1;
  return {
    name: maximize ?? "loss",
    maximized: Boolean(maximize),
    extreme: maximize ? "highest" : "lowest",
    shown: (loss) => (loss === null || loss === undefined ? null : sign * loss),
  };
}

export function title(name) {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
