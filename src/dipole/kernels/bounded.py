"""The fast path: plain log-sum-exps of dot products that cannot overflow.

|q_i . k_j| <= B = max|q| max|k|. While e^B times the number of terms stays inside the exponent's
range, so does every sum of exponentials, and no running maximum is needed:

    E_ij = 2^(q_i . k_j log2 e)      lse_i = log sum_j E_ij      lse_j = log sum_i E_ij

one exponential for both directions. Backward, with g the incoming gradients,

    G_ij = E_ij (g_i e^-lse_i + g_j e^-lse_j).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from dipole.kernels.modifiers import Extent
from dipole.kernels.passes import Grads, States, backward_pass, forward_pass
from dipole.kernels.products import product, scores
from dipole.kernels.program import ALL, COLUMN, ROW, Operands, Program, Results
from dipole.kernels.reductions import LOG2E, LogSumExp
from dipole.kernels.tiles import Tile, tiles

Forward = Callable[..., None]
Backward = Callable[..., None]


def norms(operands: Operands) -> Tensor:
    """max |q_i| and max |k_j|: their product bounds every score."""
    longest = [
        torch.linalg.vector_norm(t.flatten(1), dim=1).amax() if len(t) else t.new_zeros(())
        for t in (operands.row[0], operands.column[0])
    ]
    return torch.stack(longest)


def is_bounded(program: Program, longest: Tensor, n: int, m: int) -> bool:
    """Whether the fast path computes this program exactly, for n rows and m columns."""
    if program.score.score is not None:
        return False
    for view in program.views:
        if not view.plain or not all(isinstance(use.reduction, LogSumExp) for use in view.uses):
            return False
        if any(mask.function.reads_score for mask in view.masks):
            return False
    terms = n * m if program.all else max(n, m)
    room = -math.log(torch.finfo(longest.dtype).tiny) - math.log(max(terms, 1)) - 1
    return float(longest.prod()) < room


def passes(fast: bool) -> tuple[Forward, Backward]:
    """The forward and backward pass of a program, by whether it is bounded."""
    if fast:
        return forward_bounded, backward_bounded
    return forward_pass, backward_pass


def forward_bounded(
    program: Program,
    operands: Operands,
    states: States,
    size: tuple[int, int],
    row_offset: int = 0,
    column_offset: int = 0,
) -> None:
    """`forward_pass` without a running maximum: the peak of every state is 0."""
    rows, columns = operands.row[0] * LOG2E, operands.column[0]
    for peak, _ in states.values():
        peak.zero_()
    for tile in tiles(len(rows), len(columns), size, row_offset, column_offset):
        local = operands.on(tile)
        powers = scores(rows[tile.rows], columns[tile.columns])
        masks = [view.keep(powers, local, tile) for view in program.views]
        powers.exp2_()
        for view, keep in zip(program.views, masks, strict=True):
            if keep is Extent.NONE:
                continue
            kept = powers if keep is None else powers.masked_fill(~keep, 0)
            sums: dict[str, Tensor] = {}
            for use in view.uses:
                sums_of = states[use.direction, use.slot][1]
                if use.direction == COLUMN:
                    sums_of[tile.columns] += kept.sum(0)
                    continue
                if ROW not in sums:
                    sums[ROW] = kept.sum(1)
                if use.direction == ROW:
                    sums_of[tile.rows] += sums[ROW]
                else:
                    sums_of += sums[ROW].sum()


def backward_bounded(
    program: Program,
    operands: Operands,
    results: Results,
    grads: Grads,
    into: Sequence[Tensor | None],
    size: tuple[int, int],
    row_offset: int = 0,
    column_offset: int = 0,
) -> None:
    """`backward_pass` by hand: one exponential per tile, no autograd."""
    rows, columns = operands.row[0], operands.column[0]
    into_rows, into_columns = into[0], into[len(operands.row)]
    # One (d, c) block per column of tiles: the product rows' G runs faster than G' rows.
    turned: dict[int, Tensor] = {}
    powers_of = rows * LOG2E
    factors = {
        key: grad * torch.exp(-results[key][0]).masked_fill(results[key][0].isinf(), 0)
        for key, grad in grads.items()
    }
    for tile in tiles(len(rows), len(columns), size, row_offset, column_offset):
        local = operands.on(tile)
        powers = scores(powers_of[tile.rows], columns[tile.columns])
        coefficients = _coefficients(program, powers, local, tile, factors)
        if coefficients is None:
            continue
        grad = powers.exp2_().mul_(coefficients)
        if into_rows is not None:
            into_rows[tile.rows].add_(product(grad, columns[tile.columns]))
        if into_columns is not None:
            part = product(rows[tile.rows].t().contiguous(), grad)
            if tile.c0 in turned:
                turned[tile.c0] += part
            else:
                turned[tile.c0] = part
    if into_columns is not None:
        for c0, part in turned.items():
            into_columns[c0 : c0 + part.shape[1]].add_(part.t())


def _coefficients(
    program: Program,
    powers: Tensor,
    local: Operands,
    tile: Tile,
    factors: Grads,
) -> Tensor | None:
    """g_i e^-lse_i + g_j e^-lse_j, summed over the views; broadcastable to the tile."""
    total: Tensor | None = None
    for view in program.views:
        keep = view.keep(powers, local, tile)
        if keep is Extent.NONE:
            continue
        mine: Tensor | None = None
        for use in view.uses:
            factor = factors.get((use.direction, use.slot))
            if factor is None:
                continue
            if use.direction == ROW:
                factor = factor[tile.rows, None]
            elif use.direction == COLUMN:
                factor = factor[None, tile.columns]
            else:
                assert use.direction == ALL
                factor = factor[None]
            mine = factor if mine is None else mine + factor
        if mine is None:
            continue
        if keep is not None:
            mine = mine.masked_fill(~keep, 0)
        total = mine if total is None else total + mine
    return total
