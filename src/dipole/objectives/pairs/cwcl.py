"""CWCL: every pair is positive to the degree that a frozen modality finds it alike."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from dipole.kernels import Weight, candidates, count, lse, own, pairs, total
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import as_relation, reduce, unit


def cwcl(
    anchor: Tensor,
    positive: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.07,
    reduction: Reduction = "mean",
) -> Tensor:
    """With unit vectors a (trained) and p (frozen modality), l_ij = a_i . p_j / temperature,

        w_ij      = (p_i . p_j + 1) / 2                                         (detached)
        L_i(a, p) = log sum_j exp l_ij - sum_j w_ij l_ij / sum_j w_ij
        L_i(p, a) = log sum_j exp l_ji - l_ii
        L         = mean of both (the paper adds them).

    The weights are computed in the tiles. Weights only where the frozen modality is what is
    chosen from, plain InfoNCE the other way: the reading here.
    Shapes: anchor, positive (n, d); ids (n,): equal ids never meet, save for i = j.
    """
    check(anchor=anchor, positive=positive, ids=ids, temperature=temperature)
    a, p = unit(anchor), unit(positive)
    frozen, mask = p.detach(), candidates(as_relation(None, ids))
    alike = Weight(lambda _, x, y: ((x @ y.T + 1) / 2).clamp(min=0), row=frozen, column=frozen)
    every = lse(mask=mask)
    asked = [every, total(mask=mask, weight=alike), count(mask, alike)]
    block = pairs(a, p, temperature=temperature, row=asked, column=[every])
    log_z, pull, mass = block.row
    score = own(a, p, temperature=temperature)
    weighted = reduce(log_z - pull / mass, reduction)
    return (weighted + reduce(block.column[0] - score, reduction)) / 2


@register(
    "cwcl",
    paper="Srinivasa et al. 2023, CWCL: Cross-Modal Transfer with Continuously Weighted "
    "Contrastive Loss, arXiv 2309.14580",
    system="cwcl",
    form="softmax, soft targets from a frozen tower",
    related=("infonce", "supcon"),
)
class CWCL(Objective):
    """`cwcl` with its settings; the frozen modality is `positive`.

    Example:
        >>> import torch
        >>> CWCL(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        0.9...
    """

    def __init__(
        self,
        temperature: float = 0.07,
        *,
        learn_temperature: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature, learn_temperature)

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `cwcl`."""
        return cwcl(anchor, positive, ids, temperature=self.temperature(), reduction=self.reduction)
