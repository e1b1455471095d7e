"""f-DPO: DPO for other divergences from the reference than the reverse KL."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive, Range
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, log_ratio, pair


@register(
    "f-dpo",
    paper="Wang et al. 2023, Beyond Reverse KL: Generalizing Direct Preference Optimization with "
    "Diverse Divergence Constraints, arXiv 2309.16240",
    system="f-dpo",
    form="log-sigmoid of a difference of transformed log-ratios",
    related=("dpo",),
    executors=(),
)
class FDPO(Preference):
    """With r the log-ratio of policy and reference,

        L = -log sigma(beta (h(r(y_w)) - h(r(y_l))))
        h(r) = log 2 + log sigma(r)                      js (Jensen-Shannon)
               1 - exp(-r)                               forward-kl
               (exp((alpha - 1) r) - 1) / (alpha - 1)    alpha, between the two KLs

    h being f' of pi / ref up to a constant; of the reverse KL it is r itself, and the loss `dpo`.
    Shapes: logps, ref_logps (n, 2), chosen first, sums over tokens.

    Example:
        >>> import torch
        >>> FDPO()(torch.zeros(1, 2), torch.zeros(1, 2)).item()
        0.6931...
    """

    beta: Positive = 0.1
    divergence: Literal["js", "forward-kl", "alpha"] = "js"
    alpha: Annotated[float, Range(0, 0.999, above=True)] = 0.5

    def forward(self, logps: Tensor, ref_logps: Tensor) -> Tensor:
        chosen, rejected = pair(self._reward(log_ratio(logps, ref_logps)))
        return reduce(-F.logsigmoid(self.beta * (chosen - rejected)), self.reduction)

    def _reward(self, r: Tensor) -> Tensor:
        if self.divergence == "js":
            return math.log(2) + F.logsigmoid(r)
        if self.divergence == "forward-kl":
            return -torch.expm1(-r)
        return torch.expm1((self.alpha - 1) * r) / (self.alpha - 1)
