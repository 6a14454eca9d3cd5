"""The rows of a team's tasks for a picture of the browser of studies."""

from __future__ import annotations

import random

from airflow_sparktune.dashboard.browse.schemas import (
    AttentionCell,
    AttentionKind,
    ChampionCell,
    DecisionCell,
    End,
    LastStudy,
    RecentRow,
    TaskRow,
)
from airflow_sparktune.dashboard.page.schemas import PagePhase

DAY_S = 86_400.0
NAMES = (
    "churn_weekly", "fraud_scores", "demand_forecast", "pricing", "ranking", "credit_risk", "ad_clicks",
    "delivery_times", "returns", "search_boost", "stock_levels", "visits",
)  # fmt: skip
WORDS = {
    "kept": "kept: trial 24 is better by 0.002 ± 0.003, not more than the margin with 95 % confidence",
    "replaced": "replaced: trial 31 is better by 0.012 ± 0.003 with 95 % confidence (5 pairs)",
    "proposed": "proposed: trial 12 is better by 0.008 ± 0.002 and waits for approval",
}


def team_lines(now: float) -> str:
    """Return what the browser's route sends: a line for each task, and the end."""
    rows = [_task(name, index, now) for index, name in enumerate(NAMES)]
    return "".join(f"{reply.model_dump_json()}\n" for reply in (*rows, End()))


def _task(name: str, index: int, now: float) -> TaskRow:
    luck = random.Random(index)
    phases: dict[int, PagePhase] = {3: "failed", 6: "running"}  # type: ignore[dict-item]
    phase: PagePhase = phases.get(index, "done")  # type: ignore[arg-type]
    kind = {1: "replaced", 4: "replaced", 8: "proposed"}.get(index, "kept") if phase == "done" else None
    recent = list(_recent(luck, now - luck.uniform(0.2, 6) * DAY_S, phase, kind))
    last = recent[-1]
    since = last.started if kind == "replaced" else now - luck.choice((9, 16, 23, 62)) * DAY_S
    assert since is not None
    cost = round(luck.uniform(0.5, 6), 2)
    return TaskRow(
        dag_id=name,
        task_id="tune",
        map_index=-1,
        segment=None,
        last=LastStudy(
            run_id=last.run_id,
            map_index=-1,
            generation=0,
            phase=phase,
            best=last.best,
            decision=DecisionCell(kind=kind, text=WORDS[kind]) if kind else None,
            started=last.started,
            slot_hours=cost,
        ),
        champion=ChampionCell(
            entry=3,
            kind="replaced",
            params=f"learning_rate={luck.uniform(0.001, 0.3):.4f} depth={luck.randint(3, 9)}",
            loss=0.2,
            maximize=None,
            since=since,
            by=None,
            study=last.run_id,
        ),
        recent=recent,
        studies=len(recent),
        week_slot_hours=cost,
        attention=_attention(phase, kind, (now - since) / DAY_S),
    )


def _recent(luck: random.Random, ended: float, phase: PagePhase, kind: str | None) -> list[RecentRow]:
    best, rows = luck.uniform(0.1, 0.6), []
    for week in range(luck.randint(6, 16), -1, -1):
        best *= luck.uniform(0.93, 1.04)
        started = ended - 7 * DAY_S * week
        decision = kind if week == 0 else luck.choice(("kept", "kept", "kept", "replaced"))
        result = None if week == 0 and phase == "failed" else round(best, 4)
        rows.append(
            RecentRow(
                run_id=f"scheduled__week_{week}",
                started=started,
                best=result,
                phase=phase if week == 0 else "done",  # type: ignore[arg-type]
                decision=decision,
            )
        )
    return rows


def _attention(phase: PagePhase, kind: str | None, age_days: float) -> list[AttentionCell]:
    reasons: dict[AttentionKind, str | None] = {
        "failed": "The last study failed: MemoryError" if phase == "failed" else None,
        "approval": "Entry 4 of the record waits for promotion" if kind == "proposed" else None,
        "old": f"No retuning has decided on the champion for {age_days:.0f} days" if age_days > 35 else None,
    }
    return [AttentionCell(kind=reason, text=text) for reason, text in reasons.items() if text]
