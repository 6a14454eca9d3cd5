// Buttons that copy a text, or a value as JSON or as Python.
import { el } from "./dom.js";

export function copyButtons(value) {
  return el(
    "span",
    { class: "controls" },
    copyButton("Copy as JSON", () => JSON.stringify(value, null, 2)),
    copyButton("Copy as Python", () => python(value)),
  );
}

// Returns a JSON value as a Python literal.
export function python(value) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${python(item)}`).join(", ")}}`;
}

export function copyButton(title, text) {
  const onclick = async (event) => {
    event.stopPropagation();
    button.textContent = (await copied(text())) ? "Copied" : "Copying is not allowed here";
    setTimeout(() => (button.textContent = title), 1500);
  };
  const button = el("button", { type: "button", class: "small", onclick }, title);
  return button;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // There is no clipboard API on plain http, so use the older way.
    const area = el("textarea", {}, text);
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
