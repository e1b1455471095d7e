"""Metrix: mixtures of positives and negatives are a little of both in a metric loss."""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.objectives.contract.base import Common, Objective, Reduction
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.lists.listwise import list_scores
from dipole.objectives.maths import reduce, unit


def metrix(
    anchor: Tensor,
    candidates: Tensor,
    relevance: Tensor,
    *,
    template: str = "multi-similarity",
    alpha: float = 2.0,
    beta: float = 50.0,
    margin: float = 0.5,
    reduction: Reduction = "mean",
) -> Tensor:
    """Candidate k of anchor i is positive by y_ik and negative by 1 - y_ik. With s = cosine,

        multi-similarity  L_i = 1/alpha log(1 + sum_k y_ik exp(-alpha (s_ik - margin)))
                              + 1/beta  log(1 + sum_k (1 - y_ik) exp(beta (s_ik - margin)))
        contrastive       L_i = sum_k y_ik (1 - s_ik) + (1 - y_ik) max(0, s_ik - margin).

    In the authors' code mixed negatives never count, their weights being written into the clean
    pairs' mask, and clean and mixed sums stand in one logarithm; these are the paper's equations.
    Add it to the loss of the clean pairs: `MultiSimilarity() + 0.4 * Metrix()`; its mixtures are
    made by `dipole.sampling.mixed_pairs`. For a softmax, give InfoNCE the targets as `relation`.
    Shapes: anchor (n, d); candidates (n, k, d), mixtures; relevance (n, k), their y in [0, 1].
    Defaults: those of `multi_similarity`; the margin is the paper's for `contrastive` too.
    """
    check(anchor=anchor, candidates=candidates, relevance=relevance)
    if relevance.numel() and not bool(((relevance >= 0) & (relevance <= 1)).all()):
        low, high = relevance.min().item(), relevance.max().item()
        raise InputError(f"relevance: found {low:.4g} to {high:.4g}, expected between 0 and 1")
    s = list_scores(unit(anchor), unit(candidates))
    y = wide(relevance.detach()).to(s.dtype)
    if template == "contrastive":
        return reduce((y * (1 - s) + (1 - y) * (s - margin).clamp(min=0)).sum(1), reduction)
    pull = _log_one_and(y.log() - alpha * (s - margin)) / alpha
    push = _log_one_and((1 - y).log() + beta * (s - margin)) / beta
    return reduce(pull + push, reduction)


def _log_one_and(logs: Tensor) -> Tensor:
    """log(1 + sum_k exp(logs_k)); the 1 keeps it finite where all weights are 0."""
    return torch.logsumexp(F.pad(logs, (1, 0)), 1)


@register(
    "metrix",
    paper="Venkataramanan et al. 2021, It Takes Two to Tango: Mixup for Deep Metric Learning, "
    "arXiv 2106.04990",
    system="metrix",
    form="pairs with fractional labels",
    related=("multi-similarity", "contrastive-batch"),
    executors=(),
)
class Metrix(Objective):
    """`metrix` with its settings; template is "multi-similarity" or "contrastive".

    Example:
        >>> import torch
        >>> anchor, mixed = torch.eye(2), torch.ones(2, 1, 2)
        >>> round(Metrix("contrastive")(anchor, mixed, torch.full((2, 1), 0.5)).item(), 2)
        0.25
    """

    def __init__(
        self,
        template: str = "multi-similarity",
        *,
        alpha: float = 2.0,
        beta: float = 50.0,
        margin: float = 0.5,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        if template not in ("multi-similarity", "contrastive"):
            raise InputError(
                f"template: found {template!r}, expected 'multi-similarity' or 'contrastive'"
            )
        self.template = template
        self.alpha = check_above_zero("alpha", alpha)
        self.beta = check_above_zero("beta", beta)
        self.margin = margin

    def forward(self, anchor: Tensor, candidates: Tensor, relevance: Tensor) -> Tensor:
        """The loss of a batch; see `metrix`."""
        return metrix(
            anchor,
            candidates,
            relevance,
            template=self.template,
            alpha=self.alpha,
            beta=self.beta,
            margin=self.margin,
            reduction=self.reduction,
        )
