"""CADET: a teacher's whole list, and a little contrast without the negatives the teacher doubts."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.kernels import INDEX, Mask, lse, own, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.lists.listwise import LIST, TAMBER, kl_listwise
from dipole.objectives.maths import one_against, reduce, unit


@register(
    "cadet",
    paper=TAMBER,
    system="cadet",
    form="divergence over a list + softmax",
    related=("kl-listwise", "infonce", "margin-mse"),
)
class Cadet(Objective):
    """L_i = KL_i + contrast C_i, KL as in `KLListwise`; the first candidate is the positive.

        C_i = log sum_{x in D(i)} exp(cos(a_i, x) / contrast_temperature)
              - cos(a_i, c_i0) / contrast_temperature

    D(i): the own positive and every candidate of the batch, less copies of the positive and less
    the documents of i's list that the teacher scores above doubt t_i0, wherever they stand.
    Shapes: anchor (n, d); candidates (n, k, d); teacher_scores (n, k), in [0, 1];
    candidate_ids (n, k), integers that name documents: without them each is its own document.
    Defaults: the paper's.

    Example:
        >>> import torch
        >>> anchor, candidates = torch.eye(2), torch.stack([torch.eye(2), torch.eye(2).flip(0)], 1)
        >>> teacher, ids = torch.tensor([[1.0, 0.0]]).expand(2, 2), torch.tensor([[0, 1], [1, 0]])
        >>> round(Cadet(1.0, 1.0)(anchor, candidates, teacher, ids).item(), 4)
        0.0
    """

    shapes = LIST

    temperature: Temperature = Temperature(0.05)
    teacher_temperature: Positive = 0.3
    contrast_temperature: Positive = 0.01
    contrast: float = 0.1
    doubt: float = 0.6

    def forward(
        self,
        anchor: Tensor,
        candidates: Tensor,
        teacher_scores: Tensor,
        candidate_ids: Tensor | None = None,
    ) -> Tensor:
        listed = kl_listwise(
            anchor,
            candidates,
            teacher_scores,
            temperature=self.temperature(),
            teacher_temperature=self.teacher_temperature,
            reduction=self.reduction,
        )
        a, c, t = unit(anchor), unit(candidates), teacher_scores.detach()
        doubted = t > self.doubt * t[:, :1]
        doubted[:, 0] = True
        # Columns are all lists, one after the other: row i's positive is column i k.
        asked = [lse(mask=[_believed(doubted, candidate_ids)])]
        found = pairs(a, c.flatten(0, 1), temperature=self.contrast_temperature, row=asked)
        hit = own(a, c[:, 0], temperature=self.contrast_temperature)
        return listed + self.contrast * reduce(one_against(hit, found.row[0]), self.reduction)


def _believed(doubted: Tensor, ids: Tensor | None) -> Mask:
    """What is none of the row's doubted documents, of which the positive is one."""
    k = doubted.shape[1]

    def keep(_: Tensor, i: Tensor, doubted: Tensor, *more: Tensor) -> Tensor:
        if ids is None:
            (j,) = more
            mine, document = i * k + torch.arange(k, device=i.device), j
        else:
            mine, j, document = more
        hidden = j < 0
        for one in range(k):
            same = mine[:, one : one + 1] == document
            hidden = hidden | (doubted[:, one : one + 1] & same)
        return ~hidden

    if ids is None:
        return Mask(keep, row=[INDEX, doubted], column=INDEX)
    return Mask(keep, row=[INDEX, doubted, ids], column=[INDEX, ids.flatten()])
