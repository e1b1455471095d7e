"""KTO: single answers that are good or bad, valued against how far the policy has moved."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import NotNegative, Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import everywhere, reduce
from dipole.objectives.preferences.answers import Preference, good_and_there, log_ratio


@register(
    "kto",
    paper="Ethayarajh et al. 2024, KTO: Model Alignment as Prospect Theoretic Optimization, arXiv "
    "2402.01306",
    system="kto",
    form="sigmoid of a log-ratio against a reference point",
    related=("bco", "apo-zero", "ulma"),
    executors=(),
)
class KTO(Preference):
    """With g(y) = beta (log pi(y|x) - log ref(y|x)),

        L = good (1 - sigma(g(y) - z))  of good answers,  bad (1 - sigma(z - g(y)))  of bad ones
        z = beta max(0, mean over the batch of log pi(y'|x) - log ref(y'|x)),

    y' being the answer to another prompt: an estimate of KL(pi || ref), without gradient; 0 where
    none are given. `good` and `bad` weigh the two kinds. One mean over all answers of the batch.
    Shapes: logps, ref_logps, ratings (n, k), good above 0.5; mismatched_logps,
    ref_mismatched_logps (n, j); answer_mask (n, k), False for padding.

    Example:
        >>> import torch
        >>> KTO()(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])).item()
        0.5
    """

    answers = "points"

    beta: Positive = 0.1
    good: NotNegative = 1.0
    bad: NotNegative = 1.0

    def forward(
        self,
        logps: Tensor,
        ref_logps: Tensor,
        ratings: Tensor,
        mismatched_logps: Tensor | None = None,
        ref_mismatched_logps: Tensor | None = None,
        answer_mask: Tensor | None = None,
    ) -> Tensor:
        g = self.beta * log_ratio(logps, ref_logps)
        z = torch.zeros((), dtype=g.dtype, device=g.device)
        if mismatched_logps is not None and ref_mismatched_logps is not None:
            other = everywhere(log_ratio(mismatched_logps, ref_mismatched_logps))
            z = self.beta * other.mean().clamp(min=0)
        is_good, there = good_and_there(ratings, answer_mask)
        loss = torch.where(
            is_good, self.good * torch.sigmoid(z - g), self.bad * torch.sigmoid(g - z)
        )
        return reduce(loss, self.reduction, there)
