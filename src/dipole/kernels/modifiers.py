"""Small functions of (score, row vectors, column vectors) that an executor applies to one tile.

A tile holds the scores of b rows against c columns. A function is called as

    fn(score, *row, *column, *shared, *grid)

with the tile's share of each operand it was made with:

    operand     given as        arrives as
    row         (n,)            (b, 1)          one number per row
    row         (n, p, ...)     (b, p, ...)     features of the rows
    column      (m,)            (1, c)          one number per column
    column      (m, p, ...)     (c, p, ...)     features of the columns
    shared      anything        as it is        a learned number, a small network's weight
    grid        (n, m)          (b, c)          for those who really have the matrix
    INDEX       in row          (b, 1)          the rows' positions, over all processes
    INDEX       in column       (1, c)          the columns' positions, over all processes

Operands are named, not captured: so their gradients are exact, and several processes can send
the columns' operands along with the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from torch import Tensor

from dipole.kernels.tiles import Tile


class Index(Enum):
    """Stands for the positions of the rows (in `row=`) or of the columns (in `column=`)."""

    INDEX = "index"


INDEX = Index.INDEX
Operand = Tensor | Index
Operands = Operand | Sequence[Operand]


class Extent(Enum):
    """How much of a tile a mask keeps (or a weight is not 0 on): NONE and ALL cost nothing."""

    NONE = "none"
    SOME = "some"
    ALL = "all"


@dataclass(frozen=True, eq=False)
class TileFunction:
    """A function of one tile and the operands it needs there."""

    # Masks of positions and labels alone fit the fast path, whose scores are in other units.
    reads_score: ClassVar[bool] = True

    fn: Callable[..., Tensor]
    row: tuple[Operand, ...] = ()
    column: tuple[Operand, ...] = ()
    shared: tuple[Tensor, ...] = ()
    grid: tuple[Tensor, ...] = ()

    def __init__(
        self,
        fn: Callable[..., Tensor],
        *,
        row: Operands = (),
        column: Operands = (),
        shared: Tensor | Sequence[Tensor] = (),
        grid: Tensor | Sequence[Tensor] = (),
    ) -> None:
        object.__setattr__(self, "fn", fn)
        object.__setattr__(self, "row", _tuple(row))
        object.__setattr__(self, "column", _tuple(column))
        object.__setattr__(self, "shared", _tuple(shared))
        object.__setattr__(self, "grid", _tuple(grid))

    def extent(self, tile: Tile) -> Extent:
        """For a mask or weight: what is known of it on this tile without computing it."""
        return Extent.SOME


class Modifier(TileFunction):
    """`fn(score, ...) -> score`: a margin, an additive log-weight, a temperature per pair ..."""


class Weight(TileFunction):
    """`fn(score, ...) -> weight >= 0`, broadcast over the tile; its gradient is taken too."""


class Mask(TileFunction):
    """`fn(score, ...) -> bool`, True for the pairs that take part."""


class _FixedMask(Mask):
    reads_score = False


def _some(operand: Tensor | None) -> tuple[Tensor, ...]:
    return () if operand is None else (operand,)


def _tuple(operands: Any) -> tuple[Any, ...]:
    return (operands,) if isinstance(operands, Tensor | Index) else tuple(operands)


class _Diagonal(_FixedMask):
    def extent(self, tile: Tile) -> Extent:
        return Extent.SOME if tile.meets_diagonal else Extent.NONE


class _OffDiagonal(_FixedMask):
    def extent(self, tile: Tile) -> Extent:
        return Extent.SOME if tile.meets_diagonal else Extent.ALL


# One object each: statistics that share a mask share the work.
_DIAGONAL = _Diagonal(lambda _, i, j: i == j, row=INDEX, column=INDEX)
_OFF_DIAGONAL = _OffDiagonal(lambda _, i, j: i != j, row=INDEX, column=INDEX)


def diagonal() -> Mask:
    """Keep a row's own column only: i = j."""
    return _DIAGONAL


def off_diagonal() -> Mask:
    """Keep every column but the row's own: i != j."""
    return _OFF_DIAGONAL


def same(row: Tensor, column: Tensor | None = None) -> Mask:
    """Keep the pairs with equal labels: row[i] = column[j] (column defaults to row)."""
    return _FixedMask(lambda _, a, b: a == b, row=row, column=row if column is None else column)


def different(row: Tensor, column: Tensor | None = None) -> Mask:
    """Keep the pairs with different labels or ids: row[i] != column[j]."""
    return _FixedMask(lambda _, a, b: a != b, row=row, column=row if column is None else column)


def add(
    *, row: Tensor | None = None, column: Tensor | None = None, shared: Tensor | None = None
) -> Modifier:
    """Add a number per row, per column or one for all: a bias, a margin, a log-weight."""
    return Modifier(
        lambda s, *terms: sum(terms, s), row=_some(row), column=_some(column), shared=_some(shared)
    )


def scale(factor: float) -> Modifier:
    """Multiply the scores by a constant."""
    return Modifier(lambda s: s * factor)


def matrix(values: Tensor) -> Weight:
    """Weights (or soft targets) that exist as an (n, m) tensor."""
    return Weight(lambda _, w: w, grid=values)
