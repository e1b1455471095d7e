"""BCO: a classifier of good and bad answers whose logit is the implicit reward, shifted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import total_everywhere
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, good_and_there, log_ratio


@register(
    "bco",
    paper="Jung et al. 2024, Binary Classifier Optimization for Large Language Model Alignment, "
    "arXiv 2404.04656",
    system="bco",
    form="binary cross-entropy of a log-ratio, with a running shift",
    related=("kto", "ulma", "dpo"),
    executors=(),
)
class BCO(Preference):
    """With g(y) = beta (log pi(y|x) - log ref(y|x)),

        L = -log sigma(g(y) - delta)  of good answers,  -log sigma(delta - g(y))  of bad ones.

    delta is the mean over the batches so far of each batch's mean reward, this one included,
    without gradient: a buffer, so a checkpoint has it; in eval mode it stays as it is. The paper
    has the mean of the means of both kinds; this is how trl's BCOTrainer had it. `shift=False`:
    delta is 0, its baseline. One mean over all answers of the batch.
    Shapes: logps, ref_logps, ratings (n, k), good above 0.5; answer_mask (n, k).

    Example:
        >>> import torch
        >>> BCO()(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])).item()
        0.6931...
    """

    answers = "points"

    beta: Positive = 0.1
    shift: bool = True

    def make(self) -> None:
        self.delta: Tensor
        self.batches: Tensor
        self.register_buffer("delta", torch.zeros(()))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(
        self,
        logps: Tensor,
        ref_logps: Tensor,
        ratings: Tensor,
        answer_mask: Tensor | None = None,
    ) -> Tensor:
        g = self.beta * log_ratio(logps, ref_logps)
        is_good, there = good_and_there(ratings, answer_mask)
        if self.training and self.shift:
            self._observe(g.detach(), there)
        z = g - self.delta.to(g.dtype)
        return reduce(-F.logsigmoid(torch.where(is_good, z, -z)), self.reduction, there)

    def _observe(self, g: Tensor, there: Tensor) -> None:
        """Take the mean reward of the batch of all processes into the mean of all batches."""
        count = total_everywhere(there.sum().to(g.dtype)).clamp(min=1)
        mean = total_everywhere(torch.where(there, g, 0).sum()) / count
        self.batches = self.batches + 1
        self.delta = self.delta + (mean.to(self.delta.dtype) - self.delta) / self.batches
