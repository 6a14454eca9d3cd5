// The menu by which a reader chooses the columns of a table.
import { el } from "./dom.js";

export class ColumnMenu {
  // `changed(key, chosen)` is called when a column is switched on or off.
  constructor(changed) {
    this.changed = changed;
    this.list = el("fieldset", { "aria-label": "Columns" });
    this.node = el("details", { class: "menu" }, el("summary", { class: "button" }, "Columns"), this.list);
    this.node.addEventListener("keydown", (event) => event.key === "Escape" && this.close(event));
    const left = ({ target }) => this.node.contains(target) || (this.node.open = false);
    for (const event of ["pointerdown", "focusin"]) document.addEventListener(event, left);
  }

  offer(columns, chosen) {
    const boxes = columns.map(({ key, title }) => {
      const box = el("input", { type: "checkbox", checked: chosen(key) });
      box.addEventListener("change", () => this.changed(key, box.checked));
      return el("label", {}, box, ` ${title}`);
    });
    this.list.replaceChildren(...boxes);
  }

  close(event) {
    event.stopPropagation();
    this.node.open = false;
    this.node.querySelector("summary").focus();
  }
}
