"""DeGLA: a clean global contrast; an example's own hard negatives act on itself only."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce, unit
from dipole.objectives.pairs.infonce import infonce
from dipole.objectives.pairs.queue_infonce import OWN, queue_infonce


@register(
    "degla",
    paper="Hu et al. 2025, Decoupled Global-Local Alignment for Improving Compositional "
    "Understanding, arXiv 2504.16801",
    system="degla",
    form="softmax, own negatives, distance to a teacher",
    related=("infonce", "queue-infonce"),
)
class DeGLA(Objective):
    """For an image x_i, its caption t_i, own wrong captions c_ik and a slow teacher's x', t', c',

        L_i = global_i + local (IGC_i + TGC_i) + distil D_i
        global = InfoNCE(x, t), everybody's c being more candidates of the images
        IGC    = x_i finds t_i among its own c_ik;  TGC = t_i finds sg(t'_i) among them, at
                 `text_temperature`
        D_i    = ||x_i - x'_i||^2 + ||t_i - t'_i||^2 + sum_k ||c_ik - c'_ik||^2  of unit vectors.

    A teacher's vector that is not given adds nothing to D. The paper's D is a sum over its batch
    of 256 with the weight 0.005: here the mean with 256 x 0.005. In the authors' code the masks of
    IGC and TGC assume unlike orders of the negatives, so that in any order one of them compares a
    caption with other captions' negatives; here both have a row's own.
    Shapes: anchor, positive, teacher_anchor, teacher_positive (n, d); candidates and
    teacher_candidates (n, k, d), with mask (n, k), False for padding; ids (n,): equal ids never
    meet, save for i = j.

    Example:
        >>> import torch
        >>> x, wrong = torch.eye(4), -torch.eye(4)[:, None]
        >>> DeGLA()(x, x, candidates=wrong, teacher_positive=x).item() < 1e-3
        True
    """

    shapes: ClassVar[dict[str, str]] = OWN

    temperature: Temperature = Temperature(0.07)
    text_temperature: Positive = 0.1
    local: float = 0.1
    distil: float = 1.28
    learn_temperature: bool = True

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        candidates: Tensor,
        teacher_positive: Tensor,
        teacher_anchor: Tensor | None = None,
        teacher_candidates: Tensor | None = None,
        mask: Tensor | None = None,
        ids: Tensor | None = None,
    ) -> Tensor:
        t, reduction = self.temperature(), self.reduction
        wrong = candidates.flatten(0, 1) if mask is None else candidates[mask]
        whole = infonce(anchor, positive, wrong, ids=ids, temperature=t, reduction=reduction)

        def among_own(x: Tensor, key: Tensor, temperature: float | Tensor) -> Tensor:
            return queue_infonce(
                x,
                key,
                candidates=candidates,
                mask=mask,
                temperature=temperature,
                reduction=reduction,
            )

        image = among_own(anchor, positive, t)
        text = among_own(positive, teacher_positive.detach(), self.text_temperature)
        moved = _moved(positive, teacher_positive)
        if teacher_anchor is not None:
            moved = moved + _moved(anchor, teacher_anchor)
        if teacher_candidates is not None:
            each = _moved(candidates, teacher_candidates)
            moved = moved + (each if mask is None else torch.where(mask, each, 0)).sum(1)
        return whole + self.local * (image + text) + self.distil * reduce(moved, reduction)


def _moved(x: Tensor, teacher: Tensor) -> Tensor:
    return (unit(x) - unit(teacher.detach())).square().sum(-1)
