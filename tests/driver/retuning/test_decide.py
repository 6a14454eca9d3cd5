from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from airflow_sparktune.driver.retuning.contender import Contender, Repeat
from airflow_sparktune.driver.retuning.decide import choose, decide, missing_repeats
from airflow_sparktune.driver.retuning.guardrails import require_metrics
from airflow_sparktune.errors import IncumbentBroken, ObjectiveError, SpecError
from airflow_sparktune.study.retuning.decision import Decision, Outcome, Standing
from airflow_sparktune.study.retuning.rule import Confirm, DecisionRule, Guardrail, Margin

RULE = DecisionRule()
NOISE = (0.01, -0.02, 0.015, -0.005, 0.0)


def contender(number: int, *losses: float | None, search: float | None = 0.5, **metrics: float) -> Contender:
    repeats = {at: Repeat(loss, metrics) for at, loss in enumerate(losses, start=1)}
    return Contender(number, {"x": number}, search, repeats)


def around(
    number: int, mean: float, *, search: float | None = 0.5, shift: int = 0, **metrics: float
) -> Contender:
    """Five repeats with a little noise around a mean."""
    noise = NOISE[shift:] + NOISE[:shift]
    return contender(number, *(mean + item for item in noise), search=search, **metrics)


def rails(**bounds: object) -> DecisionRule:
    return DecisionRule(guardrails=Guardrail.parse_all("guardrails", bounds))


def test_a_clear_gain_replaces_the_incumbent() -> None:
    """The evidence is complete, and its bound is what a textbook's paired t test gives at 1 - 0.05/2."""
    incumbent, better, equal = around(0, 0.5), around(7, 0.4, shift=2), around(9, 0.5, shift=1)
    decision = decide(RULE, incumbent, [better, equal])
    assert (decision.outcome, decision.number, decision.params) == (Outcome.REPLACED, 7, {"x": 7})
    assert decision.reason.startswith("trial 7 is better by 0.1 ± ")
    won, other = decision.candidates
    assert (won.standing, other.standing) == (Standing.WON, Standing.NOT_BETTER)
    gains = np.array(list(incumbent.losses.values())) - np.array(list(better.losses.values()))
    error = gains.std(ddof=1) / 5**0.5
    assert won.difference == pytest.approx(0.1)
    assert won.difference_error == pytest.approx(error)
    assert won.bound == pytest.approx(0.1 - stats.t.ppf(1 - 0.05 / 2, 4) * error)
    assert (won.n, won.pairs, won.mean) == (5, 5, pytest.approx(0.4))


def test_more_candidates_ask_for_more_evidence() -> None:
    """The same figures that pass alone do not pass among three: choosing the best of several is corrected."""
    incumbent = contender(0, 0.5, 0.5, 0.5, 0.5, 0.5001)
    close = contender(1, 0.46, 0.5, 0.47, 0.48, 0.49)
    others = [around(2, 0.6), around(3, 0.6)]
    assert decide(RULE, incumbent, [close]).outcome is Outcome.REPLACED
    assert decide(RULE, incumbent, [close, *others]).outcome is Outcome.KEPT


def test_the_best_of_those_that_pass_wins() -> None:
    """Also where another one has the larger t."""
    steady, best = contender(1, *(0.4 + item for item in NOISE)), contender(2, 0.35, 0.3, 0.33, 0.3, 0.38)
    decision = decide(RULE, around(0, 0.5), [steady, best])
    assert decision.number == 2
    assert [item.standing for item in decision.candidates] == [Standing.PASSED, Standing.WON]


@pytest.mark.parametrize(
    ("margin", "outcome"),
    [("10%", Outcome.REPLACED), ("30%", Outcome.KEPT), (0.05, Outcome.REPLACED), (0.2, Outcome.KEPT)],
)
def test_a_gain_must_exceed_the_margin(margin: object, outcome: Outcome) -> None:
    """In units of the loss, or as a share of the incumbent's loss in each repeat."""
    rule = DecisionRule(margin=Margin.parse("replace_margin", margin))
    assert decide(rule, around(0, 0.5), [around(1, 0.4, shift=2)]).outcome is outcome


def test_kept_says_how_close_it_was() -> None:
    decision = decide(RULE, around(0, 0.5), [around(1, 0.499, shift=2), around(2, 0.6, shift=1)])
    assert decision.outcome is Outcome.KEPT
    assert (decision.number, decision.params) == (0, {"x": 0})
    assert decision.reason.startswith("the best challenger, trial 1, is better by 0.001 ± ")
    assert decision.reason.endswith("too little to be sure")


def test_kept_names_the_margin_where_there_is_one() -> None:
    rule = DecisionRule(margin=Margin.parse("replace_margin", "50%"))
    reason = decide(rule, around(0, 0.5), [around(1, 0.4, shift=2)]).reason
    assert "beyond the margin of 50%" in reason


def test_a_relative_margin_is_refused_where_losses_have_both_signs() -> None:
    rule = DecisionRule(margin=Margin.parse("replace_margin", "2%"))
    with pytest.raises(
        SpecError, match=r"replace_margin must be a number in units of the loss.*'2%'.*-0.3.*0.5"
    ):
        decide(rule, around(0, 0.45), [contender(1, *([-0.3] * 5))])


class TestNoNoise:
    """Every configuration gives its search loss again: differences are compared as they are."""

    def test_the_better_one_wins_after_two_repeats(self) -> None:
        incumbent, candidate = contender(0, 0.5, 0.5), contender(1, 0.49, 0.49, search=0.49)
        assert missing_repeats(RULE, incumbent, [candidate]) == []
        decision = decide(RULE, incumbent, [candidate])
        assert (decision.outcome, decision.noise) == (Outcome.REPLACED, False)

    def test_an_equal_one_does_not(self) -> None:
        decision = decide(RULE, contender(0, 0.5, 0.5), [contender(1, 0.5, 0.5)])
        assert (decision.outcome, decision.noise) == (Outcome.KEPT, False)

    def test_one_that_differs_from_its_search_loss_is_noise(self) -> None:
        incumbent, candidate = contender(0, 0.5, 0.5, search=0.51), contender(1, 0.49, 0.49, search=0.49)
        assert len(missing_repeats(RULE, incumbent, [candidate])) == 6

    def test_other_data_than_the_search_take_all_repeats(self) -> None:
        """Two losses that agree may be chance, where there is no search loss to compare with."""
        incumbent, candidate = contender(0, 0.5, 0.5, search=None), contender(1, 0.4, 0.4, search=None)
        assert len(missing_repeats(RULE, incumbent, [candidate])) == 6
        whole = [contender(number, *([loss] * 5), search=None) for number, loss in ((0, 0.5), (1, 0.4))]
        assert decide(RULE, whole[0], whole[1:]).noise is False


def test_equal_differences_do_not_pass_for_certainty() -> None:
    """Discrete losses can differ by the same amount five times: the noise of all stands in for theirs."""
    incumbent = contender(0, 0.5, 0.6, 0.5, 0.6, 0.5, search=0.5)
    candidate = contender(1, 0.49, 0.59, 0.49, 0.59, 0.49, search=0.4)
    decision = decide(RULE, incumbent, [candidate])
    assert decision.outcome is Outcome.KEPT
    assert decision.candidates[0].difference_error > 0.02


class TestFailures:
    def test_a_candidate_with_a_failed_repeat_is_out(self) -> None:
        decision = decide(RULE, around(0, 0.5), [contender(1, 0.1, 0.1, None, 0.1, 0.1), around(2, 0.51)])
        assert decision.outcome is Outcome.KEPT
        assert decision.candidates[0].standing is Standing.FAILED

    def test_three_pairs_are_enough(self) -> None:
        incumbent = contender(0, 0.5, None, 0.51, None, 0.49)
        decision = decide(RULE, incumbent, [around(1, 0.1, shift=1)])
        assert decision.outcome is Outcome.REPLACED
        assert decision.candidates[0].pairs == 3

    def test_an_incumbent_with_fewer_is_broken(self) -> None:
        incumbent = contender(0, 0.5, None, None, None, 0.5)
        assert missing_repeats(RULE, incumbent, [around(1, 0.1)]) == []
        with pytest.raises(IncumbentBroken, match="3 of 5 repeats of it failed"):
            decide(RULE, incumbent, [around(1, 0.1)])

    def test_nothing_but_failures_keeps(self) -> None:
        decision = decide(RULE, around(0, 0.5), [contender(1, None)])
        assert decision.reason == "every candidate failed in its repeats"


class TestRacing:
    def test_one_that_is_far_behind_runs_no_further(self) -> None:
        incumbent, hopeless = contender(0, 0.5, 0.51, 0.49), contender(1, 0.9, 0.92, 0.91)
        hopeful = contender(2, 0.5, 0.45, 0.5)
        missing = missing_repeats(RULE, incumbent, [hopeless, hopeful])
        assert [(item.number, repeat) for item, repeat in missing] == [(0, 4), (2, 4), (0, 5), (2, 5)]

    def test_the_confirmation_ends_when_all_are_dropped(self) -> None:
        incumbent, hopeless = contender(0, 0.5, 0.51, 0.49), contender(1, 0.9, 0.92, 0.91)
        assert missing_repeats(RULE, incumbent, [hopeless]) == []
        decision = decide(RULE, incumbent, [hopeless])
        assert decision.candidates[0].standing is Standing.DROPPED
        assert decision.reason.startswith("the best challenger, trial 1, is worse by 0.41")

    def test_nobody_is_accepted_early(self) -> None:
        incumbent, superb = contender(0, 0.5, 0.51, 0.49), contender(1, 0.1, 0.1, 0.11)
        assert len(missing_repeats(RULE, incumbent, [superb])) == 4

    def test_the_order_of_ends_does_not_matter(self) -> None:
        """Looks at repeats by their number: one that is behind in 1, 3 and 5 is not dropped while 2 runs."""
        some = {1: Repeat(0.9), 3: Repeat(0.91), 5: Repeat(0.92)}
        incumbent = Contender(0, {}, 0.5, {at: Repeat(0.5) for at in some})
        assert missing_repeats(RULE, incumbent, [Contender(1, {}, 0.5, some)])

    def test_the_first_repeats_come_first(self) -> None:
        missing = missing_repeats(RULE, contender(0), [contender(1), contender(2)])
        assert [(item.number, repeat) for item, repeat in missing[:4]] == [(0, 1), (1, 1), (2, 1), (0, 2)]


def test_one_that_was_cut_off_is_never_a_winner() -> None:
    """Nor is a rival that had finished, for the decision was to be taken among all of them."""
    decision = decide(RULE, around(0, 0.5), [around(1, 0.1), contender(2, 0.1, 0.1)])
    assert decision.outcome is Outcome.KEPT
    assert "the timeout cut the confirmation off after 7 repeats of 2 candidates" in decision.reason


class TestGuardrails:
    def test_a_winner_that_breaks_one_is_none(self) -> None:
        rule = rails(latency_ms={"max": 50})
        slow, fast = around(1, 0.3, latency_ms=63.0), around(2, 0.4, shift=1, latency_ms=20.0)
        decision = decide(rule, around(0, 0.5, latency_ms=20.0), [slow, fast])
        assert (decision.outcome, decision.number) == (Outcome.REPLACED, 2)
        assert decision.candidates[0].why == "latency_ms is 63, above 50"

    def test_the_reason_names_it(self) -> None:
        decision = decide(
            rails(recall={"max_drop": "1%"}),
            around(0, 0.5, recall=0.9),
            [around(1, 0.3, shift=1, recall=0.8)],
        )
        assert decision.outcome is Outcome.KEPT
        assert decision.reason.endswith("but recall drops from 0.9 to 0.8, more than 1%")

    @pytest.mark.parametrize(
        ("bounds", "value", "broken"),
        [
            ({"min": 0.5}, 0.4, True),
            ({"min": 0.5}, 0.6, False),
            ({"max_rise": 0.1}, 1.2, True),
            ({"max_rise": 0.1}, 1.05, False),
        ],
    )
    def test_bounds(self, bounds: dict[str, object], value: float, broken: bool) -> None:
        decision = decide(rails(m=bounds), around(0, 0.5, m=1.0), [around(1, 0.3, shift=1, m=value)])
        assert (decision.outcome is Outcome.KEPT) is broken

    def test_a_metric_that_is_not_returned_is_refused(self) -> None:
        rule = rails(latncy_ms={"max": 50})
        with pytest.raises(
            ObjectiveError, match=r"got 'latncy_ms', but besides the loss it returns latency_ms.*did you mean"
        ):
            require_metrics(rule.guardrails, {"latency_ms": 3, "note": "x"})


class TestWithoutAnIncumbent:
    def test_the_best_mean_is_first(self) -> None:
        """Not the smallest loss of the search, which is smallest by luck too."""
        decision = choose(RULE, [around(1, 0.5, search=0.1), around(2, 0.4, search=0.2)])
        assert decision is not None
        assert (decision.outcome, decision.number, decision.incumbent) == (Outcome.FIRST, 2, None)
        assert decision.reason.startswith("there was no champion yet; trial 2 has the best mean loss, 0.4 ± ")

    def test_absolute_guardrails_hold(self) -> None:
        rule = rails(latency_ms={"max": 50})
        slow = around(1, 0.3, latency_ms=63.0)
        decision = choose(rule, [slow, around(2, 0.4, latency_ms=9.0)])
        assert decision is not None
        assert decision.number == 2
        assert choose(rule, [slow]) is None

    def test_a_confirmation_cut_off_leaves_the_best_of_the_search(self) -> None:
        decision = choose(RULE, [contender(1), contender(2, 0.4)])
        assert decision is not None
        assert decision.number == 1
        assert "best of the search" in decision.reason

    def test_a_broken_incumbent_is_named(self) -> None:
        decision = choose(RULE, [around(1, 0.5)], outcome=Outcome.REPLACED, why="the incumbent failed")
        assert decision is not None
        assert decision.reason.startswith("the incumbent failed; trial 1 has")


def test_a_decision_survives_its_journal() -> None:
    decision = decide(
        rails(m={"max": 1}), around(0, 0.5, m=0.0), [around(1, 0.3, shift=1, m=0.0), contender(2, None)]
    )
    assert Decision.from_json(decision.to_json()) == decision


def test_a_decision_repeats_itself() -> None:
    """A retry decides from the same repeats, read back in whatever order they ended."""
    incumbent, candidate = around(0, 0.5), around(1, 0.45, shift=2)
    turned = Contender(1, {"x": 1}, 0.5, dict(reversed(candidate.repeats.items())))
    assert decide(RULE, incumbent, [candidate]) == decide(RULE, incumbent, [turned])


def test_the_share_of_wrong_replacements_holds() -> None:
    """Forty equal trials, 1,000 seeds: the best three pass at most as often as was asked for, and some do."""
    wrong = 0
    for seed in range(1_000):
        random = np.random.default_rng(seed)
        losses = random.normal(size=(4, 5))
        incumbent, *candidates = (
            contender(at, *map(float, row), search=0.1 * at) for at, row in enumerate(losses)
        )
        wrong += decide(DecisionRule(confirm=Confirm()), incumbent, candidates).outcome is Outcome.REPLACED
    assert 10 <= wrong <= 50 + 2 * 7
