// CSV files of tables (RFC 4180), with the numbers that the page has and the texts that it shows.
import { el } from "./dom.js";
import { download, fileName } from "./download.js";

// Returns the rows as CSV, with a line for the columns' titles.
export function csvOf(columns, rows) {
  const names = columns.map(({ title, unit }) => field(unit ? `${title} [${unit}]` : title));
  const lines = rows.map((row) => columns.map((column) => field(valueOf(column, row))));
  return [names, ...lines].map((line) => `${line.join(",")}\r\n`).join("");
}

// A button that downloads a table; `noun` is what its rows are. `table()` returns { words, columns, rows }: the words of
// the file's name, and what the file has.
export function csvButton(noun, table) {
  const save = () => {
    const { words, columns, rows } = table();
    download(fileName(words, "csv"), csvOf(columns, rows), "text/csv;charset=utf-8");
  };
  return el("button", { type: "button", "aria-label": `Download the ${noun} as CSV`, onclick: save }, "CSV");
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
