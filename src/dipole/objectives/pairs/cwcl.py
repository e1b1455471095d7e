"""CWCL: every pair is positive to the degree that a frozen modality finds it alike."""

from __future__ import annotations

from torch import Tensor

from dipole.kernels import Weight, candidates, count, lse, own, pairs, total
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import as_relation, reduce, unit


@register(
    "cwcl",
    paper="Srinivasa et al. 2023, CWCL: Cross-Modal Transfer with Continuously Weighted "
    "Contrastive Loss, arXiv 2309.14580",
    system="cwcl",
    form="softmax, soft targets from a frozen tower",
    related=("infonce", "supcon"),
)
class CWCL(Objective):
    """With unit vectors a (trained) and p (frozen modality), l_ij = a_i . p_j / temperature,

        w_ij      = (p_i . p_j + 1) / 2                                         (detached)
        L_i(a, p) = log sum_j exp l_ij - sum_j w_ij l_ij / sum_j w_ij
        L_i(p, a) = log sum_j exp l_ji - l_ii
        L         = mean of both (the paper adds them).

    The weights are computed in the tiles. Weights only where the frozen modality is what is
    chosen from, plain InfoNCE the other way: the reading here.
    Shapes: anchor, positive (n, d); ids (n,): equal ids never meet, save for i = j.

    Example:
        >>> import torch
        >>> CWCL(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        0.9...
    """

    temperature: Temperature = Temperature(0.07)
    learn_temperature: bool = False

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        a, p, t = unit(anchor), unit(positive), self.temperature()
        frozen, mask = p.detach(), candidates(as_relation(None, ids))
        alike = Weight(lambda _, x, y: ((x @ y.T + 1) / 2).clamp(min=0), row=frozen, column=frozen)
        every = lse(mask=mask)
        asked = [every, total(mask=mask, weight=alike), count(mask, alike)]
        block = pairs(a, p, temperature=t, row=asked, column=[every])
        log_z, pull, mass = block.row
        weighted = reduce(log_z - pull / mass, self.reduction)
        plain = reduce(block.column[0] - own(a, p, temperature=t), self.reduction)
        return (weighted + plain) / 2
