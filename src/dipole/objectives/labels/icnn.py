"""ICNN loss: how good are an example's nearest neighbours within and outside of its class?"""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Count
from dipole.kernels import negative_squared_distance, pairs, top
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import largest_everywhere, root, total_everywhere, wide
from dipole.objectives.labels.labelled import labelled


@register(
    "icnn",
    paper="Mendez-Ruiz et al. 2023, SuSana Distancia is all you need: Enforcing class separability "
    "in metric learning via two novel distance-based loss functions for few-shot image "
    "classification, arXiv 2305.09062",
    system="proto-triplet-icnn",
    form="nearest neighbours, labels",
    related=("prototypical", "proto-triplet", "triplet-batch"),
    rows=False,
)
class ICNN(Objective):
    """With Euclidean distances d, A(i) those of the k nearest of i that are of its class and B(i)
    those that are not,

        near_i = mean_{A(i)} d_ij / max(farthest of the k, nearest of another class)
        far_i  = mean_{B(i)} d_ij / largest such distance of any i
        lambda = (1 - mean_i near_i + mean_i far_i) / 2
        gamma  = share of A among all neighbours
        L      = -log (lambda + gamma) / 2,

    the means over the i whose A, or B, is not empty; without any B its mean is 1. The score in the
    logarithm is 1 where classes are points and apart. So does code that seems to be the authors'
    (its repository could not be named), whose k is 4; the spread of the distances, the paper's
    omega, is commented out there. Which are the nearest carries no gradient, so gamma has none; the
    distances have.
    Vectors are taken as they are. Memory O(n (d + k)).
    Shapes: views (v, n, d), v views of n examples; labels (n,), without them every example is its
    own class; ids (n,): equal ids are never of another class.

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(3, 0)
        >>> abs(ICNN(k=2)(z[None], labels=torch.tensor([0, 0, 0, 1, 1, 1])).item())
        0.0
    """

    k: Count = 4

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        batch = labelled(views, labels, ids)
        z = wide(views.transpose(0, 1).reshape(-1, views.shape[2]))
        asked = [top(self.k, mask=batch.positive), top(self.k, mask=batch.negative)]
        alike, others = pairs(z, z, score=negative_squared_distance(), row=asked).row
        found, place = torch.cat([alike, others], dim=1).topk(self.k)
        there = found.isfinite()
        d = root(-found.where(there, 0))
        own, other = there & (place < alike.shape[1]), there & (place >= alike.shape[1])
        stranger = root(-others[:, 0].where(others[:, 0].isfinite(), 0))
        scale = torch.maximum(d.amax(1), stranger)
        near = _row_means(d, own) / scale.masked_fill(scale == 0, 1)
        most = largest_everywhere(d * other)
        far = _row_means(d, other) / most.masked_fill(most == 0, 1)
        inner, outer = _mean(near, own.any(1)), _mean(far, other.any(1), empty=1.0)
        pure = _share(own, there).to(d.dtype)
        return -torch.log(((1 - inner + outer) / 2 + pure) / 2)


def _row_means(d: Tensor, some: Tensor) -> Tensor:
    """The mean of each row's chosen ones; 0 where none is."""
    return (d * some).sum(1) / some.sum(1).clamp(min=1)


def _mean(x: Tensor, some: Tensor, empty: float = 0.0) -> Tensor:
    """The mean of the chosen ones over all processes; `empty` where there are none."""
    total, size = total_everywhere(torch.stack([(x * some).sum(), some.sum().to(x.dtype)]))
    return torch.where(size > 0, total / size.clamp(min=1), empty)


def _share(some: Tensor, every: Tensor) -> Tensor:
    """How many of all are chosen, over all processes."""
    part, whole = total_everywhere(torch.stack([some.sum().double(), every.sum().double()]))
    return part / whole.clamp(min=1)
