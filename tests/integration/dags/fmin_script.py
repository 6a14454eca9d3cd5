"""A typical hyperopt script, in which one import is changed."""

import sys

from hyperopt import fmin, hp, tpe

from airflow_sparktune import SparkTrials

if __name__ == "__main__":
    target = sys.argv[1]
    best = fmin(
        lambda params: (params["x"] - float(target)) ** 2,
        {"x": hp.uniform("x", 0, 1)},
        algo=tpe.suggest,
        max_evals=6,
        trials=SparkTrials(parallelism=2),
        show_progressbar=False,
    )
    print("the script's own last line:", sorted(best))  # noqa: T201
