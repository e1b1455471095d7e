"""NT-Xent: both views of every example are anchors, all other views are candidates."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, one_against, others, reduce, unit


def ntxent(
    anchor: Tensor,
    positive: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.1,
    reduction: Reduction = "mean",
) -> Tensor:
    """With z the 2n views of n examples and p(i) the other view of the same example,

        L_i = log sum_{j != i} exp(cos(z_i, z_j) / temperature) - cos(z_i, z_p(i)) / temperature.

    Returns the mean over the 2n views (`none`: n rows, each the mean of an example's two views);
    SimCLR's code adds the two directions, twice this.
    Shapes: anchor, positive (n, d), the two views; ids (n,): examples with equal ids are never
    negatives of each other.
    """
    check(anchor=anchor, positive=positive, ids=ids, temperature=temperature)
    a, p = unit(anchor), unit(positive)
    rest = lse(mask=others(ids))
    block = pairs(a, p, temperature=temperature, row=[rest], column=[rest])
    first = log_add(block.row[0], *pairs(a, a, temperature=temperature, row=[rest]).row)
    second = log_add(block.column[0], *pairs(p, p, temperature=temperature, row=[rest]).row)
    hit = own(a, p, temperature=temperature)
    return reduce(one_against(hit, torch.stack([first, second])).mean(0), reduction)


@register(
    "ntxent",
    paper="Chen et al. 2020, A Simple Framework for Contrastive Learning of Visual "
    "Representations, arXiv 2002.05709",
    system="simclr",
    form="softmax, 2n candidates",
    related=("infonce", "dcl", "supcon"),
)
class NTXent(Objective):
    """`ntxent` with its settings.

    Example:
        >>> import torch
        >>> NTXent(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        0.5...
    """

    def __init__(self, temperature: float = 0.1, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature)

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `ntxent`."""
        return ntxent(
            anchor, positive, ids, temperature=self.temperature(), reduction=self.reduction
        )
