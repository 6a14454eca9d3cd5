// Boxes that choose what to compare, and the button that opens the comparison.
import { el } from "./dom.js";
import { comparisonOf, MOST_COMPARED } from "./selection.js";

export class Chooser {
  // `host` gets the button; `root` is the relative address of the application.
  constructor(host, root) {
    this.root = root;
    this.chosen = new Map(); // key -> subject
    this.button = el("button", { type: "button" });
    this.button.addEventListener("click", () => (location.href = comparisonOf(this.root, this.chosen.values())));
    host.append(this.button);
    this.update();
  }

  box(subject, name) {
    const box = el("input", { type: "checkbox", "aria-label": `Compare ${name}`, checked: this.chosen.has(subject.key) });
    box.addEventListener("click", (event) => event.stopPropagation()); // a click on the row does something else
    box.addEventListener("change", () => {
      if (box.checked) this.chosen.set(subject.key, subject);
      else this.chosen.delete(subject.key);
      this.update();
    });
    return box;
  }

  update() {
    const { size } = this.chosen;
    this.button.disabled = !size || size > MOST_COMPARED;
    this.button.textContent = size > MOST_COMPARED ? `Compare at most ${MOST_COMPARED}` : `Compare${size ? ` (${size})` : ""}`;
  }
}
