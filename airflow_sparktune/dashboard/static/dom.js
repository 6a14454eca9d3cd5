// Creates elements. Text is added only as text nodes, because names, values and tracebacks are user input.

export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function byId(id) {
  return document.getElementById(id);
}

// A list of names and values.
export function definitions(entries) {
  return el("dl", {}, ...entries.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

// A link to another site, in a new tab. A page in Airflow's frame may not open tabs, so its parent page does.
export function outwardLink(href, text) {
  const properties = { href, target: "_blank", rel: "noopener noreferrer" };
  const link = el("a", properties, text);
  link.addEventListener("click", (event) => {
    if (window.parent === window) return;
    event.preventDefault();
    const twin = window.parent.document.createElement("a");
    for (const [name, value] of Object.entries(properties)) twin.setAttribute(name, value);
    twin.click();
  });
  return link;
}

// Replace the children of `parent` by `nodes`. Children for which `same(old, node)` is true stay, with their focus and
// selection.
export function renew(parent, nodes, same = (old, node) => old.isEqualNode(node)) {
  nodes.forEach((node, index) => {
    const old = parent.children[index];
    if (!old) parent.append(node);
    else if (!same(old, node)) old.replaceWith(node);
  });
  while (parent.children.length > nodes.length) parent.lastChild.remove();
}

// Put `nodes` into `parent` in this order, without touching those in place, so that updates keep the focus and
// the selection.
export function reconcile(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}
