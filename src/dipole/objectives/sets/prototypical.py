"""Prototypical and proto-triplet losses: queries of an episode against the means of its classes."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.kernels import (
    Modifier,
    count,
    different,
    lse,
    maximum,
    negative_squared_distance,
    pairs,
    same,
    total,
)
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import total_everywhere, wide
from dipole.objectives.maths import everywhere, one_against, reduce


@register(
    "prototypical",
    paper="Snell et al. 2017, Prototypical Networks for Few-shot Learning, arXiv 1703.05175",
    system="proto-triplet-icnn",
    form="softmax of squared distances",
    related=("proto-triplet", "icnn", "infonce"),
)
class Prototypical(Objective):
    """With p_c the mean of the support of class c, and squared Euclidean distances d,

        L_i = d(a_i, p_y(i)) + log sum_c exp(-d(a_i, p_c)).

    Vectors are taken as they are, not normalised. A query whose class has no support is not
    counted. Shapes: anchor (n, d), the queries; labels (n,); support (m, d); support_labels (m,).

    Example:
        >>> import torch
        >>> support = torch.tensor([[3.0, 0.0], [5.0, 0.0], [0.0, 4.0]])
        >>> query, label = torch.tensor([[4.0, 0.0]]), torch.tensor([7])
        >>> Prototypical()(query, label, support, torch.tensor([7, 7, 9])).item() < 1e-6
        True
    """

    def forward(
        self, anchor: Tensor, labels: Tensor, support: Tensor, support_labels: Tensor
    ) -> Tensor:
        classes, means = _class_means(wide(support), support_labels)
        right = same(labels, classes)
        hit, found, rest = pairs(
            wide(anchor),
            means,
            score=negative_squared_distance(),
            row=[total(mask=right), count(right), lse(mask=different(labels, classes))],
            replicated=True,
        ).row
        return reduce(one_against(hit, rest), self.reduction, counted=found > 0)


@register(
    "proto-triplet",
    paper="Mendez-Ruiz et al. 2023, SuSana Distancia is all you need: Enforcing class separability "
    "in metric learning via two novel distance-based loss functions for few-shot image "
    "classification, arXiv 2305.09062",
    system="proto-triplet-icnn",
    form="margin between two prototypes",
    related=("prototypical", "icnn", "triplet"),
)
class ProtoTriplet(Objective):
    """With p_c the mean of the support of class c, and squared Euclidean distances d,

        L_i = mean_{c != y(i)} max(0, d(a_i, p_y(i)) - d(a_i, p_c) + margin);

    `wrong="hard"` takes the nearest wrong prototype in place of the mean. The margin and which
    wrong prototypes count are a reading: the paper's own choice could not be confirmed.
    Vectors are taken as they are. A query whose class has no support, or that has no wrong
    prototype, is not counted. Shapes: anchor (n, d), the queries; labels (n,); support (m, d);
    support_labels (m,).

    Example:
        >>> import torch
        >>> support = torch.tensor([[3.0, 0.0], [5.0, 0.0], [0.0, 4.0]])
        >>> query, label = torch.tensor([[4.0, 0.0]]), torch.tensor([7])
        >>> ProtoTriplet(margin=33.0)(query, label, support, torch.tensor([7, 7, 9]))  # 0 - 32 + 33
        tensor(1.)
    """

    margin: Positive = 1.0
    wrong: Literal["all", "hard"] = "all"

    def forward(
        self, anchor: Tensor, labels: Tensor, support: Tensor, support_labels: Tensor
    ) -> Tensor:
        a = wide(anchor)
        classes, means = _class_means(wide(support), support_labels)
        score = negative_squared_distance()
        right, others = same(labels, classes), different(labels, classes)
        asked = [total(mask=right), count(right), count(others)]
        if self.wrong == "hard":
            asked.append(maximum(mask=others))
        hit, found, size, *hardest = pairs(a, means, score=score, row=asked, replicated=True).row
        counted = (found > 0) & (size > 0)
        if self.wrong == "hard":
            rows = F.relu(hardest[0].where(counted, 0) - hit + self.margin)
        else:
            # d(y) - d(c) is the score of c less that of y.
            over = Modifier(lambda s, hit: F.relu(s - hit + self.margin), row=hit)
            asked = [total(over, mask=others)]
            (rows,) = pairs(a, means, score=score, row=asked, replicated=True).row
            rows = rows / size.clamp(min=1)
        return reduce(rows, self.reduction, counted)


def _class_means(support: Tensor, support_labels: Tensor) -> tuple[Tensor, Tensor]:
    """The classes of all processes' support, in order, and the mean of each: (c,), (c, d)."""
    classes = everywhere(support_labels).unique()
    index = torch.searchsorted(classes, support_labels.contiguous())
    sums = support.new_zeros(len(classes), support.shape[1]).index_add(0, index, support)
    sizes = support.new_zeros(len(classes)).index_add(0, index, torch.ones_like(support[:, 0]))
    return classes, total_everywhere(sums) / total_everywhere(sizes)[:, None]
