// The way from a segment's page back to the table of segments, and to the segments before and after it: in the order of
// the table that the reader has seen, or else in that of the application.
import { el } from "./dom.js";
import { Lost } from "./source.js";

// Keep the order of the table, and the view of it in the page's address.
export function rememberOrder(names, generation) {
  try {
    sessionStorage.setItem(keyOf(generation), JSON.stringify({ names, view: location.hash }));
  } catch {
    // Storage is disabled or full: the order is that of the application.
  }
}

// The links of a segment's page; none if the names cannot be read.
export async function segmentLinks(source, query, generation) {
  const segment = query.get("segment");
  let { names, view } = remembered(generation);
  if (!names.includes(segment)) {
    ({ names } = await source.patient("segment_names", {}).catch((error) => {
      if (error instanceof Lost) return { names: [] };
      throw error;
    }));
  }
  const at = names.indexOf(segment);
  const step = (sign, word, name) => name !== undefined && el("a", { class: "button", href: addressOf(query, name), rel: word, title: `${word} segment: ${name}`, "aria-label": `The ${word} segment, ${name}` }, sign);
  const all = el("a", { class: "button", href: `${addressOf(query, null)}${view}` }, "All segments");
  return [at > 0 && step("‹", "previous", names[at - 1]), all, at >= 0 && step("›", "next", names[at + 1])].filter(Boolean);
}

function addressOf(query, segment) {
  const wanted = new URLSearchParams(query);
  if (segment === null) wanted.delete("segment");
  else wanted.set("segment", segment);
  return `?${wanted}`;
}

function remembered(generation) {
  try {
    return { names: [], view: "", ...JSON.parse(sessionStorage.getItem(keyOf(generation))) };
  } catch {
    return { names: [], view: "" };
  }
}

function keyOf(generation) {
  const index = new URLSearchParams(location.search).get("map_index") ?? "";
  return `sparktune segments ${location.pathname} ${index} ${generation}`;
}
