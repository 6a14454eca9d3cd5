// A chart: axes and error bars in SVG, marks on a canvas, a legend, hover texts, clicks, zoom and brushes.
//
// A series has `items` with accessors `x`, `y`, the marks to draw (see marks.js), `errors` (color, width, and the
// standard errors along x or y), a `name` for the legend, and `text(item)`, the lines of its hover text. With
// `edge: true`, y is a share of the plot's height.
import { el } from "./dom.js";
import { short } from "./format.js";
import { drawField, drawSeries } from "./marks.js";
import { followPointer } from "./pointer.js";
import { scaleOf } from "./scale.js";

const SPACE = "http://www.w3.org/2000/svg";
const charts = new WeakMap(); // a chart's node -> its state

// `layout`: height, x and y (see scale.js; also `title`, `hidden`), `verticals` [{ at, text, solid }], `boxes` [{ x, y }],
// `notes` [{ x, y, text }], `field`, `fixed` (no zoom), `legend: false`. `act`: click(item), brush(x range, y range).
export function draw(node, series, layout = {}, act = {}) {
  const state = charts.get(node) ?? build(node);
  Object.assign(state, { series: series.filter((each) => each.items.length), layout, act });
  paint(state);
}

function build(node) {
  const [back, front] = [svg("svg"), svg("svg", { class: "front" })];
  const canvas = el("canvas");
  const area = el("div", { class: "area" });
  const legend = el("ul", { class: "legend" });
  const reset = el("button", { type: "button", class: "small reset", hidden: true }, "Reset zoom");
  const plot = el("div", { class: "plot" }, back, canvas, front, area, reset);
  node.replaceChildren(legend, plot);
  const state = { node, back, front, canvas, area, legend, reset, plot, zoom: null, off: new Set(), series: [], layout: {}, act: {} };
  charts.set(node, state);
  followPointer(state, () => paint(state));
  reset.addEventListener("click", () => {
    state.zoom = null;
    paint(state);
  });
  new ResizeObserver(() => node.clientWidth !== state.width && paint(state)).observe(node);
  return state;
}

function paint(state) {
  const { node, layout, plot, reset } = state;
  state.width = node.clientWidth;
  const height = layout.height ?? 300;
  plot.style.height = `${height}px`;
  reset.hidden = !state.zoom;
  showLegend(state);
  if (!state.width) return; // hidden: painted when it gets a width
  const shown = state.series.filter((each) => !state.off.has(each.name));
  const frame = frameOf(state, shown, height);
  drawAxes(state, shown, frame, height);
  drawMarks(state, shown, frame, height);
  Object.assign(state.area.style, pixels(frame));
}

// The place of the plot and its scales; the left margin fits the tick labels.
function frameOf(state, series, height) {
  const { layout, zoom, width, canvas } = state;
  const [xAxis, yAxis] = [{ ...layout.x, ...(zoom && { range: zoom.x, ticks: layout.x?.ticks }) }, { ...layout.y, ...(zoom && { range: zoom.y, ticks: layout.y?.ticks }) }];
  const top = 8;
  const bottom = height - (xAxis.title ? 40 : 24);
  const [xs, ys] = extents(series);
  const y = scaleOf({ room: 36, ...yAxis }, ys, [bottom, top]);
  const labels = yAxis.hidden ? 0 : Math.max(0, ...y.ticks.map(({ text }) => measured(canvas, short(text))));
  const left = yAxis.hidden ? 24 : Math.ceil(labels) + (yAxis.title ? 30 : 14);
  const right = width - (yAxis.hidden ? 24 : 12);
  const x = scaleOf({ room: 80, ...xAxis }, xs, [left, right]);
  return { left, top, width: right - left, height: bottom - top, x, y };
}

// The width of a text, with the font of the style sheet.
function measured(canvas, text) {
  const context = canvas.getContext("2d");
  context.font = "12px system-ui, sans-serif";
  return context.measureText(text).width;
}

function extents(series) {
  const [xs, ys] = [[Infinity, -Infinity], [Infinity, -Infinity]];
  const put = (range, value) => {
    if (value === null) return;
    if (value < range[0]) range[0] = value;
    if (value > range[1]) range[1] = value;
  };
  for (const { items, x, y, edge, errors, bars } of series) {
    for (const item of items) {
      for (const value of bars ? [bars.from(item), bars.to(item)] : [x(item)]) put(xs, value);
      if (edge) continue;
      const error = errors?.y?.(item) ?? 0;
      put(ys, bars ? bars.row(item) : y(item) === null ? null : y(item) - error);
      put(ys, bars ? bars.row(item) : y(item) === null ? null : y(item) + error);
      const beside = errors?.x?.(item);
      if (beside) [-beside, beside].forEach((by) => put(xs, x(item) + by));
    }
  }
  return [xs, ys];
}

function drawAxes({ back, front, canvas, layout, width }, series, frame, height) {
  const { left, top, x, y } = frame;
  const [right, bottom] = [left + frame.width, top + frame.height];
  const lines = [];
  const words = [];
  for (const { at, text } of x.ticks) {
    lines.push(lineTo(layout.y?.hidden ? "axis" : "grid", x.pixel(at), top, x.pixel(at), bottom));
    const half = measured(canvas, short(text)) / 2;
    words.push(label(short(text), Math.min(x.pixel(at), width - half - 2), bottom + 16, "middle"));
  }
  for (const { at, text } of layout.y?.hidden ? [] : y.ticks) {
    lines.push(lineTo("grid", left, y.pixel(at), right, y.pixel(at)));
    words.push(label(short(text), left - 6, y.pixel(at) + 4, "end"));
  }
  if (!layout.y?.hidden) lines.push(lineTo("axis", left, bottom, right, bottom), lineTo("axis", left, top, left, bottom));
  for (const each of series) lines.push(...errorBars(each, x, y));
  if (layout.x?.title) words.push(label(layout.x.title, (left + right) / 2, height - 6, "middle"));
  if (layout.y?.title) {
    const middle = (top + bottom) / 2;
    words.push(label(short(layout.y.title, 40), 12, middle, "middle", { transform: `rotate(-90 12 ${middle})` }));
  }
  for (const { at, text, solid } of layout.verticals ?? []) {
    const place = x.pixel(at);
    if (place < left || place > right) continue; // outside a zoom
    lines.push(lineTo(solid ? "vertical solid" : "vertical", place, top, place, bottom));
    if (text) words.push(label(text, place + 4, top + 12, "start", { class: "note" }));
  }
  for (const note of layout.notes ?? []) words.push(label(note.text, x.pixel(note.x) + 4, y.pixel(note.y) + 4, "start", { class: "note" }));
  for (const box of layout.boxes ?? []) words.push(boxAround(box, x, y));
  for (const [host, nodes] of [[back, lines], [front, words]]) {
    host.setAttribute("width", width);
    host.setAttribute("height", height);
    host.replaceChildren(...nodes);
  }
}

function errorBars({ items, errors, x: readX, y: readY }, x, y) {
  if (!errors) return [];
  return items.map((item) => {
    const [left, top] = [readX(item), readY(item)];
    const [across, up] = [errors.x?.(item) ?? 0, errors.y?.(item) ?? 0];
    const bar = lineTo("error", x.pixel(left - across), y.pixel(top - up), x.pixel(left + across), y.pixel(top + up));
    Object.assign(bar.style, { stroke: errors.color, strokeWidth: errors.width ?? 2 });
    return bar;
  });
}

function drawMarks(state, series, frame, height) {
  const { canvas, layout, width } = state;
  const ratio = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.save();
  context.beginPath();
  // Dots at the edge of the plot are not cut, but marks outside a zoom are.
  const slack = state.zoom ? 0 : 6;
  context.rect(frame.left - slack, frame.top - slack, frame.width + 2 * slack, frame.height + 2 * slack);
  context.clip();
  if (layout.field) drawField(context, layout.field, frame);
  const edge = { pixel: (share) => frame.top + (1 - share) * frame.height };
  state.hits = series.map((each) => ({ series: each, places: drawSeries(context, each, frame.x, each.edge ? edge : frame.y) }));
  state.frame = frame;
  context.restore();
}

// A click on a name hides its marks or shows them again.
function showLegend(state) {
  const names = state.series.map((each) => each.name);
  const named = state.layout.legend === false ? [] : state.series.filter(({ name }, at) => name && names.indexOf(name) === at);
  const signature = JSON.stringify(named.map((each) => [each.name, colorOf(each), state.off.has(each.name)]));
  if (signature === state.signature) return;
  state.signature = signature;
  state.legend.replaceChildren(...named.map((each) => el("li", {}, legendButton(state, each))));
}

function legendButton(state, series) {
  const swatch = el("span", { class: series.line && !series.dots ? "swatch line" : "swatch" });
  swatch.style.background = colorOf(series);
  const pressed = !state.off.has(series.name);
  const button = el("button", { type: "button", class: "plain", "aria-pressed": String(pressed) }, swatch, series.name);
  button.addEventListener("click", () => {
    if (!state.off.delete(series.name)) state.off.add(series.name);
    paint(state);
  });
  return button;
}

function colorOf({ dots, line, bars }) {
  return (dots ?? line ?? bars).color;
}

function svg(tag, attributes = {}) {
  const node = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function lineTo(name, x1, y1, x2, y2) {
  return svg("line", { class: name, x1, y1, x2, y2 });
}

function label(text, x, y, anchor, attributes = {}) {
  const node = svg("text", { x, y, "text-anchor": anchor, ...attributes });
  node.textContent = text;
  return node;
}

function boxAround(box, x, y) {
  const [left, right] = box.x.map(x.pixel);
  const [bottom, top] = box.y.map(y.pixel);
  return svg("rect", { class: "brush", x: left, y: top, width: right - left, height: bottom - top });
}

function pixels({ left, top, width, height }) {
  return { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` };
}

export function extent(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}

// The kind of an axis for values that may be shown on a log scale.
export function logKind(values) {
  return extent(values)[0] > 0 ? "log" : "linear";
}

// Every k-th trial if there are too many: thousands of overlapping lines show no more than hundreds do.
export function thin(trials, most) {
  if (trials.length <= most) return trials;
  const step = Math.ceil(trials.length / most);
  return trials.filter((_, index) => index % step === 0);
}
