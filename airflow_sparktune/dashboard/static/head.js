// The head of a page about a task instance: its title, and the choice among its studies, because clearing a task starts a
// new one and keeps the older ones.
import { byId, el } from "./dom.js";
import { moment } from "./format.js";

// Show the title, with Airflow's name of a mapped task instance, and the date of its run; `current` is that instance.
export function showTitle(reply, current) {
  const { rendered_map_index: mapped, run_after: runAfter } = current ?? {};
  document.title = byId("title").textContent = `Tuning: ${reply.title}${mapped ? ` (${mapped})` : ""}`;
  byId("subtitle").textContent = runAfter ? `run of ${moment(runAfter)}` : "";
}

// `query` is that of the page's address.
export function generationBox(query, generations, shown) {
  const name = (each, index) => (index === 0 ? "newest study" : `before clearing: study g${each}`);
  const options = generations.map((each, index) =>
    el("option", { value: each, selected: each === shown }, name(each, index)),
  );
  const box = el("select", { "aria-label": "Choose a study" }, ...options);
  box.addEventListener("change", () => {
    query.set("generation", box.value);
    location.search = query;
  });
  return box;
}
