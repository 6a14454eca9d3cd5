// The page follows Airflow's theme: the class of the parent page in a tab, or the stored choice of a page on the
// same origin, or the system's setting.

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

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
