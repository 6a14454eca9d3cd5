// The pointer over a chart: the hover text of the nearest mark, clicks, and boxes that zoom or filter.
import { el } from "./dom.js";
import { within } from "./scale.js";

const NEAR = 12; // pixels
const DRAGGED = 5;

export function followPointer(state, repaint) {
  const { area, plot } = state;
  const tip = el("div", { class: "tip", hidden: true });
  const box = el("div", { class: "box", hidden: true });
  plot.append(tip, box);
  let from = null;
  area.addEventListener("pointermove", (event) => {
    const at = placeOf(event, plot);
    if (from) return drawBox(box, state.frame, from, at);
    return showTip(tip, hitAt(state, at), at, state);
  });
  area.addEventListener("pointerleave", () => (tip.hidden = true));
  area.addEventListener("pointerdown", (event) => {
    if (event.button || event.pointerType === "touch") return; // a finger scrolls
    from = placeOf(event, plot);
    tip.hidden = true;
    area.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  area.addEventListener("pointerup", (event) => {
    const [start, end] = [from, placeOf(event, plot)];
    from = null;
    box.hidden = true;
    if (start && dragged(start, end)) return selected(state, start, end, repaint);
    const hit = hitAt(state, end);
    if (hit) state.act.click?.(hit.item);
    return undefined;
  });
  area.addEventListener("dblclick", () => {
    state.zoom = null;
    repaint();
  });
}

function placeOf(event, plot) {
  const bounds = plot.getBoundingClientRect();
  return { left: event.clientX - bounds.left, top: event.clientY - bounds.top };
}

function dragged(start, end) {
  return Math.max(Math.abs(end.left - start.left), Math.abs(end.top - start.top)) > DRAGGED;
}

function selected(state, start, end, repaint) {
  const { frame, act, layout } = state;
  const x = [start, end].map(({ left }) => frame.x.value(within(frame.left, left, frame.left + frame.width)));
  const y = [start, end].map(({ top }) => frame.y.value(within(frame.top, top, frame.top + frame.height)));
  const sorted = (pair) => pair.toSorted((one, other) => one - other);
  if (act.brush) return act.brush(sorted(x), sorted(y));
  if (layout.fixed || x[0] === x[1] || y[0] === y[1]) return undefined;
  // A reversed axis stays reversed.
  const reversed = frame.y.value(frame.top) < frame.y.value(frame.top + frame.height);
  state.zoom = { x: sorted(x), y: reversed ? sorted(y).reverse() : sorted(y) };
  return repaint();
}

function drawBox(box, frame, from, to) {
  const [left, right] = [from.left, to.left].map((at) => within(frame.left, at, frame.left + frame.width)).toSorted((one, other) => one - other);
  const [top, bottom] = [from.top, to.top].map((at) => within(frame.top, at, frame.top + frame.height)).toSorted((one, other) => one - other);
  Object.assign(box.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
  box.hidden = false;
}

// The mark at the pointer: the bar that contains it, or the nearest dot. Of equally near ones, the topmost.
function hitAt({ hits = [], frame }, at) {
  let found = null;
  let least = NEAR ** 2;
  for (const { series, places } of hits) {
    if (!series.text) continue;
    if (series.bars) {
      const item = barAt(series, frame, at);
      if (item) return { item, series };
    }
    for (const place of places) {
      if (!place) continue;
      const distance = (place.left - at.left) ** 2 + (place.top - at.top) ** 2;
      if (distance <= least) [least, found] = [distance, { item: place.item, series }];
    }
  }
  return found;
}

function barAt({ items, bars }, frame, { left, top }) {
  const row = frame.y.value(top);
  const x = frame.x.value(left);
  const slack = Math.abs(frame.x.value(left + 2) - x);
  return items.find((item) => Math.abs(bars.row(item) - row) <= 0.4 && bars.from(item) - slack <= x && x <= bars.to(item) + slack);
}

function showTip(tip, hit, { left, top }, { area, width, act }) {
  tip.hidden = !hit;
  area.style.cursor = hit && act.click ? "pointer" : "";
  if (!hit) return;
  tip.replaceChildren(...hit.series.text(hit.item).map((line) => el("div", {}, line)));
  const side = left > width / 2 ? { right: `${width - left + 12}px`, left: "" } : { left: `${left + 12}px`, right: "" };
  Object.assign(tip.style, { ...side, top: `${top + 8}px` });
}
