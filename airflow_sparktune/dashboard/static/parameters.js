// For each parameter, its importance and a chart of the loss by its value.
import { draw, logAxis, onClick, thin } from "./chart.js";
import { byId, el } from "./dom.js";
import { plain, short } from "./format.js";
import { hoverText } from "./losses.js";
import { colour } from "./theme.js";

const MOST_DOTS = 6000; // over all charts
const BARE = { showlegend: false, height: 220, margin: { l: 48, r: 8, t: 8, b: 44 } };

export class Parameters {
  // `load` fetches the shares; if `askable`, the user can recompute them; `open` shows a trial's panel.
  constructor(load, { askable, open }) {
    this.load = load;
    this.open = open;
    this.charts = new Map(); // axis label -> its chart's node
    this.visible = new Set();
    this.asked = null;
    this.watcher = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "200px" });
    this.watcher.observe(byId("importance"));
    byId("importance-again").addEventListener("click", () => this.askImportance());
    byId("importance-again").hidden = !askable;
  }

  show(model, axes) {
    this.model = model;
    this.axes = axes;
    if (axes.map((axis) => axis.label).join("\n") !== [...this.charts.keys()].join("\n")) this.lay();
    for (const label of this.visible) this.chart(label);
    if (this.asked !== null && this.asked !== "done" && model.reply.phase === "done") this.askImportance();
  }

  lay() {
    this.charts = new Map(this.axes.map((axis) => [axis.label, el("div", { class: "chart small" })]));
    const figures = [...this.charts].map(([label, node]) => el("figure", {}, el("figcaption", {}, label), node));
    byId("slices").replaceChildren(...figures);
    for (const node of this.charts.values()) this.watcher.observe(node);
  }

  // Charts are drawn, and the importance is requested, when they become visible.
  seen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (target.id === "importance") {
        if (isIntersecting && this.asked === null && this.model) this.askImportance();
        continue;
      }
      const label = [...this.charts].find(([, node]) => node === target)?.[0];
      if (label === undefined) continue;
      this.visible[isIntersecting ? "add" : "delete"](label);
      if (isIntersecting) this.chart(label);
    }
  }

  chart(label) {
    const axis = this.axes.find((each) => each.label === label);
    const active = this.model.searched.filter((trial) => trial.state === "ok" && axis.read(trial) !== null);
    const trials = thin(active, Math.max(300, MOST_DOTS / this.axes.length));
    this.charts.get(label).parentElement.hidden = !trials.length;
    const node = this.charts.get(label);
    const trace = {
      type: "scatter",
      mode: "markers",
      x: trials.map((trial) => (axis.options ? axis.read(trial) + jitter(trial) : axis.read(trial))),
      y: trials.map((trial) => trial.loss),
      text: trials.map((trial) => hoverText(trial, this.model.dimensions)),
      customdata: trials.map((trial) => trial.number),
      marker: { size: 6, opacity: 0.6, color: colour("accent") },
      hovertemplate: "%{text}<extra></extra>",
    };
    const named = axis.options && {
      tickvals: axis.options.map((_, index) => index),
      ticktext: axis.options.map((name) => plain(short(name, 14))),
      range: [-0.6, axis.options.length - 0.4],
    };
    const losses = trials.map((trial) => trial.loss);
    const logLoss = byId("log-loss").checked && losses.length;
    draw(node, [trace], {
      ...BARE,
      xaxis: { ...(axis.log ? logAxis(axis.bounds) : { type: "linear" }), ...named },
      yaxis: { title: { text: "loss" }, ...(logLoss ? logAxis(losses) : { type: "linear" }) },
    }).then(() => onClick(node, this.open));
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
  const entries = Object.entries(shares);
  if (!entries.length) {
    host.textContent = message ?? "";
    return;
  }
  host.replaceChildren(
    ...entries.flatMap(([label, share]) => {
      const bar = el("span", { class: "share" });
      bar.style.width = `${100 * share}%`;
      const percent = el("span", { class: "percent" }, `${(100 * share).toFixed(1)} %`);
      return [el("dt", {}, label), el("dd", {}, percent, bar)];
    }),
  );
}
