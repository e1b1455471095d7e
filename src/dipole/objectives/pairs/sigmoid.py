"""SigLIP's loss: every pair is a yes-or-no question of its own."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.kernels import Modifier, negatives, own, pairs, total
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import as_relation, others, positive_pairs, reduce, unit, unlike
from dipole.relations import Relation


@register(
    "siglip",
    paper="Zhai et al. 2023, Sigmoid Loss for Language Image Pre-Training, arXiv 2303.15343",
    system="siglip",
    form="sigmoid",
    related=("infonce",),
)
class Sigmoid(Objective):
    """With l_ij = cos(a_i, c_j) / temperature + bias, and y_ij = 1 for positives, -1 for negatives,

        L_i = - sum_j log sigmoid(y_ij l_ij).

    Temperature and bias are learnt, unless `learn=False`.
    Shapes: anchor, positive (n, d); negative (m, d), candidates of every anchor;
    relation, a `Relation` or an (n, n) tensor: where it is above 0 the pair is positive (default:
    the diagonal); ids (n,): pairs of equal ids are left out, save for i = j;
    negative_ids (m,): a negative with the id of an anchor's positive is none of its negatives.

    Example:
        >>> import torch
        >>> round(Sigmoid()(torch.eye(4), torch.eye(4)).item(), 3)
        0.693
    """

    temperature: Temperature = Temperature(0.1)
    bias: float | nn.Parameter = -10.0
    learn: bool = True

    def make(self) -> None:
        if self.learn:
            self.temperature.learn()
        self.bias = nn.Parameter(torch.tensor(float(self.bias)), requires_grad=self.learn)

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        relation: Relation | Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        a, p, t = unit(anchor), unit(positive), self.temperature()
        b = torch.as_tensor(self.bias, dtype=a.dtype, device=a.device)
        # The engine sees -l, because most pairs are negatives: log sigmoid(-l) is then one step.
        no = Modifier(lambda s, minus_b: F.logsigmoid(s + minus_b), shared=-b)
        yes = Modifier(lambda s, minus_b: F.logsigmoid(-s - minus_b), shared=-b)
        if relation is None:
            rows = pairs(-a, p, temperature=t, row=[total(no, mask=others(ids))]).row[0]
            rows = rows + F.logsigmoid(own(a, p, temperature=t) + b)
        else:
            who = as_relation(relation, ids)
            asked = [total(no, mask=negatives(who)), total(yes, mask=positive_pairs(who))]
            rows = torch.stack(pairs(-a, p, temperature=t, row=asked).row).sum(0)
        if negative is not None:
            asked = [total(no, mask=unlike(ids, negative_ids))]
            rows = rows + pairs(-a, unit(negative), temperature=t, row=asked).row[0]
        return reduce(-rows, self.reduction)
