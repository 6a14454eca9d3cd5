"""The network of `torch_digits`, trained by several processes together."""

from __future__ import annotations

import torch
import torch_digits
from torch import Tensor, nn

PROCESSES = 2


def validation_loss(params: dict) -> float:
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
        data = torch_digits.splits()
        images, labels = (each[group.get_rank() :: PROCESSES] for each in data["train"])
        model = DistributedDataParallel(torch_digits.network())
        _train(model, images, labels, **params)
        valid, valid_labels = data["valid"]
        with torch.no_grad():
            return nn.functional.cross_entropy(model.module(valid), valid_labels).item()
    finally:
        group.destroy_process_group()


def _train(
    model: nn.Module, images: Tensor, labels: Tensor, *, batch_size: int, learning_rate: float
) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
    for _ in range(torch_digits.EPOCHS):
        for batch in torch.randperm(len(images)).split(batch_size // PROCESSES):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
