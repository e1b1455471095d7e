"""Online contrastive loss: only the pairs of a batch that are on the wrong side of others."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.errors import InputError
from dipole.kernels import own
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import everywhere, reduce, unit


@register(
    "online-contrastive",
    paper="Hadsell et al. 2006, Dimensionality Reduction by Learning an Invariant Mapping; the "
    "choice of pairs is sentence-transformers' OnlineContrastiveLoss",
    system="crl-review",
    form="margin, the hard pairs",
    related=("contrastive", "cosine-regression"),
    executors=(),
)
class OnlineContrastive(Objective):
    """With D_i = 1 - cos(a_i, p_i) and y_i 1 for a pair that is alike, 0 for one that is not,

        hard alike:      D_i > min { D_j : y_j = 0 }      L_i = D_i^2
        hard different:  D_i < max { D_j : y_j = 1 }      L_i = max(0, margin - D_i)^2

    and 0 for all other pairs. If a batch (over all processes) has no pair of the other kind, its
    own mean distance is the limit. sentence-transformers sums the batch; here it is the mean over
    all its pairs, so that the rate need not follow the size of the batch: `reduction="sum"` is
    theirs.
    Shapes: anchor, positive (n, d), row by row; scores (n,), 0 or 1.

    Example:
        >>> import torch
        >>> anchor, positive = torch.eye(2), torch.tensor([[0.6, 0.8], [0.6, 0.8]])
        >>> OnlineContrastive()(anchor, positive, torch.tensor([1.0, 0.0])).item()
        0.12...
    """

    margin: Positive = 0.5

    def forward(self, anchor: Tensor, positive: Tensor, scores: Tensor) -> Tensor:
        if bool(((scores != 0) & (scores != 1)).any()):
            found = float(scores[(scores != 0) & (scores != 1)][0])
            raise InputError(f"scores: found {found:.4g}; expected 0 (different) or 1 (alike)")
        apart = 1 - own(unit(anchor), unit(positive))
        alike = scores == 1
        every, labels = everywhere(apart), everywhere(alike)
        near, far = every[labels], every[~labels]
        least = far.min() if len(far) else near.mean()
        most = near.max() if len(near) else far.mean()
        pull = apart.square() * (apart > least)
        push = (self.margin - apart).clamp(min=0).square() * (apart < most)
        return reduce(torch.where(alike, pull, push), self.reduction)
