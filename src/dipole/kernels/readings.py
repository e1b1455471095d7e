"""A *reading* is one way to look at the scores of a tile: modifiers, masks, weights.

Each of its *uses* is one reduction of it along one direction, so statistics that look at the same
reading share its computation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from dipole.kernels.kept_pairs import Keep
from dipole.kernels.modifiers import TileFunction
from dipole.kernels.operands import Operands, as_columns, as_rows, positions
from dipole.kernels.reductions import Piece, Reduction
from dipole.kernels.tiles import Tile

ROW, COLUMN, ALL = "row", "column", "all"
POSITIONS = -1  # stands for INDEX among operand numbers

# A use's key -> the result and, for maximum, minimum and top, where it is.
Results = dict[tuple[str, int], tuple[Tensor, Tensor | None]]
# The same for running states and for the gradients of results.
States = dict[tuple[str, int], list[Tensor]]
Grads = dict[tuple[str, int], Tensor]


class Use(NamedTuple):
    """One reduction of a reading: along which direction, and where its result goes."""

    reduction: Reduction
    direction: str
    slot: int

    @property
    def key(self) -> tuple[str, int]:
        """Its place among results, states and gradients."""
        return self.direction, self.slot


@dataclass(frozen=True)
class Bound:
    """A tile function whose operands are numbers into the executor's lists."""

    function: TileFunction
    row: tuple[int, ...]
    column: tuple[int, ...]
    shared: tuple[int, ...]
    grid: tuple[int, ...]

    def __call__(self, score: Tensor, operands: Operands, tile: Tile) -> Tensor:
        device = score.device
        values = [
            positions(tile.r0 + tile.row_offset, tile.r1 + tile.row_offset, device)[:, None]
            if number == POSITIONS
            else as_rows(operands.row[number])
            for number in self.row
        ]
        values += [
            positions(tile.c0 + tile.column_offset, tile.c1 + tile.column_offset, device)[None]
            if number == POSITIONS
            else as_columns(operands.column[number])
            for number in self.column
        ]
        values += [operands.shared[number] for number in self.shared]
        values += [operands.grid[number] for number in self.grid]
        return self.function.fn(score, *values)


@dataclass
class Reading:
    """One way to look at the scores, and what is asked of it."""

    mods: tuple[Bound, ...]
    masks: tuple[Bound, ...]
    weights: tuple[Bound, ...]
    uses: list[Use] = field(default_factory=list)

    @property
    def plain(self) -> bool:
        """The scores as they are, on a set of pairs: the gradient needs no autograd."""
        return not self.mods and not self.weights

    def values(self, score: Tensor, operands: Operands, tile: Tile) -> Tensor:
        """mod(score); meaningless where a mask is False."""
        values = score
        for bound in self.mods:
            values = bound(values, operands, tile)
        return values.expand_as(score)

    def weight(self, score: Tensor, operands: Operands, tile: Tile) -> Tensor | None:
        """The product of the weights, or None for 1."""
        product: Tensor | None = None
        for bound in self.weights:
            one = bound(score, operands, tile)
            product = one if product is None else product * one
        return None if product is None else product.to(score.dtype).expand_as(score)


def piece_of(
    use: Use,
    tile: Tile,
    values: Tensor,
    keep: Keep | None,
    weight: Tensor | None,
    learnt: bool = False,
) -> Piece:
    """A tile laid out as a use's reduction wants it."""

    def along(tensor: Tensor) -> Tensor:
        return tensor.reshape(1, -1) if use.direction == ALL else tensor

    return Piece(
        along(values),
        keep.flat() if keep is not None and use.direction == ALL else keep,
        None if weight is None else along(weight),
        0 if use.direction == COLUMN else 1,
        tile.row_offset + tile.r0 if use.direction == COLUMN else tile.column_offset + tile.c0,
        learnt,
    )


def share(tensor: Tensor, use: Use, tile: Tile) -> Tensor:
    """The part of a statistic's results (or state) that a tile touches."""
    if use.direction == ALL:
        return tensor
    return tile.of_rows(tensor) if use.direction == ROW else tile.of_columns(tensor)
