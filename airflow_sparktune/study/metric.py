"""How people read the losses of a study: as they are, or as the score that the study maximises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

LOSS = "loss"


@dataclass(frozen=True, slots=True)
class Metric:
    """What the objective returns; the journal, the sampler and the rules know only its loss.

    The loss of a score is the score with the other sign, so differences are the same in both.

    >>> Metric("accuracy", maximized=True).shown(-0.9), Metric().shown(0.1)
    (0.9, 0.1)
    """

    name: str = LOSS
    maximized: bool = False

    @classmethod
    def of(cls, maximize: str | None) -> Metric:
        """Return the metric of a spec's `maximize`."""
        return cls() if maximize is None else cls(maximize, maximized=True)

    @overload
    def shown(self, loss: float) -> float: ...

    @overload
    def shown(self, loss: float | None) -> float | None: ...

    def shown(self, loss: float | None) -> float | None:
        """Return what people read for a loss."""
        return -loss if self.maximized and loss is not None else loss

    def loss(self, value: float) -> float:
        """Return the loss of a value that the objective returned or a person gave."""
        return -value if self.maximized else value
