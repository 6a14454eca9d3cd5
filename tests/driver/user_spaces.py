"""Spaces like those in hyperopt scripts, and a user's sampler; tests refer to them as `module:NAME`."""

import numpy as np
from hyperopt import hp

from airflow_sparktune.driver.samplers import over
from airflow_sparktune.driver.samplers.base import Recommendation
from airflow_sparktune.driver.samplers.search_space import SpaceSampler

EVERYTHING = {
    "uniform": hp.uniform("uniform", -1, 1),
    "loguniform": hp.loguniform("loguniform", np.log(1e-4), np.log(1.0)),
    "quniform": hp.quniform("quniform", 0, 10, 2),
    "qloguniform": hp.qloguniform("qloguniform", np.log(2), np.log(64), 2),
    "normal": hp.normal("normal", 0, 2),
    "lognormal": hp.lognormal("lognormal", 0, 1),
    "qnormal": hp.qnormal("qnormal", 0, 5, 2),
    "qlognormal": hp.qlognormal("qlognormal", 0, 2, 1),
    "randint": hp.randint("randint", 2, 12),
    "uniformint": hp.uniformint("uniformint", 1, 5),
    "choice": hp.choice("choice", ["a", {"C": hp.uniform("choice[1].C", 0, 1)}, [1, None]]),
    "pchoice": hp.pchoice("pchoice", [(0.0, "never"), (0.25, True), (0.75, "often")]),
}

_rate = hp.loguniform("rate", np.log(1e-3), 0)
SHARED = {
    "first": _rate,
    "model": hp.choice("model", [{"rate": _rate, "depth": hp.randint("depth", np.int64(4))}, "none"]),
}
_inner = hp.choice("inner", [{"deep": hp.loguniform("deep", -9, 0.5)}, {"flat": hp.normal("flat", 1, 2)}])
# Two ways lead to `inner` and the parameters below it.
WAYS = {
    "z": hp.choice("first", [{"inner": _inner}, "none"]),
    "second": hp.pchoice("second", [(0.3, {"inner": _inner, "q": hp.quniform("q", 0.3, 9, 0.4)}), (0.7, 0)]),
    "rate": _rate,
}
NUMPY = {
    "x": hp.uniform("x", np.float32(0), np.int64(3)),
    "k": hp.choice("k", [np.int64(3), np.float32(0.5), np.str_("text")]),
    "pair": hp.choice("pair", [(64, 32), (16,)]),
}
ARITHMETIC = {"x": hp.uniform("x", 0, 1) * 100 + 1}
BUILT = {"lr": {"loguniform": [0.001, 1.0]}}


class NoSampler:
    def __init__(self, space):
        self.space = space


class LastDraw(SpaceSampler):
    """Draws at random as `random` does; recommends the last trial that was told to have succeeded."""

    def __init__(self, space):
        super().__init__(space)
        self.draws, self.last = over(space, "random"), None

    def ask(self, number, *, seed):
        return self.space.suggestion(self.draws.ask(number, seed=seed).point, by="draw")

    def tell(self, trial):
        self.last = trial if trial.state == "ok" else self.last

    def recommend(self):
        return self.last and Recommendation(self.last.number, self.last.loss, 0.0)


class Model:
    pass


TWICE = [hp.uniform("x", 0, 1), hp.uniform("x", 0, 1)]
NOTHING = {"x": 1}
OBJECTS = hp.choice("model", ["svm", Model()])
NESTED_OBJECTS = {"kind": hp.choice("kind", [{"model": Model(), "x": hp.uniform("x", 0, 1)}, "none"])}
CLASSES = hp.choice("model", [Model, None])
CONSTANT_OBJECT = {"x": hp.uniform("x", 0, 1), "model": Model()}
INFINITE = hp.choice("bound", [1.0, float("inf")])
NO_SPACE = 5
