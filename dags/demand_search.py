"""An ordinary hyperopt script: it does not use champions, and can also be run by hand."""

from __future__ import annotations

import sys

import demand
from hyperopt import fmin, hp, tpe
from numpy.random import default_rng

from airflow_sparktune import SparkTrials

WEEK = sys.argv[1]
SPACE = {
    "alpha": hp.loguniform("alpha", -9, 2),
    "gamma": hp.loguniform("gamma", -2, 7),
}


def loss(params):
    return demand.split_loss(params, WEEK)


if __name__ == "__main__":
    print(fmin(loss, SPACE, algo=tpe.suggest, max_evals=12, trials=SparkTrials(), rstate=default_rng(7)))
