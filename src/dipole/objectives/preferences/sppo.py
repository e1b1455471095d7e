"""SPPO: self-play as a regression of each log-ratio."""

from __future__ import annotations

from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, log_ratio, pair


@register(
    "sppo",
    paper="Wu et al. 2024, Self-Play Preference Optimization for Language Model Alignment, arXiv "
    "2405.00675",
    system="sppo",
    form="squared error of each log-ratio",
    related=("ipo", "apo-zero"),
    executors=(),
)
class SPPO(Preference):
    """With r(y) = log pi(y|x) - log ref(y|x), of pairs whose winner is certain,

        L = (r(y_w) - 1 / (2 beta))^2 + (r(y_l) + 1 / (2 beta))^2.

    beta is 1 / eta of the paper. Shapes: logps, ref_logps (n, 2), chosen first, sums over tokens.

    Example:
        >>> import torch
        >>> SPPO(beta=0.5)(torch.tensor([[-4.0, -9.0]]), torch.tensor([[-5.0, -8.0]])).item()
        0.0
    """

    beta: Positive = 0.1

    def forward(self, logps: Tensor, ref_logps: Tensor) -> Tensor:
        chosen, rejected = pair(log_ratio(logps, ref_logps))
        aim = 1 / (2 * self.beta)
        return reduce((chosen - aim).square() + (rejected + aim).square(), self.reduction)
