// The button by which a user ends a study, or all of an application, with the best result so far.
import { el } from "./dom.js";
import { Lost } from "./source.js";

// `stop()` asks the server; `tell(message)` shows its answer, or why it refused.
export function stopButton(text, stop, tell) {
  const button = el("button", { type: "button" }, text);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      tell((await stop()).message);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      tell(error.message);
      button.disabled = false;
    }
  });
  return button;
}
