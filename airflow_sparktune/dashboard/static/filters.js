// The filters: a range for an axis, drawn in the plot or entered in a form. Buttons remove them. They are in the
// page's address.
import { byId, el } from "./dom.js";
import { number } from "./format.js";
import { recall, recalledAll } from "./links.js";

const KEY = "filter.";

export class Filters {
  constructor(changed) {
    this.changed = changed;
    this.ranges = new Map(recalledAll(KEY).map(([label, text]) => [label, parsed(text)])); // axis label -> [from, to], raw numbers
    this.axes = [];
    this.form = el("form", { class: "controls" });
    byId("brushes").append(this.form, el("div", { class: "controls", id: "chips" }));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.fromForm();
    });
  }

  // Offer the axes by which trials can be filtered, including the loss.
  offer(axes) {
    this.axes = axes;
    const signature = JSON.stringify(axes.map((axis) => [axis.label, axis.options]));
    if (signature === this.signature) return;
    this.signature = signature;
    const known = (label) => axes.some((axis) => axis.label === label);
    this.ranges = new Map([...this.ranges].filter(([label]) => known(label)));
    if (this.ranges.size) this.show();
    const options = axes.map((axis, index) => el("option", { value: index }, axis.label));
    this.axisBox = el("select", { "aria-label": "Parameter to filter by" }, ...options);
    this.axisBox.addEventListener("change", () => this.fields());
    this.inputs = el("span", { class: "controls" });
    this.form.replaceChildren(this.axisBox, this.inputs, el("button", { type: "submit" }, "Filter"));
    this.fields();
  }

  fields() {
    const axis = this.axes[this.axisBox.value];
    if (axis.options) {
      const options = axis.options.map((name, index) => el("option", { value: index }, name));
      this.inputs.replaceChildren(el("select", { "aria-label": `Value of ${axis.label}` }, ...options));
      return;
    }
    const box = (side) => {
      const label = `${axis.label} ${side}`;
      return el("input", { type: "number", step: "any", placeholder: side, "aria-label": label });
    };
    this.inputs.replaceChildren(box("from"), box("to"));
  }

  fromForm() {
    const axis = this.axes[this.axisBox.value];
    const [from, to] = [...this.inputs.children].map((input) => (input.value === "" ? null : Number(input.value)));
    if (axis.options) this.set(axis, [from, from]);
    else if (from !== null || to !== null) this.set(axis, [from ?? -Infinity, to ?? Infinity]);
  }

  set(axis, range) {
    this.ranges.set(axis.label, range);
    recall(KEY + axis.label, range.map((bound) => (Number.isFinite(bound) ? bound : "")).join("_"));
    this.show();
  }

  remove(label) {
    this.ranges.delete(label);
    recall(KEY + label, null);
    this.show();
  }

  show() {
    const chips = [...this.ranges].map(([label, range]) => {
      const axis = this.axes.find((each) => each.label === label);
      const text = `${label}: ${words(axis, range)}`;
      const properties = { type: "button", "aria-label": `Remove the filter ${text}`, onclick: () => this.remove(label) };
      return el("button", properties, `${text} ✕`);
    });
    byId("chips").replaceChildren(...chips);
    this.changed();
  }

  // True if every filter accepts the trial; one of a parameter that was not active rejects it.
  kept(trial) {
    for (const [label, [from, to]] of this.ranges) {
      const value = this.axes.find((axis) => axis.label === label)?.read(trial) ?? null;
      if (value === null || value < from || value > to) return false;
    }
    return true;
  }
}

// A bound that is missing is infinite.
function parsed(text) {
  const [from, to] = text.split("_").map((bound) => (bound === "" ? null : Number(bound)));
  return [from ?? -Infinity, to ?? Infinity];
}

function words(axis, [from, to]) {
  if (axis.options) {
    const names = axis.options.filter((_, index) => index >= from && index <= to);
    return names.join(" or ") || "none";
  }
  if (from === -Infinity) return `up to ${number(to)}`;
  return to === Infinity ? `from ${number(from)}` : `${number(from)} to ${number(to)}`;
}
