// Draws what a canvas draws as elements of an SVG group: the part of a canvas' context that marks.js uses.
import { svg } from "./svg.js";

export class SvgPen {
  constructor(host) {
    this.host = host;
    this.globalAlpha = 1;
    this.at = [0, 0];
    this.dash = [];
  }

  newPath() {
    return new PathText();
  }

  translate(x, y) {
    this.at = [this.at[0] + x, this.at[1] + y];
  }

  setLineDash(dash) {
    this.dash = dash;
  }

  beginPath() {
    this.path = new PathText();
  }

  moveTo(x, y) {
    this.path.moveTo(x, y);
  }

  lineTo(x, y) {
    this.path.lineTo(x, y);
  }

  fill(path) {
    this.put("path", { d: path.text, fill: this.fillStyle });
  }

  stroke(path = this.path) {
    const dash = this.dash.length ? { "stroke-dasharray": this.dash.join(" ") } : {};
    this.put("path", { d: path.text, fill: "none", stroke: this.strokeStyle, "stroke-width": this.lineWidth, ...dash });
  }

  fillRect(x, y, width, height) {
    this.put("rect", { x: round(x), y: round(y), width: round(width), height: round(height), fill: this.fillStyle });
  }

  drawImage(canvas, x, y, width, height) {
    this.put("image", { href: canvas.toDataURL(), x, y, width, height, preserveAspectRatio: "none" });
  }

  put(tag, attributes) {
    const [x, y] = this.at.map(round);
    const place = x || y ? { transform: `translate(${x} ${y})` } : {};
    const faint = this.globalAlpha < 1 ? { opacity: this.globalAlpha } : {};
    this.host.append(svg(tag, { ...attributes, ...place, ...faint }));
  }
}

class PathText {
  text = "";

  moveTo(x, y) {
    this.text += `M${round(x)} ${round(y)}`;
  }

  lineTo(x, y) {
    this.text += `L${round(x)} ${round(y)}`;
  }

  closePath() {
    this.text += "Z";
  }

  rect(x, y, width, height) {
    this.text += `M${round(x)} ${round(y)}h${round(width)}v${round(height)}h${round(-width)}Z`;
  }

  // A whole circle: the only arc in use.
  arc(x, y, r) {
    this.text += `M${round(x - r)} ${round(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
  }
}

function round(value) {
  return Math.round(value * 100) / 100;
}
