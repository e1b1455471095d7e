"""Distributions over a list: the student's scores of its candidates follow a teacher's."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.base import Objective, Reduction, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce, unit

LIST = {"teacher_scores": "n k", "mask": "n k"}
TAMBER = (
    "Tamber et al. 2025, Conventional Contrastive Learning Often Falls Short: Improving "
    "Dense Retrieval with Cross-Encoder Listwise Distillation and Synthetic Data, arXiv 2505.19274"
)


def list_scores(anchor: Tensor, candidates: Tensor) -> Tensor:
    """(n, k): the dot products of every row with its own candidates."""
    return (candidates @ anchor[:, :, None])[:, :, 0]


def kl_listwise(
    anchor: Tensor,
    candidates: Tensor,
    teacher_scores: Tensor,
    mask: Tensor | None = None,
    *,
    temperature: float | Tensor,
    teacher_temperature: float,
    reduction: Reduction = "mean",
) -> Tensor:
    """`KLListwise` as a function."""
    s = list_scores(unit(anchor), unit(candidates)) / temperature
    t = wide(teacher_scores.detach()) / teacher_temperature
    log_p, log_q = _log_softmax(t, mask).to(s.dtype), _log_softmax(s, mask)
    return reduce((log_p.exp() * (log_p - log_q)).sum(1), reduction, _some(mask))


@register(
    "kl-listwise",
    paper=TAMBER,
    system="cadet",
    form="divergence of two softmaxes over a list",
    related=("listnet", "listmle", "margin-mse", "cadet"),
    executors=(),
)
class KLListwise(Objective):
    """With s_ik = cos(a_i, c_ik) and the teacher's scores t_ik of the same list,

        L_i = KL(softmax_k(t_ik / teacher_temperature) || softmax_k(s_ik / temperature)).

    Two temperatures: a teacher's score of [0, 1] is no cosine. No factor temperature^2.
    Shapes: anchor (n, d); candidates (n, k, d); teacher_scores (n, k), without gradient;
    mask (n, k), False for padding: rows without any candidate are not counted.
    Defaults: Tamber et al. 2025.

    Example:
        >>> import torch
        >>> anchor, candidates = torch.eye(2), torch.eye(2).expand(2, 2, 2)
        >>> KLListwise(1.0, 1.0)(anchor, candidates, torch.eye(2)).item()
        0.0
    """

    shapes = LIST

    temperature: Temperature = Temperature(0.05)
    teacher_temperature: Positive = 0.3

    def forward(
        self,
        anchor: Tensor,
        candidates: Tensor,
        teacher_scores: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        return kl_listwise(
            anchor,
            candidates,
            teacher_scores,
            mask,
            temperature=self.temperature(),
            teacher_temperature=self.teacher_temperature,
            reduction=self.reduction,
        )


@register(
    "listnet",
    paper="Cao et al. 2007, Learning to Rank: From Pairwise Approach to Listwise Approach, "
    "ICML 2007",
    system="sycl",
    form="softmax over a list, soft targets",
    related=("kl-listwise", "listmle", "sycl"),
    executors=(),
)
class ListNet(Objective):
    """With s_ik = cos(a_i, c_ik) and relevances y_ik, the cross-entropy of who comes first:

        L_i = - sum_k softmax_k(y_ik / label_temperature) log softmax_k(s_ik / temperature).

    It is `KLListwise` of y up to the entropy of the target, a constant.
    Shapes: anchor (n, d); candidates (n, k, d); relevance (n, k); mask (n, k), False for padding.

    Example:
        >>> import torch
        >>> anchor, candidates = torch.eye(2), torch.eye(2).expand(2, 2, 2)
        >>> ListNet()(anchor, candidates, 100 * torch.eye(2)).item() < 1e-6
        True
    """

    shapes = LIST

    temperature: Temperature = Temperature(0.05)
    label_temperature: Positive = 1.0

    def forward(
        self, anchor: Tensor, candidates: Tensor, relevance: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        s = list_scores(unit(anchor), unit(candidates)) / self.temperature()
        y = wide(relevance.detach()) / self.label_temperature
        target = _log_softmax(y, mask).to(s.dtype).exp()
        if mask is not None:
            target = target * mask
        return reduce(-(target * _log_softmax(s, mask)).sum(1), self.reduction, _some(mask))


def _log_softmax(logits: Tensor, mask: Tensor | None) -> Tensor:
    """Over the candidates that are there; 0 for the others, so that they add nothing."""
    if mask is None:
        return F.log_softmax(logits, 1)
    empty = ~mask.any(1, keepdim=True)
    return F.log_softmax(logits.masked_fill(~mask & ~empty, -torch.inf), 1).masked_fill(~mask, 0)


def _some(mask: Tensor | None) -> Tensor | None:
    return None if mask is None else mask.any(1)
