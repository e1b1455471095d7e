"""NCA: several rated answers of a prompt, each against its noise."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, log_ratio, of_lists
from dipole.objectives.preferences.infonca import PAPER, targets


@register(
    "nca",
    paper=PAPER,
    system="nca",
    form="binary cross-entropy of log-ratios against their noise",
    related=("infonca", "bco", "kto"),
    executors=(),
)
class NCA(Preference):
    """With g and w as in `infonca`, of K answers,

        L = -sum_i (w_i log sigma(g_i) + log sigma(-g_i) / K),

    which says how likely each answer is to be, not only in which order: the likelihood of the
    best one does not sink. Shapes: logps, ref_logps, ratings (n, k); answer_mask (n, k).

    Example:
        >>> import torch
        >>> NCA()(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])).item()
        1.3862...
    """

    answers = "list"

    beta: Positive = 0.1
    alpha: Positive = 0.01

    def forward(
        self,
        logps: Tensor,
        ref_logps: Tensor,
        ratings: Tensor,
        answer_mask: Tensor | None = None,
    ) -> Tensor:
        there, counted = of_lists(ratings, answer_mask)
        g = self.beta * log_ratio(logps, ref_logps)
        w, k = targets(ratings, self.alpha, there), there.sum(1, keepdim=True)
        terms = w * F.logsigmoid(g) + F.logsigmoid(-g) / k
        return reduce(-torch.where(there, terms, 0).sum(1), self.reduction, counted)
