"""HN-NCE: negatives that score high weigh more in the denominator (DiHT)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dipole.declared import NotNegative, Share
from dipole.kernels import Modifier, Stats, count, lse, own, pairs, scale
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import one_against, others, reduce, unit


@register(
    "hn-nce",
    paper="Radenovic et al. 2023, Filtering, Distillation, and Hard Negatives for "
    "Vision-Language Pre-Training, arXiv 2301.02280",
    system="diht",
    form="softmax, hard negatives weigh more",
    related=("infonce", "dcl"),
)
class HNNCE(Objective):
    """With s_ij = cos(a_i, p_j) / temperature and N(i) the n_i negatives of anchor i,

        w_ij = n_i exp(beta s_ij) / sum_{k in N(i)} exp(beta s_ik)        (detached, sum to n_i)
        L_i  = log( alpha exp s_ii + sum_{j in N(i)} w_ij exp s_ij ) - s_ii,

    and the same for the positives among the anchors; the mean of both directions (the paper adds
    them). beta = 0 and alpha = 1 is symmetric InfoNCE; alpha = 0 takes the positive out of the
    denominator, and rows without negatives are then not counted. The paper's code has no loss in
    it: beta = 0.25 and alpha = 1 are the values its text is believed to use. (The port in
    MedCLIP-SAM averages over all n x n entries, with positives of 1 off the diagonal.)
    Shapes: anchor, positive (n, d); ids (n,): pairs of equal ids are never negatives.

    Example:
        >>> import torch
        >>> HNNCE(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        0.3...
    """

    temperature: Temperature = Temperature(0.07)
    alpha: Share = 1.0
    beta: NotNegative = 0.25
    learn_temperature: bool = False

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        a, p, t = unit(anchor), unit(positive), self.temperature()
        mask = others(ids)
        asked = [lse(mod=scale(self.beta), mask=mask), count(mask)]
        with torch.no_grad():
            first = pairs(a, p, temperature=t, row=asked, column=asked)
        shifts = [_shift(*stats) for stats in (first.row, first.column)]

        def harder(score: Tensor, shift: Tensor) -> Tensor:
            return score + self.beta * score.detach() + shift

        second: Stats = pairs(
            a,
            p,
            temperature=t,
            row=[lse(mod=Modifier(harder, row=shifts[0]), mask=mask)],
            column=[lse(mod=Modifier(harder, column=shifts[1]), mask=mask)],
        )
        score = own(a, p, temperature=t)
        return (self._loss(score, second.row[0]) + self._loss(score, second.column[0])) / 2

    def _loss(self, score: Tensor, negatives: Tensor) -> Tensor:
        """One direction, of the positives' scores and the log-sum-exps of the weighted others."""
        if self.alpha == 0:
            counted = torch.isfinite(negatives)
            return reduce(torch.where(counted, negatives - score, 0), self.reduction, counted)
        share = math.log(self.alpha)
        return reduce(one_against(score + share, negatives) + share, self.reduction)


def _shift(log_z: Tensor, size: Tensor) -> Tensor:
    """What turns beta s_ij into log w_ij; 0 where there are no negatives."""
    return torch.where(size > 0, size.clamp(min=1).log() - log_z, 0)
