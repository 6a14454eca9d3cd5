// The dialog that restores an earlier champion, and has Airflow emit the event on which training waits.
import { emitEvent, productionEvent } from "./airflow.js";
import { byId, el } from "./dom.js";
import { failureOf } from "./source.js";

// `restore(entry)` asks the server, `done(message)` is called at the end. Escape and Cancel change nothing.
export async function askToRestore(entry, { segment, loss, restore, done }) {
  const dialog = byId("restore");
  const box = el("input", { type: "checkbox", id: "restore-event" });
  const offer = el("p", { class: "quiet" }, "Looking for the asset of production…");
  const go = el("button", { type: "button" }, "Restore");
  const cancel = el("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  let event = null;
  dialog.replaceChildren(
    el("h2", { id: "restore-title" }, `Restore entry ${entry.number}?`),
    el("p", {}, `${entry.params}, ${loss}`),
    el("p", {}, "It becomes the champion of record, with which the next retuning compares."),
    offer,
    el("div", { class: "controls" }, go, cancel),
  );
  dialog.showModal();
  go.addEventListener("click", async () => {
    go.disabled = true;
    const message = await restored(entry, restore, box.checked ? event : null);
    dialog.close();
    await done(message);
  });
  event = await productionEvent(segment);
  offer.replaceChildren(...offered(event, box));
}

function offered(event, box) {
  if (!event) return ["Airflow knows no event of production of this task, so nothing is trained: trigger the training yourself."];
  const name = event.name ?? event.uri;
  return [el("label", { for: box.id }, box, ` Also emit an event of ${name}, so that the DAGs that it triggers train with these params`)];
}

async function restored(entry, restore, event) {
  let reply;
  try {
    reply = await restore(entry);
  } catch (error) {
    return failureOf(error);
  }
  if (!event) return `${reply.message} No event was emitted.`;
  const problem = await emitEvent(event.asset_id, reply.event);
  return `${reply.message} ${problem ? `No event was emitted. ${problem}` : `${event.name ?? event.uri} got an event.`}`;
}
