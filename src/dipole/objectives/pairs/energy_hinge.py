"""Energy hinge: the positive better than the hardest negative by a margin, in cosines."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.kernels import maximum, own, pairs
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import others, reduce, unit, unlike


@register(
    "energy-hinge",
    paper="Jiang et al. 2022, Improved Universal Sentence Embeddings with Prompt-based Contrastive "
    "Learning and Energy-based Learning, arXiv 2203.06875",
    system="promcse",
    form="margin, hardest negative",
    related=("triplet", "infonce"),
)
class EnergyHinge(Objective):
    """With N(i) all other positives of the batch and all `negative`,

        L_i = max(0, margin + max_{n in N(i)} cos(a_i, n) - cos(a_i, p_i)).

    The paper adds it, ten times, to InfoNCE with hard negatives. A row without negatives is not
    counted. Shapes: anchor, positive (n, d); negative (m, d), the hard negatives of all rows;
    ids (n,), negative_ids (m,): equal ids are never negatives of each other.

    Example, the paper's supervised objective:
        >>> import torch
        >>> from dipole.objectives import InfoNCE
        >>> objective = InfoNCE(temperature=0.05) + 10 * EnergyHinge(margin=0.2)
        >>> objective(torch.eye(4), torch.eye(4)).item() < 1e-6
        True
    """

    margin: Positive = 0.2

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        a, p = unit(anchor), unit(positive)
        (hardest,) = pairs(a, p, row=[maximum(mask=others(ids))]).row
        if negative is not None:
            (hard,) = pairs(a, unit(negative), row=[maximum(mask=unlike(ids, negative_ids))]).row
            hardest = torch.maximum(hardest, hard)
        counted = hardest.isfinite()
        rows = F.relu(self.margin + hardest.where(counted, 0) - own(a, p))
        return reduce(rows, self.reduction, counted)
