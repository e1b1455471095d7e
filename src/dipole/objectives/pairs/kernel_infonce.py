"""Kernel-InfoNCE: the softmax of exponential kernels of several powers of the distance."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive, Share
from dipole.errors import InputError
from dipole.kernels import Modifier, Statistic, lse, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, others, reduce, unit


@register(
    "kernel-infonce",
    paper="Tan et al. 2023, Contrastive Learning Is Spectral Clustering On Similarity Graph, "
    "arXiv 2303.15103",
    system="kernel-infonce",
    form="softmax of distance kernels",
    related=("ntxent", "infonce"),
)
class KernelInfoNCE(Objective):
    """With z the 2n unit views, p(i) the other view of an example, and one kernel for each power,

        k_g(x, y) = exp(-||x - y||^g / temperature)
        L_g       = - log k_g(z_i, z_p(i)) + log sum_{j != i} k_g(z_i, z_j)
        L_i       = mix L_gamma + (1 - mix) L_2.

    gamma = 1 is the Laplacian kernel, 2 the Gaussian; L_2 is NT-Xent at half the temperature.
    `concatenate` gives the first half of the unit vector's dimensions to L_gamma and the second
    half to L_2 (a half is shorter than 1). Where two vectors coincide the distance has the gradient
    0. The authors' code adds 1e-6 to the denominator, a difference of 1e-5 in the value. `none`:
    n rows, each the mean of an example's two views.
    Shapes: anchor, positive (n, d), the two views; ids (n,): examples with equal ids are never
    negatives of each other.

    Example:
        >>> import torch
        >>> KernelInfoNCE(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        0.2...
    """

    temperature: Temperature = Temperature(0.2)
    gamma: Positive = 1.0
    mix: Share = 0.5
    concatenate: bool = False

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        d = anchor.shape[1]
        if self.concatenate and d % 2:
            raise InputError(
                f"anchor: found shape {tuple(anchor.shape)}, expected an even d to concatenate"
            )
        halves = (slice(d // 2), slice(d // 2, None)) if self.concatenate else (slice(None),) * 2
        a, p, loss = unit(anchor), unit(positive), anchor.new_zeros(())
        terms = zip((self.gamma, 2.0), (self.mix, 1 - self.mix), halves, strict=True)
        for power, weight, half in terms:
            if weight:
                rows = _one_kernel(a[:, half], p[:, half], ids, self.temperature(), power)
                loss = loss + weight * reduce(rows, self.reduction)
        return loss


def _one_kernel(
    a: Tensor, p: Tensor, ids: Tensor | None, temperature: float | Tensor, power: float
) -> Tensor:
    tau = torch.as_tensor(temperature, dtype=a.dtype, device=a.device)
    others_only, a2, p2 = others(ids), a.square().sum(-1), p.square().sum(-1)

    def negatives(row: Tensor, column: Tensor) -> list[Statistic]:
        kernel = Modifier(
            lambda s, x2, y2, tau: _log_kernel(x2 + y2 - 2 * s, power) / tau,
            row=row,
            column=column,
            shared=tau,
        )
        return [lse(mod=kernel, mask=others_only)]

    # The positive's distance from differences: of two close views a dot product sees little.
    score = _log_kernel((a - p).square().sum(-1), power) / tau
    across = negatives(a2, p2)
    block = pairs(a, p, row=across, column=across)
    first = log_add(block.row[0], *pairs(a, a, row=negatives(a2, a2)).row)
    second = log_add(block.column[0], *pairs(p, p, row=negatives(p2, p2)).row)
    return -(F.logsigmoid(score - first) + F.logsigmoid(score - second)) / 2


def _log_kernel(square: Tensor, power: float) -> Tensor:
    """-distance^power from the squared distance, with gradient 0 at 0."""
    if power == 2:
        return -square
    apart = square > 0
    return -torch.where(apart, torch.where(apart, square, 1).pow(power / 2), 0)
