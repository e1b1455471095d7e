"""The three matrix products of a tile of dot products, by the fastest exact routine at hand.

PyTorch hands float32 `mm` to MKL, which runs at half speed on some processors; oneDNN's linear
layer, which torch ships for its compiler, does not. Both are float32 throughout.

With `bf16`, products with the gradient and the scores themselves multiply bfloat16 numbers; sums
inside a product are float32 in the processor, and sums over tiles are float32 here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.kernels.tiles import Tile

_LINEAR = getattr(getattr(torch.ops.mkldnn, "_linear_pointwise", None), "default", None)
# glibc keeps freed blocks up to the largest size it has seen come and go (32 MB at most), and gives
# larger ones back to the system: then every tile is zeroed and mapped afresh, a fifth of the time.
# This block is never touched, so it costs nothing.
torch.empty(31 * 2**20, dtype=torch.uint8)


class Dot:
    """Rows and columns whose dot products are wanted, tile by tile."""

    def __init__(self, rows: Tensor, columns: Tensor, *, factor: float = 1.0, bf16: bool) -> None:
        """`factor` multiplies the scores."""
        self.bf16 = bf16
        self.rows, self.columns = self._rounded(rows), self._rounded(columns)
        self.scored = self.rows if factor == 1 else self._rounded(rows * factor)
        self._into_columns: dict[int, Tensor] = {}

    def scores(self, tile: Tile) -> Tensor:
        """(b, c)."""
        return _product(self.scored[tile.rows], self.columns[tile.columns].t()).to(self.full)

    def add_rows(self, into: Tensor, grad: Tensor, tile: Tile) -> None:
        """into (n, d) += G columns, on the tile's rows."""
        grad = self._rounded(grad)
        into[tile.rows].add_(_product(grad, self.columns[tile.columns]))

    def add_columns(self, grad: Tensor, tile: Tile) -> None:
        """Keep rows' G, (d, c): faster than G' rows."""
        part = _product(self.rows[tile.rows].t().contiguous(), self._rounded(grad))
        if tile.c0 in self._into_columns:
            self._into_columns[tile.c0] += part
        else:
            self._into_columns[tile.c0] = part.to(self.full)

    def finish_columns(self, into: Tensor) -> None:
        """into (m, d) += what `add_columns` kept."""
        for c0, part in self._into_columns.items():
            into[c0 : c0 + part.shape[1]].add_(part.t())

    @property
    def full(self) -> torch.dtype:
        return torch.float32 if self.bf16 else self.rows.dtype

    def _rounded(self, tensor: Tensor) -> Tensor:
        return tensor.bfloat16() if self.bf16 else tensor


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a (x, y), b (y, z) -> (x, z)."""
    if _LINEAR is not None and a.dtype is torch.float32 and a.device.type == "cpu":
        return _LINEAR(a, b.t(), None, "none", [], "")
    return a @ b
