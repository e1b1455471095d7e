"""GCL: graded scores become the weights of the rows of InfoNCE."""

from __future__ import annotations

from typing import Literal, Unpack, get_args

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import everywhere, one_against, others, reduce, unit

WeightOf = Literal["linear", "log", "inverse", "constant"]


def weighted_infonce(
    anchor: Tensor,
    positive: Tensor,
    scores: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.07,
    weight_of: WeightOf = "linear",
    highest: float = 100.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """With l_ij = cos(a_i, p_j) / temperature and the weight w_i of a pair of score r_i >= 0,

        w_i = r_i ("linear") · log(1 + r_i) ("log") · 1 / (highest + 1 - r_i) ("inverse") · 1
        L   = sum_i w_i (log sum_j exp l_ij + log sum_j exp l_ji - 2 l_ii) / (2 sum_i w_i).

    `none` gives w_i / mean(w) times each row. Divided by the sum of the weights, so that they do
    not change the size of a step (the paper does not say). A batch of weights 0 has the loss 0.
    Shapes: anchor, positive (n, d); scores (n,), 0 or more (the paper: 1 to 100);
    ids (n,): equal ids never meet, save for i = j.
    """
    check(anchor=anchor, positive=positive, scores=scores, ids=ids, temperature=temperature)
    a, p = unit(anchor), unit(positive)
    weight = _weights(scores.to(a.dtype), weight_of, highest)
    mean = everywhere(weight).mean()
    weight = torch.where(mean > 0, weight / torch.where(mean > 0, mean, 1), 0)
    asked = [lse(mask=others(ids))]
    block = pairs(a, p, temperature=temperature, row=asked, column=asked)
    score = own(a, p, temperature=temperature)
    sides = [one_against(score, rest) for rest in (block.row[0], block.column[0])]
    return reduce(weight * torch.stack(sides).mean(0), reduction)


def _weights(scores: Tensor, weight_of: WeightOf, highest: float) -> Tensor:
    if bool(scores.min() < 0):
        raise InputError(f"scores: found {scores.min():.4g}, expected 0 or more")
    if weight_of == "inverse" and bool(scores.max() > highest):
        raise InputError(f"scores: found {scores.max():.4g}, expected {highest:g} at most")
    if weight_of == "linear":
        return scores
    if weight_of == "log":
        return scores.log1p()
    return 1 / (highest + 1 - scores) if weight_of == "inverse" else torch.ones_like(scores)


@register(
    "weighted-infonce",
    paper="Zhu et al. 2024, Generalized Contrastive Learning for Multi-Modal Retrieval and "
    "Ranking, arXiv 2404.08535",
    system="gcl-marqo",
    form="softmax, weighted rows",
    related=("infonce",),
)
class WeightedInfoNCE(Objective):
    """`weighted_infonce` with its settings.

    Example:
        >>> import torch
        >>> ranks = torch.tensor([100.0, 50.0, 10.0, 1.0])
        >>> WeightedInfoNCE(temperature=0.5)(torch.eye(4), torch.eye(4), ranks).item()
        0.3...
    """

    def __init__(
        self,
        temperature: float = 0.07,
        weight_of: WeightOf = "linear",
        *,
        highest: float = 100.0,
        learn_temperature: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        if weight_of not in get_args(WeightOf):
            known = ", ".join(get_args(WeightOf))
            raise InputError(f"weight_of: found {weight_of!r}, expected one of {known}")
        self.temperature = Temperature(temperature, learn_temperature)
        self.weight_of: WeightOf = weight_of
        self.highest = check_above_zero("highest", highest)

    def forward(
        self, anchor: Tensor, positive: Tensor, scores: Tensor, ids: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch; see `weighted_infonce`."""
        return weighted_infonce(
            anchor,
            positive,
            scores,
            ids,
            temperature=self.temperature(),
            weight_of=self.weight_of,
            highest=self.highest,
            reduction=self.reduction,
        )
