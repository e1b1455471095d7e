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

from torch import Tensor


class Index(Enum):
    """Stands for the positions of the rows (in `row=`) or of the columns (in `column=`)."""

    INDEX = "index"


INDEX = Index.INDEX
Operand = Tensor | Index
Given = Operand | Sequence[Operand]


class Extent(Enum):
    """How much of a tile a mask keeps (or a weight is not 0 on): NONE and ALL cost nothing."""

    NONE = "none"
    SOME = "some"
    ALL = "all"


@dataclass(frozen=True, eq=False, init=False)
class TileFunction:
    """A function of one tile and the operands it needs there.

    `support` is a promise that makes most tiles free: ((0, 0), (1, 1)) says that this mask or
    weight never looks at the score and can differ from `outside` only at pairs (i, j) with
    row[0][i] = column[0][j] or row[1][i] = column[1][j]. The diagonal is the support of INDEX.
    There it is called with a list of pairs: b of them in place of rows, their column operands
    (b, 1). `exact` promises that it does differ at every one of them: it is not called at all.
    """

    fn: Callable[..., Tensor]
    row: tuple[Operand, ...]
    column: tuple[Operand, ...]
    shared: tuple[Tensor, ...]
    grid: tuple[Tensor, ...]
    support: tuple[tuple[int, int], ...] | None
    outside: Extent
    exact: bool

    def __init__(
        self,
        fn: Callable[..., Tensor],
        *,
        row: Given = (),
        column: Given = (),
        shared: Tensor | Sequence[Tensor] = (),
        grid: Tensor | Sequence[Tensor] = (),
        support: Sequence[tuple[int, int]] | None = None,
        outside: Extent = Extent.SOME,
        exact: bool = False,
    ) -> None:
        set_ = object.__setattr__
        set_(self, "fn", fn)
        for name, operands in zip(_KINDS, (row, column, shared, grid), strict=True):
            set_(self, name, (operands,) if isinstance(operands, _ONE) else tuple(operands))
        set_(self, "support", None if support is None else tuple(support))
        set_(self, "outside", outside)
        set_(self, "exact", exact)


_ONE = (Tensor, Index)
_KINDS = ("row", "column", "shared", "grid")


class Modifier(TileFunction):
    """`fn(score, ...) -> score`: a margin, an additive log-weight, a temperature per pair ..."""


class Weight(TileFunction):
    """`fn(score, ...) -> weight >= 0`, broadcast over the tile; its gradient is taken too."""


class Mask(TileFunction):
    """`fn(score, ...) -> bool`, True for the pairs that take part."""


_EQUAL = ((0, 0),)
# One object each: statistics that share a mask share the work.
_DIAGONAL = Mask(
    lambda _, i, j: i == j,
    row=INDEX,
    column=INDEX,
    support=_EQUAL,
    outside=Extent.NONE,
    exact=True,
)
_OFF_DIAGONAL = Mask(
    lambda _, i, j: i != j,
    row=INDEX,
    column=INDEX,
    support=_EQUAL,
    outside=Extent.ALL,
    exact=True,
)


def diagonal() -> Mask:
    """Keep a row's own column only: i = j."""
    return _DIAGONAL


def off_diagonal() -> Mask:
    """Keep every column but the row's own: i != j."""
    return _OFF_DIAGONAL


def same(row: Tensor, column: Tensor | None = None) -> Mask:
    """Keep the pairs with equal labels: row[i] = column[j] (column defaults to row)."""
    return Mask(
        lambda _, a, b: a == b,
        row=row,
        column=row if column is None else column,
        support=_EQUAL,
        outside=Extent.NONE,
        exact=True,
    )


def different(row: Tensor, column: Tensor | None = None) -> Mask:
    """Keep the pairs with different labels or ids: row[i] != column[j]."""
    return Mask(
        lambda _, a, b: a != b,
        row=row,
        column=row if column is None else column,
        support=_EQUAL,
        outside=Extent.ALL,
        exact=True,
    )


def add(
    *, row: Tensor | None = None, column: Tensor | None = None, shared: Tensor | None = None
) -> Modifier:
    """Add a number per row, per column or one for all: a bias, a margin, a log-weight."""
    return Modifier(
        lambda s, *terms: sum(terms, s),
        row=() if row is None else row,
        column=() if column is None else column,
        shared=() if shared is None else shared,
    )


def scale(factor: float) -> Modifier:
    """Multiply the scores by a constant."""
    return Modifier(lambda s: s * factor)


def matrix(values: Tensor) -> Weight:
    """Weights (or soft targets) that exist as an (n, m) tensor."""
    return Weight(lambda _, w: w, grid=values)
