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

# Up to this many scores in a tile, laying out the rows anew costs more than it gains.
SMALL = 2**17


class Dot:
    """Rows and columns whose dot products, divided by a temperature, are wanted tile by tile."""

    def __init__(
        self,
        rows: Tensor,
        columns: Tensor,
        *,
        temperature: float = 1.0,
        factor: float = 1.0,
        bf16: bool,
    ) -> None:
        """`factor` multiplies the scores, and has no part in the gradients."""
        self.bf16, self.slope = bf16, 1 / temperature
        self.full = torch.float32 if bf16 else rows.dtype
        self.rows, self.columns = self.rounded(rows), self.rounded(columns)
        factor *= self.slope
        self.scored = self.rows if factor == 1 else self.rounded(rows * factor)
        self._into_columns: dict[int, Tensor] = {}

    def scores(self, tile: Tile) -> Tensor:
        """(b, c)."""
        return _product(tile.of_rows(self.scored), tile.of_columns(self.columns).t()).to(self.full)

    def add_rows(self, into: Tensor, grad: Tensor, tile: Tile) -> None:
        """into (n, d) += G columns / temperature, on the tile's rows."""
        mine, columns = tile.of_rows(into), tile.of_columns(self.columns)
        if self._small(grad):
            mine.addmm_(grad, columns, alpha=self.slope)
        else:
            mine.add_(_product(self.rounded(grad), columns), alpha=self.slope)

    def add_columns(self, into: Tensor, grad: Tensor, tile: Tile) -> None:
        """into (m, d) += G' rows / temperature, once `finish_columns` is called."""
        rows = tile.of_rows(self.rows)
        if self._small(grad):
            tile.of_columns(into).addmm_(grad.t(), rows, alpha=self.slope)
            return
        # rows' G, (d, c), is faster than G' rows.
        part = _product(rows.t().contiguous(), self.rounded(grad))
        if tile.c0 in self._into_columns:
            self._into_columns[tile.c0] += part
        else:
            self._into_columns[tile.c0] = part.to(self.full)

    def finish_columns(self, into: Tensor) -> None:
        """What `add_columns` has put off."""
        for c0, part in self._into_columns.items():
            into[c0 : c0 + part.shape[1]].add_(part.t(), alpha=self.slope)
        self._into_columns.clear()

    def rounded(self, tensor: Tensor) -> Tensor:
        """As it is multiplied; what is rounded already stays."""
        return tensor.bfloat16() if self.bf16 else tensor

    def _small(self, grad: Tensor) -> bool:
        return not self.bf16 and grad.numel() <= SMALL


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a (x, y), b (y, z) -> (x, z)."""
    large = len(a) * b.shape[1] * len(b) > SMALL * 128
    if large and _LINEAR is not None and a.dtype is torch.float32 and a.device.type == "cpu":
        return _LINEAR(a, b.t(), None, "none", [], "")
    return a @ b
