// The browser of all studies and champions. The rows stream in, and stay while they are read again.
import { byId, el } from "./dom.js";
import { copyLink } from "./links.js";
import { failureOf, LiveSource, Lost, pause, untilVisible } from "./source.js";
import { Table } from "./table.js";
import { byUrgency, columnsOf, compareAddress, historyAddress, keyOf, studyAddress } from "./tasks.js";
import { followTheme } from "./theme.js";
import { showWeek } from "./week.js";

const POLL_MS = 30_000;
const IDLE_POLL_MS = 120_000;

// The age of a champion, and the times that it may be kept in a row, before it needs a person.
const PATIENCE = ["old_days", "kept"];

const source = new LiveSource([...new URLSearchParams(location.search)].filter(([name]) => PATIENCE.includes(name)));
byId("actions").append(copyLink());
const table = new Table(byId("tasks-section"), {
  name: "tasks",
  noun: "task",
  keyOf,
  file: () => ["studies", new Date().toISOString().slice(0, 10)],
  open: (row) => (location.href = studyAddress(row)),
  compareAddress,
  changed: () => showWeek([...rows.values()], table),
});
let rows = new Map(); // key -> row
let drawn = 0;

// Keep the row of an earlier reading if nothing has changed, and with it its node in the page.
function take(row) {
  const key = keyOf(row);
  const known = rows.get(key);
  if (!known || JSON.stringify(known) !== JSON.stringify(row)) rows.set(key, row);
  return key;
}

function show(note = "") {
  const found = [...rows.values()].sort(byUrgency);
  table.show(found, columnsOf(found), note);
  showWeek(found, table);
}

// Rows are drawn in groups, or drawing would take longer than reading.
function showSome(unread) {
  if (performance.now() - drawn < 200) return;
  show(unread ? `, reading ${unread} more` : ", reading…");
  drawn = performance.now();
}

async function readAll() {
  const seen = new Set();
  const read = new Set(); // the tasks since the server said how many it must read
  let reading = 0;
  let end = null;
  for await (const line of source.lines("studies", {})) {
    if (line.end) end = line;
    else if (line.reading) ({ reading } = line);
    else {
      seen.add(take(line));
      if (reading) read.add(historyAddress(line));
    }
    showSome(reading - read.size);
  }
  if (!end) throw new Lost("The connection to Airflow is lost; trying again.");
  rows = new Map([...rows].filter(([key]) => seen.has(key)));
  show(end.left_out ? `, ${end.left_out} more are not shown` : "");
  notices(end.problems, rows.size ? null : empty());
}

function empty() {
  const text = "This page lists the tasks of SparkTuneOperator and @task.sparktune whose studies you may read. A task appears when its first study begins.";
  return el("div", { class: "notice empty" }, el("h2", {}, "No studies to show"), el("p", {}, text));
}

function notices(problems, more = null) {
  const lines = problems.map((text) => el("li", {}, text));
  const nodes = [lines.length && el("div", { class: "notice bad" }, el("ul", {}, ...lines)), more].filter(Boolean);
  byId("notices").replaceChildren(...nodes);
  byId("studies").hidden = !rows.size;
}

async function follow() {
  for (;;) {
    try {
      await readAll();
    } catch (error) {
      notices([failureOf(error)]);
    }
    const running = [...rows.values()].some(({ last }) => ["waiting", "starting", "running"].includes(last.phase));
    await pause(running ? POLL_MS : IDLE_POLL_MS);
    if (document.hidden) await untilVisible();
  }
}

followTheme(() => {});
show(", reading…");
follow();
