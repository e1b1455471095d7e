"""Sinkhorn: exp(scores / temperature), scaled to given row and column sums, in logarithms."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels.collectives import stack, world
from dipole.kernels.settings import settings


def sinkhorn(
    scores: Tensor,
    *,
    temperature: float | Tensor = 0.05,
    iterations: int = 3,
    rows: Tensor | None = None,
    columns: Tensor | None = None,
    everywhere: bool = False,
) -> Tensor:
    """log Q of Q = diag(u) exp(scores / temperature) diag(v), alternately scaled.

    Each iteration scales the columns to their sums, then the rows to theirs: after it the rows are
    exact, the columns as near as the iterations brought them. In logarithms throughout, so that
    no temperature over- or underflows. A score of -inf is a pair that may not meet; a row or a
    column of nothing else gets no mass. The gradient is that of the iterations.

    Shapes: scores (..., n, m); rows (..., n) and columns (..., m), sums that add up to the same,
    1/n and 1/m by default. everywhere: the rows of all processes are one problem, (n, m) only.
    Source: Cuturi 2013, Sinkhorn Distances, arXiv 1306.0895.

    Example:
        >>> import torch
        >>> plan = sinkhorn(torch.eye(2), temperature=1.0, iterations=5).exp()
        >>> plan.sum(0), plan.sum(1)
        (tensor([0.5000, 0.5000]), tensor([0.5000, 0.5000]))
    """
    if iterations < 1:
        raise InputError(f"iterations: found {iterations}, expected at least 1")
    together = everywhere and world()[1] > 1 and settings().executor not in ("dense", "tiled")
    n, m = scores.shape[-2:]
    if together:
        n = int(stack(scores.new_tensor(float(n))).sum())
    log_rows = -scores.new_tensor(float(n)).log() if rows is None else rows.log()[..., None]
    log_columns = (
        -scores.new_tensor(float(m)).log() if columns is None else columns.log()[..., None, :]
    )
    log_q = scores / temperature
    for _ in range(iterations):
        sums = _log_sum(log_q, -2)
        if together:
            sums = _log_sum(stack(sums), 0)[0]
        log_q = log_q - _finite(sums) + log_columns
        log_q = log_q - _finite(_log_sum(log_q, -1)) + log_rows
    return log_q


def _log_sum(x: Tensor, dim: int) -> Tensor:
    """log of the sum of exponentials; over nothing -inf, and no gradient."""
    empty = (x == -torch.inf).all(dim, keepdim=True)
    return x.masked_fill(empty, 0).logsumexp(dim, keepdim=True).masked_fill(empty, -torch.inf)


def _finite(x: Tensor) -> Tensor:
    """What to subtract: nothing from a row that has nothing."""
    return x.masked_fill(x == -torch.inf, 0)
