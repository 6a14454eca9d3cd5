// The page follows Airflow's theme: the class of the parent page in a tab, or the stored choice of a page on the
// same origin, or the system's setting.

const RANKS = [1, 2, 3, 4, 5, 6].map((rank) => `rank-${rank}`); // from the best trials to the worst
const STATES = ["ok", "failed", "running", "pruned", "cancelled"];
const COLOURS = ["paper", "card", "ink", "quiet", "line", "accent", "best", "incumbent", ...STATES, ...RANKS];

const system = matchMedia("(prefers-color-scheme: dark)");

function parentRoot() {
  try {
    return window.parent === window ? null : window.parent.document.documentElement;
  } catch {
    return null; // framed by another origin
  }
}

function storedTheme() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null; // storage is disabled
  }
}

function wanted() {
  const root = parentRoot();
  if (root?.classList.contains("dark")) return "dark";
  if (root?.classList.contains("light")) return "light";
  const stored = storedTheme();
  if (stored === "dark" || stored === "light") return stored;
  return system.matches ? "dark" : "light";
}

export function followTheme(changed) {
  const apply = () => {
    const theme = wanted();
    if (document.documentElement.dataset.theme === theme) return;
    document.documentElement.dataset.theme = theme;
    changed();
  };
  apply();
  system.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  const root = parentRoot();
  if (root) new MutationObserver(apply).observe(root, { attributes: true, attributeFilter: ["class"] });
}

export function ranks() {
  return RANKS.map(colour);
}

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Calls `work(light)` in the light theme, without showing it. `light(colour)` is the light theme's colour for one of the
// page's theme.
export function inLightTheme(work) {
  const { dataset } = document.documentElement;
  const theme = dataset.theme;
  const before = COLOURS.map(colour);
  dataset.theme = "light";
  try {
    const after = COLOURS.map(colour);
    work((value) => after[before.indexOf(value)] ?? value);
  } finally {
    dataset.theme = theme;
  }
}
