// Schedules the charts: only visible ones are drawn, each in a separate task, so that a page with 10,000 trials
// stays responsive. The others are drawn when they become visible.
import { byId } from "./dom.js";

function shown() {
  return new Promise((resume) => requestAnimationFrame(() => setTimeout(resume)));
}

export class Charts {
  constructor(painters) {
    this.painters = painters; // node id -> function that draws it
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
      await shown(); // let the browser render first
      await this.painters[id]();
    }
    this.busy = false;
  }

  next() {
    return Object.keys(this.painters).find((id) => this.stale.has(id) && this.visible.has(id));
  }
}
