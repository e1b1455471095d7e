"""Poly-view contrast: one view against the set of all others of the same example."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce, unit
from dipole.objectives.views.multi_view import check_several, other_examples


@register(
    "poly-view",
    paper="Shidani et al. 2024, Poly-View Contrastive Learning, arXiv 2403.05490",
    system="poly-view",
    form="softmax, one view against the rest",
    related=("mv-infonce", "mv-dhel", "ntxent"),
)
class PolyView(Objective):
    """With f = exp(dot product / temperature) of unit vectors, key a and query b of example i,

        l_iab = f(z_ia, z_ib) / ( f(z_ia, z_ib) + sum_{j != i} sum_g f(z_jg, z_ib) )

        geometric:   L_i = - mean_a mean_{b != a} log l_iab
        arithmetic:  L_i = - mean_a log mean_{b != a} l_iab                (never above geometric)
        sufficient:  L_i = - mean_a log l_ia with the query mean_{b != a} z_ib in place of z_ib.

    The logarithms are of each example. (The public code of the arithmetic mode, a peer's, averages
    its cross-entropies over the batch before it takes the mean of their exponentials.)
    The only positive in a denominator is the pair at hand: the reading here. `renormalise` puts
    the mean of the other views back on the sphere, which the paper may not do. For two views all
    modes are the same.
    Shapes: views (v, n, d), v >= 2; ids (n,): examples with equal ids are never negatives of each
    other.

    Example:
        >>> import torch
        >>> PolyView(temperature=0.5, mode="arithmetic")(torch.eye(4).expand(3, 4, 4)).item()
        0.7...
    """

    temperature: Temperature = Temperature(0.1)
    mode: Literal["geometric", "arithmetic", "sufficient"] = "geometric"
    renormalise: bool = True

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        check_several(views)
        v, n, _ = views.shape
        t = self.temperature()
        # Example by example, so that a position divided by v is the example's, on every process.
        z = unit(views.transpose(0, 1).reshape(n * v, -1))
        several = z.view(n, v, -1)
        asked = [lse(mask=other_examples(ids, v))]
        if self.mode == "sufficient":
            query = ((several.sum(1, keepdim=True) - several) / (v - 1)).view(n * v, -1)
            query = unit(query) if self.renormalise else query
            (log_z,) = pairs(query, z, temperature=t, row=asked).row
            score = own(query, z, temperature=t)
            return reduce(-F.logsigmoid(score - log_z).view(n, v).mean(1), self.reduction)
        (log_z,) = pairs(z, z, temperature=t, row=asked).row
        key, query = (~torch.eye(v, dtype=torch.bool, device=z.device)).nonzero().T
        score = (several[:, key] * several[:, query]).sum(-1) / t
        log_ratio = F.logsigmoid(score - log_z.view(n, v)[:, query]).view(n, v, v - 1)
        if self.mode == "arithmetic":
            rows = math.log(v - 1) - torch.logsumexp(log_ratio, 2).mean(1)
            return reduce(rows, self.reduction)
        return reduce(-log_ratio.mean((1, 2)), self.reduction)
