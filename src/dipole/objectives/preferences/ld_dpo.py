"""LD-DPO: what of an answer lies beyond the shorter one counts less."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive, Share
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, log_ratio, pair


@register(
    "ld-dpo",
    paper="Liu et al. 2024, Length Desensitization in Direct Preference Optimization, arXiv "
    "2409.06411",
    system="ld-dpo",
    form="log-sigmoid of a difference of log-ratios, less of it beyond the shorter answer",
    related=("dpo", "simpo"),
    executors=(),
)
class LDDPO(Preference):
    """`dpo` with log pi(y|x) = sum_{t < s} log pi(y_t) + alpha sum_{t >= s} log pi(y_t), s the
    length of the shorter of the two answers; of the reference alike. alpha 1: `dpo`.

    Shapes: token_logps, ref_token_logps (n, 2, t), chosen first, 0 after the end of an answer;
    lengths (n, 2) in tokens.

    Example:
        >>> import torch
        >>> tokens = torch.full((1, 2, 3), -1.0)
        >>> LDDPO()(tokens, tokens, torch.tensor([[3, 2]])).item()
        0.6931...
    """

    beta: Positive = 0.1
    alpha: Share = 0.5

    def forward(self, token_logps: Tensor, ref_token_logps: Tensor, lengths: Tensor) -> Tensor:
        place = torch.arange(token_logps.shape[2], device=lengths.device)
        shorter = lengths.amin(1)[:, None, None]
        there = place < lengths[:, :, None]
        weight = torch.where(place < shorter, 1.0, self.alpha) * there
        policy, reference = ((wide(x) * weight).sum(2) for x in (token_logps, ref_token_logps))
        chosen, rejected = pair(log_ratio(policy, reference), "token_logps")
        return reduce(-F.logsigmoid(self.beta * (chosen - rejected)), self.reduction)
