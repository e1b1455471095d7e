"""CPO: DPO without a reference, held by the likelihood of the chosen answers."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from dipole.declared import NotNegative, Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, pair, token_mean


@register(
    "cpo",
    paper="Xu et al. 2024, Contrastive Preference Optimization: Pushing the Boundaries of LLM "
    "Performance in Machine Translation, arXiv 2401.08417",
    system="cpo",
    form="log-sigmoid of a difference of log-probabilities, and a likelihood",
    related=("dpo", "simpo", "orpo"),
    rows=False,
    executors=(),
)
class CPO(Preference):
    """With l(y) = log pi(y|x), a sum over tokens,

        L = mean -log sigma(beta (l(y_w) - l(y_l))) - alpha mean log pi(token),

    the second mean being one over all tokens of the chosen answers of the batch; the paper has
    -l(y_w). No reference. Shapes: logps, lengths (n, 2), chosen first; lengths in tokens.

    Example:
        >>> import torch
        >>> CPO()(torch.tensor([[-6.0, -6.0]]), torch.tensor([[3, 4]])).item()
        2.6931...
    """

    beta: Positive = 0.1
    alpha: NotNegative = 1.0

    def forward(self, logps: Tensor, lengths: Tensor) -> Tensor:
        chosen, rejected = pair(wide(logps))
        loss = reduce(-F.logsigmoid(self.beta * (chosen - rejected)), self.reduction)
        return loss - self.alpha * token_mean(chosen, lengths[:, 0])
