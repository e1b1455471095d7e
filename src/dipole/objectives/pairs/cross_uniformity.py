"""Cross-uniformity: vectors of one modality keep away from those of another (the modality gap)."""

from __future__ import annotations

from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import unit
from dipole.objectives.pairs.align_uniform import log_energy


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
    """With u and v the unit vectors of both modalities,

        L = log mean_{i != j} exp(-t ||u_i - v_j||^2).

    The paper's CUAXU is `InfoNCE(0.01) + AlignmentUniformity() + CrossUniformity()`, its CUA that
    without the last. A batch without any such pair has the largest value, 0.
    Shapes: anchor, positive (n, d); ids (n,): pairs with equal ids are left out.

    Example:
        >>> import torch
        >>> CrossUniformity()(torch.eye(4), torch.eye(4)).item()
        -4.0
    """

    t: Positive = 2.0

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        return log_energy(unit(anchor), unit(positive), ids, self.t)
