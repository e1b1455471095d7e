"""Stable distillation: a list's candidates are found one after the other, the better ones away."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from dipole.kernels import INDEX, Mask, lse, pairs
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.lists.listwise import LIST, list_scores
from dipole.objectives.maths import log_add, one_against, reduce, unit


def stable_distill(
    anchor: Tensor,
    candidates: Tensor,
    teacher_scores: Tensor,
    candidate_ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.01,
    teacher_temperature: float = 1.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """With an anchor's candidates c_1, ..., c_k from the teacher's best to its worst,

        L_i = sum_m w_im [ log sum_{x in D_m(i)} exp(cos(a_i, x) / temperature)
                           - cos(a_i, c_im) / temperature ],
        w_i = softmax_m(t_im / teacher_temperature).

    D_m(i): every candidate of the batch less the m - 1 that the teacher ranks higher. Teacher
    scores decide the order and the weights alone: where they are all equal every candidate is
    found among what others have, where one is far above the rest this is InfoNCE. The authors' code
    takes a list in the order it comes in and needs the teacher's; here the list is sorted.
    Shapes: anchor (n, d); candidates (n, k, d); teacher_scores (n, k), the positive first among
    equals; candidate_ids (n, k), integers that name documents: of those in i's own list other
    lists' copies are left out. Without them each is its own document.
    """
    check(
        anchor=anchor,
        candidates=candidates,
        teacher_scores=teacher_scores,
        candidate_ids=candidate_ids,
        temperature=temperature,
        shapes=LIST,
    )
    a, c = unit(anchor), unit(candidates)
    t = wide(teacher_scores.detach())
    order = t.argsort(dim=1, descending=True, stable=True)
    s = (list_scores(a, c) / temperature).gather(1, order)
    w = (t.gather(1, order) / teacher_temperature).softmax(1).to(s.dtype)
    worse = torch.full_like(s, -torch.inf)
    worse[:, :-1] = s.flip(1).logcumsumexp(1).flip(1)[:, 1:]
    asked = [lse(mask=[_of_others(teacher_scores.shape[1], candidate_ids)])]
    (others,) = pairs(a, c.flatten(0, 1), temperature=temperature, row=asked).row
    terms = one_against(s, log_add(worse, others[:, None].expand_as(s)))
    return reduce((w * terms).sum(1), reduction)


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


@register(
    "stable-distill",
    paper="Zhang et al. 2023, Retrieve Anything To Augment Large Language Models, arXiv 2310.07554",
    system="llm-embedder",
    form="softmax per candidate of a list, weight of a teacher",
    related=("listmle", "kl-listwise", "cadet", "infonce"),
)
class StableDistill(Objective):
    """`stable_distill` with its settings; teacher scores are a language model's likelihoods.

    Example:
        >>> import torch
        >>> anchor, candidates = torch.eye(2), torch.stack([torch.eye(2), torch.eye(2).flip(0)], 1)
        >>> teacher, ids = torch.tensor([[9.0, 0.0]]).expand(2, 2), torch.tensor([[0, 1], [1, 0]])
        >>> round(StableDistill(0.1)(anchor, candidates, teacher, ids).item(), 4)
        0.0...
    """

    def __init__(
        self,
        temperature: float = 0.01,
        teacher_temperature: float = 1.0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature)
        self.teacher_temperature = check_above_zero("teacher_temperature", teacher_temperature)

    def forward(
        self,
        anchor: Tensor,
        candidates: Tensor,
        teacher_scores: Tensor,
        candidate_ids: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch; see `stable_distill`."""
        return stable_distill(
            anchor,
            candidates,
            teacher_scores,
            candidate_ids,
            temperature=self.temperature(),
            teacher_temperature=self.teacher_temperature,
            reduction=self.reduction,
        )
