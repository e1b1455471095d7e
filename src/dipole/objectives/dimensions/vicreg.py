"""VICReg: views alike, every dimension alive, dimensions uncorrelated."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import centred, cross, wide
from dipole.objectives.maths import reduce


@register(
    "vicreg",
    paper="Bardes et al. 2022, VICReg: Variance-Invariance-Covariance Regularization for "
    "Self-Supervised Learning, arXiv 2105.04906",
    system="ssl-generalization",
    form="variance and covariance of dimensions",
    related=("barlow-twins", "align-uniform"),
    rows=False,
    executors=(),
)
class VICReg(Objective):
    """With z and z' the views, as they are (not normalised),

        s(z, z') = 1/(n d) sum_i ||z_i - z'_i||^2
        v(z)     = 1/d sum_k max(0, 1 - sqrt(Var(z^k) + epsilon))
        c(z)     = 1/d sum_{k != l} Cov(z)_kl^2
        L = invariance s + variance (v(z) + v(z')) / 2 + covariance (c(z) + c(z')).

    Var and Cov divide by n - 1, with n the whole batch over all processes. `epsilon` is part of
    the paper's equation: with it a dimension that does not vary has a gradient. The default
    weights are made for the authors' code, which takes s as the mean over dimensions too and v as
    the mean of both views (the paper's text has the sum of each).
    Needs the (d, d) matrix itself: its entries are squared after the sum over the batch. Memory
    O(n d + d^2). Shapes: anchor, positive (n, d), n of 2 or more over all processes.

    Example:
        >>> import torch
        >>> z = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> VICReg()(z, z)  # alike, alive, uncorrelated
        tensor(0.)
    """

    invariance: float = 25.0
    variance: float = 25.0
    covariance: float = 1.0
    epsilon: Positive = 1e-4

    def forward(self, anchor: Tensor, positive: Tensor) -> Tensor:
        z, other = wide(anchor), wide(positive)
        same = reduce((z - other).square().mean(1), "mean")
        spread, mixed = zip(*(self._moments(x) for x in (z, other)), strict=True)
        varied, apart = self.variance * sum(spread) / 2, self.covariance * sum(mixed)
        return self.invariance * same + varied + apart

    def _moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """v and c of one view."""
        x, size = centred(x)
        if size < 2:
            raise InputError("anchor: found 1 row, expected 2 or more: one row has no variance")
        c = cross(x, x) / (size - 1)
        deviation = (c.diagonal() + self.epsilon).sqrt()
        off = c - torch.diag(c.diagonal())
        return F.relu(1 - deviation).mean(), off.square().sum() / x.shape[1]
