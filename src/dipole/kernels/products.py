"""The three matrix products of a tile, by the fastest exact routine at hand.

PyTorch hands float32 `mm` to MKL, which runs at half speed on some processors; oneDNN's linear
layer, which torch ships for its compiler, does not. Both are float32 throughout.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LINEAR = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


def scores(rows: Tensor, columns: Tensor) -> Tensor:
    """rows (b, d), columns (c, d) -> (b, c)."""
    return _times_transposed(rows, columns)


def product(a: Tensor, b: Tensor) -> Tensor:
    """a (x, y), b (y, z) -> (x, z)."""
    return _times_transposed(a, b.t())


def _times_transposed(a: Tensor, b: Tensor) -> Tensor:
    """a b', in a's precision."""
    if _LINEAR is not None and a.dtype is torch.float32 and a.device.type == "cpu" and len(a) > 1:
        return _LINEAR(a, b, None, "none", [], "")
    return a @ b.t()
