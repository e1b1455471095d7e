"""Ranked generation: sentences made to drift away teach their order, corrected by a teacher.

Lists: a sentence as `query` and, as `candidates`, those made from it one after another, the nearest
first. The paper has a language model write them; any that drift (words left out or exchanged at a
growing rate) will do.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import NotNegative, Positive
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.lists.listmle import order_refined, plackett_luce
from dipole.objectives.maths import reduce, unit
from dipole.systems.base import System
from dipole.training.recipe import Recipe


class RankedGeneration(Objective):
    """With x_0 the query and x_1, x_2, ... the candidates of a list, in the order they were made,

        S_ij = cos(x_i, x_j) / temperature,   A_ij = the teacher's cosine / teacher_temperature
        Y = A corrected by the order of the list (`order_refined`, omega)
        L = mean over rows i of every list of  sum_k [ log sum_{j: Y_ij <= Y_ik} exp S_ij - S_ik ].

    A row's own sentence is in its list, first in both orders. That the teacher's temperature is
    the student's is our reading.
    Shapes: anchor (n, d); candidates (n, k, d); teacher_anchor (n, e); teacher_candidates
    (n, k, e); mask (n, k), False for padding.
    """

    temperature: Temperature = Temperature(0.05)
    teacher_temperature: Positive = 0.05
    omega: NotNegative = 0.5

    def forward(
        self,
        anchor: Tensor,
        candidates: Tensor,
        teacher_anchor: Tensor,
        teacher_candidates: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        student = unit(torch.cat([anchor[:, None], candidates], 1))
        teacher = unit(torch.cat([teacher_anchor[:, None], teacher_candidates], 1)).detach()
        kept = torch.ones(student.shape[:2], dtype=torch.bool, device=student.device)
        if mask is not None:
            kept[:, 1:] = mask
        rows = []
        for x, t, there in zip(student, teacher, kept, strict=True):
            x, t = x[there], t[there]
            target = order_refined(t @ t.T / self.teacher_temperature, self.omega)
            s = x @ x.T / self.temperature()
            rows.append(plackett_luce(s, target, torch.ones_like(s, dtype=torch.bool)).sum(1))
        return reduce(torch.cat(rows), self.reduction)


SYSTEM = System(
    id="ranking-sentence-gen",
    paper="He et al. 2025, Refining Sentence Embedding Model through Ranking Sentences Generation "
    "with Large Language Models, arXiv 2502.13656",
    # The teacher: the model as it was; another one is teacher:model=FOLDER.
    recipe=Recipe(
        wants=["lists"],
        objective=f"{__name__}:RankedGeneration",
        parts=[{"teacher": {"kind": "frozen"}}],
        batch_size=1,
        epochs=1.0,
    ),
)
