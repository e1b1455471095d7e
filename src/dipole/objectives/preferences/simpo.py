"""SimPO and AlphaPO: no reference, rewards per token, and a margin between them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import NotNegative, Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, pair


@register(
    "simpo",
    paper="Meng et al. 2024, SimPO: Simple Preference Optimization with a Reference-Free Reward, "
    "arXiv 2405.14734",
    system="simpo",
    form="log-sigmoid of a difference of log-probabilities per token",
    related=("alphapo", "cpo", "orpo"),
    executors=(),
)
class SimPO(Preference):
    """With l(y) = log pi(y|x) / |y|, the mean over the tokens of an answer,

        L = -log sigma(beta l(y_w) - beta l(y_l) - gamma).

    trl's `simpo_gamma` is gamma / beta. Shapes: mean_logps (n, 2), chosen first.

    Example:
        >>> import torch
        >>> SimPO(gamma=0.0)(torch.tensor([[-1.0, -1.0]])).item()
        0.6931...
    """

    beta: Positive = 2.0
    gamma: NotNegative = 1.0

    def forward(self, mean_logps: Tensor) -> Tensor:
        chosen, rejected = pair(wide(mean_logps), "mean_logps")
        margin = self.beta * (chosen - rejected) - self.gamma
        return reduce(-F.logsigmoid(margin), self.reduction)


@register(
    "alphapo",
    paper="Gupta et al. 2025, AlphaPO: Reward Shape Matters for LLM Alignment, arXiv 2501.03884",
    system="alphapo",
    form="log-sigmoid of a difference of powers of probabilities per token",
    related=("simpo",),
    executors=(),
)
class AlphaPO(Preference):
    """With P(y) = exp(log pi(y|x) / |y|),

        r(y) = (1 - P(y)^-alpha) / alpha
        L    = -log sigma(beta r(y_w) - beta r(y_l) - gamma).

    alpha near 0: `simpo`. Shapes: mean_logps (n, 2), chosen first.

    Example:
        >>> import torch
        >>> AlphaPO(gamma=0.0)(torch.tensor([[-1.0, -1.0]])).item()
        0.6931...
    """

    beta: Positive = 2.5
    gamma: NotNegative = 0.5
    alpha: Positive = 0.25

    def forward(self, mean_logps: Tensor) -> Tensor:
        reward = -torch.expm1(-self.alpha * wide(mean_logps)) / self.alpha
        chosen, rejected = pair(reward, "mean_logps")
        margin = self.beta * (chosen - rejected) - self.gamma
        return reduce(-F.logsigmoid(margin), self.reduction)
