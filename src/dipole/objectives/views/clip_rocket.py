"""CLIP-Rocket: a head for weak and one for strong views; SwALIP: balanced targets between them."""

from __future__ import annotations

from typing import Unpack

import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels.sinkhorn import sinkhorn
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.everyone import everyone
from dipole.objectives.maths import mean, unit
from dipole.objectives.pairs.infonce import infonce


def clip_rocket(
    views: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.07,
    strong_temperature: float | Tensor = 0.1,
    label_smoothing: float = 0.1,
    reduction: Reduction = "mean",
) -> Tensor:
    """With one weak and K strong views of both modalities, x and y,

        L_weak   = InfoNCE(x_0, y_0)
        L_strong = mean_{a,b = 1..K} InfoNCE(x_a, y_b) with label smoothing, at its own temperature
        L        = (L_weak + K L_strong) / (1 + K).

    Without strong views it is CLIP.
    Shapes: views (2 (1 + K), n, d), those of the first modality, weak one first, then those of the
    second; ids (n,): equal ids never meet, save for i = j.
    """
    check(views=views, ids=ids, temperature=temperature)
    first, second = halves(views)
    weak = infonce(first[0], second[0], ids=ids, temperature=temperature, reduction=reduction)
    strong = [
        infonce(
            x,
            y,
            ids=ids,
            temperature=strong_temperature,
            label_smoothing=label_smoothing,
            reduction=reduction,
        )
        for x in first[1:]
        for y in second[1:]
    ]
    k = len(first) - 1
    return (weak + k * mean(strong)) / (1 + k) if k else weak


def swalip(
    views: Tensor,
    *,
    temperature: float | Tensor = 0.1,
    code_temperature: float = 0.05,
    iterations: int = 3,
) -> Tensor:
    """With s_ij = cos(x_ai, y_bj), of view a of one modality and view b of the other, targets

        T_ab = the rows of Sinkhorn(s_ab / code_temperature), without gradient, summing to 1
        L    = mean_{a,b} - 1/n sum_ij (T_a'b')_ij log softmax_j(s_ab,ij / temperature),

    a' = k - 1 - a and b' = k - 1 - b, and the same with the modalities swapped; the mean of both.
    The target of a pair of views comes from the other view of both (with one view each, from
    itself), so that a pair never is its own target.
    Needs the (n, n) matrices: Sinkhorn scales every score. On several processes everybody computes
    the whole batch. Shapes: views (2 k, n, d), k of the first modality, then k of the second.
    """
    check(views=views, temperature=temperature)
    first, second = ([everyone(unit(x)) for x in half] for half in halves(views))
    scores = {(a, b): x @ y.T for a, x in enumerate(first) for b, y in enumerate(second)}
    losses = []
    last = len(first) - 1
    for (a, b), s in scores.items():
        other = scores[last - a, last - b]
        for logits, source in ((s, other), (s.T, other.T)):
            plan = sinkhorn(source.detach(), temperature=code_temperature, iterations=iterations)
            log_p = F.log_softmax(logits / temperature, 1)
            losses.append(-(plan.softmax(1) * log_p).sum(1).mean())
    return mean(losses)


def halves(views: Tensor) -> tuple[Tensor, Tensor]:
    """(k, n, d) of each modality."""
    if len(views) % 2 or not len(views):
        raise InputError(
            f"views: found {len(views)} views, expected as many of one modality as of the other"
        )
    first, second = views.chunk(2)
    return first, second


_PAPER = "Fini et al. 2023, Improved baselines for vision-language pre-training, arXiv 2305.08675"


@register(
    "clip-rocket",
    paper=_PAPER,
    system="clip-rocket",
    form="softmax, weak and strong views",
    related=("infonce", "swalip"),
)
class CLIPRocket(Objective):
    """`clip_rocket` with its settings; both temperatures are learnt.

    The baselines of the paper add to `InfoNCE(0.07, learn_temperature=True)`:
    BarLIP `0.025 * BarlowTwins()`, SiamLIP `2 * Siamese()` (2 - 2 cos, less a constant), SwALIP
    `0.2 * SwALIP()`.

    Example:
        >>> import torch
        >>> CLIPRocket()(torch.randn(6, 8, 4)).shape  # 1 weak and 2 strong views of each
        torch.Size([])
    """

    def __init__(
        self,
        temperature: float = 0.07,
        strong_temperature: float = 0.1,
        *,
        label_smoothing: float = 0.1,
        learn_temperature: bool = True,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature, learn_temperature)
        self.strong_temperature = Temperature(strong_temperature, learn_temperature)
        self.label_smoothing = label_smoothing

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `clip_rocket`."""
        return clip_rocket(
            views,
            ids,
            temperature=self.temperature(),
            strong_temperature=self.strong_temperature(),
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
        )


@register(
    "swalip",
    paper=_PAPER,
    system="clip-rocket",
    form="cross-entropy with a balanced plan",
    related=("swav", "infonce", "clip-rocket"),
    rows=False,
    executors=(),
)
class SwALIP(Objective):
    """`swalip` with its settings.

    Example:
        >>> import torch
        >>> z = torch.eye(4)
        >>> SwALIP()(torch.stack([z, z])).item() < 0.01
        True
    """

    def __init__(
        self,
        temperature: float = 0.1,
        code_temperature: float = 0.05,
        iterations: int = 3,
        *,
        learn_temperature: bool = True,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature, learn_temperature)
        self.code_temperature = check_above_zero("code_temperature", code_temperature)
        self.iterations = iterations

    def forward(self, views: Tensor) -> Tensor:
        """The loss of a batch; see `swalip`."""
        return swalip(
            views,
            temperature=self.temperature(),
            code_temperature=self.code_temperature,
            iterations=self.iterations,
        )
