// When charts are drawn: those in sight, each in a task of its own, so that a page with 10,000 trials stays
// responsive. One out of sight is drawn when it comes into sight.
import { byId } from "./dom.js";

function shown() {
  return new Promise((resume) => requestAnimationFrame(() => setTimeout(resume)));
}

export class Charts {
  constructor(painters) {
    this.painters = painters; // a node's id -> what draws it
    this.visible = new Set();
    this.stale = new Set();
    this.busy = false;
    const watcher = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "200px" });
    for (const id of Object.keys(painters)) watcher.observe(byId(id));
  }

  refresh() {
    this.stale = new Set(Object.keys(this.painters));
    return this.paint();
  }

  seen(entries) {
    for (const { target, isIntersecting } of entries) this.visible[isIntersecting ? "add" : "delete"](target.id);
    this.paint();
  }

  async paint() {
    if (this.busy) return;
    this.busy = true;
    for (let id = this.next(); id; id = this.next()) {
      this.stale.delete(id);
      await shown(); // the browser draws what is ready first
      await this.painters[id]();
    }
    this.busy = false;
  }

  next() {
    return Object.keys(this.painters).find((id) => this.stale.has(id) && this.visible.has(id));
  }
}
