"""Minimal objectives for the scenarios."""

import time


def quadratic(params, sleep=0.0):
    time.sleep(sleep)
    return (params["x"] - 0.3) ** 2


def shifted(params, by):
    return {"loss": (params["x"] - by) ** 2, "by": by}


def learns(params, trial, sleep):
    """Report five losses, which fall to the one that it returns."""
    for step in range(1, 6):
        time.sleep(sleep)
        trial.report(step, quadratic(params) + 1 / step)
    return quadratic(params) + 1 / step


class OddAtThree:
    """Stops every trial with an odd number at step 3."""

    def stops(self, number, step, curves):
        return number % 2 == 1 and step == 3


def none(params):
    return None
