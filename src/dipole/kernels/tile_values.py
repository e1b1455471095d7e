"""What is known of one tile, computed once: scores, exponentials, who takes part."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dipole.kernels.equal_labels import EqualLabels
from dipole.kernels.kept_pairs import AllBut, Keep, Only, These
from dipole.kernels.modifiers import Extent
from dipole.kernels.operands import Operands
from dipole.kernels.readings import POSITIONS, Bound, Reading
from dipole.kernels.tiles import Tile

# Nothing of a tile, or all of it (None): both cost nothing.
Kept = Keep | None | Literal[Extent.NONE]


class TileValues:
    """One tile and its scores; `powers` are their exponentials, where some reading wants them."""

    def __init__(
        self,
        tile: Tile,
        operands: Operands,
        score: Tensor,
        powers: Tensor | None = None,
        equal: EqualLabels | None = None,
    ) -> None:
        self.tile, self.operands, self.score, self.powers = tile, operands, score, powers
        self._equal = equal
        self._kept: dict[tuple[Bound, ...], Kept] = {}
        self._whole: dict[Bound, Tensor] = {}
        self._weights: dict[tuple[Bound, ...], Tensor] = {}

    def keep(self, reading: Reading) -> Kept:
        """The pairs that take part in a reading."""
        key = (*reading.masks, *reading.weights)
        if key not in self._kept:
            self._kept[key] = self._find(reading)
        return self._kept[key]

    def _find(self, reading: Reading) -> Kept:
        """The shortest list decides alone; without one, lists of exceptions and whole tiles."""
        touched = {
            bound: None if self._equal is None else self._equal.touched(bound, self.tile)
            for bound in (*reading.masks, *reading.weights)
        }
        lists = {
            bound: found
            for bound, found in touched.items()
            if found is not None and bound.function.outside is Extent.NONE
        }
        if lists:
            shortest = min(lists, key=lambda bound: len(lists[bound]))
            positions = lists[shortest]
            for bound in reading.masks:
                if len(positions) and not (bound is shortest and bound.function.exact):
                    positions = positions[self.at(bound, positions)]
            return Only(positions) if len(positions) else Extent.NONE
        but: list[Tensor] = []
        where: Tensor | None = None
        for bound in reading.masks:
            found = touched[bound]
            if found is None or bound.function.outside is not Extent.ALL:
                one = self.whole(bound)
                where = one if where is None else where & one
            elif len(found):
                but.append(found if bound.function.exact else found[~self.at(bound, found)])
        few = AllBut(but[0] if len(but) == 1 else torch.cat(but)) if but else None
        if where is None:
            return few
        where = where.expand_as(self.score)
        return These(where) if few is None else few.meet(where)

    def weight(
        self, reading: Reading, keep: Keep | None, score: Tensor, operands: Operands
    ) -> Tensor | None:
        """The product of a reading's weights, computed where it counts; None for 1."""
        if reading.weights and reading.weights in self._weights:
            return self._weights[reading.weights]
        product = self._weight(reading, keep, score, operands)
        if product is not None and not product.requires_grad and not isinstance(keep, Only):
            self._weights[reading.weights] = product
        return product

    def _weight(
        self, reading: Reading, keep: Keep | None, score: Tensor, operands: Operands
    ) -> Tensor | None:
        if not isinstance(keep, Only) or not all(_pointwise(b, operands) for b in reading.weights):
            return reading.weight(score, operands, self.tile)
        product: Tensor | None = None
        for bound in reading.weights:
            one = self._at(bound, keep.positions, score, operands)
            product = one if product is None else product * one
        if product is None:
            return None
        nothing = score.new_zeros(score.numel())
        return nothing.index_put((keep.positions,), product.to(score.dtype)).view_as(score)

    def whole(self, bound: Bound) -> Tensor:
        """A mask on the whole tile."""
        if bound not in self._whole:
            self._whole[bound] = bound(self.score.detach(), self.operands, self.tile)
        return self._whole[bound]

    def at(self, bound: Bound, positions: Tensor) -> Tensor:
        """A mask at a few pairs."""
        if _pointwise(bound, self.operands):
            return self._at(bound, positions, self.score.detach(), self.operands)
        return self.whole(bound).expand_as(self.score).reshape(-1)[positions]

    def _at(self, bound: Bound, positions: Tensor, score: Tensor, operands: Operands) -> Tensor:
        tile, width = self.tile, self.tile.c1 - self.tile.c0
        i, j = positions // width, positions % width
        row, column = i + (tile.r0 + tile.row_offset), j + (tile.c0 + tile.column_offset)
        answer = bound.function.fn(
            score.reshape(-1)[positions][:, None],
            *((row if k == POSITIONS else operands.row[k][i])[:, None] for k in bound.row),
            *((column if k == POSITIONS else operands.column[k][j])[:, None] for k in bound.column),
            *(operands.shared[k] for k in bound.shared),
            *(operands.grid[k][i, j][:, None] for k in bound.grid),
        )
        return answer.expand(len(positions), 1)[:, 0]


def _pointwise(bound: Bound, operands: Operands) -> bool:
    """Whether a function's operands are numbers; features come in blocks only."""
    numbers = [operands.row[k] for k in bound.row if k != POSITIONS]
    numbers += [operands.column[k] for k in bound.column if k != POSITIONS]
    return all(t.dim() == 1 for t in numbers)
