"""ICNN loss: how good are an example's nearest neighbours within and outside of its class?"""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Count
from dipole.kernels import Modifier, lse, minimum, negative_squared_distance, pairs, top
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import largest_everywhere, wide
from dipole.objectives.labels.labelled import labelled
from dipole.objectives.maths import log_add


@register(
    "icnn",
    paper="Mendez-Ruiz et al. 2023, SuSana Distancia is all you need: Enforcing class separability "
    "in metric learning via two novel distance-based loss functions for few-shot image "
    "classification, arXiv 2305.09062",
    system="proto-triplet-icnn",
    form="nearest neighbours, labels",
    related=("prototypical", "proto-triplet", "triplet-batch"),
)
class ICNN(Objective):
    """With squared Euclidean distances d, divided by the largest of the batch, S(i) the k nearest
    of i's class and O(i) the k nearest of the others,

        lambda_i = (mean_{O(i)} d_ij - mean_{S(i)} d_ij + 1) / 2        far from the others
        omega_i  = 1 - 2 (var_{O(i)} d_ij + var_{S(i)} d_ij)            evenly so
        gamma_i  = sum_{y_j = y_i} e^(-d_ij / temperature) / sum_j e^(-d_ij / temperature)
        L_i      = 1 - lambda_i omega_i gamma_i,

    sums over j != i, each factor from 0 to 1; 1 - L is the score. A differentiable reading of it:
    the published lambda, omega and gamma could not be confirmed, only their roles. Which
    neighbours are the nearest carries no gradient; the distances, and the largest of them, do.
    Vectors are taken as they are. Anchors without another of their class, or of another, are not
    counted. Memory O(n (d + k)).
    Shapes: views (v, n, d), v views of n examples; labels (n,), without them every example is its
    own class; ids (n,): equal ids are never of another class. `none` returns (v, n).

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(2, 0)
        >>> ICNN()(z[None], labels=torch.tensor([0, 0, 1, 1])).item() < 0.001
        True
    """

    k: Count = 5
    temperature: Temperature = Temperature(0.1)

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        batch = labelled(views, labels, ids)
        z = wide(views.transpose(0, 1).reshape(-1, views.shape[2]))
        score = negative_squared_distance()
        (farthest,) = pairs(z, z, score=score, row=[minimum()]).row
        most = largest_everywhere(-farthest)
        most = most.masked_fill(most == 0, 1)
        t = torch.as_tensor(self.temperature(), dtype=z.dtype, device=z.device)
        near = Modifier(lambda s, most: s / most, shared=most)
        soft = Modifier(lambda s, most, t: s / (most * t), shared=(most, t))
        alike, others, log_alike, log_others = pairs(
            z,
            z,
            score=score,
            row=[
                top(self.k, mod=near, mask=batch.positive),
                top(self.k, mod=near, mask=batch.negative),
                lse(mod=soft, mask=batch.positive),
                lse(mod=soft, mask=batch.negative),
            ],
        ).row
        counted = log_alike.isfinite() & log_others.isfinite()
        (inner, inner_spread), (outer, outer_spread) = _moments(alike), _moments(others)
        apart = (outer - inner + 1) / 2
        even = 1 - 2 * (inner_spread + outer_spread)
        share = log_alike - log_add(log_alike, log_others)
        pure = share.where(counted, 0).exp()
        return batch.reduce(1 - apart * even * pure, self.reduction, counted)


def _moments(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each row's distances; -inf marks a place that is empty."""
    some = scores.isfinite()
    size = some.sum(1).clamp(min=1)
    d = -scores.where(some, 0)
    mean = d.sum(1) / size
    return mean, ((d - mean[:, None]).square() * some).sum(1) / size
