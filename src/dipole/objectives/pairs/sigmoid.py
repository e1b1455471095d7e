"""SigLIP's loss: every pair is a yes-or-no question of its own."""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.kernels import Modifier, negatives, own, pairs, total
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import as_relation, others, positive_pairs, reduce, unit, unlike
from dipole.relations import Relation


def sigmoid(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor | None = None,
    relation: Relation | Tensor | None = None,
    ids: Tensor | None = None,
    negative_ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.1,
    bias: float | Tensor = -10.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """With l_ij = cos(a_i, c_j) / temperature + bias, and y_ij = 1 for positives, -1 for negatives,

        L_i = - sum_j log sigmoid(y_ij l_ij).

    Shapes: anchor, positive (n, d); negative (m, d), candidates of every anchor;
    relation, a `Relation` or an (n, n) tensor: where it is above 0 the pair is positive (default:
    the diagonal); ids (n,): pairs of equal ids are left out, save for i = j;
    negative_ids (m,): a negative with the id of an anchor's positive is none of its negatives.
    """
    check(
        anchor=anchor,
        positive=positive,
        negative=negative,
        relation=relation,
        ids=ids,
        negative_ids=negative_ids,
        temperature=temperature,
    )
    a, p = unit(anchor), unit(positive)
    b = torch.as_tensor(bias, dtype=a.dtype, device=a.device)
    # The engine sees -l, because most pairs are negatives: log sigmoid(-l) is then one step.
    no = Modifier(lambda s, minus_b: F.logsigmoid(s + minus_b), shared=-b)
    yes = Modifier(lambda s, minus_b: F.logsigmoid(-s - minus_b), shared=-b)
    if relation is None:
        rows = pairs(-a, p, temperature=temperature, row=[total(no, mask=others(ids))]).row[0]
        rows = rows + F.logsigmoid(own(a, p, temperature=temperature) + b)
    else:
        who = as_relation(relation, ids)
        asked = [total(no, mask=negatives(who)), total(yes, mask=positive_pairs(who))]
        rows = torch.stack(pairs(-a, p, temperature=temperature, row=asked).row).sum(0)
    if negative is not None:
        asked = [total(no, mask=unlike(ids, negative_ids))]
        rows = rows + pairs(-a, unit(negative), temperature=temperature, row=asked).row[0]
    return reduce(-rows, reduction)


@register(
    "siglip",
    paper="Zhai et al. 2023, Sigmoid Loss for Language Image Pre-Training, arXiv 2303.15343",
    system="siglip",
    form="sigmoid",
    related=("infonce",),
)
class Sigmoid(Objective):
    """`sigmoid` with a temperature and a bias that are learnt, unless `learn=False`.

    Example:
        >>> import torch
        >>> round(Sigmoid()(torch.eye(4), torch.eye(4)).item(), 3)
        0.693
    """

    def __init__(
        self,
        temperature: float = 0.1,
        bias: float = -10.0,
        *,
        learn: bool = True,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature, learn)
        self.bias = nn.Parameter(torch.tensor(float(bias)), requires_grad=learn)

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        relation: Relation | Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch; see `sigmoid`."""
        return sigmoid(
            anchor,
            positive,
            negative,
            relation,
            ids,
            negative_ids,
            temperature=self.temperature(),
            bias=self.bias,
            reduction=self.reduction,
        )
