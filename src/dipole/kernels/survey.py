"""Which tiles a mask or weight of equal labels can touch at all, found once per pass.

A mask with a `support` is constant wherever no row's label equals a column's. Equal ids are few,
so most tiles have none: there the mask is not even evaluated. The pairs of equal labels are found
by sorting, O((n + m) log m); where they are many (a handful of classes) every tile is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dipole.kernels.modifiers import INDEX, Extent
from dipole.kernels.tiles import Tile

if TYPE_CHECKING:
    from dipole.kernels.operands import Operands
    from dipole.kernels.views import Bound, View

# More equal pairs per row than this are classes, not duplicates.
FEW = 8


class Survey:
    """The extent of every supported function of some views on every tile."""

    def __init__(self, views: list[View], operands: Operands, size: tuple[int, int]) -> None:
        self._touched: dict[tuple[int, int], set[tuple[int, int]] | None] = {}
        n, m = operands.size
        alone = n <= size[0] and m <= size[1]  # one tile: looking is dearer than doing
        for view in views:
            for bound in (*view.masks, *view.weights):
                for row, column in _labels(bound):
                    if (row, column) not in self._touched:
                        self._touched[row, column] = (
                            None
                            if alone
                            else equal_tiles(operands.row[row], operands.column[column], size)
                        )

    def extent(self, bound: Bound, tile: Tile) -> Extent:
        """What is known of the function on this tile without computing it."""
        function = bound.function
        if function.support is None:
            return Extent.SOME
        if tile.meets_diagonal and any(function.row[row] is INDEX for row, _ in function.support):
            return Extent.SOME
        for labels in _labels(bound):
            touched = self._touched[labels]
            if touched is None or (tile.r0, tile.c0) in touched:
                return Extent.SOME
        return function.outside


def equal_tiles(row: Tensor, column: Tensor, size: tuple[int, int]) -> set[tuple[int, int]] | None:
    """(r0, c0) of the tiles with some row[i] = column[j]; None when such pairs are many."""
    ordered, order = column.sort()
    first = torch.searchsorted(ordered, row)
    counts = torch.searchsorted(ordered, row, right=True) - first
    total = int(counts.sum())
    if total > FEW * len(row):
        return None
    i = torch.arange(len(row), device=row.device).repeat_interleave(counts)
    within = torch.arange(total, device=row.device) - (counts.cumsum(0) - counts)[i]
    j = order[first[i] + within]
    b, c = size
    corners = torch.stack([i // b * b, j // c * c], 1).unique(dim=0)
    return {(r0, c0) for r0, c0 in corners.tolist()}


def _labels(bound: Bound) -> list[tuple[int, int]]:
    """The supports that are labels, as operand numbers; the diagonal needs no search."""
    return [
        (bound.row[row], bound.column[column])
        for row, column in bound.function.support or ()
        if bound.function.row[row] is not INDEX
    ]
