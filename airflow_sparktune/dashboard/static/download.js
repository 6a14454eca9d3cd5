// Files that the page offers for download.
import { el } from "./dom.js";

// `content` is a text or a blob.
export function download(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

// Returns the words as a file name.
export function fileName(words, ending) {
  const safe = words.map((word) => String(word ?? "").replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^-+|-+$/g, ""));
  return `${safe.filter(Boolean).join("_").slice(0, 150)}.${ending}`;
}
