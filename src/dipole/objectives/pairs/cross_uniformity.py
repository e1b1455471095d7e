"""Cross-uniformity: vectors of one modality keep away from those of another (the modality gap)."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from dipole.kernels import count, lse, pairs
from dipole.objectives.contract.base import Common, Objective
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import others, unit


def cross_uniformity(
    anchor: Tensor, positive: Tensor, ids: Tensor | None = None, *, t: float = 2.0
) -> Tensor:
    """With u and v the unit vectors of both modalities,

        L = log mean_{i != j} exp(-t ||u_i - v_j||^2).

    The paper's CUAXU is `InfoNCE(0.01) + AlignmentUniformity() + CrossUniformity()`, its CUA that
    without the last. A batch without any such pair has the largest value, 0.
    Shapes: anchor, positive (n, d); ids (n,): pairs with equal ids are left out.
    """
    check(anchor=anchor, positive=positive, ids=ids)
    u, v = unit(anchor), unit(positive)
    mask = others(ids)
    asked = [lse(mask=mask), count(mask)]
    energy, size = pairs(u, v, temperature=1 / (2 * t), all=asked).all
    # exp(-t ||x - y||^2) = exp(2 t (x . y - 1)).
    return torch.where(size > 0, energy - size.clamp(min=1).log() - 2 * t, 0)


@register(
    "cross-uniformity",
    paper="Fahim et al. 2024, It's Not a Modality Gap: Characterizing and Addressing the "
    "Contrastive Gap, arXiv 2405.18570",
    system="contrastive-gap",
    form="global log-sum-exp",
    related=("align-uniform", "infonce"),
    rows=False,
)
class CrossUniformity(Objective):
    """`cross_uniformity` with its settings.

    Example:
        >>> import torch
        >>> CrossUniformity()(torch.eye(4), torch.eye(4)).item()
        -4.0
    """

    def __init__(self, t: float = 2.0, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        self.t = check_above_zero("t", t)

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `cross_uniformity`."""
        return cross_uniformity(anchor, positive, ids, t=self.t)
