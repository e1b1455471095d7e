"""EXO: the reverse divergence from what the preference says of a pair."""

from __future__ import annotations

import math
from typing import Annotated

import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive, Range
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, log_ratio, pair


@register(
    "exo",
    paper="Ji et al. 2024, Towards Efficient Exact Optimization of Language Model Alignment, arXiv "
    "2402.00856",
    system="exo",
    form="reverse KL of a softmax over two log-ratios",
    related=("dpo", "sppo"),
    executors=(),
)
class EXO(Preference):
    """With m = beta (r(y_w) - r(y_l)), r the log-ratio of policy and reference, and e
    `label_smoothing`,

        L = KL((sigma(m), sigma(-m)) || (1 - e, e)).

    Shapes: logps, ref_logps (n, 2), chosen first, sums over tokens.

    Example:
        >>> import torch
        >>> EXO(label_smoothing=0.4999)(torch.zeros(1, 2), torch.zeros(1, 2)).item() < 1e-6
        True
    """

    beta: Positive = 0.1
    label_smoothing: Annotated[float, Range(0, 0.5, above=True)] = 0.001

    def forward(self, logps: Tensor, ref_logps: Tensor) -> Tensor:
        chosen, rejected = pair(log_ratio(logps, ref_logps))
        right, wrong = (F.logsigmoid(x) for x in _both(self.beta * (chosen - rejected)))
        e = self.label_smoothing
        loss = right.exp() * (right - math.log1p(-e)) + wrong.exp() * (wrong - math.log(e))
        return reduce(loss, self.reduction)


def _both(margin: Tensor) -> tuple[Tensor, Tensor]:
    return margin, -margin
