"""IPO: the difference of two log-ratios is to be one number, not as large as can be."""

from __future__ import annotations

from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, log_ratio, pair


@register(
    "ipo",
    paper="Azar et al. 2023, A General Theoretical Paradigm to Understand Learning from Human "
    "Preferences, arXiv 2310.12036",
    system="ipo",
    form="squared error of a difference of log-ratios",
    related=("dpo", "sppo"),
    executors=(),
)
class IPO(Preference):
    """With r(y) = log pi(y|x) - log ref(y|x),

        L = (r(y_w) - r(y_l) - 1 / (2 tau))^2.

    As printed, of sums over the tokens of an answer. trl divides each log-ratio by the answer's
    length, as the authors say they did: `given(logps="mean_logps", ref_logps="ref_mean_logps")`.
    Shapes: logps, ref_logps (n, 2), chosen first.

    Example:
        >>> import torch
        >>> IPO(tau=0.5)(torch.tensor([[-4.0, -9.0]]), torch.tensor([[-5.0, -9.0]])).item()
        0.0
    """

    tau: Positive = 0.1

    def forward(self, logps: Tensor, ref_logps: Tensor) -> Tensor:
        chosen, rejected = pair(log_ratio(logps, ref_logps))
        return reduce((chosen - rejected - 1 / (2 * self.tau)).square(), self.reduction)
