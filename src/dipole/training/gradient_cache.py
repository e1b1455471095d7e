"""A batch of any size in the memory of a small one, with exactly the same gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def encode_chunks(
    forward: Callable[[dict[str, Tensor]], Tensor], chunks: Sequence[dict[str, Tensor]]
) -> Tensor:
    """Vectors of a batch that is encoded piece by piece, (n, dim).

    The chain rule splits at the vectors: with z = f(x; w), dL/dw = sum_c (dL/dz_c) (dz_c/dw).
    The forward keeps the vectors of each piece and nothing else; the backward encodes one piece
    again, with the random numbers it had (dropout is replayed), and frees it before the next.
    Any objective, any number of views and towers: call it once for each and add the loss up.

    Args:
        forward: a tower, features -> (n_c, dim).
        chunks: features of the pieces; one piece is encoded as usual, at no extra cost.

    Source: Gao et al. 2021, Scaling Deep Contrastive Learning Batch Size under Memory Limited
    Setup (arXiv 2101.06983); the recomputation is torch's own activation checkpointing.
    """
    if len(chunks) == 1 or not torch.is_grad_enabled():
        return torch.cat([forward(chunk) for chunk in chunks])
    return torch.cat([checkpoint(forward, chunk, use_reentrant=False) for chunk in chunks])
