"""ListMLE: the likelihood of drawing a list in the right order, the best first (Plackett-Luce)."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.lists.listwise import LIST, list_scores
from dipole.objectives.maths import reduce, unit


@register(
    "listmle",
    paper="Xia et al. 2008, Listwise Approach to Learning to Rank: Theory and Algorithm, ICML "
    "2008; for embeddings He et al. 2025, Refining Sentence Embedding Model through Ranking "
    "Sentences Generation with Large Language Models, arXiv 2502.13656",
    system="ranking-sentence-gen",
    form="likelihood of a permutation",
    related=("listnet", "kl-listwise", "preference-ranking"),
    executors=(),
)
class ListMLE(Objective):
    """With s_ik = cos(a_i, c_ik) / temperature and relevances y_ik,

        L_i = sum_k [ log sum_{l: y_il <= y_ik} exp s_il - s_ik ].

    Without ties this is the negative log-likelihood of the list in its order. Candidates of equal
    relevance have no order, both compete with the same rest (Breslow's likelihood); the authors
    shuffle them. They also add 1e-7 to sums scaled by the largest exponential, which swamps the
    tail of a list whose best score comes first; here these sums are exact. Any target order will do
    as relevance, see `order_refined`.
    Shapes: anchor (n, d); candidates (n, k, d); relevance (n, k); mask (n, k), False for padding:
    rows without any candidate are not counted. Memory O(n k).

    Example:
        >>> import torch
        >>> anchor, candidates = torch.eye(2), torch.eye(2).expand(2, 2, 2)
        >>> ListMLE()(anchor, candidates, torch.eye(2)).item() < 1e-6
        True
    """

    shapes = LIST

    temperature: Temperature = Temperature(0.05)

    def forward(
        self, anchor: Tensor, candidates: Tensor, relevance: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        s = list_scores(unit(anchor), unit(candidates)) / self.temperature()
        kept = torch.ones_like(s, dtype=torch.bool) if mask is None else mask
        return reduce(plackett_luce(s, relevance, kept).sum(1), self.reduction, kept.any(1))


def plackett_luce(s: Tensor, relevance: Tensor, kept: Tensor) -> Tensor:
    """log sum_{l: y_il <= y_ik} exp s_il - s_ik for every k that is kept, else 0; (n, k).

    The terms of a row are in another order than its candidates.
    """
    # From the least relevant to the most, padding last: nothing sums over it.
    order = relevance.double().masked_fill(~kept, torch.inf).argsort(1)
    s, y, kept = (x.gather(1, order) for x in (s, relevance, kept))
    last = torch.ones_like(kept)
    last[:, :-1] = (y[:, :-1] != y[:, 1:]) | ~kept[:, 1:]
    # Where the candidates of the same relevance end: the next `last` from here on.
    place = torch.arange(s.shape[1], device=s.device).expand_as(s)
    end = place.masked_fill(~last, s.shape[1]).flip(1).cummin(1).values.flip(1)
    rest = torch.logcumsumexp(s, 1).gather(1, end)
    return torch.where(kept, rest - s, 0)


def order_refined(teacher: Tensor, omega: float = 0.5) -> Tensor:
    """A teacher's similarities within one list, corrected by the order the list was made in.

    Element j of row i, j >= i, was made as the (j - i)-th nearest to i: A'_ij is the (j - i)-th
    largest of A_i,i: and B_ij = A'_ij - A_ij how far A_ij is from it,

        Y = A + sign(B) log(1 + omega |B|),        B made symmetric.

    teacher (k, k), symmetric, in units of its temperature; the result is a relevance for
    `ListMLE`, row by row. omega = 0 is the teacher itself.
    Source: He et al. 2025, arXiv 2502.13656. The sign compares ranks with j - i; the
    authors' code compares them with j, which is the same in the first row alone.
    """
    check(teacher=teacher, shapes={"teacher": "k k"})
    made = torch.zeros_like(teacher)
    for i in range(len(teacher)):
        made[i, i:] = teacher[i, i:].sort(descending=True).values - teacher[i, i:]
    b = made.triu(1) + made.triu(1).T + made.diag().diag()
    return teacher + b.sign() * (omega * b.abs()).log1p()
