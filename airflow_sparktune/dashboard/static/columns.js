// The columns of a table: what a row shows, how rows are compared, and which ones a filter keeps.
import { el } from "./dom.js";
import { minute, number } from "./format.js";

const DAY_S = 86_400;
const SPANS = { h: 3600, d: DAY_S, w: 7 * DAY_S };
const collator = new Intl.Collator(undefined, { numeric: true });

// A column has a `key`, a `title` and a `value(row)`, which is compared, and null where the row has none. Optional:
// `kind` ("text", "number", or "date" in seconds since 1970), `text(row)` as it is shown, searched and put into a CSV
// file, `cell(row)` as content of the cell, `choices` for the filter (the text is one of them, or several with a comma), `unit` for the CSV file, `off` for a column that
// only some people need, `wide` for long texts. One without a `value` has controls only.
export function column({ kind = "text", ...given }) {
  const shown = { text: (value) => value ?? "", number: (value) => (value === null ? "" : number(value)), date: (value) => (value === null ? "" : minute(value)) };
  const text = given.text ?? (given.value ? (row) => String(shown[kind](given.value(row) ?? null)) : () => "");
  return { kind, text, cell: text, ...given };
}

export function cellOf(column, row) {
  const content = column.cell(row);
  if (content instanceof Node) return el("td", { class: column.wide ? "text" : null }, content);
  const long = column.wide && content.length > 24;
  return el("td", { class: column.wide ? "text" : null, title: long ? content : null }, content);
}

// Compares two rows; those without a value are last in both directions.
export function compare(column, down, one, other) {
  const [left, right] = [column.value(one) ?? null, column.value(other) ?? null];
  if (left === right) return 0;
  if (left === null) return 1;
  if (right === null) return -1;
  const sign = down ? -1 : 1;
  if (typeof left === "number" && typeof right === "number") return sign * (left - right);
  return sign * collator.compare(left, right);
}

// Returns a function that is true for the rows that the filter's text keeps: `*` for those with a value, a choice as it
// is, `> 0.5`, `<= 3` or `1..5` for numbers, `> 2026-11-01` or `< 7d` (younger than 7 days) for dates, and everywhere
// else a part of what the cell shows.
export function filterOf(column, text, now = Date.now() / 1000) {
  const wanted = text.trim().toLowerCase();
  if (wanted === "*") return (row) => column.text(row) !== "";
  if (column.choices) return (row) => column.text(row).toLowerCase().split(", ").includes(wanted);
  const range = column.kind === "text" ? null : rangeOf(wanted, column.kind === "date" ? now : null);
  if (!range) return (row) => column.text(row).toLowerCase().includes(wanted);
  return (row) => {
    const value = column.value(row) ?? null;
    return value !== null && range(value);
  };
}

function rangeOf(text, now) {
  const operand = (part) => (now === null ? Number(part) : Date.parse(part) / 1000);
  const [, sign, bound] = /^([<>]=?)\s*(\S+)$/.exec(text) ?? [];
  const [, count, unit] = (now !== null && /^(\d+(?:\.\d+)?)([hdw])$/.exec(bound)) || [];
  if (unit) return within(sign, (value) => now - value, Number(count) * SPANS[unit]);
  if (sign) return within(sign, (value) => value, operand(bound));
  const [, from, to] = /^(\S+?)\.\.(\S+)$/.exec(text) ?? [];
  const [low, high] = [operand(from), operand(to)];
  return Number.isNaN(low) || Number.isNaN(high) ? null : (value) => value >= low && value <= high;
}

function within(sign, measured, bound) {
  if (Number.isNaN(bound)) return null;
  const equal = sign.length === 2;
  return (row) => {
    const value = measured(row);
    return (equal && value === bound) || (sign[0] === "<" ? value < bound : value > bound);
  };
}
