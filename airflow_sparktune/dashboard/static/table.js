// A table with search, sorting, a filter for each column, columns to choose, rows to select, and CSV.
import { ColumnMenu } from "./column_menu.js";
import { cellOf, compare, filterOf } from "./columns.js";
import { csvButton } from "./csv.js";
import { el, reconcile } from "./dom.js";
import { MOST_COMPARED } from "./selection.js";
import { keptView } from "./table_view.js";

const PAGE = 100;
const FEWEST_COMPARED = 2;

export class Table {
  // The table fills `section`, which has a heading in a `.bar`. `noun` is what a row is, `plural` the plural of it, `name`
  // is unique in the page, and `keyOf(row)` the row's unique name.
  // Optional: `open(row)` for a click on a row; `classes(row)` of a row; `file()`, the words of the CSV file's
  // name; `filters`: search and filters; `kept(row)`, a filter of the page's own; `sort` at first;
  // `compareAddress(rows)`, the page that compares selected rows; `changed(view)`.
  constructor(section, { name, noun, plural = name, keyOf, filters = true, sort = "", ...options }) {
    Object.assign(this, { name, noun, plural, keyOf, filters, sort, file: () => [name], ...options });
    this.memory = keptView(name);
    this.view = this.memory.read();
    this.rows = [];
    this.columns = [];
    this.limit = PAGE;
    this.selected = new Map(); // key -> row
    this.nodes = new WeakMap(); // row -> { classes, node }
    this.texts = new WeakMap(); // row -> the text that is searched
    this.build(section);
  }

  build(section) {
    const title = section.querySelector("h2, h3");
    title.id ||= `${this.name}-title`;
    this.searchBox = el("input", { type: "search", placeholder: "search", "aria-label": `Search ${this.plural}` });
    this.searchBox.value = this.view.search;
    this.searchBox.addEventListener("input", () => this.restart({ search: this.searchBox.value }));
    this.menu = new ColumnMenu((key, chosen) => this.choose(key, chosen));
    const csv = csvButton(this.plural, () => ({ words: this.file(), columns: this.shownColumns.filter((each) => each.value), rows: this.found() }));
    this.compareLink = el("a", { class: "button", hidden: true }, "Compare");
    this.controls = el("div", { class: "controls" }, this.filters && this.searchBox, this.compareLink, this.menu.node, csv);
    title.parentElement.append(this.controls);
    this.table = el("table", { id: this.name, class: this.open && "opens" }, el("thead"), el("tbody"));
    this.more = el("button", { type: "button", onclick: () => this.grow() }, "Show more");
    this.words = el("p", { id: `${this.name}-text`, class: "quiet", role: "status" });
    const region = { class: "scroll tall", tabindex: "0", role: "region", "aria-labelledby": title.id };
    section.append(this.words, el("div", region, this.table), this.more);
  }

  // Show these rows, in their order unless the reader sorts them. `note` is said after their number.
  show(rows, columns, note = "") {
    this.rows = rows;
    this.note = note;
    this.use(columns);
    for (const row of rows) if (this.selected.has(this.keyOf(row))) this.selected.set(this.keyOf(row), row);
    this.refresh();
  }

  restart(change = {}) {
    Object.assign(this.view, change);
    this.limit = PAGE;
    this.memory.write(this.view);
    this.refresh();
    this.changed?.(this.view);
  }

  // Show another view, such as that of a link or of a shortcut.
  apply(change) {
    Object.assign(this.view, change);
    this.searchBox.value = this.view.search;
    this.head();
    this.restart();
  }

  grow() {
    this.limit += PAGE * 5;
    this.refresh();
  }

  get order() {
    return this.view.sort || this.sort;
  }

  get shownColumns() {
    return this.columns.filter((each) => this.isShown(each));
  }

  isShown({ key, off }) {
    return off ? this.view.show.includes(key) : !this.view.hide.includes(key);
  }

  choose(key, chosen) {
    const others = (keys) => keys.filter((each) => each !== key);
    const off = Boolean(this.columns.find((each) => each.key === key).off);
    const { show, hide } = this.view;
    this.view.show = off && chosen ? [...show, key] : others(show);
    this.view.hide = off || chosen ? others(hide) : [...hide, key];
    this.head();
    this.restart();
  }

  use(columns) {
    const signature = JSON.stringify(columns);
    if (signature === this.signature) return;
    this.signature = signature;
    this.columns = columns;
    this.menu.offer(columns.filter((each) => each.value), (key) => this.isShown(columns.find((each) => each.key === key)));
    this.head();
  }

  refresh() {
    const found = this.found();
    const shown = found.slice(0, this.limit);
    const body = this.table.tBodies[0];
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    reconcile(body, shown.map((row) => this.node(row)));
    if (focused && !focused.isConnected) this.refocus(body, focused);
    for (const cell of this.table.querySelectorAll("th[data-column]")) this.markSorted(cell);
    this.more.hidden = found.length <= shown.length;
    const listed = this.more.hidden ? "" : `, the first ${shown.length} are listed`;
    const words = `${found.length} of ${this.rows.length} ${this.plural}${listed}${this.note}`;
    if (this.words.textContent !== words) this.words.textContent = words;
    this.showSelected();
  }

  // The rows that the filters keep, sorted.
  found() {
    const wanted = this.view.search.trim().toLowerCase();
    const tests = this.columns.flatMap((each) => (this.view.filters[each.key] ? [filterOf(each, this.view.filters[each.key])] : []));
    if (this.kept) tests.push(this.kept);
    if (wanted) tests.push((row) => this.textOf(row).includes(wanted));
    const found = this.rows.filter((row) => tests.every((test) => test(row)));
    const down = this.order.startsWith("-");
    const sorted = this.columns.find(({ key }) => key === this.order.slice(down ? 1 : 0));
    return sorted ? found.sort((one, other) => compare(sorted, down, one, other)) : found;
  }

  textOf(row) {
    if (!this.texts.has(row)) this.texts.set(row, this.columns.map((each) => each.text(row)).join("\n").toLowerCase());
    return this.texts.get(row);
  }

  head() {
    this.nodes = new WeakMap();
    this.texts = new WeakMap();
    const focused = document.activeElement?.dataset?.focus;
    const shown = this.shownColumns;
    const lead = this.compareAddress ? [el("td", {})] : [];
    const rows = [el("tr", {}, ...lead, ...shown.map((each) => this.headCell(each)))];
    if (this.filters) rows.push(el("tr", { class: "filters" }, ...lead.map((each) => each.cloneNode()), ...shown.map((each) => this.filterCell(each))));
    this.table.tHead.replaceChildren(...rows);
    if (focused) this.table.tHead.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  }

  headCell({ key, title, value }) {
    if (!value) return el("td", {});
    const onclick = () => this.restart({ sort: this.order === key ? `-${key}` : key });
    const button = el("button", { type: "button", class: "plain", "data-focus": `sort ${key}`, onclick }, title, el("span", { "aria-hidden": "true" }));
    return el("th", { scope: "col", "data-column": key }, button);
  }

  markSorted(cell) {
    const { column } = cell.dataset;
    const order = { [column]: "ascending", [`-${column}`]: "descending" }[this.order] ?? "none";
    cell.setAttribute("aria-sort", order);
    cell.querySelector("span").textContent = { ascending: " ↑", descending: " ↓", none: "" }[order];
  }

  filterCell(each) {
    if (!each.value) return el("td", {});
    const label = { "aria-label": `Filter ${each.title}`, "data-focus": `filter ${each.key}` };
    const hint = { number: "> 0.5", date: "< 7d" }[each.kind] ?? "";
    const options = [["all", ""], ["any", "*"], ...(each.choices ?? []).map((text) => [text, text])];
    const box = each.choices ? el("select", label, ...options.map(([text, value]) => el("option", { value }, text))) : el("input", { ...label, type: "search", placeholder: hint });
    box.value = this.view.filters[each.key] ?? "";
    box.addEventListener("input", () => this.restart({ filters: { ...this.view.filters, [each.key]: box.value } }));
    return el("td", {}, box);
  }

  node(row) {
    const classes = this.classes?.(row) || null;
    const known = this.nodes.get(row);
    if (known && known.classes === classes) return known.node;
    const cells = this.shownColumns.map((each) => cellOf(each, row));
    const node = el("tr", { class: classes, [`data-${this.noun}`]: this.keyOf(row) }, this.compareAddress && this.checkCell(row), ...cells);
    if (this.open) node.addEventListener("click", (event) => event.target.closest("a, input, label") || this.open(row));
    this.nodes.set(row, { classes, node });
    return node;
  }

  // The same control in the new node of the row that had the focus.
  refocus(body, focused) {
    const old = focused.closest("tr");
    const row = body.querySelector(`tr[data-${this.noun}="${CSS.escape(old.dataset[this.noun])}"]`);
    const controls = (each) => [...(each?.querySelectorAll("a, button, input") ?? [])];
    controls(row)[controls(old).indexOf(focused)]?.focus();
  }

  checkCell(row) {
    const key = this.keyOf(row);
    const onchange = ({ target }) => {
      if (target.checked) this.selected.set(key, row);
      else this.selected.delete(key);
      this.showSelected();
    };
    return el("td", {}, el("input", { type: "checkbox", "aria-label": `Select ${this.noun} ${key}`, checked: this.selected.has(key), onchange }));
  }

  showSelected() {
    const count = this.selected.size;
    this.compareLink.hidden = !count;
    if (!count) return;
    const possible = count >= FEWEST_COMPARED && count <= MOST_COMPARED;
    this.compareLink.textContent = possible ? `Compare ${count}` : `Compare (select ${FEWEST_COMPARED} to ${MOST_COMPARED})`;
    if (possible) this.compareLink.href = this.compareAddress([...this.selected.values()]);
    else this.compareLink.removeAttribute("href");
  }
}
