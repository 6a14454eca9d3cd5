// The button by which a user ends a study, or all of an application, with the best result so far.
import { el } from "./dom.js";
import { failureOf } from "./source.js";

// `stop()` asks the server; `tell(message)` shows its answer, or why it refused.
export function stopButton(text, stop, tell) {
  const onclick = async ({ currentTarget: button }) => {
    button.disabled = true;
    try {
      tell((await stop()).message);
    } catch (error) {
      tell(failureOf(error));
      button.disabled = false;
    }
  };
  return el("button", { type: "button", onclick }, text);
}
