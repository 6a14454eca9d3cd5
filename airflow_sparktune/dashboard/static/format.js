// Numbers, durations and values for people.

export const STATES = ["ok", "failed", "pruned", "cancelled", "running"];
export const SIGNS = { ok: "✓", failed: "✕", pruned: "◆", cancelled: "–", running: "▶" };

export function number(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  return String(Number(value.toPrecision(5)));
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// What a dimension's raw number means: the option of a choice by name, a number as it is.
export function valueOf(dimension, raw) {
  if (raw === null || raw === undefined) return "";
  if (!dimension.options) return number(raw);
  return Array.isArray(dimension.options) ? (dimension.options[raw] ?? String(raw)) : String(dimension.options);
}

// plotly reads its texts as a kind of HTML.
export function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

export function short(text, most = 24) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
