// A chart: axes and error bars in SVG, marks on a canvas, a legend, hover texts, clicks, zoom and brushes.
//
// A series has `items` with accessors `x`, `y`, the marks to draw (see marks.js), `errors` (color, width, and the
// standard errors along x or y), a `name` for the legend, and `text(item)`, the lines of its hover text. With
// `edge: true`, y is a share of the plot's height. A button saves the chart as a picture.
import { drawAxes, measured } from "./chart_axes.js";
import { el } from "./dom.js";
import { short } from "./format.js";
import { drawField, drawSeries } from "./marks.js";
import { SvgPen } from "./pen.js";
import { saveButtons } from "./picture.js";
import { followPointer } from "./pointer.js";
import { scaleOf } from "./scale.js";
import { svg } from "./svg.js";

const charts = new WeakMap(); // a chart's node -> its state

// `layout`: height, x and y (see scale.js; also `title`, `hidden`), `verticals` [{ at, text, solid }], `boxes` [{ x, y }],
// `notes` [{ x, y, text }], `field`, `fixed` (no zoom), `legend: false`. `act`: click(item), brush(x range, y range).
// For a picture: `name` is its title, else the section's; x and y have a `name` if the page has no title for them;
// `ramp` { low, high, shades } is the legend of shades.
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
  const saves = saveButtons(() => pictureOf(state));
  node.replaceChildren(el("div", { class: "bar" }, legend, saves), plot);
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
  const height = heightOf(layout);
  plot.style.height = `${height}px`;
  reset.hidden = !state.zoom;
  showLegend(state);
  if (!state.width) return; // hidden: painted when it gets a width
  const shown = visible(state);
  const frame = frameOf(state, shown, height);
  drawAxes(state, shown, frame, height);
  drawMarks(state, shown, frame, height);
  Object.assign(state.area.style, pixels(frame));
}

function heightOf({ height = 300 }) {
  return height;
}

function visible({ series, off }) {
  return series.filter((each) => !off.has(each.name));
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

function drawMarks(state, series, frame, height) {
  const { canvas, layout, width } = state;
  const ratio = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.save();
  context.beginPath();
  const { x, y, width: across, height: down } = clipOf(state, frame);
  context.rect(x, y, across, down);
  context.clip();
  state.hits = drawInto(context, layout, series, frame);
  state.frame = frame;
  context.restore();
}

// Dots at the edge of the plot are not cut, but marks outside a zoom are.
function clipOf({ zoom }, { left, top, width, height }) {
  const slack = zoom ? 0 : 6;
  return { x: left - slack, y: top - slack, width: width + 2 * slack, height: height + 2 * slack };
}

function drawInto(pen, { field }, series, frame) {
  if (field) drawField(pen, field, frame);
  const edge = { pixel: (share) => frame.top + (1 - share) * frame.height };
  return series.map((each) => ({ series: each, places: drawSeries(pen, each, frame.x, each.edge ? edge : frame.y) }));
}

// The chart as it is shown, for a picture.
function pictureOf(state) {
  const { node, width, layout } = state;
  const [x, y] = [layout.x, layout.y].map((axis) => ({ ...axis, title: axis?.title ?? axis?.name }));
  const copy = { ...state, layout: { ...layout, x, y } };
  const shown = visible(state);
  const height = heightOf(layout);
  const legend = named(state).filter(({ name }) => !state.off.has(name)).map((each) => ({ name: each.name, color: colorOf(each), isLine: isLine(each) }));
  const draw = (host) => {
    const [back, marks, front] = [svg("g"), svg("g", { "clip-path": "url(#plot)" }), svg("g")];
    const frame = frameOf(copy, shown, height);
    host.append(svg("clipPath", { id: "plot" }, svg("rect", clipOf(state, frame))), back, marks, front);
    drawAxes({ ...copy, back, front }, shown, frame, height);
    drawInto(new SvgPen(marks), layout, shown, frame);
  };
  const name = layout.name ?? node.closest("section").querySelector("h2").textContent;
  return { name, width, height, legend, ramp: layout.ramp, draw };
}

// A click on a name hides its marks or shows them again.
function showLegend(state) {
  const shown = named(state);
  const signature = JSON.stringify(shown.map((each) => [each.name, colorOf(each), state.off.has(each.name)]));
  if (signature === state.signature) return;
  state.signature = signature;
  state.legend.replaceChildren(...shown.map((each) => el("li", {}, legendButton(state, each))));
}

// The series of the legend. Several series of one name have one entry.
function named({ layout, series }) {
  const names = series.map((each) => each.name);
  return layout.legend === false ? [] : series.filter(({ name }, at) => name && names.indexOf(name) === at);
}

function isLine({ line, dots }) {
  return Boolean(line && !dots);
}

function legendButton(state, series) {
  const swatch = el("span", { class: isLine(series) ? "swatch line" : "swatch" });
  if (series.dots?.shape === "ring") swatch.style.border = `2px solid ${colorOf(series)}`;
  else swatch.style.background = colorOf(series);
  const pressed = !state.off.has(series.name);
  const onclick = () => {
    if (!state.off.delete(series.name)) state.off.add(series.name);
    paint(state);
  };
  return el("button", { type: "button", class: "plain", "aria-pressed": String(pressed), onclick }, swatch, series.name);
}

function colorOf({ dots, line, bars }) {
  return (dots ?? line ?? bars).color;
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

// Returns whether values are drawn on a log scale: as the reader decided (`chosen` is null until then), or if they spread
// widely. `box` shows it, and is disabled where there is no choice.
export function logScale(box, values, chosen) {
  const [least, most] = extent(values);
  box.disabled = !(least > 0);
  box.checked = least > 0 && (chosen ?? most / least > 10);
  return box.checked;
}

// The kind of an axis for values that may be shown on a log scale.
export function logKind(values) {
  return extent(values)[0] > 0 ? "log" : "linear";
}

// Shows the legend of shades, from the best to the worst; none without a ramp.
export function showRamp(host, ramp) {
  if (!ramp) return host.replaceChildren();
  const shades = ramp.shades.map((shade) => {
    const box = el("span", { class: "shade" });
    box.style.background = shade;
    return box;
  });
  return host.replaceChildren(`${ramp.low} `, ...shades, ` ${ramp.high}`);
}

// Every k-th trial if there are too many: thousands of overlapping lines show no more than hundreds do.
export function thin(trials, most) {
  if (trials.length <= most) return trials;
  const step = Math.ceil(trials.length / most);
  return trials.filter((_, index) => index % step === 0);
}
