from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from airflow_sparktune.driver.retuning.decide import choose, decide, missing_repeats
from airflow_sparktune.errors import IncumbentBroken, SpecError
from airflow_sparktune.study.definition.rule import Confirm, DecisionRule, Margin
from airflow_sparktune.study.record.contender import Contender, Repeat
from airflow_sparktune.study.retuning.decision import Decision, Outcome, Standing
from tests.driver.retuning.contenders import NOISE, RULE, around, contender, rails


def test_a_clear_gain_replaces_the_incumbent() -> None:
    """The evidence is complete, and its bound is that of a paired t test at 1 - 0.05/2."""
    incumbent, better, equal = around(0, 0.5), around(7, 0.4, shift=2), around(9, 0.5, shift=1)
    decision = decide(RULE, incumbent, [better, equal])
    assert (decision.outcome, decision.number, decision.params) == (Outcome.REPLACED, 7, {"x": 7})
    assert decision.reason.startswith("trial 7 is better by 0.1000 ± ")
    won, other = decision.candidates
    assert (won.standing, other.standing) == (Standing.WON, Standing.NOT_BETTER)
    gains = np.array(list(incumbent.losses.values())) - np.array(list(better.losses.values()))
    error = gains.std(ddof=1) / 5**0.5
    assert won.difference == pytest.approx(0.1)
    assert won.difference_error == pytest.approx(error)
    assert won.bound == pytest.approx(0.1 - stats.t.ppf(1 - 0.05 / 2, 4) * error)
    assert (won.n, won.pairs, won.mean) == (5, 5, pytest.approx(0.4))


def test_more_candidates_require_more_evidence() -> None:
    """A candidate that passes alone may fail among three, because the test corrects for their number."""
    incumbent = contender(0, 0.5, 0.5, 0.5, 0.5, 0.5001)
    close = contender(1, 0.46, 0.5, 0.47, 0.48, 0.49)
    others = [around(2, 0.6), around(3, 0.6)]
    assert decide(RULE, incumbent, [close]).outcome is Outcome.REPLACED
    assert decide(RULE, incumbent, [close, *others]).outcome is Outcome.KEPT


def test_the_best_passing_candidate_wins() -> None:
    """The best mean wins, even if another candidate has a larger t."""
    steady, best = contender(1, *(0.4 + item for item in NOISE)), contender(2, 0.35, 0.3, 0.33, 0.3, 0.38)
    decision = decide(RULE, around(0, 0.5), [steady, best])
    assert decision.number == 2
    assert [item.standing for item in decision.candidates] == [Standing.PASSED, Standing.WON]


@pytest.mark.parametrize(
    ("margin", "outcome"),
    [("10%", Outcome.REPLACED), ("30%", Outcome.KEPT), (0.05, Outcome.REPLACED), (0.2, Outcome.KEPT)],
)
def test_a_gain_must_exceed_the_margin(margin: object, outcome: Outcome) -> None:
    """The margin is in units of the loss, or a share of the incumbent's loss in each repeat."""
    rule = DecisionRule(margin=Margin.parse("margin", margin))
    assert decide(rule, around(0, 0.5), [around(1, 0.4, shift=2)]).outcome is outcome


def test_the_reason_for_kept_has_the_difference() -> None:
    decision = decide(RULE, around(0, 0.5), [around(1, 0.499, shift=2), around(2, 0.6, shift=1)])
    assert decision.outcome is Outcome.KEPT
    assert (decision.number, decision.params) == (0, {"x": 0})
    assert decision.reason.startswith("the best challenger, trial 1, is better by 0.0010 ± ")
    assert decision.reason.endswith("too little to be sure")


def test_the_reason_for_kept_has_the_margin() -> None:
    rule = DecisionRule(margin=Margin.parse("margin", "50%"))
    reason = decide(rule, around(0, 0.5), [around(1, 0.4, shift=2)]).reason
    assert "beyond the margin of 50%" in reason


def test_a_relative_margin_is_rejected_if_losses_have_both_signs() -> None:
    rule = DecisionRule(margin=Margin.parse("margin", "2%"))
    with pytest.raises(
        SpecError, match=r"retuning.margin must be a number in units of the loss.*'2%'.*-0.3.*0.5"
    ):
        decide(rule, around(0, 0.45), [contender(1, *([-0.3] * 5))])


class TestNoNoise:
    """If all repeats show no noise, differences are compared without a test, and the reason says so."""

    def test_the_better_one_wins(self) -> None:
        incumbent, candidate = contender(0, *([0.5] * 5)), contender(1, *([0.49] * 5), search=0.49)
        decision = decide(RULE, incumbent, [candidate])
        assert (decision.outcome, decision.noise) == (Outcome.REPLACED, False)
        assert decision.reason == "trial 1 is better by 0.01 (5 pairs, no noise was measured)"

    def test_it_takes_all_repeats(self) -> None:
        """Two equal losses may be chance, e.g. if losses come in steps."""
        incumbent, candidate = contender(0, 0.5, 0.5), contender(1, 0.49, 0.49, search=0.49)
        assert len(missing_repeats(RULE, incumbent, [candidate])) == 6
        assert decide(RULE, incumbent, [candidate]).noise

    def test_an_equal_candidate_does_not_win(self) -> None:
        """Also if its losses are lower by what rounding left."""
        incumbent = contender(0, *([0.1 + 0.2] * 5), search=0.3)
        decision = decide(RULE, incumbent, [contender(1, *([0.3] * 5), search=0.3)])
        assert (decision.outcome, decision.noise) == (Outcome.KEPT, False)
        assert decision.reason.endswith("is as good as the incumbent (5 pairs, no noise was measured)")

    @pytest.mark.parametrize("scale", [1.0, 1e-6, -1e9])
    def test_equal_differences_are_no_noise(self, scale: float) -> None:
        """The seed changes the losses of all configurations alike; what differs is rounding."""
        incumbent = contender(0, *(scale * loss for loss in (0.2, 0.3, 0.4)))
        candidate = contender(1, *(scale * loss for loss in (0.1, 0.2, 0.3)))
        rule = DecisionRule(confirm=Confirm(repeats=3))
        decision = decide(rule, incumbent, [candidate])
        assert decision.noise is False
        assert decision.candidates[0].difference_error == 0.0
        assert "no noise was measured" in decision.reason
        assert "±" not in decision.reason
        assert (decision.outcome is Outcome.REPLACED) is (scale > 0)

    def test_a_margin_is_compared_without_a_test_too(self) -> None:
        rule = DecisionRule(margin=Margin.parse("margin", "50%"))
        decision = decide(rule, contender(0, *([0.5] * 5)), [contender(1, *([0.4] * 5), search=0.4)])
        assert decision.outcome is Outcome.KEPT
        assert decision.reason.endswith("(5 pairs, no noise was measured): no more than the margin of 50%")

    def test_one_noisy_candidate_is_noise(self) -> None:
        candidates = [contender(1, *([0.4] * 5), search=0.4), around(2, 0.5)]
        assert decide(RULE, contender(0, *([0.5] * 5)), candidates).noise

    def test_a_dropped_candidate_does_not_matter(self) -> None:
        """It has run three repeats only."""
        candidates = [contender(1, *([0.4] * 5), search=0.4), contender(2, 0.9, 0.9, 0.9, search=0.9)]
        decision = decide(RULE, contender(0, *([0.5] * 5)), candidates)
        assert (decision.outcome, decision.noise) == (Outcome.REPLACED, False)

    def test_a_difference_from_the_search_loss_is_noise(self) -> None:
        incumbent, candidate = (
            contender(0, *([0.5] * 5), search=0.51),
            contender(1, *([0.49] * 5), search=0.49),
        )
        assert decide(RULE, incumbent, [candidate]).noise

    def test_a_confirmation_on_other_data_has_no_search_loss(self) -> None:
        whole = [contender(number, *([loss] * 5), search=None) for number, loss in ((0, 0.5), (1, 0.4))]
        assert decide(RULE, whole[0], whole[1:]).noise is False

    def test_a_first_champion_says_so(self) -> None:
        decision = choose(RULE, [contender(1, *([0.5] * 5))])
        assert decision is not None
        assert decision.reason.endswith("trial 1 has the best mean loss, 0.5 (no noise was measured)")


def test_equal_differences_are_not_taken_as_certain() -> None:
    """Losses in steps recur, and can differ by the same amount five times by chance.

    The noise of all losses is used instead.
    """
    incumbent = contender(0, 0.5, 0.6, 0.5, 0.6, 0.5, search=0.5)
    candidate = contender(1, 0.49, 0.59, 0.49, 0.59, 0.49, search=0.4)
    decision = decide(RULE, incumbent, [candidate])
    assert decision.outcome is Outcome.KEPT
    assert decision.candidates[0].difference_error > 0.02


class TestFailures:
    def test_a_candidate_with_a_failed_repeat_cannot_win(self) -> None:
        decision = decide(RULE, around(0, 0.5), [contender(1, 0.1, 0.1, None, 0.1, 0.1), around(2, 0.51)])
        assert decision.outcome is Outcome.KEPT
        assert decision.candidates[0].standing is Standing.FAILED

    def test_three_pairs_are_enough(self) -> None:
        incumbent = contender(0, 0.5, None, 0.51, None, 0.49)
        decision = decide(RULE, incumbent, [around(1, 0.1, shift=1)])
        assert decision.outcome is Outcome.REPLACED
        assert decision.candidates[0].pairs == 3

    def test_an_incumbent_with_too_few_repeats_is_broken(self) -> None:
        incumbent = contender(0, 0.5, None, None, None, 0.5)
        assert missing_repeats(RULE, incumbent, [around(1, 0.1)]) == []
        with pytest.raises(IncumbentBroken, match="3 of 5 repeats of it failed"):
            decide(RULE, incumbent, [around(1, 0.1)])

    def test_the_incumbent_is_kept_if_all_candidates_fail(self) -> None:
        decision = decide(RULE, around(0, 0.5), [contender(1, None)])
        assert decision.reason == "every candidate failed in its repeats"


class TestRacing:
    def test_a_candidate_that_is_far_worse_is_dropped(self) -> None:
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

    def test_no_candidate_is_accepted_early(self) -> None:
        incumbent, superb = contender(0, 0.5, 0.51, 0.49), contender(1, 0.1, 0.1, 0.11)
        assert len(missing_repeats(RULE, incumbent, [superb])) == 4

    def test_the_order_of_ends_does_not_matter(self) -> None:
        """Repeats are compared by number: a candidate worse in 1, 3 and 5 is not dropped while 2 runs."""
        some = {1: Repeat(0.9), 3: Repeat(0.91), 5: Repeat(0.92)}
        incumbent = Contender(0, {}, 0.5, {at: Repeat(0.5) for at in some})
        assert missing_repeats(RULE, incumbent, [Contender(1, {}, 0.5, some)])

    def test_repeats_are_ordered_by_number(self) -> None:
        missing = missing_repeats(RULE, contender(0), [contender(1), contender(2)])
        assert [(item.number, repeat) for item, repeat in missing[:4]] == [(0, 1), (1, 1), (2, 1), (0, 2)]


def test_an_unfinished_confirmation_has_no_winner() -> None:
    """Even a candidate with all repeats cannot win, because the decision is among all candidates."""
    decision = decide(RULE, around(0, 0.5), [around(1, 0.1), contender(2, 0.1, 0.1)])
    assert decision.outcome is Outcome.KEPT
    assert "the timeout cut the confirmation off after 7 repeats of 2 candidates" in decision.reason


class TestWithoutAnIncumbent:
    def test_the_best_mean_is_first(self) -> None:
        """The smallest loss of the search does not count, because it may be small by chance."""
        decision = choose(RULE, [around(1, 0.5, search=0.1), around(2, 0.4, search=0.2)])
        assert decision is not None
        assert (decision.outcome, decision.number, decision.incumbent) == (Outcome.FIRST, 2, None)
        assert decision.reason.startswith(
            "there was no champion yet; trial 2 has the best mean loss, 0.4000 ± "
        )

    def test_absolute_guardrails_apply(self) -> None:
        rule = rails(latency_ms={"max": 50})
        slow = around(1, 0.3, latency_ms=63.0)
        decision = choose(rule, [slow, around(2, 0.4, latency_ms=9.0)])
        assert decision is not None
        assert decision.number == 2
        assert choose(rule, [slow]) is None

    def test_an_unfinished_confirmation_selects_the_best_of_the_search(self) -> None:
        decision = choose(RULE, [contender(1), contender(2, 0.4)])
        assert decision is not None
        assert decision.number == 1
        assert "best of the search" in decision.reason

    def test_a_broken_incumbent_is_named(self) -> None:
        decision = choose(RULE, [around(1, 0.5)], outcome=Outcome.REPLACED, why="the incumbent failed")
        assert decision is not None
        assert decision.reason.startswith("the incumbent failed; trial 1 has")


def test_a_decision_survives_a_json_round_trip() -> None:
    decision = decide(
        rails(m={"max": 1}), around(0, 0.5, m=0.0), [around(1, 0.3, shift=1, m=0.0), contender(2, None)]
    )
    assert Decision.from_json(decision.to_json()) == decision


def test_a_decision_is_repeatable() -> None:
    """A retry decides from the same repeats, in any order."""
    incumbent, candidate = around(0, 0.5), around(1, 0.45, shift=2)
    turned = Contender(1, {"x": 1}, 0.5, dict(reversed(candidate.repeats.items())))
    assert decide(RULE, incumbent, [candidate]) == decide(RULE, incumbent, [turned])


def test_the_share_of_wrong_replacements_is_as_configured() -> None:
    """Among equal configurations over 1,000 seeds, about 5 % of the decisions replace the incumbent."""
    wrong = 0
    for seed in range(1_000):
        random = np.random.default_rng(seed)
        losses = random.normal(size=(4, 5))
        incumbent, *candidates = (
            contender(at, *map(float, row), search=0.1 * at) for at, row in enumerate(losses)
        )
        wrong += decide(DecisionRule(confirm=Confirm()), incumbent, candidates).outcome is Outcome.REPLACED
    assert 10 <= wrong <= 50 + 2 * 7
