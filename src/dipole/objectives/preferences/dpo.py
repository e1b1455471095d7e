"""DPO: the implicit reward of the chosen answer above that of the rejected one."""

from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive, Range
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, log_ratio, pair

# The share of pairs whose order is wrong: from a half on nothing can be learnt.
Wrong = Annotated[float, Range(0, 0.4999)]


@register(
    "dpo",
    paper="Rafailov et al. 2023, Direct Preference Optimization: Your Language Model is Secretly a "
    "Reward Model, arXiv 2305.18290; label_smoothing: Mitchell 2023, A note on DPO with noisy "
    "preferences and relationship to IPO",
    system="dpo",
    form="log-sigmoid of a difference of log-ratios",
    related=("robust-dpo", "ipo", "infonca"),
    executors=(),
)
class DPO(Preference):
    """With r(y) = log pi(y|x) - log ref(y|x), y_w the chosen and y_l the rejected answer,

        m = beta (r(y_w) - r(y_l))
        L = -(1 - e) log sigma(m) - e log sigma(-m).

    e is `label_smoothing`, the share of pairs whose order is taken to be wrong (cDPO); 0: plain
    DPO. Shapes: logps, ref_logps (n, 2), chosen first, in nats, sums over the answer's tokens; with
    `given(logps="mean_logps", ref_logps="ref_mean_logps")` means over them.

    Example:
        >>> import torch
        >>> DPO()(torch.tensor([[-5.0, -9.0]]), torch.tensor([[-5.0, -9.0]])).item()
        0.6931...
    """

    beta: Positive = 0.1
    label_smoothing: Wrong = 0.0

    def forward(self, logps: Tensor, ref_logps: Tensor) -> Tensor:
        chosen, rejected = pair(log_ratio(logps, ref_logps))
        margin, e = self.beta * (chosen - rejected), self.label_smoothing
        loss = -(1 - e) * F.logsigmoid(margin) - e * F.logsigmoid(-margin)
        return reduce(loss, self.reduction)


@register(
    "robust-dpo",
    paper="Chowdhury et al. 2024, Provably Robust DPO: Aligning Language Models with Noisy "
    "Feedback, arXiv 2403.00409",
    system="robust-dpo",
    form="unbiased log-sigmoid of a difference of log-ratios",
    related=("dpo",),
    executors=(),
)
class RobustDPO(Preference):
    """With m as in `dpo` and e the share of pairs whose order was turned,

        L = (-(1 - e) log sigma(m) + e log sigma(-m)) / (1 - 2e),

    whose mean over the turns is the DPO loss of the true order. e is `label_smoothing`.
    Shapes: logps, ref_logps (n, 2), chosen first.

    Example:
        >>> import torch
        >>> RobustDPO()(torch.zeros(1, 2), torch.zeros(1, 2)).item()
        0.6931...
    """

    beta: Positive = 0.1
    label_smoothing: Wrong = 0.1

    def forward(self, logps: Tensor, ref_logps: Tensor) -> Tensor:
        chosen, rejected = pair(log_ratio(logps, ref_logps))
        margin, e = self.beta * (chosen - rejected), self.label_smoothing
        loss = -(1 - e) * F.logsigmoid(margin) + e * F.logsigmoid(-margin)
        return reduce(loss / (1 - 2 * e), self.reduction)
