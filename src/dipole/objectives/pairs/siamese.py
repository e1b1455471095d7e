"""Siamese cosine: each view predicts the other, which holds still."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dipole.declared import Count
from dipole.errors import InputError
from dipole.kernels import own
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce, unit


@register(
    "siamese",
    paper="Chen and He 2021, Exploring Simple Siamese Representation Learning, arXiv 2011.10566",
    system="clip-rocket",
    form="cosine to a detached target",
    related=("barlow-twins", "vicreg", "swav"),
    executors=(),
)
class Siamese(Objective):
    """With the predictor h and sg(.), which lets no gradient pass,

        h(z) = W2 relu(norm(W1 z))
        L_i  = -(cos(h(a_i), sg(p_i)) + cos(h(p_i), sg(a_i))) / 2.

    No negatives: without the predictor or without sg all vectors collapse into one. h is the
    paper's bottleneck, `hidden` = dim / 4 wide, with a layer normalisation, which unlike its batch
    normalisation gives a row the same answer in every batch and on every process. `seed` draws the
    first weights, so that every process starts with the same.
    Shapes: anchor, positive (n, dim).

    Example:
        >>> import torch
        >>> Siamese(dim=8)(torch.randn(4, 8), torch.randn(4, 8)).shape
        torch.Size([])
    """

    dim: Count = 128
    hidden: Count | None = None
    seed: int = 0

    def make(self) -> None:
        hidden = self.hidden or max(self.dim // 4, 1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.predictor = nn.Sequential(
                nn.Linear(self.dim, hidden, bias=False),
                nn.LayerNorm(hidden),
                nn.ReLU(),
                nn.Linear(hidden, self.dim),
            )

    def forward(self, anchor: Tensor, positive: Tensor) -> Tensor:
        if anchor.shape[1] != self.dim:
            raise InputError(f"anchor: found shape {tuple(anchor.shape)}, expected (n, {self.dim})")
        a, p = wide(anchor), wide(positive)
        there = own(unit(self.predictor(a)), unit(p).detach())
        back = own(unit(self.predictor(p)), unit(a).detach())
        return reduce(-(there + back) / 2, self.reduction)
