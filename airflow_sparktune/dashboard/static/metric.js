// What the page shows for a loss: the loss itself, or the score that the study maximises.

export function metricOf(maximize) {
  const sign = maximize ? -1 : 1;
  return {
    name: maximize ?? "loss",
    maximized: Boolean(maximize),
    extreme: maximize ? "highest" : "lowest",
    shown: (loss) => (loss === null || loss === undefined ? null : sign * loss),
  };
}

export function title(name) {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
