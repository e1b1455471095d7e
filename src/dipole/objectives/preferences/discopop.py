"""DiscoPOP: a loss that a language model wrote, between a logistic and an exponential one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, log_ratio, pair


@register(
    "discopop",
    paper="Lu et al. 2024, Discovering Preference Optimization Algorithms with and for Large "
    "Language Models, arXiv 2406.08414",
    system="discopop",
    form="mixture of a log-sigmoid and an exponential",
    related=("dpo", "slic"),
    executors=(),
)
class DiscoPOP(Preference):
    """With m = beta (r(y_w) - r(y_l)), r the log-ratio of policy and reference, s = sigma(m / tau),

        L = -(1 - s) log sigma(m) + s exp(-m).

    It is not convex: about m = 0 it falls and rises again. Shapes: logps, ref_logps (n, 2), chosen
    first, sums over tokens.

    Example:
        >>> import torch
        >>> DiscoPOP()(torch.zeros(1, 2), torch.zeros(1, 2)).item()
        0.8465...
    """

    beta: Positive = 0.05
    tau: Positive = 0.05

    def forward(self, logps: Tensor, ref_logps: Tensor) -> Tensor:
        chosen, rejected = pair(log_ratio(logps, ref_logps))
        m = self.beta * (chosen - rejected)
        s = torch.sigmoid(m / self.tau)
        return reduce(-(1 - s) * F.logsigmoid(m) + s * (-m).exp(), self.reduction)
