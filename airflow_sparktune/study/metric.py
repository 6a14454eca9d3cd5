"""Convert between losses, which the journal holds, and scores, which people read if a study maximises one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

LOSS = "loss"
# The largest loss or score in size: the square of a larger one may not be a number.
LARGEST_LOSS = 1e150


@dataclass(frozen=True, slots=True)
class Metric:
    """The number that the objective returns: a loss, or a score to maximise.

    The loss of a score is its negative. The journal, the sampler and the rules use only losses.

    >>> Metric("accuracy", maximized=True).shown(-0.9), Metric().shown(0.1)
    (0.9, 0.1)
    """

    name: str = LOSS
    maximized: bool = False

    @classmethod
    def of(cls, maximize: str | None) -> Metric:
        """Return the metric of a spec's `maximize`."""
        return cls() if maximize is None else cls(maximize, maximized=True)

    @property
    def extreme(self) -> str:
        """Return the word for the lowest loss: a score is maximised, so that its highest value is meant."""
        return "highest" if self.maximized else "lowest"

    @overload
    def shown(self, loss: float) -> float: ...

    @overload
    def shown(self, loss: float | None) -> float | None: ...

    def shown(self, loss: float | None) -> float | None:
        """Return the loss, or the score that belongs to it."""
        return -loss if self.maximized and loss is not None else loss

    def score(self, loss: float | None) -> float | None:
        """Return the score that belongs to a loss; None if the objective returns losses."""
        return self.shown(loss) if self.maximized else None

    def loss(self, value: float) -> float:
        """Return the loss that belongs to a value of this metric."""
        return -value if self.maximized else value
