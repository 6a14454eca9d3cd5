// The week in figures, over the browser of studies: what was retuned, what changed, what it cost, who must look.
import { byId } from "./dom.js";
import { showFigures } from "./figures.js";
import { number } from "./format.js";

const WEEK_S = 7 * 86_400;

// `table` is the table of the tasks, which the figures filter.
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
  showFigures(byId("week"), figures, table);
}
