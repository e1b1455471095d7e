"""ORPO: supervised fine-tuning on the chosen answers, and their odds above the rejected ones'."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import NotNegative
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, pair, token_mean


@register(
    "orpo",
    paper="Hong et al. 2024, ORPO: Monolithic Preference Optimization without Reference Model, "
    "arXiv 2403.07691",
    system="orpo",
    form="likelihood, and log-sigmoid of a log odds ratio",
    related=("cpo", "simpo"),
    rows=False,
    executors=(),
)
class ORPO(Preference):
    """With P(y) = exp(log pi(y|x) / |y|) and odds(y) = P(y) / (1 - P(y)),

        L = -mean log pi(token) - weight mean log sigma(log odds(y_w) - log odds(y_l)),

    the first mean being one over all tokens of the chosen answers of the batch (trl takes those of
    the prompts too). No reference. Shapes: mean_logps, lengths (n, 2), chosen first.

    Example:
        >>> import torch
        >>> ORPO(weight=0.0)(torch.tensor([[-2.0, -1.0]]), torch.tensor([[3, 4]])).item()
        2.0
    """

    weight: NotNegative = 0.1

    def forward(self, mean_logps: Tensor, lengths: Tensor) -> Tensor:
        chosen, rejected = pair(wide(mean_logps), "mean_logps")
        ratio = _log_odds(chosen) - _log_odds(rejected)
        likelihood = token_mean(chosen * lengths[:, 0], lengths[:, 0])
        return self.weight * reduce(-F.logsigmoid(ratio), self.reduction) - likelihood


def _log_odds(logp: Tensor) -> Tensor:
    """log(P / (1 - P)) of log P, which at P = 1 to rounding stays finite."""
    logp = logp.clamp(max=-torch.finfo(logp.dtype).eps)
    near = logp > -math.log(2)
    # Each branch where it keeps its digits, and harmless where the other is taken.
    left = torch.where(near, logp, -1.0).expm1().neg().log()
    right = torch.log1p(-torch.where(near, -1.0, logp).exp())
    return logp - torch.where(near, left, right)
