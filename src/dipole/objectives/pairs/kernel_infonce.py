"""Kernel-InfoNCE: the softmax of exponential kernels of several powers of the distance."""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import Modifier, Statistic, lse, pairs
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, others, reduce, unit


def kernel_infonce(
    anchor: Tensor,
    positive: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.2,
    gamma: float = 1.0,
    mix: float = 0.5,
    concatenate: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """With z the 2n unit views, p(i) the other view of an example, and one kernel for each power,

        k_g(x, y) = exp(-||x - y||^g / temperature)
        L_g       = - log k_g(z_i, z_p(i)) + log sum_{j != i} k_g(z_i, z_j)
        L_i       = mix L_gamma + (1 - mix) L_2.

    L_2 is NT-Xent at half the temperature. `concatenate` gives the first half of the unit vector's
    dimensions to L_gamma and the second half to L_2 (a half is shorter than 1). Where two vectors
    coincide the distance has the gradient 0. The authors' code adds 1e-6 to the denominator, a
    difference of 1e-5 in the value. `none`: n rows, each the mean of an example's two views.
    Shapes: anchor, positive (n, d), the two views; ids (n,): examples with equal ids are never
    negatives of each other.
    """
    check(anchor=anchor, positive=positive, ids=ids, temperature=temperature)
    a, p = unit(anchor), unit(positive)
    halves = (a, p), (a, p)
    if concatenate:
        d = anchor.shape[1]
        if d % 2:
            raise InputError(
                f"anchor: found shape {tuple(anchor.shape)}, expected an even d to concatenate"
            )
        halves = (a[:, : d // 2], p[:, : d // 2]), (a[:, d // 2 :], p[:, d // 2 :])
    loss = anchor.new_zeros(())
    for power, weight, (x, y) in zip((gamma, 2.0), (mix, 1 - mix), halves, strict=True):
        if weight:
            rows = _one_kernel(x, y, ids, temperature, power)
            loss = loss + weight * reduce(rows, reduction)
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


@register(
    "kernel-infonce",
    paper="Tan et al. 2023, Contrastive Learning Is Spectral Clustering On Similarity Graph, "
    "arXiv 2303.15103",
    system="kernel-infonce",
    form="softmax of distance kernels",
    related=("ntxent", "infonce"),
)
class KernelInfoNCE(Objective):
    """`kernel_infonce` with its settings: gamma = 1 is the Laplacian kernel, 2 the Gaussian.

    Example:
        >>> import torch
        >>> KernelInfoNCE(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        0.2...
    """

    def __init__(
        self,
        temperature: float = 0.2,
        *,
        gamma: float = 1.0,
        mix: float = 0.5,
        concatenate: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        if not 0 <= mix <= 1:
            raise InputError(f"mix: found {mix!r}, expected a number from 0 to 1")
        self.temperature = Temperature(temperature)
        self.gamma = check_above_zero("gamma", gamma)
        self.mix = mix
        self.concatenate = concatenate

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `kernel_infonce`."""
        return kernel_infonce(
            anchor,
            positive,
            ids,
            temperature=self.temperature(),
            gamma=self.gamma,
            mix=self.mix,
            concatenate=self.concatenate,
            reduction=self.reduction,
        )
