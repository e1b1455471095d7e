"""Where a mask or weight of equal labels can differ from a constant at all, found once per pass.

A mask with a `support` is constant wherever no row's label equals a column's. Equal ids are few,
so most tiles have none and the rest have a short list of pairs: only there is the mask evaluated.
The pairs of equal labels are found by sorting, O((n + m) log m); where they are many (a handful of
classes) there is no list, and the mask is evaluated on every tile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dipole.kernels.modifiers import INDEX
from dipole.kernels.tiles import Tile

if TYPE_CHECKING:
    from dipole.kernels.operands import Operands
    from dipole.kernels.readings import Bound, Reading

# More equal pairs per row than this are classes, not duplicates.
FEW = 16
# Below this many scores in a single tile a look at all of them is cheaper than a list.
LISTED = 2**17

# (r0, c0) of a tile -> positions in the flattened tile.
Listed = dict[tuple[int, int], Tensor]


class EqualLabels:
    """The pairs that every supported function of some readings can touch, tile by tile."""

    def __init__(self, readings: list[Reading], operands: Operands, size: tuple[int, int]) -> None:
        self._found: dict[tuple[int, int], Listed | None] = {}
        n, m = operands.size
        self._device = operands.row[0].device
        small = n <= size[0] and m <= size[1] and n * m < LISTED
        for reading in readings:
            for bound in (*reading.masks, *reading.weights):
                for row, column in _labels(bound):
                    if (row, column) not in self._found:
                        self._found[row, column] = (
                            None
                            if small
                            else equal_pairs(operands.row[row], operands.column[column], size)
                        )

    def touched(self, bound: Bound, tile: Tile) -> Tensor | None:
        """Positions in the flattened tile, a few; everywhere else the function is `outside`.

        None: nothing is known, the function has to be evaluated on the whole tile.
        """
        support = bound.function.support
        if support is None:
            return None
        found = []
        for row, column in support:
            if bound.function.row[row] is INDEX:
                positions = tile.diagonal(self._device)
            else:
                listed = self._found[bound.row[row], bound.column[column]]
                if listed is None:
                    return None
                positions = listed.get((tile.r0, tile.c0))
            if positions is not None:
                found.append(positions)
        if len(found) == 1:
            return found[0]
        if not found:
            return torch.empty(0, dtype=torch.int64, device=self._device)
        return torch.cat(found).unique()


def equal_pairs(row: Tensor, column: Tensor, size: tuple[int, int]) -> Listed | None:
    """The pairs with row[i] = column[j], tile by tile; None when they are many."""
    ordered, order = column.sort()
    first = torch.searchsorted(ordered, row)
    counts = torch.searchsorted(ordered, row, right=True) - first
    total = int(counts.sum())
    if total > FEW * len(row):
        return None
    if total == 0:
        return {}
    i = torch.arange(len(row), device=row.device).repeat_interleave(counts)
    within = torch.arange(total, device=row.device) - (counts.cumsum(0) - counts)[i]
    j = order[first[i] + within]
    (b, c), m = size, len(column)
    across = -(-m // c)
    widths = torch.full((across,), c, device=row.device)
    widths[-1] = m - (across - 1) * c
    tile = i // b * across + j // c
    position = i % b * widths[j // c] + j % c
    tile, by_tile = tile.sort()
    numbers, lengths = tile.unique_consecutive(return_counts=True)
    parts = position[by_tile].split(lengths.tolist())
    corners = ((t // across * b, t % across * c) for t in numbers.tolist())
    return dict(zip(corners, parts, strict=True))


def _labels(bound: Bound) -> list[tuple[int, int]]:
    """The supports that are labels, as operand numbers; the diagonal needs no search."""
    return [
        (bound.row[row], bound.column[column])
        for row, column in bound.function.support or ()
        if bound.function.row[row] is not INDEX
    ]
