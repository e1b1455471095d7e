"""Alignment and uniformity: what a contrastive loss does, as two terms without a softmax."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import count, lse, pairs
from dipole.objectives.contract.base import Common, Objective
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import others, reduce, unit


def align_uniform(
    anchor: Tensor,
    positive: Tensor,
    ids: Tensor | None = None,
    *,
    alignment: float = 1.0,
    uniformity: float = 1.0,
    alpha: float = 2.0,
    t: float = 2.0,
) -> Tensor:
    """With u and v the unit vectors of both views,

        align   = mean_i ||u_i - v_i||^alpha
        unif(x) = log mean_{i != j} exp(-t ||x_i - x_j||^2)
        L       = alignment align + uniformity (unif(u) + unif(v)) / 2.

    The logarithm stands outside of the mean over all pairs. A batch without any pair has the
    uniformity 0, its largest. For vectors at right angles it is -2 t.
    Shapes: anchor, positive (n, d); ids (n,): pairs with equal ids are left out.
    """
    check(anchor=anchor, positive=positive, ids=ids)
    u, v = unit(anchor), unit(positive)
    near = reduce(torch.linalg.vector_norm(u - v, dim=-1).pow(alpha), "mean")
    spread = (_uniformity(u, ids, t) + _uniformity(v, ids, t)) / 2
    return alignment * near + uniformity * spread


def _uniformity(x: Tensor, ids: Tensor | None, t: float) -> Tensor:
    """By exp(-t ||x - y||^2) = exp(2 t (x . y - 1))."""
    mask = others(ids)
    energy, size = pairs(x, x, temperature=1 / (2 * t), all=[lse(mask=mask), count(mask)]).all
    return torch.where(size > 0, energy - size.clamp(min=1).log() - 2 * t, 0)


@register(
    "align-uniform",
    paper="Wang and Isola 2020, Understanding Contrastive Representation Learning through "
    "Alignment and Uniformity on the Hypersphere, arXiv 2005.10242",
    system="align-uniform",
    form="regression + global log-sum-exp",
    related=("infonce",),
    rows=False,
)
class AlignmentUniformity(Objective):
    """`align_uniform` with its settings.

    Example:
        >>> import torch
        >>> round(AlignmentUniformity()(torch.eye(4), torch.eye(4)).item(), 4)
        -4.0
    """

    def __init__(
        self,
        alignment: float = 1.0,
        uniformity: float = 1.0,
        alpha: float = 2.0,
        t: float = 2.0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        if alpha < 1:
            raise InputError(f"alpha: found {alpha!r}, expected a number of 1 or more")
        self.alignment = alignment
        self.uniformity = uniformity
        self.alpha = alpha
        self.t = check_above_zero("t", t)

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `align_uniform`."""
        return align_uniform(
            anchor,
            positive,
            ids,
            alignment=self.alignment,
            uniformity=self.uniformity,
            alpha=self.alpha,
            t=self.t,
        )
