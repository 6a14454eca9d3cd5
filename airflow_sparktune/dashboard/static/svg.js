// Creates elements of SVG.
const SPACE = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export function lineTo(name, x1, y1, x2, y2) {
  return svg("line", { class: name, x1, y1, x2, y2 });
}

export function label(text, x, y, anchor, attributes = {}) {
  return svg("text", { x, y, "text-anchor": anchor, ...attributes }, text);
}
