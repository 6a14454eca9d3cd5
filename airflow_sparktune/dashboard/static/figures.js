// Figures over a table: each is a button that filters the table, or takes its filters away again.
import { el } from "./dom.js";

// `figures` are triples of a value, what it counts, and the filters that show these rows, or null.
export function showFigures(host, figures, table) {
  host.replaceChildren(...figures.map((figure) => card(figure, table)));
}

function card([value, text, filters], table) {
  const parts = [el("span", { class: "big" }, String(value)), el("span", {}, text)];
  if (!filters) return el("div", { class: "card" }, ...parts);
  const chosen = JSON.stringify(table.view.filters) === JSON.stringify(filters);
  const onclick = () => table.apply({ search: "", filters: chosen ? {} : filters });
  return el("button", { type: "button", class: "card", "aria-pressed": String(chosen), onclick }, ...parts);
}
