"""Barlow Twins: the cross-correlation of both views' dimensions should be the identity."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import centred, cross, root, total_everywhere, wide


@register(
    "barlow-twins",
    paper="Zbontar et al. 2021, Barlow Twins: Self-Supervised Learning via Redundancy Reduction, "
    "arXiv 2103.03230; analysed as the cross-correlation loss in Huang et al. 2023, Towards the "
    "Generalization of Contrastive Self-Supervised Learning, arXiv 2111.00743",
    system="ssl-generalization",
    form="cross-correlation of dimensions",
    related=("vicreg", "align-uniform"),
    rows=False,
    executors=(),
)
class BarlowTwins(Objective):
    """With z and z' the views standardised over the batch, dimension by dimension,

        C = 1/n sum_i z_i z'_i^T
        L = sum_k (1 - C_kk)^2 + redundancy sum_{k != l} C_kl^2.

    The mean and standard deviation (the one that divides by n) are those of the whole batch over
    all processes, and carry a gradient. A dimension that does not vary has the correlation 0. (The
    authors' batch norm adds 1e-5 to the variance: a difference of about 1e-5 in C.)
    Needs the (d, d) matrix itself: each entry is squared after the sum over the batch. Memory
    O(n d + d^2). Shapes: anchor, positive (n, d), not normalised; n = 1 has no correlations.

    Example:
        >>> import torch
        >>> z = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> BarlowTwins()(z, z)  # dimensions that do not correlate
        tensor(0.)
    """

    redundancy: Positive = 0.005

    def forward(self, anchor: Tensor, positive: Tensor) -> Tensor:
        first, second = _standardised(wide(anchor)), _standardised(wide(positive))
        size = total_everywhere(first.new_tensor(float(len(first))))
        c = cross(first, second) / size
        off = c - torch.diag(c.diagonal())
        return (1 - c.diagonal()).square().sum() + self.redundancy * off.square().sum()


def _standardised(x: Tensor) -> Tensor:
    x, size = centred(x)
    deviation = root(total_everywhere(x.square().sum(0)) / size)
    return x / deviation.masked_fill(deviation == 0, 1)
