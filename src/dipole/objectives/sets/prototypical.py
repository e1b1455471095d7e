"""Prototypical and proto-triplet losses: queries of an episode against the means of its classes."""

from __future__ import annotations

from typing import Literal, Unpack, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
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
from dipole.objectives.contract.base import Common, Objective, Reduction
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import total_everywhere, wide
from dipole.objectives.maths import everywhere, one_against, reduce

Wrong = Literal["all", "hard"]


def class_means(support: Tensor, support_labels: Tensor) -> tuple[Tensor, Tensor]:
    """The classes of all processes' support, in order, and the mean of each: (c,), (c, d)."""
    classes = everywhere(support_labels).unique()
    index = torch.searchsorted(classes, support_labels.contiguous())
    sums = support.new_zeros(len(classes), support.shape[1]).index_add(0, index, support)
    sizes = support.new_zeros(len(classes)).index_add(0, index, torch.ones_like(support[:, 0]))
    return classes, total_everywhere(sums) / total_everywhere(sizes)[:, None]


def prototypical(
    anchor: Tensor,
    labels: Tensor,
    support: Tensor,
    support_labels: Tensor,
    *,
    reduction: Reduction = "mean",
) -> Tensor:
    """With p_c the mean of the support of class c, and squared Euclidean distances d,

        L_i = d(a_i, p_y(i)) + log sum_c exp(-d(a_i, p_c)).

    Vectors are taken as they are, not normalised. A query whose class has no support is not
    counted. Shapes: anchor (n, d), the queries; labels (n,); support (m, d); support_labels (m,).
    """
    a, classes, means = _episode(anchor, labels, support, support_labels)
    right = same(labels, classes)
    hit, found, rest = pairs(
        a,
        means,
        score=negative_squared_distance(),
        row=[total(mask=right), count(right), lse(mask=different(labels, classes))],
        replicated=True,
    ).row
    return reduce(one_against(hit, rest), reduction, counted=found > 0)


def proto_triplet(
    anchor: Tensor,
    labels: Tensor,
    support: Tensor,
    support_labels: Tensor,
    *,
    margin: float = 1.0,
    wrong: Wrong = "all",
    reduction: Reduction = "mean",
) -> Tensor:
    """With p_c the mean of the support of class c, and squared Euclidean distances d,

        L_i = mean_{c != y(i)} max(0, d(a_i, p_y(i)) - d(a_i, p_c) + margin);

    `wrong="hard"` takes the nearest wrong prototype in place of the mean. The margin and which
    wrong prototypes count are a reading: the paper's own choice could not be confirmed.
    Vectors are taken as they are. A query whose class has no support, or that has no wrong
    prototype, is not counted. Shapes: anchor (n, d), the queries; labels (n,); support (m, d);
    support_labels (m,).
    """
    a, classes, means = _episode(anchor, labels, support, support_labels)
    score = negative_squared_distance()
    right, others = same(labels, classes), different(labels, classes)
    asked = [total(mask=right), count(right), count(others)]
    if wrong == "hard":
        asked.append(maximum(mask=others))
    hit, found, size, *hardest = pairs(a, means, score=score, row=asked, replicated=True).row
    counted = (found > 0) & (size > 0)
    if wrong == "hard":
        rows = F.relu(hardest[0].where(counted, 0) - hit + margin)
    else:
        # d(y) - d(c) is the score of c less that of y.
        over = Modifier(lambda s, hit: F.relu(s - hit + margin), row=hit)
        asked = [total(over, mask=others)]
        (rows,) = pairs(a, means, score=score, row=asked, replicated=True).row
        rows = rows / size.clamp(min=1)
    return reduce(rows, reduction, counted)


def _episode(
    anchor: Tensor, labels: Tensor, support: Tensor, support_labels: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    check(anchor=anchor, labels=labels, support=support, support_labels=support_labels)
    return wide(anchor), *class_means(wide(support), support_labels)


@register(
    "prototypical",
    paper="Snell et al. 2017, Prototypical Networks for Few-shot Learning, arXiv 1703.05175",
    system="proto-triplet-icnn",
    form="softmax of squared distances",
    related=("proto-triplet", "icnn", "infonce"),
)
class Prototypical(Objective):
    """`prototypical`; it has no settings of its own.

    Example:
        >>> import torch
        >>> support = torch.tensor([[3.0, 0.0], [5.0, 0.0], [0.0, 4.0]])
        >>> query, label = torch.tensor([[4.0, 0.0]]), torch.tensor([7])
        >>> Prototypical()(query, label, support, torch.tensor([7, 7, 9])).item() < 1e-6
        True
    """

    def __init__(self, **common: Unpack[Common]) -> None:
        super().__init__(**common)

    def forward(
        self, anchor: Tensor, labels: Tensor, support: Tensor, support_labels: Tensor
    ) -> Tensor:
        """The loss of an episode; see `prototypical`."""
        return prototypical(anchor, labels, support, support_labels, reduction=self.reduction)


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
    """`proto_triplet` with its settings.

    Example:
        >>> import torch
        >>> support = torch.tensor([[3.0, 0.0], [5.0, 0.0], [0.0, 4.0]])
        >>> query, label = torch.tensor([[4.0, 0.0]]), torch.tensor([7])
        >>> ProtoTriplet(margin=33.0)(query, label, support, torch.tensor([7, 7, 9]))  # 0 - 32 + 33
        tensor(1.)
    """

    def __init__(self, margin: float = 1.0, wrong: Wrong = "all", **common: Unpack[Common]) -> None:
        super().__init__(**common)
        if wrong not in get_args(Wrong):
            raise InputError(f"wrong: found {wrong!r}, expected 'all' or 'hard'")
        self.margin = check_above_zero("margin", margin)
        self.wrong: Wrong = wrong

    def forward(
        self, anchor: Tensor, labels: Tensor, support: Tensor, support_labels: Tensor
    ) -> Tensor:
        """The loss of an episode; see `proto_triplet`."""
        return proto_triplet(
            anchor,
            labels,
            support,
            support_labels,
            margin=self.margin,
            wrong=self.wrong,
            reduction=self.reduction,
        )
