"""Stable distillation: a list's candidates are found one after the other, the better ones away."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.kernels import INDEX, Mask, lse, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.lists.listwise import LIST, list_scores
from dipole.objectives.maths import log_add, one_against, reduce, unit


@register(
    "stable-distill",
    paper="Zhang et al. 2023, Retrieve Anything To Augment Large Language Models, arXiv 2310.07554",
    system="llm-embedder",
    form="softmax per candidate of a list, weight of a teacher",
    related=("listmle", "kl-listwise", "cadet", "infonce"),
)
class StableDistill(Objective):
    """With an anchor's candidates c_1, ..., c_k from the teacher's best to its worst,

        L_i = sum_m w_im [ log sum_{x in D_m(i)} exp(cos(a_i, x) / temperature)
                           - cos(a_i, c_im) / temperature ],
        w_i = softmax_m(t_im / teacher_temperature).

    D_m(i): every candidate of the batch less the m - 1 that the teacher ranks higher. Teacher
    scores, a language model's likelihoods, decide the order and the weights alone: where they are
    all equal every candidate is found among what others have, where one is far above the rest this
    is InfoNCE. The authors' code takes a list in the order it comes in and needs the teacher's;
    here the list is sorted.
    Shapes: anchor (n, d); candidates (n, k, d); teacher_scores (n, k), the positive first among
    equals; candidate_ids (n, k), integers that name documents: of those in i's own list other
    lists' copies are left out. Without them each is its own document.

    Example:
        >>> import torch
        >>> anchor, candidates = torch.eye(2), torch.stack([torch.eye(2), torch.eye(2).flip(0)], 1)
        >>> teacher, ids = torch.tensor([[9.0, 0.0]]).expand(2, 2), torch.tensor([[0, 1], [1, 0]])
        >>> round(StableDistill(0.1)(anchor, candidates, teacher, ids).item(), 4)
        0.0...
    """

    shapes = LIST

    temperature: Temperature = Temperature(0.01)
    teacher_temperature: Positive = 1.0

    def forward(
        self,
        anchor: Tensor,
        candidates: Tensor,
        teacher_scores: Tensor,
        candidate_ids: Tensor | None = None,
    ) -> Tensor:
        a, c, tau = unit(anchor), unit(candidates), self.temperature()
        t = wide(teacher_scores.detach())
        order = t.argsort(dim=1, descending=True, stable=True)
        s = (list_scores(a, c) / tau).gather(1, order)
        w = (t.gather(1, order) / self.teacher_temperature).softmax(1).to(s.dtype)
        worse = torch.full_like(s, -torch.inf)
        worse[:, :-1] = s.flip(1).logcumsumexp(1).flip(1)[:, 1:]
        asked = [lse(mask=[_of_others(s.shape[1], candidate_ids)])]
        (others,) = pairs(a, c.flatten(0, 1), temperature=tau, row=asked).row
        terms = one_against(s, log_add(worse, others[:, None].expand_as(s)))
        return reduce((w * terms).sum(1), self.reduction)


def _of_others(k: int, ids: Tensor | None) -> Mask:
    """Columns, all lists one after the other, that are no document of the row's own list."""
    if ids is None:
        return Mask(lambda _, i, j: j // k != i, row=[INDEX], column=[INDEX])

    def keep(_: Tensor, mine: Tensor, theirs: Tensor) -> Tensor:
        found = mine[:, :1] == theirs
        for one in range(1, k):
            found = found | (mine[:, one : one + 1] == theirs)
        return ~found

    return Mask(keep, row=[ids], column=[ids.flatten()])
