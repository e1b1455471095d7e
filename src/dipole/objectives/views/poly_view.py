"""Poly-view contrast: one view against the set of all others of the same example."""

from __future__ import annotations

import math
from typing import Literal, Unpack, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce, unit
from dipole.objectives.views.multi_view import check_several, other_examples

Mode = Literal["geometric", "arithmetic", "sufficient"]


def poly_view(
    views: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.1,
    mode: Mode = "geometric",
    renormalise: bool = True,
    reduction: Reduction = "mean",
) -> Tensor:
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
    """
    check(views=views, ids=ids, temperature=temperature)
    check_several(views)
    v, n, _ = views.shape
    # Example by example, so that a position divided by v is the example's, on every process.
    z = unit(views.transpose(0, 1).reshape(n * v, -1))
    asked = [lse(mask=other_examples(ids, v))]
    if mode == "sufficient":
        several = z.view(n, v, -1)
        query = ((several.sum(1, keepdim=True) - several) / (v - 1)).view(n * v, -1)
        query = unit(query) if renormalise else query
        (log_z,) = pairs(query, z, temperature=temperature, row=asked).row
        score = own(query, z, temperature=temperature)
        return reduce(-F.logsigmoid(score - log_z).view(n, v).mean(1), reduction)
    (log_z,) = pairs(z, z, temperature=temperature, row=asked).row
    several = z.view(n, v, -1)
    key, query = (~torch.eye(v, dtype=torch.bool, device=z.device)).nonzero().T
    score = (several[:, key] * several[:, query]).sum(-1) / temperature
    log_ratio = F.logsigmoid(score - log_z.view(n, v)[:, query]).view(n, v, v - 1)
    if mode == "arithmetic":
        return reduce(math.log(v - 1) - torch.logsumexp(log_ratio, 2).mean(1), reduction)
    return reduce(-log_ratio.mean((1, 2)), reduction)


@register(
    "poly-view",
    paper="Shidani et al. 2024, Poly-View Contrastive Learning, arXiv 2403.05490",
    system="poly-view",
    form="softmax, one view against the rest",
    related=("mv-infonce", "mv-dhel", "ntxent"),
)
class PolyView(Objective):
    """`poly_view` with its settings.

    Example:
        >>> import torch
        >>> PolyView(temperature=0.5, mode="arithmetic")(torch.eye(4).expand(3, 4, 4)).item()
        0.7...
    """

    def __init__(
        self,
        temperature: float = 0.1,
        mode: Mode = "geometric",
        *,
        renormalise: bool = True,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        if mode not in get_args(Mode):
            raise InputError(f"mode: found {mode!r}, expected one of {', '.join(get_args(Mode))}")
        self.temperature = Temperature(temperature)
        self.mode: Mode = mode
        self.renormalise = renormalise

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `poly_view`."""
        return poly_view(
            views,
            ids,
            temperature=self.temperature(),
            mode=self.mode,
            renormalise=self.renormalise,
            reduction=self.reduction,
        )
