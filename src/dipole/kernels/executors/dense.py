"""The whole score matrix at once, by plain autograd: for small sizes, and for double backward."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.kernels.equal_labels import Survey
from dipole.kernels.kept_pairs import These
from dipole.kernels.modified_scores import Results, piece_of
from dipole.kernels.modifiers import Extent
from dipole.kernels.operands import Operands
from dipole.kernels.program import Program
from dipole.kernels.tile_values import Look
from dipole.kernels.tiles import Tile


def dense(
    program: Program, operands: Operands, row_offset: int = 0, column_offset: int = 0
) -> Results:
    """Every statistic of the (n, m) matrix, which exists while this runs."""
    survey = Survey(program.views, operands, operands.size)
    return whole(program, operands, program.score(operands), row_offset, column_offset, survey)


def whole(
    program: Program,
    operands: Operands,
    score: Tensor,
    row_offset: int = 0,
    column_offset: int = 0,
    survey: Survey | None = None,
) -> Results:
    """Every statistic of a score matrix that is there."""
    n, m = score.shape
    tile = Tile(0, n, 0, m, row_offset, column_offset)
    results: Results = {}
    look = Look(tile, operands, score, survey=survey)
    for view in program.views:
        keep = look.keep(view)
        if keep is Extent.NONE:
            keep = These(torch.zeros_like(score, dtype=torch.bool))
        inside = score
        if view.mods and keep is not None:
            # A modifier may have an infinite slope at a pair that does not take part (a distance
            # to itself, say), and 0 * inf is nan: cut the way back there.
            inside = keep.cut(score)
        values = view.values(inside, operands, tile)
        weight = view.weight(score, operands, tile)
        for use in view.uses:
            piece = piece_of(use, tile, values, keep, weight)
            results[use.key] = use.reduction.whole(piece)
    return results
