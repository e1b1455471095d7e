"""Lifted structure: every positive pair against the negatives of both its ends."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.kernels import Modifier, count, lse, pairs, total
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.distances import distance
from dipole.objectives.labels.labelled import Labelled, labelled

NOTHING = -1e4  # log of an empty sum: far below all others, so that it changes none


@register(
    "lifted",
    paper="Song et al. 2016, Deep Metric Learning via Lifted Structured Feature Embedding, "
    "arXiv 1511.06452",
    system="multi-similarity",
    form="margin, soft hardest negative",
    related=("triplet-batch", "multi-similarity"),
)
class Lifted(Objective):
    """With Euclidean distances D of unit vectors, P(i) the others of i's class, N(i) the rest,

        J_ij = D_ij + log(sum_{k in N(i)} exp(margin - D_ik) + sum_{k in N(j)} exp(margin - D_jk))
        L_i  = 1/|P(i)| sum_{j in P(i)} max(0, J_ij)^2 / 2.

    The mean over anchors of classes of equal size is the paper's mean over positive pairs, which
    pytorch-metric-learning takes for classes of any size. Anchors without positives are not
    counted.
    Shapes: views (v, n, d), v views of n examples; labels (n,), without them every example is its
    own class; ids (n,): equal ids are never negatives. `none` returns (v, n).

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(2, 0)
        >>> Lifted(margin=0.01)(z[None], labels=torch.tensor([0, 0, 1, 1]))  # log(4 e^(0.01-1.41))
        tensor(0.)
    """

    margin: Positive = 1.0

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        batch = labelled(views, labels, ids)
        rows, counted = self.per_row(batch)
        return batch.reduce(rows, self.reduction, counted)

    def per_row(self, batch: Labelled) -> tuple[Tensor, Tensor]:
        """L_i, and whether it is counted."""
        x, y = batch.rows, batch.columns
        closer = lse(mod=lambda s: self.margin - distance(s, "euclidean"), mask=batch.negative)
        (negatives,) = pairs(x, y, row=[closer]).row
        negatives = negatives.masked_fill(negatives.isinf(), NOTHING)

        def both_ends(score: Tensor, first: Tensor, second: Tensor) -> Tensor:
            far = distance(score, "euclidean") + torch.logaddexp(first, second)
            return F.relu(far).square() / 2

        mod = Modifier(both_ends, row=negatives, column=negatives)
        asked = [total(mod, mask=batch.positive), count(batch.positive)]
        pull, size = pairs(x, y, row=asked).row
        return pull / size.clamp(min=1), size > 0
