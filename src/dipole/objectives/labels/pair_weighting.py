"""General pair weighting: any loss over pairs is a weighted sum of their scores."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dipole.objectives.labels.labelled import Labelled, scored


def pair_weights(rows: Callable[[Labelled], Tensor], scores: Tensor, labels: Tensor) -> Tensor:
    """How strongly a loss pulls and pushes every pair: w_ij = n dL / dS_ij with L = mean_i L_i.

    Below 0 for pairs that it pulls together, above 0 for those that it pushes apart. `rows` gives
    an objective's number per anchor, as `MultiSimilarity().per_row` does, or
    `lambda batch: triplet_rows(batch, 0.2, "hard", "squared")[0]`. For looking at small
    batches: it needs the matrix, as its answer is one.

    Shapes: scores (n, n), cosines; labels (n,); the weights (n, n), without gradient.
    Source: Wang et al. 2019, arXiv 1904.06627, section 3.

    Example, the one negative that the hardest triplet pushes:
        >>> from dipole.objectives.pairs.triplet import triplet_rows
        >>> scores = torch.tensor([[1.0, 0.9, 0.8], [0.9, 1.0, 0.1], [0.8, 0.1, 1.0]])
        >>> pair_weights(
        ...     lambda batch: triplet_rows(batch, 0.4, "hard", "squared")[0],
        ...     scores,
        ...     torch.tensor([0, 0, 1]),
        ... )
        tensor([[ 0., -2.,  2.],
                [ 0.,  0.,  0.],
                [ 0.,  0.,  0.]])
    """
    leaf = scores.detach().requires_grad_()
    with torch.enable_grad():
        (weights,) = torch.autograd.grad(rows(scored(leaf, labels)).sum(), leaf)
    return weights


def weighted_sum(scores: Tensor, weights: Tensor) -> Tensor:
    """1/n sum_ij w_ij S_ij: another value than the loss that the weights are of, the same gradient.

    Shapes: scores, weights (n, n).
    """
    return (weights.detach() * scores).sum() / len(scores)
