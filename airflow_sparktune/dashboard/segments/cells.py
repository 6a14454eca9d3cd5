"""The cells of a segment: what the table shows of its study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from airflow_sparktune.dashboard.browse.attention import study_reasons
from airflow_sparktune.dashboard.browse.schemas import AttentionCell, DecisionCell
from airflow_sparktune.dashboard.page.masking import Mask, setup_mask
from airflow_sparktune.dashboard.page.schemas import Mean, PagePhase
from airflow_sparktune.dashboard.segments.schemas import SegmentCells
from airflow_sparktune.dashboard.study_list import UNREADABLE_STUDY
from airflow_sparktune.study.listing.row import StudyRow
from airflow_sparktune.study.phase import Phase
from airflow_sparktune.study.retuning.decision import Outcome, Standing

# The decisions that change production, unless a person must approve them.
CHANGES = (Outcome.FIRST, Outcome.REPLACED)


def waiting_cells(segment: str, max_evals: int | None) -> SegmentCells:
    """Return the cells of a segment without a journal."""
    return SegmentCells(segment=segment, phase=Phase.WAITING, max_evals=max_evals)


def unreadable_cells(segment: str) -> SegmentCells:
    """Return the cells of a segment whose study cannot be read."""
    reasons = _attention("none", None, UNREADABLE_STUDY, None)
    return SegmentCells(segment=segment, phase="none", problem=UNREADABLE_STUDY, attention=list(reasons))


def segment_cells(
    segment: str, row: StudyRow, phase: Phase, *, mask: Mask, approval: str | None, changed: bool
) -> SegmentCells:
    """Return the cells of a segment; `approval` says why its winner waits for one, if it does.

    `changed` tells whether it has changed production.
    """
    mask = setup_mask(mask, row.setup)
    found = row.summary
    texts = mask(row.texts(phase, mask({"params": found["best_params"]})["params"]))
    end = texts.get("ended")
    return SegmentCells(
        segment=segment,
        phase=phase,
        best=found["best_loss"],
        maximize=found["maximize"],
        decision=DecisionCell.of(found["decision"], texts),
        gain=_gain(found),
        changed=changed,
        started=row.started,
        ended=seconds(found["ended"]),
        elapsed_s=float(found.get("elapsed_s") or 0.0),
        slot_hours=found["reserved_slot_hours"],
        finished=row.finished,
        max_evals=found["max_evals"],
        counts={state: number for state, number in (found.get("counts") or {}).items() if number},
        bests=[(at, loss) for at, loss in row.bests],
        params=None if found["best_params"] is None else texts["best params"],
        end=end,
        attention=list(_attention(phase, end, None, approval)),
    )


def _attention(
    phase: PagePhase, end: str | None, problem: str | None, approval: str | None
) -> Iterator[AttentionCell]:
    for kind, text in study_reasons(phase, end, problem):
        yield AttentionCell(kind=kind, text=text)
    if approval is not None:
        yield AttentionCell(kind="approval", text=approval)


def _gain(found: Mapping[str, Any]) -> Mean | None:
    """Return the difference by which the winner of a confirmation beat the configuration in production."""
    candidates = (found.get("confirmation") or {}).get("candidates") or []
    won = next((each for each in candidates if each.get("standing") == Standing.WON), None)
    if won is None or won.get("difference") is None or found["decision"] != Outcome.REPLACED:
        return None
    return Mean(mean=won["difference"], error=won.get("difference_error"))


def seconds(text: str | None) -> float | None:
    """Return a time of a summary in seconds since 1970; None if it is not one."""
    try:
        return None if text is None else datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None
