"""The whole score matrix at once, by plain autograd: for small sizes, and for double backward."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.kernels.equal_labels import EqualLabels
from dipole.kernels.kept_pairs import These
from dipole.kernels.modifiers import Extent, off_diagonal
from dipole.kernels.operands import Operands
from dipole.kernels.program import Program
from dipole.kernels.readings import Reading, Results, piece_of
from dipole.kernels.reductions import LogSumExp
from dipole.kernels.tile_values import TileValues
from dipole.kernels.tiles import Tile


def dense(
    program: Program, operands: Operands, row_offset: int = 0, column_offset: int = 0
) -> Results:
    """Every statistic of the (n, m) matrix, which exists while this runs."""
    equal = EqualLabels(program.readings, operands, operands.size)
    return whole(program, operands, program.score(operands), row_offset, column_offset, equal)


def whole(
    program: Program,
    operands: Operands,
    score: Tensor,
    row_offset: int = 0,
    column_offset: int = 0,
    equal: EqualLabels | None = None,
) -> Results:
    """Every statistic of a score matrix that is there."""
    n, m = score.shape
    tile = Tile(0, n, 0, m, row_offset, column_offset)
    results: Results = {}
    known = TileValues(tile, operands, score, equal=equal)
    for reading in program.readings:
        keep = known.keep(reading)
        if keep is Extent.NONE:
            keep = These(torch.zeros_like(score, dtype=torch.bool))
        if program.score.score is None and _leaves_some(reading, n, m):
            # As one would write it: one filled matrix for both directions.
            filled = score if keep is None else keep.fill(score, -torch.inf)
            for use in reading.uses:
                piece = piece_of(use, tile, filled, None, None)._replace(some=True)
                results[use.key] = use.reduction.whole(piece)
            continue
        inside = score
        if reading.mods and keep is not None:
            # A modifier may have an infinite slope at a pair that does not take part (a distance
            # to itself, say), and 0 * inf is nan: cut the way back there.
            inside = keep.cut(score)
        values = reading.values(inside, operands, tile)
        weight = reading.weight(score, operands, tile)
        for use in reading.uses:
            piece = piece_of(use, tile, values, keep, weight)
            results[use.key] = use.reduction.whole(piece)
    return results


def _leaves_some(reading: Reading, n: int, m: int) -> bool:
    """Whether these are log-sum-exps over scores of which every row and column is sure to have one,
    so that none of them is -inf, whose gradient needs care."""
    masks = all(bound.function is off_diagonal() for bound in reading.masks)
    sums = all(isinstance(use.reduction, LogSumExp) for use in reading.uses)
    return masks and sums and reading.plain and min(n, m) > len(reading.masks)
