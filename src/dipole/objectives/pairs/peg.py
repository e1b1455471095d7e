"""Progressive weights: all pairs count the same at first, hard ones more and more (PEG)."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import everywhere, reduce
from dipole.objectives.pairs.infonce import infonce


def progressive_weights(losses: Tensor, gamma: float, *, highest: float = 5.0) -> Tensor:
    """w_i = d_i^gamma / mean d^gamma, cut at `highest`, of the difficulty d_i = 1 - exp(-l_i).

    Without gradient; the mean is over the rows of all processes. gamma = 0 gives ones.
    Shapes: losses (n,), -log of a probability each -> (n,).
    """
    weight = (-torch.expm1(-losses.detach())).pow(gamma)
    mean = everywhere(weight).mean()
    return (weight / mean.masked_fill(mean == 0, 1)).clamp(max=highest)


def peg(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor | None = None,
    ids: Tensor | None = None,
    negative_ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.05,
    gamma: float = 1.0,
    progress: float = 1.0,
    highest: float = 5.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """With l_i the loss of `infonce` from anchor to positives and negatives, t of T steps done,

        L = 1/n sum_i w_i l_i,   w = progressive_weights(l, gamma t / T).

    At first every pair counts the same and noise averages out, later hard pairs count more.
    `highest` keeps pairs that are hard because they are wrong from taking over. gamma = 0 is
    InfoNCE. The paper says that attention to samples changes through training, and gives no
    formula in its abstract; this schedule is a reading of it.
    Shapes: as of `infonce`; progress t / T, 0 to 1.
    """
    losses = infonce(
        anchor,
        positive,
        negative,
        None,
        ids,
        negative_ids,
        temperature=temperature,
        symmetric=False,
        reduction="none",
    )
    return reduce(
        progressive_weights(losses, gamma * progress, highest=highest) * losses, reduction
    )


@register(
    "peg",
    paper="Wu et al. 2023, Towards Robust Text Retrieval with Progressive Learning, "
    "arXiv 2311.11691",
    system="peg",
    form="softmax, weight per row that grows with difficulty and time",
    related=("infonce", "focal-infonce", "weighted-infonce"),
)
class PEG(Objective):
    """`peg` with its settings. A trainer sets `progress` before every step.

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

    def __init__(
        self,
        temperature: float = 0.05,
        *,
        gamma: float = 1.0,
        highest: float = 5.0,
        progress: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        if gamma < 0:
            raise InputError(f"gamma: found {gamma}, expected 0 or more")
        if not 0 <= progress <= 1:
            raise InputError(f"progress: found {progress}, expected between 0 and 1")
        self.temperature = Temperature(temperature)
        self.gamma = gamma
        self.highest = highest
        self.progress = progress

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch; see `peg`."""
        return peg(
            anchor,
            positive,
            negative,
            ids,
            negative_ids,
            temperature=self.temperature(),
            gamma=self.gamma,
            progress=self.progress,
            highest=self.highest,
            reduction=self.reduction,
        )
