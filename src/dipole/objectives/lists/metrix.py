"""Metrix: mixtures of positives and negatives are a little of both in a metric loss."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.lists.listwise import list_scores
from dipole.objectives.maths import reduce, unit


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
    """Candidate k of anchor i is positive by y_ik and negative by 1 - y_ik. With s = cosine,

        multi-similarity  L_i = 1/alpha log(1 + sum_k y_ik exp(-alpha (s_ik - margin)))
                              + 1/beta  log(1 + sum_k (1 - y_ik) exp(beta (s_ik - margin)))
        contrastive       L_i = sum_k y_ik (1 - s_ik) + (1 - y_ik) max(0, s_ik - margin).

    In the authors' code mixed negatives never count, their weights being written into the clean
    pairs' mask, and clean and mixed sums stand in one logarithm; these are the paper's equations.
    Add it to the loss of the clean pairs: `MultiSimilarity() + 0.4 * Metrix()`; its mixtures are
    made by `dipole.sampling.mixed_pairs`. For a softmax, give InfoNCE the targets as `relation`.
    Shapes: anchor (n, d); candidates (n, k, d), mixtures; relevance (n, k), their y in [0, 1].
    Defaults: those of `MultiSimilarity`; the margin is the paper's for `contrastive` too.

    Example:
        >>> import torch
        >>> anchor, mixed = torch.eye(2), torch.ones(2, 1, 2)
        >>> round(Metrix("contrastive")(anchor, mixed, torch.full((2, 1), 0.5)).item(), 2)
        0.25
    """

    template: Literal["multi-similarity", "contrastive"] = "multi-similarity"
    alpha: Positive = 2.0
    beta: Positive = 50.0
    margin: float = 0.5

    def forward(self, anchor: Tensor, candidates: Tensor, relevance: Tensor) -> Tensor:
        if relevance.numel() and not bool(((relevance >= 0) & (relevance <= 1)).all()):
            low, high = relevance.min().item(), relevance.max().item()
            raise InputError(f"relevance: found {low:.4g} to {high:.4g}, expected between 0 and 1")
        s = list_scores(unit(anchor), unit(candidates))
        y, over = wide(relevance.detach()).to(s.dtype), s - self.margin
        if self.template == "contrastive":
            return reduce((y * (1 - s) + (1 - y) * over.clamp(min=0)).sum(1), self.reduction)
        pull = _log_one_and(y.log() - self.alpha * over) / self.alpha
        push = _log_one_and((1 - y).log() + self.beta * over) / self.beta
        return reduce(pull + push, self.reduction)


def _log_one_and(logs: Tensor) -> Tensor:
    """log(1 + sum_k exp(logs_k)); the 1 keeps it finite where all weights are 0."""
    return torch.logsumexp(F.pad(logs, (1, 0)), 1)
