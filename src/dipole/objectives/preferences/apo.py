"""APO: losses that fix in which direction the likelihood of each answer goes."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, log_ratio, pair

_PAPER = (
    "D'Oosterlinck et al. 2024, Anchored Preference Optimization and Contrastive Revisions: "
    "Addressing Underspecification in Alignment, arXiv 2408.06266"
)


@register(
    "apo-zero",
    paper=_PAPER,
    system="apo-clair",
    form="sigmoid of each log-ratio",
    related=("apo-down", "kto", "dpo"),
    executors=(),
)
class APOZero(Preference):
    """With g(y) = beta (log pi(y|x) - log ref(y|x)),

        L = (1 - sigma(g(y_w))) + sigma(g(y_l)):

    the chosen answer always up, the rejected one always down, each until it is settled. For
    answers that are better than what the model says.
    Shapes: logps, ref_logps (n, 2), chosen first, sums over tokens.

    Example:
        >>> import torch
        >>> APOZero()(torch.zeros(1, 2), torch.zeros(1, 2)).item()
        1.0
    """

    beta: Positive = 0.1

    def forward(self, logps: Tensor, ref_logps: Tensor) -> Tensor:
        chosen, rejected = pair(self.beta * log_ratio(logps, ref_logps))
        return reduce(torch.sigmoid(-chosen) + torch.sigmoid(rejected), self.reduction)


@register(
    "apo-down",
    paper=_PAPER,
    system="apo-clair",
    form="sigmoid of a log-ratio and of a difference of two",
    related=("apo-zero", "dpo"),
    executors=(),
)
class APODown(Preference):
    """With g as in `apo-zero`,

        L = sigma(g(y_w)) + (1 - sigma(g(y_w) - g(y_l))):

    both answers down, the rejected one further. For answers that are worse than what the model
    says. Nothing holds it: stop it by a validation or by how far it has moved.
    Shapes: logps, ref_logps (n, 2), chosen first, sums over tokens.

    Example:
        >>> import torch
        >>> APODown()(torch.zeros(1, 2), torch.zeros(1, 2)).item()
        1.0
    """

    beta: Positive = 0.1

    def forward(self, logps: Tensor, ref_logps: Tensor) -> Tensor:
        chosen, rejected = pair(self.beta * log_ratio(logps, ref_logps))
        return reduce(torch.sigmoid(chosen) + torch.sigmoid(rejected - chosen), self.reduction)
