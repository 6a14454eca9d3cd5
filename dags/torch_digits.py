"""The network that `retune_torch` and `retune_torch_distributed` tune: plain PyTorch, without Airflow."""

from __future__ import annotations

from collections.abc import Callable

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

EPOCHS = 8
# How many processes train a network together in `distributed_loss`.
PROCESSES = 2
DEFAULTS = {"batch_size": 64, "learning_rate": 0.01, "momentum": 0.0}


def splits() -> dict[str, tuple[Tensor, Tensor]]:
    """Return images and labels: 60 percent for training, 20 for validation, 20 for testing.

    Each training image occurs five times, four of them shifted by a pixel.
    """
    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).reshape(-1, 8, 8).astype("float32")
    rest, test, rest_labels, test_labels = train_test_split(
        images, labels, test_size=0.2, random_state=0, stratify=labels
    )
    train, valid, train_labels, valid_labels = train_test_split(
        rest, rest_labels, test_size=0.25, random_state=0, stratify=rest_labels
    )
    found = torch.from_numpy(train)
    shifted = [found, *(torch.roll(found, by, axis) for by in (1, -1) for axis in (1, 2))]
    return {
        "train": (torch.cat(shifted), torch.from_numpy(train_labels).repeat(5)),
        "valid": (torch.from_numpy(valid), torch.from_numpy(valid_labels)),
        "test": (torch.from_numpy(test), torch.from_numpy(test_labels)),
    }


def network() -> nn.Module:
    """Return a perceptron with one hidden layer."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


def fit(
    images: Tensor,
    labels: Tensor,
    *,
    batch_size: int,
    learning_rate: float,
    momentum: float,
    after_epoch: Callable[[int, nn.Module], None] = lambda *_: None,
) -> nn.Module:
    """Train by stochastic gradient descent."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=momentum)
    for epoch in range(1, EPOCHS + 1):
        for batch in torch.randperm(len(images)).split(batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        after_epoch(epoch, model)
    return model.eval()


def validation_loss(params: dict, trial, shared_data: dict[str, tuple[Tensor, Tensor]]) -> dict:
    """Return the negative log-likelihood of held-out images, and the accuracy; report both each epoch."""
    torch.set_num_threads(1)  # a trial has one core

    def report(epoch: int, model: nn.Module) -> None:
        trial.report(epoch, **measured(model, *shared_data["valid"]))

    model = fit(*shared_data["train"], **params, after_epoch=report)
    return measured(model, *shared_data["valid"])


def measured(model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Return the negative log-likelihood of images, and the accuracy."""
    with torch.no_grad():
        scores = model(images)
    return {
        "loss": nn.functional.cross_entropy(scores, labels).item(),
        "accuracy": (scores.argmax(1) == labels).float().mean().item(),
    }


def fit_and_test(**params: float) -> tuple[nn.Module, float]:
    """Train on all images outside the test set; return the model and its test accuracy."""
    torch.manual_seed(0)
    data = splits()
    images, labels = (torch.cat(each) for each in zip(data["train"], data["valid"], strict=True))
    model = fit(images, labels, **{**DEFAULTS, **params})
    with torch.no_grad():
        test_images, test_labels = data["test"]
        accuracy = (model(test_images).argmax(1) == test_labels).float().mean().item()
    return model, accuracy


def distributed_loss(params: dict) -> float:
    """Return the negative log-likelihood of held-out images, for a network that several processes train."""
    from pyspark.ml.torch.distributor import TorchDistributor

    together = TorchDistributor(num_processes=PROCESSES, local_mode=True, use_gpu=False)
    return together.run(train_together, params)


def train_together(params: dict) -> float:
    """Train in each process on its share of the images, averaging gradients; return the validation loss."""
    import torch.distributed as group
    from torch.nn.parallel import DistributedDataParallel

    torch.set_num_threads(1)
    torch.manual_seed(0)
    group.init_process_group("gloo")
    try:
        data = splits()
        images, labels = (each[group.get_rank() :: PROCESSES] for each in data["train"])
        model = DistributedDataParallel(network())
        _train_share(model, images, labels, **params)
        valid, valid_labels = data["valid"]
        with torch.no_grad():
            return nn.functional.cross_entropy(model.module(valid), valid_labels).item()
    finally:
        group.destroy_process_group()


def _train_share(
    model: nn.Module, images: Tensor, labels: Tensor, *, batch_size: int, learning_rate: float
) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(batch_size // PROCESSES):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
