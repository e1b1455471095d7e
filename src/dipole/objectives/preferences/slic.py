"""SLiC: a hinge on the difference of two implicit rewards."""

from __future__ import annotations

from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, log_ratio, pair


@register(
    "slic",
    paper="Zhao et al. 2023, SLiC-HF: Sequence Likelihood Calibration with Human Feedback, arXiv "
    "2305.10425; on log-ratios: Liu et al. 2023, Statistical Rejection Sampling Improves "
    "Preference Optimization, arXiv 2309.06657",
    system="slic",
    form="hinge of a difference of log-ratios",
    related=("dpo", "ipo"),
    executors=(),
)
class SLiC(Preference):
    """With r(y) = log pi(y|x) - log ref(y|x),

        L = max(0, 1 - beta (r(y_w) - r(y_l))).

    Shapes: logps, ref_logps (n, 2), chosen first, sums over tokens.

    Example:
        >>> import torch
        >>> SLiC(beta=1.0)(torch.tensor([[-4.0, -9.0]]), torch.tensor([[-6.0, -9.0]])).item()
        0.0
    """

    beta: Positive = 0.1

    def forward(self, logps: Tensor, ref_logps: Tensor) -> Tensor:
        chosen, rejected = pair(log_ratio(logps, ref_logps))
        return reduce((1 - self.beta * (chosen - rejected)).relu(), self.reduction)
