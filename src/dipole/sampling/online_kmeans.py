"""Clusters of vectors that move: centroids that follow the batches of a training (ClusterNS)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def farthest_first(vectors: Tensor, count: int) -> Tensor:
    """A chain of `count` rows: the first, then each the least similar to the one before it.

    vectors (n, d), of length 1, no row twice; fewer than `count` rows are all there is. (k, d).
    """
    cosines = vectors @ vectors.T
    chain = [0]
    free = torch.ones(len(vectors), dtype=torch.bool, device=vectors.device)
    while len(chain) < min(count, len(vectors)):
        free[chain[-1]] = False
        chain.append(int(cosines[chain[-1]].masked_fill(~free, torch.inf).argmin()))
    return vectors[chain].clone()


def assign(vectors: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """(nearest, second nearest) centroid of every row by cosine, (n,) each."""
    cosines = F.normalize(vectors, dim=-1) @ F.normalize(centroids, dim=-1).T
    best = cosines.topk(min(2, len(centroids)), dim=1).indices
    return best[:, 0], best[:, -1]


def follow(centroids: Tensor, vectors: Tensor, rate: float) -> Tensor:
    """c <- (1 - rate) c + rate mean of the rows assigned to c; one without rows stays. (k, d)."""
    nearest, _ = assign(vectors, centroids)
    sums = torch.zeros_like(centroids).index_add_(0, nearest, vectors)
    counts = torch.bincount(nearest, minlength=len(centroids))[:, None]
    means = sums / counts.clamp(min=1)
    return torch.where(counts > 0, (1 - rate) * centroids + rate * means, centroids)


def mean_cosine(vectors: Tensor) -> float:
    """The mean cosine of different rows; vectors (n, d) of length 1."""
    n = len(vectors)
    total = vectors.sum(0).square().sum() - vectors.square().sum()
    return float(total / max(n * (n - 1), 1))
