"""Processes of one run that learn together, as `torchrun` starts them: the group and its sums."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as processes
from torch.nn.parallel import DistributedDataParallel

from cxrkit.errors import InputRefused

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")  # set by torchrun
PATIENCE = timedelta(minutes=30)  # torch's own; the first process measures while others wait


@dataclass(frozen=True)
class Group:
    """The processes of a run: this one's number and how many there are."""

    rank: int
    size: int

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.size > 1:
            processes.barrier()


@contextlib.contextmanager
def group(device: str) -> Iterator[Group]:
    """The group that `torchrun` asks for, else one process alone; taken down at the end.

    Args:
        device: "cpu" talks through gloo; "cuda" through nccl, each process on a GPU of its own.

    Raises:
        InputRefused: E107, more processes on a machine than it has GPUs; E107, some but not all
            of the variables that `torchrun` sets.
    """
    if "RANK" not in os.environ and "WORLD_SIZE" not in os.environ:
        yield Group(0, 1)
        return
    missing = [name for name in VARIABLES if name not in os.environ]
    if missing:
        raise InputRefused(
            "E107", "environment", f"no {missing[0]}", ", ".join(VARIABLES),
            "start the command with torchrun, or unset RANK and WORLD_SIZE",
        )  # fmt: skip
    if device == "cuda":
        _take_gpu(int(os.environ["LOCAL_RANK"]))
    processes.init_process_group("nccl" if device == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Group(processes.get_rank(), processes.get_world_size())
    finally:
        processes.destroy_process_group()


def _take_gpu(number: int) -> None:
    count = torch.cuda.device_count()
    if number >= count:
        raise InputRefused(
            "E107", "--nproc-per-node", f"more than {count} processes", f"one per GPU: {count}",
            "start fewer processes",
        )  # fmt: skip
    torch.cuda.set_device(number)


def is_first() -> bool:
    """Whether this process writes what a run leaves: the only one, or the first of `torchrun`."""
    return os.environ.get("RANK", "0") == "0"


def mean(value: Tensor, group: Group) -> float:
    """The mean over all processes of a tensor of one element; not finite where one of them is."""
    if group.size == 1:
        return float(value)
    total = value.detach().to(torch.float64).clone()
    processes.all_reduce(total)
    return float(total) / group.size


def unsynchronised(learner: nn.Module, wanted: bool) -> AbstractContextManager[None]:
    """Where wanted, gradients inside are kept to this process: more micro-batches follow."""
    if wanted and isinstance(learner, DistributedDataParallel):
        held: AbstractContextManager[None] = learner.no_sync()
        return held
    return contextlib.nullcontext()


def synchronise(net: nn.Module, group: Group) -> None:
    """Make each batch normalisation below `net` one over the batches of all processes.

    Parameters and buffers stay the same objects under the same names, so checkpoints and
    optimisers fit. Nothing is changed where there is one process.
    """
    if group.size == 1:
        return
    for layer in list(net.modules()):
        for name, child in layer.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(layer, name, _spanning(child))


def _spanning(layer: nn.BatchNorm2d) -> nn.Module:
    # torch's own knows GPUs alone.
    if layer.weight.is_cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(layer)  # type: ignore[no-untyped-call,no-any-return]
    return SpanningBatchNorm(layer)


class SpanningBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the batches of all processes; on CPUs, through gloo.

    Equal to `BatchNorm2d` on all batches in one, forward and backward. Each process sums in
    float32 what it has; the sums are put together in float64, so that a mean that is large beside
    its variance costs no digits.
    """

    def __init__(self, layer: nn.BatchNorm2d) -> None:
        super().__init__(
            layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats
        )
        for name, parameter in layer.named_parameters():
            setattr(self, name, parameter)
        for name, buffer in layer.named_buffers():
            setattr(self, name, buffer)
        self.train(layer.training)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        variance, mean = torch.var_mean(x.float(), (0, 2, 3), correction=0)
        variance, mean = variance.double(), mean.double()
        count = torch.full_like(mean, x.numel() // x.shape[1])
        own = torch.stack([count, count * mean, count * (variance + mean**2)])
        count, total, squares = _sum(own)
        mean = total / count
        variance = squares / count - mean**2
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight.double() / (variance + self.eps).sqrt()
        shift = self.bias.double() - mean * scale
        normed: Tensor = x * scale.float()[:, None, None] + shift.float()[:, None, None]
        return normed.to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics, as `BatchNorm2d` does, towards those of this batch."""
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        step = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), step)
        self.running_var.lerp_(variance.to(self.running_var.dtype), step)


def _sum(tensor: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(tensor)  # type: ignore[no-untyped-call]
    return total


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        processes.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        processes.all_reduce(total)
        return total
