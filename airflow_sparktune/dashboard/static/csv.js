// CSV files of tables (RFC 4180), with the numbers that the page has and the texts that it shows.
import { el } from "./dom.js";

// Returns the rows as CSV, with a line for the columns' titles.
export function csvOf(columns, rows) {
  const names = columns.map(({ title, unit }) => field(unit ? `${title} [${unit}]` : title));
  const lines = rows.map((row) => columns.map((column) => field(valueOf(column, row))));
  return [names, ...lines].map((line) => `${line.join(",")}\r\n`).join("");
}

export function download(name, text, type = "text/csv;charset=utf-8") {
  const address = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

// Returns the words as a file name.
export function fileName(words, ending) {
  const safe = words.filter(Boolean).map((word) => String(word).replace(/[^\p{L}\p{N}._-]+/gu, "-"));
  return `${safe.join("_").slice(0, 150)}.${ending}`;
}

function valueOf(column, row) {
  if (column.kind === "text") return column.text(row);
  const value = column.value(row);
  return column.kind === "date" && value !== null ? new Date(value * 1000).toISOString() : value;
}

function field(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  // A spreadsheet would compute a text that begins like a formula.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
