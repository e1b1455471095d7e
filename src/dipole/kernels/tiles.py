"""Tiles: which rows meet which columns, and how large a tile is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from dipole.kernels.settings import settings


@dataclass(frozen=True)
class Tile:
    """Rows `[r0, r1)` against columns `[c0, c1)` of what this process holds.

    `row_offset` and `column_offset` turn these into positions over all processes.
    """

    r0: int
    r1: int
    c0: int
    c1: int
    row_offset: int = 0
    column_offset: int = 0

    @property
    def rows(self) -> slice:
        return slice(self.r0, self.r1)

    @property
    def columns(self) -> slice:
        return slice(self.c0, self.c1)

    @property
    def meets_diagonal(self) -> bool:
        """Whether some row of the tile finds its own column in it."""
        first = max(self.r0 + self.row_offset, self.c0 + self.column_offset)
        last = min(self.r1 + self.row_offset, self.c1 + self.column_offset)
        return first < last


def tiles(
    n: int, m: int, size: tuple[int, int], row_offset: int = 0, column_offset: int = 0
) -> Iterator[Tile]:
    """The tiles of an (n, m) matrix, row block by row block."""
    b, c = size
    for r0 in range(0, n, b):
        for c0 in range(0, m, c):
            yield Tile(r0, min(r0 + b, n), c0, min(c0 + c, m), row_offset, column_offset)


def tile_size(rows: Tensor, columns: Tensor) -> tuple[int, int]:
    """(b, c): one tile of scores fills the cache next to its operands, whatever n and m are."""
    forced = settings().tile
    if forced is not None:
        return forced
    scores = 2**19 if rows.element_size() == 4 else 2**18
    b = 512
    return b, scores // b
