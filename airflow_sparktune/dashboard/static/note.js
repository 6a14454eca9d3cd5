// The note of the study: shown to everybody, written by those who may edit the task instance.
import { byId, el } from "./dom.js";
import { moment } from "./format.js";
import { failureOf } from "./source.js";

const LONGEST = 2000;

export class Note {
  // `load()` and `save(text, replaces)` resolve to the note: its number (0 if there is none), text, author and time.
  constructor({ load, save }) {
    this.load = load;
    this.save = save;
    this.note = null;
    this.mayEdit = false;
  }

  async ask() {
    this.note = await this.load();
    this.show();
  }

  allow() {
    this.mayEdit = true;
    if (this.note) this.show();
  }

  show() {
    const { text, by, at } = this.note;
    const parts = text ? [el("p", {}, text), el("span", { class: "quiet" }, `${by}, ${moment(at)} `)] : [];
    if (this.mayEdit) parts.push(button(text ? "Edit the note" : "Add a note", () => this.edit(text)));
    this.put(text ? "note notice" : "note", parts);
  }

  edit(text, problem = null) {
    const area = el("textarea", { "aria-label": "Note", maxlength: LONGEST, rows: 4 }, text);
    const save = button("Save", () => this.saved(area.value));
    const message = problem && el("p", { class: "strong", role: "alert" }, problem);
    this.put("note notice", [message, area, el("div", { class: "controls" }, save, button("Cancel", () => this.show()))]);
    area.focus();
  }

  // Of two who write at the same time, the second one reads the other's note first.
  async saved(text) {
    try {
      this.note = await this.save(text, this.note.number);
      this.show();
    } catch (error) {
      const problem = failureOf(error);
      this.note = await this.load();
      this.edit(text, `${problem} The last note: ${this.note.text || "none"}`);
    }
  }

  put(classes, parts) {
    const host = byId("note");
    host.className = classes;
    host.hidden = !parts.length;
    host.replaceChildren(...parts.filter(Boolean));
  }
}

function button(name, onclick) {
  return el("button", { type: "button", class: "small", onclick }, name);
}
