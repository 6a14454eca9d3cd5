// Schedules the charts: only visible ones are drawn, each in a separate task, so that a page with 10,000 trials
// stays responsive. The others are drawn when they become visible.

function shown() {
  return new Promise((resume) => requestAnimationFrame(() => setTimeout(resume)));
}

export class Charts {
  constructor() {
    this.painters = new Map(); // node -> function that draws it
    this.visible = new Set();
    this.stale = new Set();
    this.busy = false;
    this.watcher = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "200px" });
  }

  add(node, paint) {
    this.painters.set(node, paint);
    this.watcher.observe(node);
  }

  remove(node) {
    for (const each of [this.painters, this.visible, this.stale]) each.delete(node);
    this.watcher.unobserve(node);
  }

  refresh(nodes = this.painters.keys()) {
    for (const node of nodes) this.stale.add(node);
    this.paint();
  }

  seen(entries) {
    for (const { target, isIntersecting } of entries) this.visible[isIntersecting ? "add" : "delete"](target);
    this.paint();
  }

  async paint() {
    if (this.busy) return;
    this.busy = true;
    for (let node = this.next(); node; node = this.next()) {
      this.stale.delete(node);
      await shown(); // let the browser render first
      this.painters.get(node)?.();
    }
    this.busy = false;
  }

  next() {
    return [...this.painters.keys()].find((node) => this.stale.has(node) && this.visible.has(node));
  }
}
