"""Several modalities, two at a time: the mean of InfoNCE over pairs of modalities."""

from __future__ import annotations

from itertools import combinations
from typing import Unpack

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.pairs.infonce import infonce
from dipole.objectives.pairs.ntxent import ntxent


def modalities(
    views: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.07,
    centre: bool = False,
    within: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """L = mean over pairs of modalities u < w of InfoNCE(views[u], views[w]), both directions.

    `centre` takes the pairs with the first modality only: the others meet through it. `within`
    takes NT-Xent in the place of InfoNCE: an anchor's own modality has negatives too, as it should
    where the modalities are views of one kind.
    Shapes: views (v, n, d), v >= 2 modalities; ids (n,): equal ids never meet, save for i = j.
    """
    check(views=views, ids=ids, temperature=temperature)
    if len(views) < 2:
        raise InputError(f"views: found {len(views)}, expected 2 modalities or more")
    pair = ntxent if within else infonce
    parts = [
        pair(views[u], views[w], ids=ids, temperature=temperature, reduction=reduction)
        for u, w in combinations(range(len(views)), 2)
        if u == 0 or not centre
    ]
    return torch.stack(parts).mean(0)


@register(
    "modalities",
    paper="Girdhar et al. 2023, ImageBind: One Embedding Space To Bind Them All, arXiv 2305.05665 "
    "(with a centre); Guzhov et al. 2021, AudioCLIP, arXiv 2106.13043 (all pairs)",
    system="gram",
    form="softmax, two modalities at a time",
    related=("infonce", "gram"),
)
class Modalities(Objective):
    """`modalities` with its settings.

    Example:
        >>> import torch
        >>> Modalities(0.05)(torch.stack([torch.eye(4)] * 3)).item() < 1e-6
        True
    """

    def __init__(
        self,
        temperature: float = 0.07,
        *,
        learn_temperature: bool = False,
        centre: bool = False,
        within: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature, learn_temperature)
        self.centre = centre
        self.within = within

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `modalities`."""
        return modalities(
            views,
            ids,
            temperature=self.temperature(),
            centre=self.centre,
            within=self.within,
            reduction=self.reduction,
        )
