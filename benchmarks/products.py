"""The matrix products an objective cannot do without, and nothing else: the lower bound.

For a block of q rows against k columns the engine multiplies four times: the scores for the
statistics, the scores again for the gradients, and the gradients of rows and of columns. This does
the same four on tiles of the engine's size, with no exponential and no sum between them; once by
`torch.mm` and once by the routine that the engine prefers (oneDNN's, for float32 on a CPU). The
faster one is the bound.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.data import Batch
from dipole.kernels.products import Dot
from dipole.kernels.tiles import tile_size, tiles

Block = Callable[[Tensor, Tensor, int], None]


def by_mm(q: Tensor, k: Tensor, scores: int) -> None:
    """`scores` score products and two gradient products, tile by tile."""
    size = tile_size(q, k)
    into_q, into_k = torch.zeros_like(q), torch.zeros_like(k)
    room = torch.empty(size[0] * size[1], dtype=q.dtype)
    for tile in tiles(len(q), len(k), size):
        rows, columns = q[tile.rows], k[tile.columns]
        score = room[: len(rows) * len(columns)].view(len(rows), len(columns))
        for _ in range(scores):
            torch.mm(rows, columns.T, out=score)
        into_q[tile.rows].addmm_(score, columns)
        into_k[tile.columns].addmm_(score.T, rows)


def by_engine(q: Tensor, k: Tensor, scores: int) -> None:
    """The same, as the engine multiplies."""
    dot = Dot(q, k, bf16=False)
    into_q, into_k = torch.zeros_like(q), torch.zeros_like(k)
    for tile in tiles(len(q), len(k), tile_size(q, k)):
        for _ in range(scores):
            score = dot.scores(tile)
        dot.add_rows(into_q, score, tile)
        dot.add_columns(into_k, score, tile)
    dot.finish_columns(into_k)


def one(block: Block, batch: Batch, scores: int = 2) -> None:
    """n x n once: InfoNCE, SupCon, sigmoid, soft targets; with a third score product: mined."""
    block(batch.anchor.detach(), batch.positive.detach(), scores)


def one_bf16(batch: Batch) -> None:
    """n x n in bfloat16."""
    by_mm(batch.anchor.detach().bfloat16(), batch.positive.detach().bfloat16(), 2)


mined = partial(one, scores=3)


def two(block: Block, batch: Batch) -> None:
    """Every view against itself."""
    for z in (batch.anchor.detach(), batch.positive.detach()):
        block(z, z, 2)


def three(block: Block, batch: Batch) -> None:
    """Across the views and within each."""
    one(block, batch)
    two(block, batch)
