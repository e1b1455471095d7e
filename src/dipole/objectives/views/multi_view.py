"""Several views of every example in one term: MV-InfoNCE and MV-DHEL."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import INDEX, Mask, different, lse, pairs
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, others, reduce, unit


def mv_infonce(
    views: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.2,
    reduction: Reduction = "mean",
) -> Tensor:
    """With z_il view l of example i and s = cosine / temperature,

        L_i = log sum_l sum_{(j,m) != (i,l)} exp s(z_il, z_jm)
              - log sum_l sum_{m != l} exp s(z_il, z_im).

    Shapes: views (v, n, d), v >= 2; ids (n,): examples with equal ids are never negatives of each
    other.
    """
    check(views=views, ids=ids, temperature=temperature)
    check_several(views)
    v, n, _ = views.shape
    # Example by example, so that a position divided by v is the example's, on every process.
    z = unit(views.transpose(0, 1).reshape(n * v, -1))
    asked = [lse(mask=other_examples(ids, v))]
    (spread,) = pairs(z, z, temperature=temperature, row=asked).row
    # Each unordered pair of views counts twice in the denominator, and so in the numerator.
    near = torch.logsumexp(_between(z.view(n, v, -1), temperature), 1) + math.log(2)
    return reduce(-F.logsigmoid(near - log_add(*spread.view(n, v).T)), reduction)


def mv_dhel(
    views: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.2,
    reduction: Reduction = "mean",
) -> Tensor:
    """All pairs of an example's views in one term; each view's cloud is spread out on its own:

        L_i = sum_l log sum_{j != i} exp s(z_il, z_jl) - log sum_l sum_{m > l} exp s(z_il, z_im).

    An example without any negative is not counted.
    Shapes: views (v, n, d), v >= 2; ids (n,): examples with equal ids are never negatives of each
    other.
    """
    check(views=views, ids=ids, temperature=temperature)
    check_several(views)
    negatives = [lse(mask=others(ids))]
    z = unit(views)
    spread = torch.stack(
        [pairs(cloud, cloud, temperature=temperature, row=negatives).row[0] for cloud in z]
    ).sum(0)
    near = torch.logsumexp(_between(z.transpose(0, 1), temperature), 1)
    return reduce(spread - near, reduction, counted=torch.isfinite(spread))


def check_several(views: Tensor) -> None:
    """At least two views."""
    if len(views) < 2:
        raise InputError(f"views: found shape {tuple(views.shape)}, expected 2 views or more")


def other_examples(ids: Tensor | None, v: int) -> Mask:
    """Pairs of views of different examples (of different ids), n v views example by example."""
    if ids is not None:
        return different(ids.repeat_interleave(v))
    return Mask(lambda _, i, j: i // v != j // v, row=INDEX, column=INDEX)


def _between(z: Tensor, temperature: float | Tensor) -> Tensor:
    """Scores of the unordered pairs of an example's views: (n, v, d) -> (n, v (v - 1) / 2)."""
    first, second = torch.triu_indices(z.shape[1], z.shape[1], 1, device=z.device)
    return (z[:, first] * z[:, second]).sum(-1) / temperature


@register(
    "mv-infonce",
    paper="Koromilas et al. 2025, A Principled Framework for Multi-View Contrastive Learning, "
    "arXiv 2507.06979",
    system="mv-dhel",
    form="softmax, all pairs of views in one term",
    related=("mv-dhel", "ntxent", "supcon", "poly-view"),
)
class MVInfoNCE(Objective):
    """`mv_infonce` with its settings.

    Example:
        >>> import torch
        >>> MVInfoNCE(temperature=0.5)(torch.eye(4).expand(3, 4, 4)).item()
        0.4...
    """

    def __init__(self, temperature: float = 0.2, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature)

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `mv_infonce`."""
        return mv_infonce(views, ids, temperature=self.temperature(), reduction=self.reduction)


@register(
    "mv-dhel",
    paper="Koromilas et al. 2025, A Principled Framework for Multi-View Contrastive Learning, "
    "arXiv 2507.06979",
    system="mv-dhel",
    form="softmax, every view has its own negatives",
    related=("mv-infonce", "dcl", "poly-view"),
)
class MVDHEL(Objective):
    """`mv_dhel` with its settings.

    Example:
        >>> import torch
        >>> MVDHEL(temperature=0.5)(torch.eye(4).expand(3, 4, 4)).item()
        0.1...
    """

    def __init__(self, temperature: float = 0.2, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature)

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `mv_dhel`."""
        return mv_dhel(views, ids, temperature=self.temperature(), reduction=self.reduction)


class EveryPair(Objective):
    """The baseline of both: the mean of a two-view objective over all pairs of views.

    Example:
        >>> import torch
        >>> from dipole.objectives import NTXent
        >>> EveryPair(NTXent(temperature=0.5))(torch.eye(4).expand(3, 4, 4)).item()
        0.5...
    """

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        """Shapes: views (v, n, d), v >= 2; ids (n,), for objectives that take them."""
        check(views=views, ids=ids)
        check_several(views)
        batches = [{"anchor": a, "positive": p, "ids": ids} for a, p in combinations(views, 2)]
        return torch.stack([self.objective(**self.objective.pick(b)) for b in batches]).mean(0)
