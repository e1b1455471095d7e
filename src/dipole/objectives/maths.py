"""The few lines that many objectives share: unit vectors, masks by ids, the mean of the rows."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from dipole.kernels import Mask, candidates, different, negatives, off_diagonal, settings
from dipole.kernels.collectives import find_place, gather, world
from dipole.objectives.contract.base import Reduction
from dipole.relations import Relation, diagonal, targets


def unit(x: Tensor) -> Tensor:
    """Rows of length 1, computed in float32 at least; a zero row stays zero, with a gradient."""
    u, _ = _Unit.apply(x.float() if x.element_size() < 4 else x)
    return u


class _Unit(torch.autograd.Function):
    """u = x / |x|, d(loss)/dx = (g - u (u . g)) / |x|: half the steps that autograd would take.

    The length is a result too, so that the gradient can be differentiated again.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        length.masked_fill_(length == 0, 1)
        u = x / length
        ctx.save_for_backward(u, length)
        ctx.set_materialize_grads(False)
        return u, length

    @staticmethod
    def backward(ctx: Any, above: Tensor | None, above_length: Tensor | None) -> Tensor | None:
        u, length = ctx.saved_tensors
        grad = None
        if above is not None:
            along = (u * above).sum(-1, keepdim=True)
            grad = torch.addcmul(above, u, along, value=-1) / length
        if above_length is not None:
            grad = u * above_length if grad is None else grad + u * above_length
        return grad


def log_add(*terms: Tensor) -> Tensor:
    """log of the sum of exponentials of a few vectors; -inf and no gradient where all are -inf."""
    stacked = torch.stack(terms)
    empty = (stacked == -torch.inf).all(0)
    return torch.logsumexp(stacked.masked_fill(empty, 0), 0).masked_fill(empty, -torch.inf)


def one_against(score: Tensor, rest: Tensor) -> Tensor:
    """-log of the positive's share, log(e^score + e^rest) - score, with rest the LSE of the others.

    As a sigmoid and not as that difference: of an easy pair both terms are large and nearly equal,
    and the small gradient that is left of it would be lost to rounding.
    """
    return -F.logsigmoid(score - rest)


def mean(directions: list[Tensor]) -> Tensor:
    """The mean of the losses of one or two directions."""
    return torch.stack(directions).mean(0)


def others(ids: Tensor | None) -> list[Mask]:
    """All pairs but i = j and those of equal ids."""
    return [off_diagonal()] if ids is None else [off_diagonal(), different(ids)]


def unlike(ids: Tensor | None, negative_ids: Tensor | None) -> list[Mask]:
    """Extra negatives that are not the anchor's own positive: their ids differ."""
    return [] if ids is None or negative_ids is None else [different(ids, negative_ids)]


def as_relation(relation: Relation | Tensor | None, ids: Tensor | None = None) -> Relation:
    """The relation of a call: the diagonal by default, a matrix of weights, without duplicates."""
    if relation is None:
        relation = diagonal()
    elif isinstance(relation, Tensor):
        relation = targets(relation)
    return relation if ids is None else relation.without_duplicates(ids)


def positive_pairs(relation: Relation) -> list[Mask]:
    """The pairs with W_ij > 0, as `candidates` and `negatives` are masks of a relation."""
    negative = negatives(relation)
    turned = Mask(
        lambda *tile: ~negative.fn(*tile),
        row=negative.row,
        column=negative.column,
        grid=negative.grid,
    )
    return [candidates(relation), turned]


def reduce(rows: Tensor, reduction: Reduction, counted: Tensor | None = None) -> Tensor:
    """Mean or sum of the rows that are counted; `none` gives every row, 0 if not counted.

    With several processes the mean is over the rows of all of them: each process returns its
    share times the number of processes, so that averaging (values or gradients, as
    DistributedDataParallel does) gives the mean, also where the shards are uneven.
    """
    if counted is not None:
        rows = torch.where(counted, rows, 0)
    if reduction == "none":
        return rows
    processes = _processes()
    if reduction == "mean" and counted is None and processes == 1:
        return rows.mean()
    if reduction == "sum":
        return rows.sum() * processes
    count = rows.new_tensor(rows.numel()) if counted is None else counted.sum().to(rows.dtype)
    if processes > 1:
        dist.all_reduce(count)
    return rows.sum() * processes / count.clamp(min=1)


def everywhere(x: Tensor) -> Tensor:
    """The rows of all processes, in their order, without gradient."""
    if _processes() == 1:
        return x.detach()
    return gather(x.detach(), find_place(len(x), len(x), x.device).row_sizes)


def _processes() -> int:
    """How many processes share this batch: one, where an executor of one process is forced."""
    return 1 if settings().executor in ("dense", "tiled") else world()[1]
