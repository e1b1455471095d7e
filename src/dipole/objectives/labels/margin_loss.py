"""Margin: a boundary that positives stay inside of and negatives outside, learnt if asked."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.declared import Positive
from dipole.kernels import Modifier, count, pairs, total
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.distances import distance
from dipole.objectives.labels.labelled import labelled
from dipole.objectives.maths import everywhere


@register(
    "margin-loss",
    paper="Wu et al. 2017, Sampling Matters in Deep Embedding Learning, arXiv 1706.07567",
    system="multi-similarity",
    form="margin to a boundary",
    related=("contrastive-batch", "triplet-batch", "lifted"),
)
class Margin(Objective):
    """With Euclidean distances D of unit vectors, P(i) the others of i's class, N(i) the rest,

        p_ij = max(0, D_ij - beta + margin),    n_ik = max(0, beta + margin - D_ik)
        L    = sum_i [ |N(i)| sum_{P(i)} p_ij + |P(i)| sum_{N(i)} n_ik ]  /  how many of these
               terms, counted alike, are above 0:

    all triplets of the batch, each with the loss of its two pairs, as pytorch-metric-learning has
    them. The paper draws the negative of a triplet by its distance instead, and learns beta, here
    with `learn`; it has the same start. 0 where nothing is above 0.
    Shapes: views (v, n, d), v views of n examples; labels (n,), without them every example is its
    own class; ids (n,): equal ids are never negatives. `none` returns (v, n), whose mean is L.

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(2, 0)  # 0 and 1.41 apart
        >>> round(Margin()(z[None], labels=torch.tensor([0, 1, 0, 1])).item(), 4)
        0.7428
    """

    margin: Positive = 0.2
    beta: Positive = 1.2
    learn: bool = False

    def make(self) -> None:
        # How far the boundary has moved from beta.
        self.shift = nn.Parameter(torch.zeros(()), requires_grad=self.learn)

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        batch = labelled(views, labels, ids)
        edge = (self.beta + self.shift.to(batch.rows.dtype)).expand(len(batch.rows))

        def inside(score: Tensor, edge: Tensor) -> Tensor:
            return F.relu(distance(score, "euclidean") - edge + self.margin)

        def outside(score: Tensor, edge: Tensor) -> Tensor:
            return F.relu(edge + self.margin - distance(score, "euclidean"))

        near, far = Modifier(inside, row=edge), Modifier(outside, row=edge)
        fixed = edge.detach()
        asked = [
            total(near, mask=batch.positive),
            total(far, mask=batch.negative),
            total(Modifier(lambda s, e: (inside(s, e) > 0).to(s.dtype), row=fixed),
                  mask=batch.positive),
            total(Modifier(lambda s, e: (outside(s, e) > 0).to(s.dtype), row=fixed),
                  mask=batch.negative),
            count(batch.positive),
            count(batch.negative),
        ]  # fmt: skip
        pull, push, pulled, pushed, own, others = pairs(batch.rows, batch.columns, row=asked).row
        above = everywhere(others * pulled + own * pushed)
        rows = (others * pull + own * push) * (len(above) / above.sum().clamp(min=1))
        return batch.reduce(rows, self.reduction)
