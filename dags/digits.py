"""The model that `retune_digits` and `retune_early` tune: plain scikit-learn, without Airflow or Spark."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

EPOCHS = 30
# Stopping after EPOCHS is intended, so sklearn's convergence warning is ignored.
warnings.filterwarnings("ignore", category=ConvergenceWarning)

DEFAULTS = {"batch_size": 200, "learning_rate": 0.001, "momentum": 0.9}  # scikit-learn's defaults


@cache
def splits() -> tuple[np.ndarray, ...]:
    """Return training, validation and test images and labels: 60, 20 and 20 percent."""
    images, labels = load_digits(return_X_y=True)
    images = images / 16.0
    rest, test, rest_labels, test_labels = train_test_split(
        images, labels, test_size=0.2, random_state=0, stratify=labels
    )
    train, valid, train_labels, valid_labels = train_test_split(
        rest, rest_labels, test_size=0.25, random_state=0, stratify=rest_labels
    )
    return train, train_labels, valid, valid_labels, test, test_labels


def network(*, batch_size: int, learning_rate: float, momentum: float) -> MLPClassifier:
    """Return an untrained perceptron with one hidden layer, for stochastic gradient descent."""
    return MLPClassifier(
        hidden_layer_sizes=(64,),
        solver="sgd",
        batch_size=batch_size,
        learning_rate_init=learning_rate,
        momentum=momentum,
        max_iter=EPOCHS,
        random_state=0,
    )


def validation_loss(params: dict) -> float:
    """Return the negative log-likelihood of held-out images, which the tuning minimises."""
    train, train_labels, valid, valid_labels, _, _ = splits()
    model = network(**params).fit(train, train_labels)
    return log_loss(valid_labels, model.predict_proba(valid), labels=model.classes_)


def loss_by_epoch(params: dict, trial) -> float:
    """Return the same loss, and report it after each epoch, so that a pruner can stop the trial."""
    train, train_labels, valid, valid_labels, _, _ = splits()
    model = network(**params)
    for epoch in range(1, EPOCHS + 1):
        model.partial_fit(train, train_labels, classes=np.unique(train_labels))
        loss = log_loss(valid_labels, model.predict_proba(valid), labels=model.classes_)
        trial.report(epoch, loss)
    return loss


def fit_and_test(**params: float) -> tuple[MLPClassifier, float]:
    """Train on all images outside the test set; return the model and its test accuracy."""
    train, train_labels, valid, valid_labels, test, test_labels = splits()
    model = network(**{**DEFAULTS, **params})
    model.fit(np.concatenate([train, valid]), np.concatenate([train_labels, valid_labels]))
    return model, float(model.score(test, test_labels))
