"""Minimal objectives for the scenarios."""

import time


def quadratic(params, sleep=0.0):
    time.sleep(sleep)
    return (params["x"] - 0.3) ** 2


def shifted(params, by):
    return {"loss": (params["x"] - by) ** 2, "by": by}


def none(params):
    return None
