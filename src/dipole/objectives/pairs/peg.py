"""Progressive weights: all pairs count the same at first, hard ones more and more (PEG)."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import NotNegative, Share
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import everywhere, reduce
from dipole.objectives.pairs.infonce import infonce


@register(
    "peg",
    paper="Wu et al. 2023, Towards Robust Text Retrieval with Progressive Learning, "
    "arXiv 2311.11691",
    system="peg",
    form="softmax, weight per row that grows with difficulty and time",
    related=("infonce", "focal-infonce", "weighted-infonce"),
)
class PEG(Objective):
    """With l_i the loss of InfoNCE from anchor to positives and negatives,

        d_i = 1 - exp(-l_i)                                      (the difficulty, detached)
        w_i = min(d_i^(gamma progress) / mean d^(gamma progress), highest)
        L_i = w_i l_i,

    the mean over the rows of all processes. `progress` is the share of the training that is done,
    0 to 1; a trainer sets it before every step. At first every pair counts the same and noise
    averages out, later hard pairs count more. `highest` keeps pairs that are hard because they are
    wrong from taking over. gamma = 0 is InfoNCE. No code of the authors is public. Their paper's
    abstract says that attention to samples changes through training, their model's card that a
    sample's weight follows how difficult its negatives are; this schedule is a reading of both.
    Shapes: as of `InfoNCE`.

    Example:
        >>> import torch
        >>> a, p = torch.eye(3), torch.eye(3)[[0, 2, 1]]
        >>> objective = PEG(temperature=1.0)
        >>> objective.progress = 0.0
        >>> early = objective(a, p)
        >>> objective.progress = 1.0
        >>> bool(objective(a, p) > early)
        True
    """

    temperature: Temperature = Temperature(0.05)
    gamma: NotNegative = 1.0
    highest: float = 5.0
    progress: Share = 0.0

    def at(self, done: float) -> None:
        """The weights rise with the share of the training that is done."""
        super().at(done)
        self.progress = done

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        losses = infonce(
            anchor,
            positive,
            negative,
            None,
            ids,
            negative_ids,
            temperature=self.temperature(),
            symmetric=False,
            reduction="none",
        )
        weight = (-torch.expm1(-losses.detach())).pow(self.gamma * self.progress)
        mean = everywhere(weight).mean()
        weight = (weight / mean.masked_fill(mean == 0, 1)).clamp(max=self.highest)
        return reduce(weight * losses, self.reduction)
