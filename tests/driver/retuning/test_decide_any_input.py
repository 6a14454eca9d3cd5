"""Whatever objectives return, only the package's errors end a study after its search."""

from __future__ import annotations

import json
import math
import random
from typing import Any

from airflow_sparktune.driver.retuning.decide import choose, decide, missing_repeats
from airflow_sparktune.errors import SparktuneError
from airflow_sparktune.study.definition.rule import Confirm, DecisionRule, Guardrail, Margin
from airflow_sparktune.study.record.contender import Contender, Repeat

USUAL = (0.0, -0.0, 5e-324, 1e-150, 0.1, 0.3, 0.1 + 0.2, 1.0, 1e16, 1e150)
LOSSES = (*USUAL, 1e151, 1.7e308, math.inf, math.nan)
METRICS = (0, True, None, "x", 10**300, 10**400, -1.7e308, 1e-320, 0.9, math.nan, [1])
MARGINS = (0, 1e-300, 0.1, 1e150, "2%", "1e-9%", "1e150%")
LIMITS = (0.0, -1.7e308, 1e300, 0.5)


def any_loss(rng: random.Random, base: float) -> float | None:
    match rng.randrange(8):
        case 0:
            return None
        case 1:
            return rng.choice(LOSSES) * rng.choice((1, -1))
        case 2 | 3:
            return base
        case _:
            return base * (1 + rng.gauss(0, 1) * 10.0 ** rng.randrange(-18, 2))


def any_contender(rng: random.Random, number: int) -> Contender:
    base = rng.choice(USUAL)
    chosen = rng.sample(range(1, 9), rng.randrange(9))
    repeats = {at: Repeat(any_loss(rng, base), {"m": rng.choice(METRICS)}) for at in chosen}
    return Contender(number, {"x": number}, any_loss(rng, base), repeats)


def any_rule(rng: random.Random) -> DecisionRule:
    bounds: dict[str, Any] = {
        **{name: rng.choice(LIMITS) for name in ("max", "min", "each_max", "each_min")},
        **{name: rng.choice(MARGINS) for name in ("max_drop", "max_rise")},
    }
    rails = {rng.choice(("m", "loss")): {name: bounds[name] for name in rng.sample([*bounds], 2)}}
    confirm = {"repeats": rng.randrange(3, 9), "confidence": rng.choice((0.5, 0.95, 0.9999))}
    return DecisionRule(
        confirm=Confirm.parse("confirm", confirm),
        margin=Margin.parse("margin", rng.choice(MARGINS)),
        guardrails=Guardrail.parse_all("guardrails", rails if rng.random() < 0.5 else {}),
    )


def decide_any(seed: int) -> bool:
    """Decide on random contenders; return whether a decision was made. Errors other than ours are raised."""
    rng = random.Random(seed)
    try:
        rule = any_rule(rng)
        incumbent, *candidates = (any_contender(rng, number) for number in range(rng.randrange(1, 5)))
        missing_repeats(rule, incumbent, candidates)
        first = choose(rule, candidates)
        decided = [decide(rule, incumbent, candidates), *([first] if first else [])]
    except SparktuneError:
        return False
    for decision in decided:
        json.dumps(decision.to_json(), allow_nan=False)
        assert "e-17" not in decision.reason
    return True


def test_any_input_is_decided_or_refused() -> None:
    made = 0
    for seed in range(2_000):
        try:
            made += decide_any(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
    assert made > 1_000
