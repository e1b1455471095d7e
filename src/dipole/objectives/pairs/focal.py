"""Focal contrast: pairs the model is already sure of weigh less."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import NotNegative
from dipole.kernels import Modifier, lse, own, pairs, total
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, mean, others, reduce, unit, unlike
from dipole.objectives.pairs.queue_infonce import OWN, own_rest


@register(
    "focal-infonce",
    paper="Lin et al. 2017, Focal Loss for Dense Object Detection, arXiv 1708.02002, on the "
    "contrast of Park and Han 2023, Multi-Modal Representation Learning with Text-Driven Soft "
    "Masks, arXiv 2304.00719",
    system="softmask-vl",
    form="softmax, focal weight per row",
    related=("infonce", "focal-sigmoid"),
)
class FocalInfoNCE(Objective):
    """With P_i the probability InfoNCE gives an anchor's own positive,

        L_i = -(1 - P_i)^gamma log P_i.

    `detach` takes no gradient of the factor: it is a weight per row. gamma = 0 is InfoNCE.
    `symmetric` also lets the positives choose among the anchors (no negatives there): the mean of
    both directions. KaLM-Embedding-V2 is one direction at temperature 0.01 with gamma = 0.5 and
    `detach`; its mixed negatives are `candidates`.
    Shapes: anchor, positive (n, d); negative (m, d), candidates of every anchor; candidates
    (n, k, d), an anchor's own, with mask (n, k), False for padding; ids (n,): pairs of equal ids
    are never negatives; negative_ids (m,): a negative with the id of an anchor's positive is none
    of its negatives.

    Example:
        >>> import torch
        >>> FocalInfoNCE(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        0.02...
    """

    shapes: ClassVar[dict[str, str]] = OWN

    temperature: Temperature = Temperature(0.05)
    gamma: NotNegative = 2.0
    detach: bool = False
    symmetric: bool = True
    learn_temperature: bool = False

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
        candidates: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        a, p, t = unit(anchor), unit(positive), self.temperature()
        asked = [lse(mask=others(ids))]
        block = pairs(a, p, temperature=t, row=asked, column=asked if self.symmetric else ())
        row = block.row[0]
        if negative is not None:
            far = [lse(mask=unlike(ids, negative_ids))]
            row = log_add(row, *pairs(a, unit(negative), temperature=t, row=far).row)
        if candidates is not None and candidates.shape[1]:
            row = log_add(row, own_rest(a, candidates, mask, t))
        score = own(a, p, temperature=t)
        losses = [_focal(score - x, self.gamma, self.detach) for x in (row, *block.column)]
        return mean([reduce(x, self.reduction) for x in losses])


@register(
    "focal-sigmoid",
    paper="Kim et al. 2023, Region-Aware Pretraining for Open-Vocabulary Object Detection with "
    "Vision Transformers, arXiv 2305.07011",
    system="ro-vit",
    form="sigmoid, focal weight per pair",
    related=("siglip", "focal-infonce"),
)
class FocalSigmoid(Objective):
    """With u_ij = cos(a_i, p_j) / temperature, p_ii = sigmoid(u_ii), p_ij = 1 - sigmoid(u_ij),

        L_i = - sum_j (1 - p_ij)^gamma log p_ij.

    gamma = 0 is SigLIP's loss without bias.
    Shapes: anchor, positive (n, d); ids (n,): pairs of equal ids are left out, save for i = j.

    Example:
        >>> import torch
        >>> FocalSigmoid()(torch.eye(4), torch.eye(4)).item()
        0.5...
    """

    temperature: Temperature = Temperature(0.1)
    gamma: NotNegative = 2.0
    learn_temperature: bool = False

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        a, p, t = unit(anchor), unit(positive), self.temperature()
        no = Modifier(lambda s: _focal(-s, self.gamma))
        (rows,) = pairs(a, p, temperature=t, row=[total(no, mask=others(ids))]).row
        return reduce(rows + _focal(own(a, p, temperature=t), self.gamma), self.reduction)


def _focal(x: Tensor, gamma: float, detach: bool = False) -> Tensor:
    """-(1 - P)^gamma log P for P = sigmoid(x)."""
    # Where there is nothing to choose from x is inf; 1 - P is then 0, and so is its gradient.
    sure = x == torch.inf
    weight = torch.exp(gamma * F.logsigmoid(-x.masked_fill(sure, 0)))
    return -(weight.detach() if detach else weight) * F.logsigmoid(x)
