// The axes of a chart in SVG, with error bars, lines and boxes over them.
import { short } from "./format.js";
import { label, lineTo, svg } from "./svg.js";

// The width of a text, with the font of the style sheet.
export function measured(canvas, text) {
  const context = canvas.getContext("2d");
  context.font = "12px system-ui, sans-serif";
  return context.measureText(text).width;
}

// Draws into the groups `back`, below the marks, and `front`.
export function drawAxes({ back, front, canvas, layout, width }, series, frame, height) {
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

function boxAround(box, x, y) {
  const [left, right] = box.x.map(x.pixel);
  const [bottom, top] = box.y.map(y.pixel);
  return svg("rect", { class: "brush", x: left, y: top, width: right - left, height: bottom - top });
}
