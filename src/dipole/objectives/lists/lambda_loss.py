"""LambdaLoss: pairs of a list, weighted by what exchanging the two would cost in nDCG."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import NotNegative, Positive
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.lists.pointwise import MASK, present
from dipole.objectives.lists.ranknet import in_order
from dipole.objectives.maths import reduce

# log2 of 1 + exp, as the bound on nDCG has it.
_LOG2 = 0.6931471805599453


@register(
    "lambda-loss",
    paper="Wang et al. 2018, The LambdaLoss Framework for Ranking Metric Optimization, CIKM 2018",
    system="lambda-loss",
    form="weighted logistic regression of differences",
    related=("ranknet", "plackett-luce", "list-softmax"),
    executors=(),
)
class LambdaLoss(Objective):
    """With logits s_ik, relevance y_ik and the place r_ik of a candidate by its logit, from 1 on,

        G_ik = (2^y_ik - 1) / (best DCG of the list),      D(r) = log2(1 + r),
        L_i  = sum_{k, l: y_ik > y_il} w_kl |G_ik - G_il| log2(1 + exp(-steepness (s_ik - s_il))),

        lambdarank  w_kl = rho_kl = |1 / D(r_ik) - 1 / D(r_il)|
        ndcg2       w_kl = delta_kl = |1 / D(d) - 1 / D(d + 1)|,  d = |r_ik - r_il|
        ndcg2++     w_kl = rho_kl + mu delta_kl.

    The weights are what exchanging the two costs in nDCG, or bound it; no gradient goes through
    the places. Of equal logits the earlier candidate has the better place.
    Shapes: logits, relevance (n, k), relevance of 0 or more; mask (n, k), False for padding: rows
    without two candidates of different relevance are not counted. Memory O(n k^2).
    Defaults: NDCG-Loss2++ with mu = 10. The paper's sum over the pairs of a list stands; the
    implementation of sentence-transformers takes the mean over all pairs of the batch.

    Example:
        >>> import torch
        >>> objective = LambdaLoss()
        >>> right, wrong = torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, 3.0]])
        >>> y = torch.tensor([[1.0, 0.0]])
        >>> bool(objective(right, y) < objective(wrong, y))
        True
    """

    shapes = MASK

    weights: Literal["ndcg2++", "ndcg2", "lambdarank"] = "ndcg2++"
    mu: NotNegative = 10.0
    steepness: Positive = 1.0

    def forward(self, logits: Tensor, relevance: Tensor, mask: Tensor | None = None) -> Tensor:
        s, kept = wide(logits), present(logits, mask)
        y = torch.where(kept, relevance.detach().to(s.dtype), 0)
        ordered = in_order(y, kept)
        with torch.no_grad():
            places = ranks(s, kept)
            gain = (2**y - 1) / _best(y)
            weight = self._weights(places) * (gain[:, :, None] - gain[:, None, :]).abs()
        losses = -F.logsigmoid(self.steepness * (s[:, :, None] - s[:, None, :])) / _LOG2
        total = torch.where(ordered, weight * losses, 0).sum((1, 2))
        return reduce(total, self.reduction, ordered.any(2).any(1))

    def _weights(self, places: Tensor) -> Tensor:
        """w_kl of the places of the candidates, (n, k, k)."""
        found = torch.zeros((), device=places.device, dtype=places.dtype)
        if self.weights != "ndcg2":
            worth = 1 / torch.log2(1 + places)
            found = found + (worth[:, :, None] - worth[:, None, :]).abs()
        if self.weights != "lambdarank":
            apart = (places[:, :, None] - places[:, None, :]).abs().clamp(min=1)  # not of itself
            delta = (1 / torch.log2(1 + apart) - 1 / torch.log2(2 + apart)).abs()
            found = found + (delta if self.weights == "ndcg2" else self.mu * delta)
        return found


def ranks(s: Tensor, kept: Tensor) -> Tensor:
    """The place of each candidate by its score, from 1 on, the missing last; (n, k)."""
    order = s.masked_fill(~kept, -torch.inf).sort(dim=1, descending=True, stable=True).indices
    places = torch.arange(1, s.shape[1] + 1, device=s.device, dtype=s.dtype).expand_as(s)
    return torch.empty_like(s).scatter_(1, order, places)


def _best(y: Tensor) -> Tensor:
    """The DCG of each list in its best order, (n, 1); 1 where nothing is relevant."""
    sorted_y = y.sort(1, descending=True).values
    places = torch.arange(1, y.shape[1] + 1, device=y.device, dtype=y.dtype)
    found = ((2**sorted_y - 1) / torch.log2(1 + places)).sum(1, keepdim=True)
    return torch.where(found > 0, found, 1)
