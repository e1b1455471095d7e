"""CoDiEmb's three losses for scored pairs: correlation, divergence of ranks, preference ranking."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.kernels import Mask, lse, own, pairs
from dipole.objectives.contract.base import Objective, Reduction, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce, unit
from dipole.objectives.whole_batch import whole_batch

PAPER = (
    "Zhang et al. 2025, CoDiEmb: A Collaborative yet Distinct Framework for Unified Representation "
    "Learning in Information Retrieval and Semantic Textual Similarity, arXiv 2508.11442"
)


@register(
    "pearson",
    paper=PAPER,
    system="codiemb",
    form="correlation",
    related=("cosent", "codiemb"),
    rows=False,
    executors=(),
)
class Pearson(Objective):
    """L = 1 - correlation of c_i = cos(a_i, p_i) and the scores y, over all processes.

    0 if all y are the same (also n = 1); 1, without gradient, if all c are.
    Shapes: anchor, positive (n, d); scores (n,).

    Example:
        >>> import torch
        >>> anchor, positive = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        >>> round(Pearson()(anchor, positive, torch.tensor([1.0, 5.0])).item(), 4)
        2.0
    """

    def forward(self, anchor: Tensor, positive: Tensor, scores: Tensor) -> Tensor:
        return pearson(own(unit(anchor), unit(positive)), scores)


@register(
    "rank-kl",
    paper=PAPER,
    system="codiemb",
    form="divergence of two softmaxes over the batch",
    related=("cosent", "codiemb", "kl-listwise"),
    rows=False,
    executors=(),
)
class RankKL(Objective):
    """With r_i the rank of y_i (0 is the highest, ties share their mean) and c_i = cos(a_i, p_i),

        t_i = (n - 1 - r_i) / (n - 1)
        L   = 1/n KL(softmax(t / temperature) || softmax(c / temperature)),

    one list over all processes. The paper's equation is the sum over the list; the factor 1/n is
    that of the authors' code, for which the weight 5 was chosen. n = 1: 0.
    Shapes: anchor, positive (n, d); scores (n,).

    Example:
        >>> import torch
        >>> anchor, positive = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        >>> RankKL()(anchor, positive, torch.tensor([5.0, 1.0])).item()
        0.0
    """

    temperature: Temperature = Temperature(0.05)

    def forward(self, anchor: Tensor, positive: Tensor, scores: Tensor) -> Tensor:
        return rank_kl(own(unit(anchor), unit(positive)), scores, self.temperature())


@register(
    "preference-ranking",
    paper=PAPER,
    system="codiemb",
    form="softmax over the lower-scored",
    related=("cosent", "listmle", "codiemb"),
)
class PreferenceRanking(Objective):
    """Each pair against all of lower score, the wider the gap of scores w_kj = y_k - y_j the more.

        L_k = -log( e_kk / (e_kk + sum_{j: y_j < y_k} e_kj) )
        e_kj = exp(w_kj c_j / temperature),  e_kk = exp(max_j w_kj c_k / temperature)

    with c_i = cos(a_i, p_i). Pairs of the lowest score are not counted.
    Shapes: anchor, positive (n, d); scores (n,), not too large: they multiply the cosines.

    Example:
        >>> import torch
        >>> anchor, positive = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        >>> PreferenceRanking()(anchor, positive, torch.tensor([5.0, 1.0])).item() < 1e-6
        True
    """

    temperature: Temperature = Temperature(0.05)

    def forward(self, anchor: Tensor, positive: Tensor, scores: Tensor) -> Tensor:
        c = own(unit(anchor), unit(positive))
        return preference_ranking(c, scores, self.temperature(), self.reduction)


@register(
    "codiemb",
    paper=PAPER,
    system="codiemb",
    form="correlation + ranking",
    related=("pearson", "rank-kl", "preference-ranking", "cosent"),
    rows=False,
)
class CoDiEmb(Objective):
    """L = 2 Pearson + 0.5 PreferenceRanking + 5 RankKL, the paper's loss for scored pairs.

    Shapes: anchor, positive (n, d); scores (n,).

    Example:
        >>> import torch
        >>> anchor, positive = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        >>> CoDiEmb()(anchor, positive, torch.tensor([5.0, 1.0])).item() < 1e-5
        True
    """

    temperature: Temperature = Temperature(0.05)
    pearson_weight: float = 2.0
    ranking_weight: float = 0.5
    rank_kl_weight: float = 5.0

    def forward(self, anchor: Tensor, positive: Tensor, scores: Tensor) -> Tensor:
        c, t = own(unit(anchor), unit(positive)), self.temperature()
        return (
            self.pearson_weight * pearson(c, scores)
            + self.ranking_weight * preference_ranking(c, scores, t)
            + self.rank_kl_weight * rank_kl(c, scores, t)
        )


def pearson(c: Tensor, scores: Tensor) -> Tensor:
    """`Pearson` of the pairs' cosines."""
    c = whole_batch(c)
    y = whole_batch(wide(scores)).to(c.dtype)
    if y.min() == y.max():
        return c.sum() * 0
    flat = c.detach().min() == c.detach().max()
    centred = (c - c.mean()) * ~flat
    return 1 - unit(centred) @ unit(y - y.mean())


def rank_kl(c: Tensor, scores: Tensor, temperature: float | Tensor) -> Tensor:
    """`RankKL` of the pairs' cosines."""
    c = whole_batch(c / temperature)
    _, place, sizes = whole_batch(scores).unique(return_inverse=True, return_counts=True)
    below = sizes.cumsum(0) - sizes  # how many scores are lower
    target = (below + (sizes - 1) / 2)[place].to(c.dtype) / max(len(c) - 1, 1)
    log_target = F.log_softmax(target / temperature, 0)
    return (log_target.exp() * (log_target - F.log_softmax(c, 0))).sum() / len(c)


def preference_ranking(
    c: Tensor, scores: Tensor, temperature: float | Tensor, reduction: Reduction = "mean"
) -> Tensor:
    """`PreferenceRanking` of the pairs' cosines."""
    y = wide(scores).to(c.dtype)
    gap = y - whole_batch(y).min()  # max_j w_kj
    lower = Mask(lambda _, y_k, y_j: y_k > y_j, row=y, column=y)
    # w_kj c_j is a dot product of two numbers.
    rows, columns = torch.stack([gap, torch.ones_like(c)], 1), torch.stack([c, -gap * c], 1)
    (others,) = pairs(rows, columns, temperature=temperature, row=[lse(mask=lower)]).row
    return reduce(F.softplus(others - gap * c / temperature), reduction, gap > 0)
