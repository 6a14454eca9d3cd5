// The record of champions: the production configuration, its history, and rollbacks.
import { draw } from "./chart.js";
import { column } from "./columns.js";
import { byId, el } from "./dom.js";
import { metricOf, moment, number, short, title, withError } from "./format.js";
import { askToRestore } from "./restore.js";
import { failureOf } from "./source.js";
import { Table } from "./table.js";
import { colour } from "./theme.js";

export class Champions {
  // `changed` is called after a rollback, and reloads the history. `studyOf(entry)` returns the name and the address of
  // the entry's study, or null.
  constructor(source, { changed, studyOf, task }) {
    this.source = source;
    this.changed = changed;
    this.studyOf = studyOf;
    this.segments = [];
    this.chosen = null; // the segment whose record is shown
    this.mayRestore = false;
    this.asked = false;
    this.entries = new Table(byId("entries-section"), {
      name: "entries",
      noun: "entry",
      keyOf: (entry) => entry.number,
      classes: (entry) => entry.in_production && "best",
      file: () => ["champions", task, this.current.segment],
    });
    this.table = new Table(byId("segments-section"), {
      name: "segments",
      noun: "segment",
      keyOf: segmentName,
      open: (each) => this.choose(each.segment),
      classes: (each) => each === this.current && "chosen",
      file: () => ["segments", task],
    });
  }

  show(segments) {
    this.segments = segments;
    for (const id of ["champion-section", "entries-section"]) byId(id).hidden = !segments.length;
    byId("segments-section").hidden = segments.length < 2 || segments.some(({ unread }) => unread);
    if (!segments.length) return;
    if (!this.asked) this.ask();
    return this.choose(this.chosen ?? segments[0].segment);
  }

  // A user who may not edit the task's instances gets no buttons.
  async ask() {
    this.asked = true;
    this.mayRestore = await this.source.may("restore");
    if (this.mayRestore) this.showRecord();
  }

  get current() {
    return this.segments.find((each) => each.segment === this.chosen) ?? this.segments[0];
  }

  // The name of what people read for a loss, by the newest entry.
  get name() {
    return metricOf(this.current.entries[0]?.maximize).name;
  }

  showSegments() {
    this.table.show(this.segments, segmentColumns(this.name));
    const box = el("select", { "aria-label": "Segment" });
    box.append(...this.segments.map((each) => el("option", { value: each.segment ?? "", selected: each === this.current }, segmentName(each))));
    box.addEventListener("change", () => this.choose(box.value || null));
    byId("champion-controls").replaceChildren(...(this.segments.length > 1 ? [box] : []));
  }

  // Of very many segments, each record is read when it is chosen.
  async choose(segment) {
    this.chosen = segment;
    const { current } = this;
    if (current.unread) await this.read(current);
    if (this.current !== current) return; // another one has been chosen meanwhile
    this.showSegments();
    this.showRecord();
    this.chart();
  }

  async read(row) {
    try {
      Object.assign(row, { problem: null }, await this.source.champions(row.segment));
    } catch (error) {
      row.problem = failureOf(error);
    }
  }

  showRecord() {
    const { entries, problem, left_out: leftOut } = this.current;
    byId("champion-text").replaceChildren(...(problem ? [el("span", { class: "strong" }, problem)] : headline(championOf(this.current))));
    this.entries.show(entries, this.entryColumns(), leftOut ? `, and ${leftOut} older ones; \`sparktune champion --history\` lists them` : "");
  }

  entryColumns() {
    return [
      { key: "number", title: "Entry", kind: "number", value: (entry) => entry.number, cell: (entry) => `${entry.number}${entry.in_production ? ", in production" : ""}` },
      this.mayRestore && { key: "restore", cell: (entry) => (!entry.in_production && entry.sets_champion ? this.restoreButton(entry) : "") },
      { key: "when", title: "When", kind: "date", value: (entry) => entry.at },
      { key: "what", title: "What", value: (entry) => entry.action, cell: (entry) => el("span", { class: "state" }, entry.action) },
      { key: "loss", title: title(this.name), kind: "number", value: lossOf },
      { key: "gain", title: "Better by", kind: "number", value: ({ difference }) => difference?.mean ?? null, text: ({ difference }) => (difference ? withError(difference.mean, difference.error) : "") },
      { key: "error", title: "Standard error", kind: "number", off: true, value: ({ difference }) => difference?.error ?? null },
      { key: "data", title: "Data of", kind: "date", value: (entry) => entry.data_at },
      { key: "run", title: "Run", wide: true, value: (entry) => this.studyOf(entry)?.name ?? null, cell: (entry) => studyLink(this.studyOf(entry)) },
      { key: "why", title: "Why", value: (entry) => entry.reason, cell: (entry) => el("p", { class: "reason" }, entry.reason) },
      { key: "by", title: "By", value: (entry) => entry.by },
      { key: "params", title: "Params", wide: true, value: (entry) => entry.params },
    ].filter(Boolean).map(column);
  }

  restoreButton(entry) {
    const { segment } = this.current;
    const loss = `${this.name} ${number(lossOf(entry))}`;
    const restore = () => this.source.restore(entry.number, segment);
    const done = async (message) => {
      byId("champion-notice").replaceChildren(el("div", { class: "notice" }, el("p", {}, message)));
      await this.changed();
    };
    const onclick = () => askToRestore(entry, { segment, loss, restore, done });
    return el("button", { type: "button", class: "small", "aria-label": `Restore entry ${entry.number}`, onclick }, "Restore");
  }

  // A position on the x axis for each entry, oldest first.
  chart() {
    const entries = this.segments.length ? this.current.entries.filter((entry) => entry.action !== "tuned").reverse() : [];
    const node = byId("champion");
    node.parentElement.hidden = !entries.length;
    if (!entries.length) return;
    const places = entries.map((entry, at) => ({ ...entry, at }));
    const challengers = (actions, name, dots) => means(places.filter((each) => actions.includes(each.action)), "challenger", name, dots, 0.1);
    const series = [
      means(places, "incumbent", "champion", { color: colour("incumbent"), shape: "star", size: 11 }, -0.1),
      challengers(["first", "replaced", "promoted"], "challenger that went to production", { color: colour("best"), size: 10 }),
      challengers(["kept", "proposed", "outdated"], "challenger", { color: colour("accent"), shape: "ring", size: 10 }),
    ];
    const names = places.map(({ at, number: entry, action }) => ({ at, text: `${entry}: ${action}` }));
    const rollbacks = places.filter((each) => each.restores !== null);
    draw(node, series, {
      name: `Champions and challengers${this.current.segment ? ` of ${this.current.segment}` : ""}`,
      x: { name: "entry", ticks: names, range: [-0.6, entries.length - 0.4] },
      y: { title: `mean ${this.name}` },
      verticals: rollbacks.map(({ at, restores }) => ({ at, text: `back to ${restores}` })),
      fixed: true,
    });
  }
}

function segmentColumns(name) {
  return [
    { key: "segment", title: "Segment", value: segmentName, cell: (each) => el("button", { type: "button", class: "plain" }, segmentName(each)) },
    { key: "loss", title: `Champion's ${name}`, kind: "number", value: (each) => lossOf(championOf(each)) },
    { key: "since", title: "Since", kind: "date", value: (each) => championOf(each)?.at ?? null },
    { key: "last", title: "Last entry", value: ({ problem, entries }) => problem ?? entries[0]?.action ?? null },
    { key: "when", title: "When", kind: "date", value: ({ entries }) => entries[0]?.at ?? null },
    { key: "params", title: "Params", wide: true, value: (each) => championOf(each)?.params ?? null },
  ].map(column);
}

function segmentName({ segment }) {
  return segment ?? "all";
}

function championOf({ entries }) {
  return entries.find((entry) => entry.in_production) ?? null;
}

function lossOf(entry) {
  return entry && shown(entry, entry.loss);
}

function studyLink(study) {
  return study ? el("a", { href: study.href, title: study.name }, study.name) : "";
}

function shown(entry, loss) {
  return metricOf(entry.maximize).shown(loss);
}

function means(places, what, name, dots, beside) {
  const value = (entry) => shown(entry, entry[what].mean);
  const when = (entry) => `entry ${entry.number}, ${moment(entry.at)}: ${short(entry.reason, 90)}`;
  return {
    name,
    items: places.filter((each) => each[what]),
    x: ({ at }) => at + beside,
    y: value,
    dots,
    errors: { color: dots.color, y: (entry) => entry[what].error ?? 0 },
    text: (entry) => [when(entry), number(value(entry))],
  };
}

function headline(champion) {
  if (!champion) return [el("span", {}, "No champion yet.")];
  const said = `${champion.params}, ${metricOf(champion.maximize).name} ${number(lossOf(champion))}; since ${moment(champion.at)}`;
  const by = champion.by ? `, by ${champion.by}` : "";
  return [el("span", { class: `phase ${champion.action}` }, champion.action), el("span", {}, `${said}${by}`)];
}
