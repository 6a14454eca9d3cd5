// The choice among the studies of a task instance: clearing a task starts a new one, and the older ones are kept.
import { el } from "./dom.js";

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
