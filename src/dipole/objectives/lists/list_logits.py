"""Distributions over a list of logits: who comes first, or the whole order."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.lists.listmle import plackett_luce
from dipole.objectives.lists.pointwise import MASK, present
from dipole.objectives.maths import reduce


@register(
    "list-softmax",
    paper="Cao et al. 2007, Learning to Rank: From Pairwise Approach to Listwise Approach, "
    "ICML 2007; of one positive among hard negatives Gao et al. 2021, Rethink Training of BERT "
    "Rerankers in Multi-Stage Retrieval Pipeline, arXiv 2101.08751",
    system="list-softmax",
    form="softmax over a list of logits",
    related=("listnet", "plackett-luce", "lambda-loss", "pair-bce"),
    executors=(),
)
class ListSoftmax(Objective):
    """With logits s_ik and relevance y_ik, the cross-entropy of who comes first,

        L_i = - sum_k t_ik log softmax_k(s_ik),

        share    t_ik = y_ik / sum_l y_il: of one positive the usual softmax loss (LCE)
        softmax  t_ik = softmax_k(y_ik), as ListNet has it.

    Shapes: logits, relevance (n, k); mask (n, k), False for padding. Of `share` relevance is 0 or
    more, and rows with nothing relevant are not counted; of `softmax` those without candidates.

    Example:
        >>> import torch
        >>> ListSoftmax()(torch.tensor([[9.0, -9.0]]), torch.tensor([[1.0, 0.0]])).item() < 0.001
        True
    """

    shapes = MASK

    target: Literal["share", "softmax"] = "share"

    def forward(self, logits: Tensor, relevance: Tensor, mask: Tensor | None = None) -> Tensor:
        s, kept = wide(logits), present(logits, mask)
        y = relevance.detach().to(s.dtype)
        if self.target == "softmax":
            target, counted = log_softmax(y, kept).exp() * kept, kept.any(1)
        else:
            y = torch.where(kept, y, 0)
            if float(y.min()) < 0:
                raise InputError(
                    f"relevance: found {float(y.min()):g}, expected 0 or more (or target=softmax)"
                )
            total = y.sum(1)
            target, counted = y / torch.where(total > 0, total, 1)[:, None], total > 0
        return reduce(-(target * log_softmax(s, kept)).sum(1), self.reduction, counted)


@register(
    "plackett-luce",
    paper="Xia et al. 2008, Listwise Approach to Learning to Rank: Theory and Algorithm, ICML 2008",
    system="plackett-luce",
    form="likelihood of a permutation",
    related=("listmle", "list-softmax", "lambda-loss"),
    executors=(),
)
class PlackettLuce(Objective):
    """`ListMLE` of logits s_ik instead of cosines: with relevance y_ik,

        L_i = sum_k [ log sum_{l: y_il <= y_ik} exp s_il - s_ik ].

    Candidates of equal relevance compete with the same rest.
    Shapes: logits, relevance (n, k); mask (n, k), False for padding: rows without any candidate are
    not counted.

    Example:
        >>> import torch
        >>> PlackettLuce()(torch.tensor([[9.0, -9.0]]), torch.tensor([[1.0, 0.0]])).item() < 0.001
        True
    """

    shapes = MASK

    def forward(self, logits: Tensor, relevance: Tensor, mask: Tensor | None = None) -> Tensor:
        kept = present(logits, mask)
        losses = plackett_luce(wide(logits), relevance, kept).sum(1)
        return reduce(losses, self.reduction, kept.any(1))


def log_softmax(logits: Tensor, kept: Tensor) -> Tensor:
    """Over the candidates that are there; 0 for the others, so that they add nothing."""
    empty = ~kept.any(1, keepdim=True)
    return F.log_softmax(logits.masked_fill(~kept & ~empty, -torch.inf), 1).masked_fill(~kept, 0)
