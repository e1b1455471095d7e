"""The contrast of a queue: negatives from the past, and an anchor's own hard or mixed ones."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import Mask, lists, lse, own, pairs, top
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, one_against, reduce, unit, unlike

OWN = {"mask": "n k"}  # which of an anchor's own candidates are there


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
    """With s = cosine / temperature, N the queue and C(i) the anchor's own candidates,

        L_i = log( exp s(a_i, p_i) + sum_{j in N} exp s(a_i, n_j) + sum_{c in C(i)} exp s(a_i, c) )
              - s(a_i, p_i).

    Nobody else's positive takes part. `hardest` keeps only the M best of the queue for each anchor,
    after the `skip` best of all, which may be false negatives.
    Queue alone: MoCo; with `hardest` it is one side of `dual_queue`; candidates from
    `sampling.mixed_negatives`: MoCHi; candidates alone: the local contrast of `degla`. Detach what
    should have no gradient: a queue is.
    Shapes: anchor, positive (n, d); negative (m, d); candidates (n, k, d), with mask (n, k), False
    for padding; ids (n,) and negative_ids (m,): a negative with the id of an anchor's positive is
    none of its negatives. On several processes each brings its own part of the queue.
    """
    check(
        anchor=anchor,
        positive=positive,
        negative=negative,
        candidates=candidates,
        ids=ids,
        negative_ids=negative_ids,
        mask=mask,
        temperature=temperature,
        shapes=OWN,
    )
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


def dual_queue(
    anchor: Tensor,
    positive: Tensor,
    teacher_anchor: Tensor,
    teacher_positive: Tensor,
    negative: Tensor | None = None,
    ids: Tensor | None = None,
    negative_ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.2,
    hardest: int | None = None,
    skip: int = 0,
    reduction: Reduction = "mean",
) -> Tensor:
    """Each view finds the teacher's vector of the other one (a', p') among the queue,

        L = (queue_infonce(a, sg(p')) + queue_infonce(p, sg(a'))) / 2.

    The published text leaves the side of the key open; swapping the views is the reading that
    trains both. Shapes: anchor, positive, teacher_anchor, teacher_positive (n, d); negative (m, d).
    """
    check(
        anchor=anchor,
        positive=positive,
        teacher_anchor=teacher_anchor,
        teacher_positive=teacher_positive,
    )

    def side(x: Tensor, key: Tensor) -> Tensor:
        return queue_infonce(
            x,
            key.detach(),
            negative,
            ids=ids,
            negative_ids=negative_ids,
            temperature=temperature,
            hardest=hardest,
            skip=skip,
            reduction=reduction,
        )

    return (side(anchor, teacher_positive) + side(positive, teacher_anchor)) / 2


def _check_hardest(hardest: int | None, skip: int) -> None:
    if hardest is not None and hardest < 1:
        raise InputError(f"hardest: found {hardest}, expected 1 or more")
    if skip < 0 or (skip and hardest is None):
        expected = "0 or more" if skip < 0 else "0 without `hardest`"
        raise InputError(f"skip: found {skip}, expected {expected}")


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
        skip: int = 0,
        learn_temperature: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        _check_hardest(hardest, skip)
        self.temperature = Temperature(temperature, learn_temperature)
        self.hardest = hardest
        self.skip = skip

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
        """The loss of a batch; see `queue_infonce`."""
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
class DualQueue(Objective):
    """`dual_queue` with its settings; hardest: an eighth of the queue, say.

    Example:
        >>> import torch
        >>> z = torch.eye(4)
        >>> DualQueue(temperature=0.5, hardest=2)(z, z, z, z, negative=-z).item()
        0.2...
    """

    def __init__(
        self,
        temperature: float = 0.2,
        *,
        hardest: int | None = None,
        skip: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        _check_hardest(hardest, skip)
        self.temperature = Temperature(temperature)
        self.hardest = hardest
        self.skip = skip

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
        """The loss of a batch; see `dual_queue`."""
        return dual_queue(
            anchor,
            positive,
            teacher_anchor,
            teacher_positive,
            negative,
            ids,
            negative_ids,
            temperature=self.temperature(),
            hardest=self.hardest,
            skip=self.skip,
            reduction=self.reduction,
        )
