"""The tensors of a call, and what one tile sees of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dipole.kernels.tiles import Tile


@dataclass
class Operands:
    """The tensors of a call, by what they belong to. Row 0 and column 0 are the representations."""

    row: list[Tensor]
    column: list[Tensor]
    shared: list[Tensor]
    grid: list[Tensor]

    @property
    def size(self) -> tuple[int, int]:
        """(n, m)."""
        return self.row[0].shape[0], self.column[0].shape[0]

    def flat(self) -> list[Tensor]:
        return [*self.row, *self.column, *self.shared, *self.grid]

    @property
    def layout(self) -> tuple[int, int, int]:
        """How many row, column and shared tensors come first in `flat()`."""
        return len(self.row), len(self.column), len(self.shared)

    @staticmethod
    def fill(layout: tuple[int, int, int], flat: Sequence[Tensor]) -> Operands:
        """The inverse of `flat()`."""
        a, b, c = layout
        return Operands(
            list(flat[:a]),
            list(flat[a : a + b]),
            list(flat[a + b : a + b + c]),
            list(flat[a + b + c :]),
        )

    def on(self, tile: Tile) -> Operands:
        """What one tile sees of them."""
        if self.size == (tile.r1 - tile.r0, tile.c1 - tile.c0):
            return self
        return Operands(
            [tile.of_rows(t) for t in self.row],
            [tile.of_columns(t) for t in self.column],
            self.shared,
            [t[tile.rows, tile.columns] for t in self.grid],
        )


def positions(start: int, stop: int, device: torch.device) -> Tensor:
    """INDEX."""
    return torch.arange(start, stop, device=device)


def as_rows(operand: Tensor) -> Tensor:
    """(b,) as (b, 1)."""
    return operand[:, None] if operand.dim() == 1 else operand


def as_columns(operand: Tensor) -> Tensor:
    """(c,) as (1, c)."""
    return operand[None] if operand.dim() == 1 else operand
