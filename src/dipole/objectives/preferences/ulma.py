"""ULMA: demonstrations by supervised learning, every other answer by its own label."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, good_and_there, log_ratio


@register(
    "ulma",
    paper="Cai et al. 2023, ULMA: Unified Language Model Alignment with Human Demonstration and "
    "Point-wise Preference, arXiv 2312.02554",
    system="ulma",
    form="likelihood of good answers, log-sigmoid of the log-ratio of bad ones",
    related=("bco", "kto"),
    rows=False,
    executors=(),
)
class ULMA(Preference):
    """With l(y) = log pi(y|x) / |y| and g(y) = beta (l(y) - the same of the reference),

        L = mean over answers rated 1 of  -l(y)              demonstrations="likelihood"
                                          -beta l(y)         "scaled"
                                          -log sigma(g(y))   "pointwise": point-wise DPO
          + mean over all others of       -log sigma(-g(y)), or (rating - g(y))^2 if `continuous`.

    Two means, each over its own kind, so that rare ones weigh as much; an empty kind counts 0.
    Shapes: mean_logps, ref_mean_logps, ratings (n, k); answer_mask (n, k), False for padding.

    Example:
        >>> import torch
        >>> ULMA()(torch.full((1, 2), -2.0), torch.full((1, 2), -2.0), torch.tensor([[1.0, 0]]))
        tensor(2.6931)
    """

    answers = "points"

    beta: Positive = 0.1
    demonstrations: Literal["likelihood", "scaled", "pointwise"] = "likelihood"
    continuous: bool = False

    def forward(
        self,
        mean_logps: Tensor,
        ref_mean_logps: Tensor,
        ratings: Tensor,
        answer_mask: Tensor | None = None,
    ) -> Tensor:
        l, g = wide(mean_logps), self.beta * log_ratio(mean_logps, ref_mean_logps)
        _, there = good_and_there(ratings, answer_mask)
        shown = ratings == 1
        taught = {"likelihood": -l, "scaled": -self.beta * l, "pointwise": -F.logsigmoid(g)}
        judged = (wide(ratings) - g).square() if self.continuous else -F.logsigmoid(-g)
        one, other = taught[self.demonstrations], judged
        return reduce(one, self.reduction, there & shown) + reduce(
            other, self.reduction, there & ~shown
        )
