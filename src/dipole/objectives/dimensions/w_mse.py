"""W-MSE: positives coincide after the batch is whitened, which rules a collapse out."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.dimensions.whitening import cholesky_whiten
from dipole.objectives.maths import reduce, unit


@register(
    "w-mse",
    paper="Ermolov et al. 2021, Whitening for Self-Supervised Representation Learning, "
    "arXiv 2007.06346",
    system="whitenedcse",
    form="regression after whitening",
    related=("barlow-twins", "vicreg", "whitenedcse"),
    executors=(),
)
class WMSE(Objective):
    """With the views whitened each over the whole batch, w = L^-1 (z - mean), L L^T = Cov(z),

        L_i = || w_i / ||w_i|| - w'_i / ||w'_i|| ||^2.

    The gradient goes through the whitening. Whitens by Cholesky, as the paper does, and the batch
    as a whole (the paper cuts it into random parts).
    Needs the (d, d) covariance. Shapes: anchor, positive (n, d), n well above d, over all
    processes; a batch that cannot be whitened is an InputError.

    Example:
        >>> import torch
        >>> z = torch.randn(16, 4)
        >>> WMSE()(z, z).item()
        0.0
    """

    def forward(self, anchor: Tensor, positive: Tensor) -> Tensor:
        first, second = (unit(cholesky_whiten(wide(x))) for x in (anchor, positive))
        return reduce(torch.square(first - second).sum(1), self.reduction)
