"""Batch normalisation whose batch is that of all processes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dipole.errors import InputError
from dipole.kernels import settings
from dipole.kernels.collectives import stack, world


class _Whole(_BatchNorm):
    """In training  y = w (x - mean) / sqrt(variance + eps) + b  over the rows of all processes.

    The sums travel in both directions, so a gradient is that of one process with the whole batch.
    (`torch.nn.SyncBatchNorm` asks for GPUs.)
    """

    def forward(self, input: Tensor) -> Tensor:
        """As the class that this stands in for; (n, channels, ...) of any type."""
        if not self.training or _is_alone():
            return super().forward(input)
        self._check_input_dim(input)
        x = input.float() if input.itemsize < 4 else input
        over = [0, *range(2, x.dim())]
        shape = [1, -1] + [1] * (x.dim() - 2)
        here = x.new_full((1,), x.numel() / max(x.shape[1], 1))
        sums = stack(torch.cat([x.sum(over), here])).sum(0)
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = x - mean.view(shape)
        variance = stack(centred.square().sum(over)).sum(0) / count
        self._follow(mean.detach(), variance.detach() * (count / (count - 1).clamp(min=1)))
        y = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return y.to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """The running statistics, as torch has them."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean), share)
        self.running_var.lerp_(variance.to(self.running_var), share)


class BatchNorm1d(_Whole, nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` over all processes."""


class BatchNorm2d(_Whole, nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` over all processes."""


class BatchNorm3d(_Whole, nn.BatchNorm3d):
    """`torch.nn.BatchNorm3d` over all processes."""


_STANDS_IN: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm1d: BatchNorm1d,
    nn.BatchNorm2d: BatchNorm2d,
    nn.BatchNorm3d: BatchNorm3d,
}


def over_whole_batches(module: nn.Module, chunk: int | None) -> None:
    """Make every batch normalisation of a module one over the batch, in place.

    Raises InputError where that cannot be: in pieces of a batch (`chunk`), and of a class that is
    not torch's own, on several processes.
    """
    for name, part in module.named_modules():
        if not isinstance(part, _BatchNorm):
            continue
        if chunk is not None:
            raise InputError(
                f"chunk: found batch normalisation ({name}), whose statistics are those of the "
                "whole batch; expected no --chunk, or an encoder without it"
            )
        if world()[1] == 1 or isinstance(part, _Whole):
            continue
        if type(part) not in _STANDS_IN:
            raise InputError(
                f"{name}: found {type(part).__name__}, which does not share its statistics between "
                "processes; expected torch's BatchNorm1d, 2d or 3d, or one process"
            )
        part.__class__ = _STANDS_IN[type(part)]  # type: ignore[assignment]


def _is_alone() -> bool:
    """Whether this process holds the whole batch."""
    return settings().executor in ("dense", "tiled") or world()[1] == 1
