// The week in figures, over the browser of studies: what was retuned, what changed, what it cost, who must look.
import { byId, el } from "./dom.js";
import { number } from "./format.js";

const WEEK_S = 7 * 86_400;

// Each figure is a button that filters the table, or takes its filters away again. `table` is the table of the tasks.
export function showWeek(rows, table, now = Date.now() / 1000) {
  const since = now - WEEK_S;
  const count = (kept) => rows.filter(kept).length;
  const waiting = count((row) => row.attention.length);
  const figures = [
    [`${count((row) => row.last.started >= since)} of ${rows.length}`, "tuned in the last 7 days", { when: "< 7d" }],
    [count((row) => row.champion?.since >= since), "changed production in the last 7 days", { since: "< 7d" }],
    [number(rows.reduce((sum, row) => sum + row.week_slot_hours, 0)), "slot-hours in the last 7 days", null],
    [waiting, waiting === 1 ? "needs a person" : "need a person", { attention: "*" }],
  ];
  byId("week").replaceChildren(...figures.map((figure) => card(figure, table)));
}

function card([value, text, filters], table) {
  const parts = [el("span", { class: "big" }, String(value)), el("span", {}, text)];
  if (!filters) return el("div", { class: "card" }, ...parts);
  const chosen = JSON.stringify(table.view.filters) === JSON.stringify(filters);
  const button = el("button", { type: "button", class: "card", "aria-pressed": String(chosen) }, ...parts);
  button.addEventListener("click", () => table.apply({ search: "", filters: chosen ? {} : filters }));
  return button;
}
