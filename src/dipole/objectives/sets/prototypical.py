"""Prototypical and proto-triplet losses: queries of an episode against the means of its classes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.kernels import (
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
from dipole.objectives.dimensions.moments import root, total_everywhere, wide
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
    """With p_c the mean of the support of class c, and Euclidean distances d,

        L_i = max(0, d(a_i, p_y(i)) - min_{c != y(i)} d(a_i, p_c) + margin).

    Only the nearest wrong prototype counts, as in code that seems to be the authors'; its margin
    is 0.5.
    Vectors are taken as they are. A query whose class has no support, or that has no wrong
    prototype, is not counted. Shapes: anchor (n, d), the queries; labels (n,); support (m, d);
    support_labels (m,).

    Example:
        >>> import torch
        >>> support = torch.tensor([[3.0, 0.0], [5.0, 0.0], [0.0, 3.0]])
        >>> query, label = torch.tensor([[4.0, 0.0]]), torch.tensor([7])
        >>> ProtoTriplet(margin=6.0)(query, label, support, torch.tensor([7, 7, 9]))  # 0 - 5 + 6
        tensor(1.)
    """

    margin: Positive = 0.5

    def forward(
        self, anchor: Tensor, labels: Tensor, support: Tensor, support_labels: Tensor
    ) -> Tensor:
        classes, means = _class_means(wide(support), support_labels)
        right, wrong = same(labels, classes), different(labels, classes)
        asked = [total(mask=right), count(right), maximum(mask=wrong)]
        hit, found, near = pairs(
            wide(anchor), means, score=negative_squared_distance(), row=asked, replicated=True
        ).row
        counted = (found > 0) & near.isfinite()
        gap = root(-hit) - root(-near.where(counted, 0))
        return reduce(F.relu(gap + self.margin), self.reduction, counted)


def _class_means(support: Tensor, support_labels: Tensor) -> tuple[Tensor, Tensor]:
    """The classes of all processes' support, in order, and the mean of each: (c,), (c, d)."""
    classes = everywhere(support_labels).unique()
    index = torch.searchsorted(classes, support_labels.contiguous())
    sums = support.new_zeros(len(classes), support.shape[1]).index_add(0, index, support)
    sizes = support.new_zeros(len(classes)).index_add(0, index, torch.ones_like(support[:, 0]))
    return classes, total_everywhere(sums) / total_everywhere(sizes)[:, None]
