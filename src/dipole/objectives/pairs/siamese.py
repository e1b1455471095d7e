"""Siamese cosine: each view predicts the other, which holds still."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor, nn

from dipole.errors import InputError
from dipole.kernels import own
from dipole.objectives.contract.base import Common, Objective, Reduction
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce, unit


class Predictor(nn.Sequential):
    """W2 relu(norm(W1 z)): the paper's bottleneck, with a layer normalisation, which unlike its
    batch normalisation gives a row the same answer in every batch and on every process.

    `seed` draws the first weights, so that every process starts with the same.
    """

    def __init__(self, dim: int, hidden: int, seed: int = 0) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(
                nn.Linear(dim, hidden, bias=False),
                nn.LayerNorm(hidden),
                nn.ReLU(),
                nn.Linear(hidden, dim),
            )
        self.dim = dim


def siamese(
    anchor: Tensor, positive: Tensor, predictor: nn.Module, *, reduction: Reduction = "mean"
) -> Tensor:
    """With the predictor h and sg(.), which lets no gradient pass,

        L_i = -(cos(h(a_i), sg(p_i)) + cos(h(p_i), sg(a_i))) / 2.

    No negatives: without the predictor or without sg all vectors collapse into one.
    Shapes: anchor, positive (n, d).
    """
    check(anchor=anchor, positive=positive)
    a, p = wide(anchor), wide(positive)
    there = own(unit(predictor(a)), unit(p).detach())
    back = own(unit(predictor(p)), unit(a).detach())
    return reduce(-(there + back) / 2, reduction)


@register(
    "siamese",
    paper="Chen and He 2021, Exploring Simple Siamese Representation Learning, arXiv 2011.10566",
    system="clip-rocket",
    form="cosine to a detached target",
    related=("barlow-twins", "vicreg", "swav"),
    executors=(),
)
class Siamese(Objective):
    """`siamese` with its predictor, `hidden` = dim / 4 wide as in the paper.

    Example:
        >>> import torch
        >>> Siamese(dim=8)(torch.randn(4, 8), torch.randn(4, 8)).shape
        torch.Size([])
    """

    def __init__(
        self, dim: int = 128, hidden: int | None = None, seed: int = 0, **common: Unpack[Common]
    ) -> None:
        super().__init__(**common)
        self.predictor = Predictor(dim, hidden or max(dim // 4, 1), seed)

    def forward(self, anchor: Tensor, positive: Tensor) -> Tensor:
        """The loss of a batch; see `siamese`."""
        check(anchor=anchor, positive=positive)
        if anchor.shape[1] != self.predictor.dim:
            raise InputError(
                f"anchor: found shape {tuple(anchor.shape)}, expected (n, {self.predictor.dim})"
            )
        return siamese(anchor, positive, self.predictor, reduction=self.reduction)
