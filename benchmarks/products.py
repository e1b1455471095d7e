"""The matrix products an objective cannot do without, and nothing else: the lower bound.

For a block of q rows against k columns the engine multiplies four times: the scores for the
statistics, the scores again for the gradients, and the gradients of rows and of columns. This does
the same four on tiles of the engine's size, with no exponential and no sum between them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.data import Batch
from dipole.kernels.tiles import tile_size, tiles


def block(q: Tensor, k: Tensor, scores: int = 2) -> None:
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


def one(batch: Batch, dtype: torch.dtype = torch.float32) -> None:
    """n x n once: InfoNCE, SupCon, sigmoid, soft targets."""
    block(batch.anchor.detach().to(dtype), batch.positive.detach().to(dtype))


def one_bf16(batch: Batch) -> None:
    """The same in bfloat16."""
    one(batch, torch.bfloat16)


def mined(batch: Batch) -> None:
    """n x n, and once more for the miner."""
    block(batch.anchor.detach(), batch.anchor.detach(), scores=3)


def two(batch: Batch) -> None:
    """Every view against itself."""
    for z in (batch.anchor.detach(), batch.positive.detach()):
        block(z, z)


def three(batch: Batch) -> None:
    """Across the views and within each."""
    one(batch)
    two(batch)
