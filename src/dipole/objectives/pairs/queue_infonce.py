"""The contrast of a queue: negatives from the past, and an anchor's own hard or mixed ones."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from torch import Tensor

from dipole.declared import Count, Range
from dipole.errors import InputError
from dipole.kernels import Mask, lists, lse, own, pairs, top
from dipole.objectives.contract.base import Objective, Reduction, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, one_against, reduce, unit, unlike

OWN = {"mask": "n k"}  # which of an anchor's own candidates are there


class _Queued(Objective):
    """What both objectives of a queue are made with."""

    temperature: Temperature = Temperature(0.2)
    hardest: Count | None = None
    skip: Annotated[int, Range(0)] = 0

    def make(self) -> None:
        if self.skip and self.hardest is None:
            raise InputError(f"skip: found {self.skip}, expected 0 without `hardest`")


@register(
    "queue-infonce",
    paper="He et al. 2020, Momentum Contrast for Unsupervised Visual Representation Learning, "
    "arXiv 1911.05722; Kalantidis et al. 2020, Hard Negative Mixing for Contrastive Learning, "
    "arXiv 2010.01028",
    system="mochi",
    form="softmax, queue and own candidates",
    related=("infonce", "hn-nce"),
)
class QueueInfoNCE(_Queued):
    """With s = cosine / temperature, N the queue and C(i) the anchor's own candidates,

        L_i = log( exp s(a_i, p_i) + sum_{j in N} exp s(a_i, n_j) + sum_{c in C(i)} exp s(a_i, c) )
              - s(a_i, p_i).

    Nobody else's positive takes part. `hardest` keeps only the M best of the queue for each anchor,
    after the `skip` best of all, which may be false negatives.
    Queue alone: MoCo; with `hardest` it is one side of `DualQueue`; candidates from
    `sampling.mixed_negatives`: MoCHi; candidates alone: the local contrast of `DeGLA`. Detach what
    should have no gradient: a queue is.
    Shapes: anchor, positive (n, d); negative (m, d); candidates (n, k, d), with mask (n, k), False
    for padding; ids (n,) and negative_ids (m,): a negative with the id of an anchor's positive is
    none of its negatives. On several processes each brings its own part of the queue.

    Example:
        >>> import torch
        >>> QueueInfoNCE(temperature=0.5)(torch.eye(4), torch.eye(4), negative=-torch.eye(4)).item()
        0.3...
    """

    shapes: ClassVar[dict[str, str]] = OWN

    learn_temperature: bool = False

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        candidates: Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        return queue_infonce(
            anchor,
            positive,
            negative,
            candidates,
            ids,
            negative_ids,
            mask,
            temperature=self.temperature(),
            hardest=self.hardest,
            skip=self.skip,
            reduction=self.reduction,
        )


@register(
    "dual-queue",
    paper="Hoang et al. 2025, Momentum Contrastive Learning with Enhanced Negative Sampling and "
    "Hard Negative Filtering, arXiv 2501.16360",
    system="moco-dual-hard",
    form="softmax, hardest of a queue, both views",
    related=("queue-infonce", "hn-nce"),
)
class DualQueue(_Queued):
    """Each view finds the teacher's vector of the other one (a', p') among the queue,

        L = (queue_infonce(a, sg(p')) + queue_infonce(p, sg(a'))) / 2.

    hardest: an eighth of the queue, say. The published text leaves the side of the key open;
    swapping the views is the reading that trains both.
    Shapes: anchor, positive, teacher_anchor, teacher_positive (n, d); negative (m, d).

    Example:
        >>> import torch
        >>> z = torch.eye(4)
        >>> DualQueue(temperature=0.5, hardest=2)(z, z, z, z, negative=-z).item()
        0.2...
    """

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        teacher_anchor: Tensor,
        teacher_positive: Tensor,
        negative: Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        first, second = (
            queue_infonce(
                x,
                key.detach(),
                negative,
                ids=ids,
                negative_ids=negative_ids,
                temperature=self.temperature(),
                hardest=self.hardest,
                skip=self.skip,
                reduction=self.reduction,
            )
            for x, key in ((anchor, teacher_positive), (positive, teacher_anchor))
        )
        return (first + second) / 2


def queue_infonce(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor | None = None,
    candidates: Tensor | None = None,
    ids: Tensor | None = None,
    negative_ids: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.2,
    hardest: int | None = None,
    skip: int = 0,
    reduction: Reduction = "mean",
) -> Tensor:
    """`QueueInfoNCE` as a function."""
    a = unit(anchor)
    score = own(a, unit(positive), temperature=temperature)
    log_z = [torch.full_like(score, -torch.inf)]
    if negative is not None:
        far, queue = unlike(ids, negative_ids), unit(negative)
        asked = lse(mask=far) if hardest is None else top(skip + hardest, mask=far)
        (found,) = pairs(a, queue, temperature=temperature, row=[asked]).row
        log_z.append(found if hardest is None else log_add(*found.unbind(1)[skip:]))
    if candidates is not None and candidates.shape[1]:
        log_z.append(own_rest(a, candidates, mask, temperature))
    return reduce(one_against(score, log_add(*log_z)), reduction)


def own_rest(
    a: Tensor, candidates: Tensor, mask: Tensor | None, temperature: float | Tensor
) -> Tensor:
    """log sum_c exp(a_i . c / temperature) over a unit anchor's own candidates that are there."""
    there = () if mask is None else Mask(lambda _, there: there, column=mask)
    asked = [lse(mask=there)]
    (log_z,) = lists(a, unit(candidates), temperature=temperature, row=asked)
    return log_z
