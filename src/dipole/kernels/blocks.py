"""Scores: how a block of rows compares with a block of columns.

The dot product is built in (`score=None`) and has hand-written gradients. Any other score is a
function of the rows' tensors and the columns' tensors that returns one (b, c) tile; its gradient
is taken by autograd, one tile at a time:

    Score(lambda a, b: -torch.cdist(a, b))
    Score(lambda a, b, w: a @ w @ b.T, shared=w)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


class Score:
    """`fn(*rows, *columns, *shared) -> (b, c)`: one tile of scores, before the temperature.

    `cells(*rows, *columns)` says how many numbers `fn` holds per score, to choose the tile's size.
    """

    def __init__(
        self,
        fn: Callable[..., Tensor],
        *,
        shared: Tensor | Sequence[Tensor] = (),
        cells: Callable[..., int] = lambda *tensors: 1,
    ) -> None:
        self.fn = fn
        self.shared = (shared,) if isinstance(shared, Tensor) else tuple(shared)
        self.cells = cells


def negative_squared_distance() -> Score:
    """s_ij = -||a_i - b_j||^2, by norms and one matrix product (never positive)."""

    def tile(a: Tensor, b: Tensor) -> Tensor:
        squared = a.square().sum(1)[:, None] + b.square().sum(1) - 2 * (a @ b.T)
        return -squared.clamp_min(0)

    return Score(tile)


def late_interaction() -> Score:
    """s_ij = sum_t max_s a_it . b_js: rows (n, T, d), columns (m, S, d).

    With masks: rows (a, a_mask), columns (b, b_mask), the masks (n, T) and (m, S) of bools. A
    masked token of the row adds nothing; a masked token of the column is never the best one.
    """

    def tile(*tensors: Tensor) -> Tensor:
        a, a_mask, b, b_mask = (
            tensors if len(tensors) == 4 else (tensors[0], None, tensors[1], None)
        )
        n, t, d = a.shape
        m, s, _ = b.shape
        tokens = (a.reshape(n * t, d) @ b.reshape(m * s, d).T).view(n, t, m, s)
        if b_mask is not None:
            tokens = tokens.masked_fill(~b_mask[None, None], -torch.inf)
        best = tokens.amax(3)
        if b_mask is not None:
            best = best.masked_fill(~b_mask.any(1), 0)
        return best.sum(1) if a_mask is None else (best * a_mask[:, :, None]).sum(1)

    def cells(*tensors: Tensor) -> int:
        return tensors[0].shape[1] * tensors[len(tensors) // 2].shape[1]

    return Score(tile, cells=cells)


def gram_volume() -> Score:
    """s_ij = -sqrt(det G) of the unit vectors a_i, b_j1 ... b_jk: rows (n, d), columns (m, k, d).

    By the Schur complement det G = det(B B') (a.a - c' (B B')^-1 c), c = B a: k products with the
    rows and one k x k factorisation per column. Cicchetti et al. 2024, arXiv 2412.11959.
    """

    def tile(a: Tensor, b: Tensor) -> Tensor:
        m, k, d = b.shape
        gram = b @ b.transpose(1, 2)
        c = (a @ b.reshape(m * k, d).T).view(-1, m, k)
        solved = torch.linalg.solve(gram, c.permute(1, 2, 0)).permute(2, 0, 1)
        height = a.square().sum(1)[:, None] - (c * solved).sum(2)
        squared = torch.linalg.det(gram) * height
        # The root has an infinite slope at 0: vectors that span no volume get no gradient.
        flat = squared <= 0
        return -squared.masked_fill(flat, 1).sqrt().masked_fill(flat, 0)

    return Score(tile, cells=lambda a, b: 2 * b.shape[1])
