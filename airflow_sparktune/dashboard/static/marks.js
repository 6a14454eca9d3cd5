// The marks of a chart, on a canvas or with a pen for SVG: dots, lines, bars, a field of colours.
import { el } from "./dom.js";

// The shapes of dots, as paths around (0, 0). Those in OPEN are drawn as outlines.
const SHAPES = {
  circle: (path, r) => path.arc(0, 0, r, 0, 2 * Math.PI),
  ring: (path, r) => path.arc(0, 0, r, 0, 2 * Math.PI),
  square: (path, r) => path.rect(-r, -r, 2 * r, 2 * r),
  diamond: (path, r) => polygon(path, [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]], r),
  star: (path, r) => polygon(path, Array.from({ length: 10 }, (_, corner) => onStar(corner)), r),
  cross: (path, r) => [[-1, -1, 1, 1], [-1, 1, 1, -1]].forEach((ends) => stroke(path, ends, r)),
  tick: (path, r) => stroke(path, [0, -1, 0, 1], r),
};
const OPEN = ["ring", "square", "cross", "tick"];

// Draws a series, and returns the places of its items. Accessors return null for an item without a place.
export function drawSeries(context, series, x, y) {
  const places = series.bars ? [] : series.items.map((item) => placeOf(item, series, x, y));
  context.globalAlpha = series.opacity ?? 1;
  if (series.bars) drawBars(context, series, x, y);
  if (series.line) drawLine(context, series.line, places);
  if (series.dots) drawDots(context, series.dots, places);
  context.globalAlpha = 1;
  return places;
}

function placeOf(item, series, x, y) {
  const [left, top] = [series.x(item), series.y(item)];
  if (left === null || top === null) return null;
  return { item, left: x.pixel(left), top: y.pixel(top) };
}

function drawDots(context, { shape = "circle", size = 7, color, edge }, places) {
  const path = context.newPath?.() ?? new Path2D();
  SHAPES[shape](path, size / 2);
  context.fillStyle = color;
  context.strokeStyle = edge ?? color;
  context.lineWidth = edge ? 1 : 2;
  for (const place of places) {
    if (!place) continue;
    context.translate(place.left, place.top);
    if (!OPEN.includes(shape)) context.fill(path);
    if (edge || OPEN.includes(shape)) context.stroke(path);
    context.translate(-place.left, -place.top);
  }
}

// An item without a place interrupts the line. With `steps`, a value is kept until the next one.
function drawLine(context, { color, width = 1, dash = [], steps = false }, places) {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.beginPath();
  let before = null;
  for (const place of places) {
    if (place && before) {
      if (steps) context.lineTo(place.left, before.top);
      context.lineTo(place.left, place.top);
    } else if (place) {
      context.moveTo(place.left, place.top);
    }
    before = place;
  }
  context.stroke();
  context.setLineDash([]);
}

function drawBars(context, { items, bars }, x, y) {
  context.fillStyle = bars.color;
  for (const item of items) {
    const [left, right] = [x.pixel(bars.from(item)), x.pixel(bars.to(item))];
    const [top, bottom] = [y.pixel(bars.row(item) - 0.4), y.pixel(bars.row(item) + 0.4)];
    // A gap between consecutive bars; a short bar stays visible.
    context.fillRect(left, Math.min(top, bottom), Math.max(right - left - 1, 0.75), Math.abs(bottom - top));
  }
}

// A grid of colours over the whole plot, with the rows from the bottom up; colours are interpolated.
export function drawField(context, rows, { left, top, width, height }) {
  const small = el("canvas", { width: rows[0].length, height: rows.length });
  const pen = small.getContext("2d");
  rows.forEach((row, index) =>
    row.forEach((color, column) => {
      pen.fillStyle = color;
      pen.fillRect(column, rows.length - 1 - index, 1, 1);
    }),
  );
  context.imageSmoothingEnabled = true;
  context.drawImage(small, left, top, width, height);
}

function polygon(path, corners, r) {
  corners.forEach(([x, y], index) => path[index ? "lineTo" : "moveTo"](x * r, y * r));
  path.closePath();
}

function stroke(path, [x0, y0, x1, y1], r) {
  path.moveTo(x0 * r, y0 * r);
  path.lineTo(x1 * r, y1 * r);
}

function onStar(corner) {
  const angle = (corner * Math.PI) / 5 - Math.PI / 2;
  const r = corner % 2 ? 0.5 : 1.3;
  return [r * Math.cos(angle), r * Math.sin(angle)];
}
