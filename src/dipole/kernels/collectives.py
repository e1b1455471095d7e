"""Collectives whose backward is the collective in reverse.

The rule for gradients: every process computes its own rows against everybody's columns and its own
loss; the gradient that comes back is that of the sum of all losses. With the mean over a process's
rows as loss, averaging over processes (as DistributedDataParallel does) then gives the gradient of
the whole batch, exactly.

Everything here is one all-to-all, which every backend has for shards of different sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from dipole.kernels.double_backward import once


def world() -> tuple[int, int]:
    """This process's rank and the number of processes: (0, 1) without torch.distributed."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


class Shards(NamedTuple):
    """Where this process stands, and how many rows and columns each process holds."""

    rank: int
    row_sizes: list[int]
    column_sizes: list[int]

    @property
    def row_offset(self) -> int:
        return sum(self.row_sizes[: self.rank])

    @property
    def largest(self) -> int:
        """The most scores that one process computes."""
        return max(self.row_sizes) * sum(self.column_sizes)


def find_place(n: int, m: int, device: torch.device) -> Shards:
    """Ask everybody how many rows and columns they hold."""
    rank, processes = world()
    mine = torch.tensor([n, m], dtype=torch.int64, device=device)
    every = [torch.empty_like(mine) for _ in range(processes)]
    dist.all_gather(every, mine)
    rows, columns = zip(*(one.tolist() for one in every), strict=True)
    return Shards(rank, list(rows), list(columns))


def gather(shard: Tensor, sizes: Sequence[int]) -> Tensor:
    """(n, ...) here -> (sum of sizes, ...), in the order of the ranks; backward sums."""
    _, processes = world()
    copies = shard.repeat(processes, *([1] * (shard.dim() - 1)))
    return _Exchange.apply(copies, [len(shard)] * processes, list(sizes))


def scatter(parts: Tensor, sizes: Sequence[int]) -> Tensor:
    """Parts of everybody's results (sum of sizes, ...) -> the parts of mine, (p, n, ...)."""
    rank, processes = world()
    mine = _Exchange.apply(parts, list(sizes), [sizes[rank]] * processes)
    return mine.view(processes, sizes[rank], *parts.shape[1:])


def stack(part: Tensor) -> Tensor:
    """Everybody's part of the same thing, (p, ...); backward sums."""
    _, processes = world()
    return gather(part[None], [1] * processes)


class _Exchange(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, send: list[int], receive: list[int]) -> Tensor:
        ctx.send, ctx.receive = send, receive
        return _all_to_all(x, send, receive)

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor | None, None, None]:
        (grad,) = once([_all_to_all(above[0], ctx.receive, ctx.send)], above)
        return grad, None, None


def _all_to_all(x: Tensor, send: list[int], receive: list[int]) -> Tensor:
    out = x.new_empty(sum(receive), *x.shape[1:])
    dist.all_to_all_single(out, x.contiguous(), receive, send)
    return out
