"""Several modalities, two at a time: the mean of InfoNCE over pairs of modalities."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.pairs.infonce import infonce
from dipole.objectives.pairs.ntxent import ntxent
from dipole.objectives.views.multi_view import check_several


@register(
    "modalities",
    paper="Girdhar et al. 2023, ImageBind: One Embedding Space To Bind Them All, arXiv 2305.05665 "
    "(with a centre); Guzhov et al. 2021, AudioCLIP, arXiv 2106.13043 (all pairs)",
    system="gram",
    form="softmax, two modalities at a time",
    related=("infonce", "gram"),
)
class Modalities(Objective):
    """L = mean over pairs of modalities u < w of InfoNCE(views[u], views[w]), both directions.

    `centre` takes the pairs with the first modality only: the others meet through it. `within`
    takes NT-Xent in the place of InfoNCE: an anchor's own modality has negatives too, as it should
    where the modalities are views of one kind.
    Shapes: views (v, n, d), v >= 2 modalities; ids (n,): equal ids never meet, save for i = j.

    Example:
        >>> import torch
        >>> Modalities(0.05)(torch.stack([torch.eye(4)] * 3)).item() < 1e-6
        True
    """

    temperature: Temperature = Temperature(0.07)
    learn_temperature: bool = False
    centre: bool = False
    within: bool = False

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        check_several(views)
        pair, t = ntxent if self.within else infonce, self.temperature()
        parts = [
            pair(views[u], views[w], ids=ids, temperature=t, reduction=self.reduction)
            for u, w in combinations(range(len(views)), 2)
            if u == 0 or not self.centre
        ]
        return torch.stack(parts).mean(0)
