"""The contrast of a queue: negatives from the past, and an anchor's own hard or mixed ones."""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import lists, lse, own, pairs, top
from dipole.objectives.base import Common, Objective, Reduction, Temperature
from dipole.objectives.checks import check
from dipole.objectives.maths import log_add, reduce, unit, unlike
from dipole.objectives.registry import register


def queue_infonce(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor | None = None,
    candidates: Tensor | None = None,
    ids: Tensor | None = None,
    negative_ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.2,
    hardest: int | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """With s = cosine / temperature, N the queue and C(i) the anchor's own candidates,

        L_i = log( exp s(a_i, p_i) + sum_{j in N} exp s(a_i, n_j) + sum_{c in C(i)} exp s(a_i, c) )
              - s(a_i, p_i).

    Nobody else's positive takes part. `hardest` keeps only the M best of the queue for each anchor.
    Queue alone: MoCo; with `hardest`, and views swapped for a second call, its dual form
    (arXiv 2501.16360); candidates from `sampling.mixed_negatives`: MoCHi; candidates alone: the
    local contrast of DeGLA (arXiv 2504.16801). Detach what should have no gradient: a queue is.
    Shapes: anchor, positive (n, d); negative (m, d); candidates (n, k, d); ids (n,) and
    negative_ids (m,): a negative with the id of an anchor's positive is none of its negatives.
    On several processes each brings its own part of the queue.
    """
    check(
        anchor=anchor,
        positive=positive,
        negative=negative,
        candidates=candidates,
        ids=ids,
        negative_ids=negative_ids,
        temperature=temperature,
    )
    a = unit(anchor)
    score = own(a, unit(positive), temperature=temperature)
    log_z = [torch.full_like(score, -torch.inf)]
    if negative is not None:
        mask, queue = unlike(ids, negative_ids), unit(negative)
        asked = lse(mask=mask) if hardest is None else top(hardest, mask=mask)
        (found,) = pairs(a, queue, temperature=temperature, row=[asked]).row
        log_z.append(found if hardest is None else log_add(*found.unbind(1)))
    if candidates is not None and candidates.shape[1]:
        log_z += lists(a, unit(candidates), temperature=temperature, row=[lse()])
    return reduce(-F.logsigmoid(score - log_add(*log_z)), reduction)


@register(
    "queue-infonce",
    paper="He et al. 2020, Momentum Contrast for Unsupervised Visual Representation Learning, "
    "arXiv 1911.05722; Kalantidis et al. 2020, Hard Negative Mixing for Contrastive Learning, "
    "arXiv 2010.01028",
    system="mochi",
    form="softmax, queue and own candidates",
    related=("infonce", "hn-nce"),
)
class QueueInfoNCE(Objective):
    """`queue_infonce` with its settings.

    Example:
        >>> import torch
        >>> QueueInfoNCE(temperature=0.5)(torch.eye(4), torch.eye(4), negative=-torch.eye(4)).item()
        0.3...
    """

    def __init__(
        self,
        temperature: float = 0.2,
        *,
        hardest: int | None = None,
        learn_temperature: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        if hardest is not None and hardest < 1:
            raise InputError(f"hardest: found {hardest}, expected 1 or more")
        self.temperature = Temperature(temperature, learn_temperature)
        self.hardest = hardest

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        candidates: Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch; see `queue_infonce`."""
        return queue_infonce(
            anchor,
            positive,
            negative,
            candidates,
            ids,
            negative_ids,
            temperature=self.temperature(),
            hardest=self.hardest,
            reduction=self.reduction,
        )
