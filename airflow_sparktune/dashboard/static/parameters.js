// For each parameter, its importance and a chart of the loss by its value.
import { draw, logKind } from "./chart.js";
import { byId, el } from "./dom.js";
import { short, title } from "./format.js";
import { hoverText } from "./losses.js";
import { colour } from "./theme.js";

export class Parameters {
  // `load` fetches the shares; if `askable`, the user can recompute them; `charts` schedules the charts; `open` shows a
  // trial's panel.
  constructor(load, { askable, charts, open }) {
    this.load = load;
    this.charts = charts;
    this.open = open;
    this.nodes = new Map(); // axis label -> its chart's node
    this.asked = null;
    const watcher = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "200px" });
    watcher.observe(byId("importance"));
    byId("importance-again").addEventListener("click", () => this.askImportance());
    byId("importance-again").hidden = !askable;
  }

  show(model, axes) {
    this.model = model;
    this.axes = axes;
    if (axes.map((axis) => axis.label).join("\n") !== [...this.nodes.keys()].join("\n")) this.lay();
    for (const axis of axes) this.nodes.get(axis.label).parentElement.hidden = !this.active(axis).length;
    if (this.asked !== null && this.asked !== "done" && model.reply.phase === "done") this.askImportance();
  }

  lay() {
    for (const node of this.nodes.values()) this.charts.remove(node);
    this.nodes = new Map(this.axes.map((axis) => [axis.label, el("div", { class: "chart small" })]));
    const figures = [...this.nodes].map(([label, node]) => el("figure", {}, el("figcaption", {}, label), node));
    byId("slices").replaceChildren(...figures);
    for (const [label, node] of this.nodes) this.charts.add(node, () => this.chart(label));
  }

  // The importance is requested when it becomes visible.
  seen(entries) {
    if (entries.some((entry) => entry.isIntersecting) && this.asked === null && this.model) this.askImportance();
  }

  active(axis) {
    return this.model.searched.filter((trial) => trial.state === "ok" && axis.read(trial) !== null);
  }

  chart(label) {
    const { model, axes, open } = this;
    const axis = axes.find((each) => each.label === label);
    const items = this.active(axis);
    const series = {
      items,
      x: axis.options ? (trial) => axis.read(trial) + jitter(trial) : axis.read,
      y: (trial) => trial.value,
      dots: { size: 6, color: colour("accent") },
      opacity: 0.6,
      text: (trial) => hoverText(trial, model),
    };
    const named = axis.options && {
      ticks: axis.options.map((name, at) => ({ at, text: short(name, 14) })),
      range: [-0.6, axis.options.length - 0.4],
    };
    const kind = byId("log-loss").checked ? logKind(items.map((trial) => trial.value)) : "linear";
    const x = { kind: axis.log ? "log" : "linear", name: label, ...named };
    const layout = { name: `${title(model.metric.name)} by ${label}`, height: 220, x, y: { title: model.metric.name, kind } };
    draw(this.nodes.get(label), [series], layout, { click: (trial) => open(trial.number) });
  }

  async askImportance() {
    this.asked = this.model.reply.phase;
    const host = byId("importance");
    if (!host.children.length) host.textContent = "Computing…";
    try {
      showShares(host, await this.load());
    } catch (error) {
      host.textContent = error.message;
    }
  }
}

// Spreads the dots of an option, so that their number is visible; by trial number, so that they do not move.
function jitter(trial) {
  return (((trial.number * 0.618034) % 1) - 0.5) * 0.5;
}

function showShares(host, { shares, message }) {
  host.replaceChildren(message ?? bars(shares));
}

// A bar for each parameter, and below a choice those of its branches.
function bars(shares) {
  const rows = shares.flatMap(({ name, share, branches }) => {
    const bar = el("span", { class: "share" });
    bar.style.width = `${100 * share}%`;
    const percent = el("span", { class: "percent" }, `${(100 * share).toFixed(1)} %`);
    return [el("dt", {}, name), el("dd", {}, percent, bar), ...branches.map((branch) => branchOf(name, branch))];
  });
  return el("dl", { class: "shares" }, ...rows);
}

function branchOf(name, { option, trials, shares }) {
  const words = shares.length ? `among the ${trials} successful trials with` : `too few successful trials (${trials}) with`;
  return el("dd", { class: "branch" }, el("p", { class: "quiet" }, `${words} ${name} = ${option}`), shares.length && bars(shares));
}
