"""Tiles: which rows meet which columns, and how large a tile is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor


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

    def of_rows(self, tensor: Tensor) -> Tensor:
        """The tile's share of a tensor with something for every row."""
        return tensor if self.r1 - self.r0 == tensor.shape[0] else tensor[self.r0 : self.r1]

    def of_columns(self, tensor: Tensor) -> Tensor:
        """The tile's share of a tensor with something for every column."""
        return tensor if self.c1 - self.c0 == tensor.shape[0] else tensor[self.c0 : self.c1]

    def diagonal(self, device: torch.device) -> Tensor | None:
        """Where rows find their own columns: positions in the flattened tile, if there are any."""
        first = max(self.r0 + self.row_offset, self.c0 + self.column_offset)
        last = min(self.r1 + self.row_offset, self.c1 + self.column_offset)
        if first >= last:
            return None
        width = self.c1 - self.c0
        start = (first - self.row_offset - self.r0) * width + first - self.column_offset - self.c0
        end = start + (last - first) * (width + 1)
        return torch.arange(start, end, width + 1, device=device)


def tiles(
    n: int, m: int, size: tuple[int, int], row_offset: int = 0, column_offset: int = 0
) -> Iterator[Tile]:
    """The tiles of an (n, m) matrix, row block by row block."""
    b, c = size
    for r0 in range(0, n, b):
        for c0 in range(0, m, c):
            yield Tile(r0, min(r0 + b, n), c0, min(c0 + c, m), row_offset, column_offset)


def tile_size(rows: Tensor, columns: Tensor, cells: int = 1) -> tuple[int, int]:
    """(b, c): a tile of scores fits the cache, however many rows and columns there are.

    `cells` is how many numbers a score needs on its way (the tokens of late interaction).
    """
    n, m = max(rows.shape[0], 1), max(columns.shape[0], 1)
    scores = max(2 * _level_two_cache() // rows.element_size() // cells, 64)
    b = min(n, 2 ** round(math.log2(scores) / 2 - 0.5))  # columns run in memory: twice as many
    c = min(m, scores // b)
    return min(n, scores // c), c


@cache
def _level_two_cache() -> int:
    """Bytes of one core's level 2 cache; 1 MB where nobody says."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text.removesuffix("K")) * 1024
    except (OSError, ValueError):
        return 2**20
