"""Focal contrast: pairs the model is already sure of weigh less."""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import Modifier, lse, own, pairs, total
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, others, reduce, unit, unlike
from dipole.objectives.pairs.queue_infonce import OWN, own_rest


def focal_infonce(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor | None = None,
    ids: Tensor | None = None,
    negative_ids: Tensor | None = None,
    candidates: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.05,
    gamma: float = 2.0,
    detach: bool = False,
    symmetric: bool = True,
    reduction: Reduction = "mean",
) -> Tensor:
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
    """
    check(
        anchor=anchor,
        positive=positive,
        negative=negative,
        ids=ids,
        negative_ids=negative_ids,
        candidates=candidates,
        mask=mask,
        temperature=temperature,
        shapes=OWN,
    )
    a, p = unit(anchor), unit(positive)
    asked = [lse(mask=others(ids))]
    block = pairs(a, p, temperature=temperature, row=asked, column=asked if symmetric else ())
    score = own(a, p, temperature=temperature)
    row = block.row[0]
    if negative is not None:
        far = [lse(mask=unlike(ids, negative_ids))]
        row = log_add(row, *pairs(a, unit(negative), temperature=temperature, row=far).row)
    if candidates is not None and candidates.shape[1]:
        row = log_add(row, own_rest(a, candidates, mask, temperature))
    directions = [row, *block.column]
    losses = [reduce(_focal(score - x, gamma, detach), reduction) for x in directions]
    return torch.stack(losses).mean(0)


def focal_sigmoid(
    anchor: Tensor,
    positive: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.1,
    gamma: float = 2.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """With u_ij = cos(a_i, p_j) / temperature, p_ii = sigmoid(u_ii), p_ij = 1 - sigmoid(u_ij),

        L_i = - sum_j (1 - p_ij)^gamma log p_ij.

    gamma = 0 is SigLIP's loss without bias.
    Shapes: anchor, positive (n, d); ids (n,): pairs of equal ids are left out, save for i = j.
    """
    check(anchor=anchor, positive=positive, ids=ids, temperature=temperature)
    a, p = unit(anchor), unit(positive)
    no = Modifier(lambda s: _focal(-s, gamma, False))
    (rows,) = pairs(a, p, temperature=temperature, row=[total(no, mask=others(ids))]).row
    return reduce(rows + _focal(own(a, p, temperature=temperature), gamma, False), reduction)


def _focal(x: Tensor, gamma: float, detach: bool) -> Tensor:
    """-(1 - P)^gamma log P for P = sigmoid(x)."""
    # Where there is nothing to choose from x is inf; 1 - P is then 0, and so is its gradient.
    sure = x == torch.inf
    weight = torch.exp(gamma * F.logsigmoid(-x.masked_fill(sure, 0)))
    return -(weight.detach() if detach else weight) * F.logsigmoid(x)


def _check_gamma(gamma: float) -> float:
    if not 0 <= gamma < float("inf"):
        raise InputError(f"gamma: found {gamma!r}, expected a number of 0 or more")
    return gamma


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
    """`focal_infonce` with its settings.

    Example:
        >>> import torch
        >>> FocalInfoNCE(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        0.02...
    """

    def __init__(
        self,
        temperature: float = 0.05,
        *,
        gamma: float = 2.0,
        detach: bool = False,
        symmetric: bool = True,
        learn_temperature: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature, learn_temperature)
        self.gamma = _check_gamma(gamma)
        self.detach = detach
        self.symmetric = symmetric

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
        """The loss of a batch; see `focal_infonce`."""
        return focal_infonce(
            anchor,
            positive,
            negative,
            ids,
            negative_ids,
            candidates,
            mask,
            temperature=self.temperature(),
            gamma=self.gamma,
            detach=self.detach,
            symmetric=self.symmetric,
            reduction=self.reduction,
        )


@register(
    "focal-sigmoid",
    paper="Kim et al. 2023, Region-Aware Pretraining for Open-Vocabulary Object Detection with "
    "Vision Transformers, arXiv 2305.07011",
    system="ro-vit",
    form="sigmoid, focal weight per pair",
    related=("siglip", "focal-infonce"),
)
class FocalSigmoid(Objective):
    """`focal_sigmoid` with its settings.

    Example:
        >>> import torch
        >>> FocalSigmoid()(torch.eye(4), torch.eye(4)).item()
        0.5...
    """

    def __init__(
        self,
        temperature: float = 0.1,
        *,
        gamma: float = 2.0,
        learn_temperature: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature, learn_temperature)
        self.gamma = _check_gamma(gamma)

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `focal_sigmoid`."""
        return focal_sigmoid(
            anchor,
            positive,
            ids,
            temperature=self.temperature(),
            gamma=self.gamma,
            reduction=self.reduction,
        )
