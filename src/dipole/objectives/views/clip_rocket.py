"""CLIP-Rocket: a head for weak and one for strong views; SwALIP: balanced targets between them."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Count, Positive, Share
from dipole.errors import InputError
from dipole.kernels.sinkhorn import sinkhorn
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import mean, unit
from dipole.objectives.pairs.infonce import infonce
from dipole.objectives.whole_batch import whole_batch

_PAPER = "Fini et al. 2023, Improved baselines for vision-language pre-training, arXiv 2305.08675"


@register(
    "clip-rocket",
    paper=_PAPER,
    system="clip-rocket",
    form="softmax, weak and strong views",
    related=("infonce", "swalip"),
)
class CLIPRocket(Objective):
    """With one weak and K strong views of both modalities, x and y,

        L_weak   = InfoNCE(x_0, y_0)
        L_strong = mean_{a,b = 1..K} InfoNCE(x_a, y_b) with label smoothing, at its own temperature
        L        = (L_weak + K L_strong) / (1 + K).

    Without strong views it is CLIP. Both temperatures are learnt.
    Shapes: views (2 (1 + K), n, d), those of the first modality, weak one first, then those of the
    second; ids (n,): equal ids never meet, save for i = j.

    The baselines of the paper add to `InfoNCE(0.07, learn_temperature=True)`:
    BarLIP `0.025 * BarlowTwins()`, SiamLIP `2 * Siamese()` (2 - 2 cos, less a constant), SwALIP
    `0.2 * SwALIP()`.

    Example:
        >>> import torch
        >>> CLIPRocket()(torch.randn(6, 8, 4)).shape  # 1 weak and 2 strong views of each
        torch.Size([])
    """

    temperature: Temperature = Temperature(0.07)
    strong_temperature: Temperature = Temperature(0.1)
    label_smoothing: Share = 0.1
    learn_temperature: bool = True

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        first, second = _halves(views)
        t, reduction = self.temperature(), self.reduction
        weak = infonce(first[0], second[0], ids=ids, temperature=t, reduction=reduction)
        strong = [
            infonce(
                x,
                y,
                ids=ids,
                temperature=self.strong_temperature(),
                label_smoothing=self.label_smoothing,
                reduction=reduction,
            )
            for x in first[1:]
            for y in second[1:]
        ]
        k = len(first) - 1
        return (weak + k * mean(strong)) / (1 + k) if k else weak


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
    """With s_ij = cos(x_ai, y_bj), of view a of one modality and view b of the other, targets

        T_ab = the rows of Sinkhorn(s_ab / code_temperature), without gradient, summing to 1
        L    = mean_{a,b} - 1/n sum_ij (T_a'b')_ij log softmax_j(s_ab,ij / temperature),

    a' = k - 1 - a and b' = k - 1 - b, and the same with the modalities swapped; the mean of both.
    The target of a pair of views comes from the other view of both (with one view each, from
    itself), so that a pair never is its own target.
    Needs the (n, n) matrices: Sinkhorn scales every score. On several processes everybody computes
    the whole batch. Shapes: views (2 k, n, d), k of the first modality, then k of the second.

    Example:
        >>> import torch
        >>> z = torch.eye(4)
        >>> SwALIP()(torch.stack([z, z])).item() < 0.01
        True
    """

    temperature: Temperature = Temperature(0.1)
    code_temperature: Positive = 0.05
    iterations: Count = 3
    learn_temperature: bool = True

    def forward(self, views: Tensor) -> Tensor:
        first, second = ([whole_batch(unit(x)) for x in half] for half in _halves(views))
        scores = {(a, b): x @ y.T for a, x in enumerate(first) for b, y in enumerate(second)}
        losses = []
        last = len(first) - 1
        for (a, b), s in scores.items():
            other = scores[last - a, last - b]
            for logits, source in ((s, other), (s.T, other.T)):
                plan = sinkhorn(
                    source.detach(), temperature=self.code_temperature, iterations=self.iterations
                )
                log_p = F.log_softmax(logits / self.temperature(), 1)
                losses.append(-(plan.softmax(1) * log_p).sum(1).mean())
        return mean(losses)


def _halves(views: Tensor) -> tuple[Tensor, Tensor]:
    """(k, n, d) of each modality."""
    if len(views) % 2 or not len(views):
        raise InputError(
            f"views: found {len(views)} views, expected as many of one modality as of the other"
        )
    first, second = views.chunk(2)
    return first, second
