"""GCL: graded scores become the weights of the rows of InfoNCE."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.errors import InputError
from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import everywhere, one_against, others, reduce, unit


@register(
    "weighted-infonce",
    paper="Zhu et al. 2024, Generalized Contrastive Learning for Multi-Modal Retrieval and "
    "Ranking, arXiv 2404.08535",
    system="gcl-marqo",
    form="softmax, weighted rows",
    related=("infonce",),
)
class WeightedInfoNCE(Objective):
    """With l_ij = cos(a_i, p_j) / temperature and the weight w_i of a pair of score r_i >= 0,

        w_i = r_i ("linear") · log(1 + r_i) ("log") · 1 / (highest + 1 - r_i) ("inverse") · 1
        L   = sum_i w_i (log sum_j exp l_ij + log sum_j exp l_ji - 2 l_ii) / (2 sum_i w_i).

    `none` gives w_i / mean(w) times each row. Divided by the sum of the weights, so that they do
    not change the size of a step (the paper does not say). A batch of weights 0 has the loss 0.
    Shapes: anchor, positive (n, d); scores (n,), 0 or more (the paper: 1 to 100);
    ids (n,): equal ids never meet, save for i = j.

    Example:
        >>> import torch
        >>> ranks = torch.tensor([100.0, 50.0, 10.0, 1.0])
        >>> WeightedInfoNCE(temperature=0.5)(torch.eye(4), torch.eye(4), ranks).item()
        0.3...
    """

    temperature: Temperature = Temperature(0.07)
    weight_of: Literal["linear", "log", "inverse", "constant"] = "linear"
    highest: Positive = 100.0
    learn_temperature: bool = False

    def forward(
        self, anchor: Tensor, positive: Tensor, scores: Tensor, ids: Tensor | None = None
    ) -> Tensor:
        a, p, t = unit(anchor), unit(positive), self.temperature()
        weight = self._weights(scores.to(a.dtype))
        mean = everywhere(weight).mean()
        weight = torch.where(mean > 0, weight / torch.where(mean > 0, mean, 1), 0)
        asked = [lse(mask=others(ids))]
        block = pairs(a, p, temperature=t, row=asked, column=asked)
        rest = torch.stack([*block.row, *block.column])
        loss = one_against(own(a, p, temperature=t), rest).mean(0)
        return reduce(weight * loss, self.reduction)

    def _weights(self, scores: Tensor) -> Tensor:
        if bool(scores.min() < 0):
            raise InputError(f"scores: found {scores.min():.4g}, expected 0 or more")
        if self.weight_of == "linear":
            return scores
        if self.weight_of == "log":
            return scores.log1p()
        if self.weight_of == "constant":
            return torch.ones_like(scores)
        if bool(scores.max() > self.highest):
            raise InputError(f"scores: found {scores.max():.4g}, expected {self.highest:g} at most")
        return 1 / (self.highest + 1 - scores)
