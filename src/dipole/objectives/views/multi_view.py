"""Several views of every example in one term: MV-InfoNCE and MV-DHEL."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import INDEX, Mask, different, lse, pairs
from dipole.objectives.contract.base import Objective, Over, Temperature, forward_inputs
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, others, reduce, unit

_PAPER = (
    "Koromilas et al. 2025, A Principled Framework for Multi-View Contrastive Learning, "
    "arXiv 2507.06979"
)


@register(
    "mv-infonce",
    paper=_PAPER,
    system="mv-dhel",
    form="softmax, all pairs of views in one term",
    related=("mv-dhel", "ntxent", "supcon", "poly-view"),
)
class MVInfoNCE(Objective):
    """With z_il view l of example i and s = cosine / temperature,

        L_i = log sum_l sum_{(j,m) != (i,l)} exp s(z_il, z_jm)
              - log sum_l sum_{m != l} exp s(z_il, z_im).

    Shapes: views (v, n, d), v >= 2; ids (n,): examples with equal ids are never negatives of each
    other.

    Example:
        >>> import torch
        >>> MVInfoNCE(temperature=0.5)(torch.eye(4).expand(3, 4, 4)).item()
        0.4...
    """

    temperature: Temperature = Temperature(0.2)

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        check_several(views)
        v, n, _ = views.shape
        t = self.temperature()
        # Example by example, so that a position divided by v is the example's, on every process.
        z = unit(views.transpose(0, 1).reshape(n * v, -1))
        (spread,) = pairs(z, z, temperature=t, row=[lse(mask=other_examples(ids, v))]).row
        # Each unordered pair of views counts twice in the denominator, and so in the numerator.
        near = torch.logsumexp(_between(z.view(n, v, -1), t), 1) + math.log(2)
        return reduce(-F.logsigmoid(near - log_add(*spread.view(n, v).T)), self.reduction)


@register(
    "mv-dhel",
    paper=_PAPER,
    system="mv-dhel",
    form="softmax, every view has its own negatives",
    related=("mv-infonce", "dcl", "poly-view"),
)
class MVDHEL(Objective):
    """All pairs of an example's views in one term; each view's cloud is spread out on its own:

        L_i = sum_l log sum_{j != i} exp s(z_il, z_jl) - log sum_l sum_{m > l} exp s(z_il, z_im)

    with s = cosine / temperature. An example without any negative is not counted.
    Shapes: views (v, n, d), v >= 2; ids (n,): examples with equal ids are never negatives of each
    other.

    Example:
        >>> import torch
        >>> MVDHEL(temperature=0.5)(torch.eye(4).expand(3, 4, 4)).item()
        0.1...
    """

    temperature: Temperature = Temperature(0.2)

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        check_several(views)
        z, t = unit(views), self.temperature()
        negatives = [lse(mask=others(ids))]
        clouds = [pairs(cloud, cloud, temperature=t, row=negatives).row[0] for cloud in z]
        spread = torch.stack(clouds).sum(0)
        near = torch.logsumexp(_between(z.transpose(0, 1), t), 1)
        return reduce(spread - near, self.reduction, counted=torch.isfinite(spread))


class EveryPair(Over):
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

    def inner(self) -> Iterable[Objective]:
        """The one."""
        return [self.objective]

    def inputs(self) -> dict[str, bool]:
        """Views, and what holds for all of them."""
        return forward_inputs(type(self).forward)

    def asks(self) -> set[str]:
        """Nothing: of views there are vectors alone."""
        return set()

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        """Shapes: views (v, n, d), v >= 2; ids (n,), for objectives that take them."""
        check(views=views, ids=ids)
        check_several(views)
        batches = [{"anchor": a, "positive": p, "ids": ids} for a, p in combinations(views, 2)]
        return torch.stack([self.objective(**self.objective.pick(b)) for b in batches]).mean(0)


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
