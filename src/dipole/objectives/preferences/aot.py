"""AOT: the sorted margins of the policy above those of the reference, one by one."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, pair
from dipole.objectives.whole_batch import positions, whole_batch


@register(
    "aot",
    paper="Melnyk et al. 2024, Distributional Preference Alignment of LLMs via Optimal Transport, "
    "arXiv 2406.05882",
    system="aot",
    form="log-sigmoid of differences of sorted margins",
    related=("dpo",),
    executors=(),
)
class AOT(Preference):
    """With p_i = log pi(y_w|x_i) - log pi(y_l|x_i) and q_i the same of the reference,

        L_i = -log sigma(beta (p_i - q_j)),  q_j of the same rank in the batch as p_i:

    of all batches with these margins the smallest loss. Ranks are those in the batch of all
    processes; equal margins keep their order. Shapes: logps, ref_logps (n, 2), chosen first.

    Example:
        >>> import torch
        >>> one, other = torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[3.0, 0], [1.0, 0]])
        >>> AOT()(one, other).item()
        0.6931...
    """

    beta: Positive = 0.1

    def forward(self, logps: Tensor, ref_logps: Tensor) -> Tensor:
        chosen, rejected = pair(wide(logps))
        ref_chosen, ref_rejected = pair(wide(ref_logps), "ref_logps")
        margins = chosen - rejected
        ranks = whole_batch(margins.detach()).argsort(stable=True).argsort()
        own = ranks[positions(len(margins), margins.device)]
        reference = whole_batch(ref_chosen - ref_rejected).sort(stable=True).values[own]
        return reduce(-F.logsigmoid(self.beta * (margins - reference)), self.reduction)
