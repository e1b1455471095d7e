"""InfoNCA: the ratings of several answers of a prompt as a distribution over them."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, log_ratio, of_lists

PAPER = (
    "Chen et al. 2024, Noise Contrastive Alignment of Language Models with Explicit Rewards, "
    "arXiv 2402.05369"
)


def targets(ratings: Tensor, alpha: float, there: Tensor) -> Tensor:
    """softmax(ratings / alpha) over the answers that are there, (n, k)."""
    return (wide(ratings) / alpha).masked_fill(~there, -torch.inf).softmax(1)


@register(
    "infonca",
    paper=PAPER,
    system="nca",
    form="cross-entropy of a softmax over log-ratios",
    related=("nca", "dpo", "kl-listwise"),
    executors=(),
)
class InfoNCA(Preference):
    """With g_i = beta (log pi(y_i|x) - log ref(y_i|x)) and targets w = softmax(ratings / alpha),

        L = -sum_i w_i log softmax(g)_i.

    Two answers rated 1 and 0 and alpha near 0: `dpo`. Only differences of g count.
    The authors' code adds 0.01 to the first rating to break ties, and has alpha 1e-4, nearly a
    hard maximum; here ties stay ties.
    Shapes: logps, ref_logps, ratings (n, k); answer_mask (n, k), False for padding: a row of one
    answer is not counted.

    Example:
        >>> import torch
        >>> InfoNCA()(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])).item()
        0.6931...
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
        chances = g.masked_fill(~there, -torch.inf).log_softmax(1).masked_fill(~there, 0)
        loss = -(targets(ratings, self.alpha, there) * chances).sum(1)
        return reduce(loss, self.reduction, counted)
