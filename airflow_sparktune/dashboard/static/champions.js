// The record of champions: the production configuration, its history, and rollbacks.
import { draw } from "./chart.js";
import { byId, el, fillTable } from "./dom.js";
import { metricOf, moment, number, short, title, withError } from "./format.js";
import { askToRestore } from "./restore.js";
import { colour } from "./theme.js";

const head = (name) => ["Entry", "", "When", "What", title(name), "Better by", "Data of", "Run", "Why", "By", "Params"];
const segmentHead = (name) => ["Segment", `Champion's ${name}`, "Since", "Last", "Params"];

export class Champions {
  // `changed` is called after a rollback, and reloads the history. `runOf(entry)` returns a link to the entry's run.
  constructor(source, { changed, runOf }) {
    this.source = source;
    this.changed = changed;
    this.runOf = runOf;
    this.segments = [];
    this.chosen = null; // the segment whose record is shown
    this.mayRestore = false;
    this.asked = false;
  }

  show(segments) {
    this.segments = segments;
    byId("champion-section").hidden = !segments.length;
    byId("segments-section").hidden = segments.length < 2;
    if (!segments.length) return;
    if (!this.asked) this.ask();
    this.showSegments();
    this.showRecord();
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

  // What people read for a loss, by the newest entry.
  get name() {
    return metricOf(this.current.entries[0]?.maximize).name;
  }

  showSegments() {
    const rows = this.segments.map((each) => {
      const champion = each.entries.find((entry) => entry.in_production);
      const last = each.entries[0];
      const button = el("button", { type: "button", class: "plain" }, each.segment ?? "all");
      button.addEventListener("click", () => this.choose(each.segment));
      return row([
        button,
        champion ? number(shown(champion, champion.loss)) : "–",
        champion ? moment(champion.at) : "",
        each.problem ?? (last ? `${last.action}, ${moment(last.at)}` : ""),
        champion?.params ?? "",
      ]);
    });
    fillTable(byId("segments"), segmentHead(this.name), rows);
    const box = el("select", { "aria-label": "Segment" });
    box.append(...this.segments.map((each) => el("option", { value: each.segment ?? "", selected: each === this.current }, each.segment ?? "all")));
    box.addEventListener("change", () => this.choose(box.value || null));
    byId("champion-controls").replaceChildren(...(this.segments.length > 1 ? [box] : []));
  }

  choose(segment) {
    this.chosen = segment;
    this.showSegments();
    this.showRecord();
    this.chart();
  }

  showRecord() {
    const { entries, problem, left_out: leftOut } = this.current;
    const champion = entries.find((entry) => entry.in_production);
    byId("champion-text").replaceChildren(...(problem ? [el("span", { class: "strong" }, problem)] : headline(champion)));
    fillTable(byId("entries"), head(this.name), entries.map((entry) => this.entryRow(entry)));
    if (leftOut) byId("entries").tBodies[0].append(row([`and ${leftOut} older entries; \`sparktune champion --history\` lists them`]));
  }

  entryRow(entry) {
    const node = row([
      `${entry.number}${entry.in_production ? ", in production" : ""}`,
      this.mayRestore && !entry.in_production && entry.sets_champion ? this.restoreButton(entry) : "",
      moment(entry.at),
      el("span", { class: "state" }, entry.action),
      number(shown(entry, entry.loss)),
      entry.difference ? withError(entry.difference.mean, entry.difference.error) : "",
      entry.data_at === null ? "" : moment(entry.data_at).slice(0, 16),
      this.runOf(entry),
      el("p", { class: "reason" }, entry.reason),
      entry.by ?? "",
      entry.params,
    ]);
    if (entry.in_production) node.className = "best";
    return node;
  }

  restoreButton(entry) {
    const button = el("button", { type: "button", class: "small", "aria-label": `Restore entry ${entry.number}` }, "Restore");
    const { segment } = this.current;
    const loss = `${this.name} ${number(shown(entry, entry.loss))}`;
    const restore = () => this.source.restore(entry.number, segment);
    const done = async (message) => {
      byId("champion-notice").replaceChildren(el("div", { class: "notice" }, el("p", {}, message)));
      await this.changed();
    };
    button.addEventListener("click", () => askToRestore(entry, { segment, loss, restore, done }));
    return button;
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
  const said = `${champion.params}, ${metricOf(champion.maximize).name} ${number(shown(champion, champion.loss))}; since ${moment(champion.at)}`;
  const by = champion.by ? `, by ${champion.by}` : "";
  return [el("span", { class: `phase ${champion.action}` }, champion.action), el("span", {}, `${said}${by}`)];
}

function row(cells) {
  return el("tr", {}, ...cells.map(cellOf));
}

function cellOf(content) {
  const long = typeof content === "string" && content.length > 24;
  return el("td", { class: long ? "text" : null, title: long ? content : null }, content);
}
