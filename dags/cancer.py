"""The model that `retune_mllib` tunes: a logistic regression trained by the whole Spark cluster."""

from __future__ import annotations

from functools import cache

from pyspark.ml.classification import LogisticRegression
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.ml.linalg import Vectors
from pyspark.sql import DataFrame, SparkSession
from sklearn.datasets import load_breast_cancer


@cache
def splits(spark: SparkSession) -> list[DataFrame]:
    """Return training, validation and test rows (60, 20 and 20 percent), cached in the cluster."""
    features, labels = load_breast_cancer(return_X_y=True)
    rows = [(float(label), Vectors.dense(values)) for label, values in zip(labels, features, strict=True)]
    frame = spark.createDataFrame(rows, ["label", "features"])
    return [part.cache() for part in frame.randomSplit([0.6, 0.2, 0.2], seed=0)]


def validation_loss(params: dict) -> float:
    """Return one minus the area under the ROC curve of held-out rows."""
    train, valid, _ = splits(SparkSession.builder.getOrCreate())
    model = LogisticRegression(maxIter=20, **params).fit(train)
    return 1.0 - BinaryClassificationEvaluator().evaluate(model.transform(valid))


def fit_and_test(spark: SparkSession, **params: float) -> float:
    """Train on all rows outside the test set; return the area under the ROC curve of the test set."""
    train, valid, test = splits(spark)
    model = LogisticRegression(maxIter=20, **params).fit(train.union(valid))
    return float(BinaryClassificationEvaluator().evaluate(model.transform(test)))
