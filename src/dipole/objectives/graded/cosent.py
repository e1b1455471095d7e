"""CoSENT: of two scored pairs the one with the higher score is to be the more similar one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.kernels import Mask, lse, own, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import unit


@register(
    "cosent",
    paper="Su 2022, CoSENT: a more effective sentence embedding scheme than Sentence-BERT, "
    "kexue.fm/archives/8847; its analysis Huang et al. 2024, CoSENT: Consistent Sentence Embedding "
    "via Similarity Ranking, IEEE/ACM TASLP 32",
    system="codiemb",
    form="global log-sum-exp over ordered pairs of pairs",
    related=("pearson", "rank-kl", "codiemb"),
    rows=False,
)
class CoSENT(Objective):
    """With c_i = cos(a_i, p_i) of pair i and y_i its score,

        L = log(1 + sum_{(i, j): y_i > y_j} exp((c_j - c_i) / temperature)).

    Only the order of the scores matters; pairs of equal score are not compared, over all
    processes. Nothing to compare: 0. Default: the published scale of 20.
    Shapes: anchor, positive (n, d); scores (n,), any finite numbers.

    Example:
        >>> import torch
        >>> anchor, positive = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        >>> CoSENT()(anchor, positive, torch.tensor([5.0, 1.0])).item() < 1e-6
        True
    """

    temperature: Temperature = Temperature(0.05)

    def forward(self, anchor: Tensor, positive: Tensor, scores: Tensor) -> Tensor:
        c = own(unit(anchor), unit(positive))
        one = torch.ones_like(c)
        higher = Mask(lambda _, y_i, y_j: y_i > y_j, row=scores, column=scores)
        # c_j - c_i is a dot product of two numbers, so that the engine sees it as any score.
        rows, columns = torch.stack([-c, one], 1), torch.stack([one, c], 1)
        asked = [lse(mask=higher)]
        (wrong,) = pairs(rows, columns, temperature=self.temperature(), all=asked).all
        return F.softplus(wrong)
