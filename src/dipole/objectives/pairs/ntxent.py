"""NT-Xent: both views of every example are anchors, all other views are candidates."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Objective, Reduction, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, one_against, others, reduce, unit


@register(
    "ntxent",
    paper="Chen et al. 2020, A Simple Framework for Contrastive Learning of Visual "
    "Representations, arXiv 2002.05709",
    system="ntxent",
    form="softmax, 2n candidates",
    related=("infonce", "dcl", "supcon"),
)
class NTXent(Objective):
    """With z the 2n views of n examples and p(i) the other view of the same example,

        L_i = log sum_{j != i} exp(cos(z_i, z_j) / temperature) - cos(z_i, z_p(i)) / temperature.

    Returns the mean over the 2n views (`none`: n rows, each the mean of an example's two views);
    SimCLR's code adds the two directions, twice this.
    Shapes: anchor, positive (n, d), the two views; ids (n,): examples with equal ids are never
    negatives of each other.

    Example:
        >>> import torch
        >>> NTXent(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        0.5...
    """

    temperature: Temperature = Temperature(0.1)

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        return ntxent(
            anchor, positive, ids, temperature=self.temperature(), reduction=self.reduction
        )


def ntxent(
    anchor: Tensor,
    positive: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.1,
    reduction: Reduction = "mean",
) -> Tensor:
    """`NTXent` as a function."""
    a, p = unit(anchor), unit(positive)
    rest = torch.stack(other_views(a, p, ids, temperature))
    return reduce(one_against(own(a, p, temperature=temperature), rest).mean(0), reduction)


def other_views(
    a: Tensor, p: Tensor, ids: Tensor | None, temperature: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Of both views of every example log sum_{j != i, p(i)} exp(z_i . z_j / temperature)."""
    rest = [lse(mask=others(ids))]
    block = pairs(a, p, temperature=temperature, row=rest, column=rest)
    first = log_add(block.row[0], *pairs(a, a, temperature=temperature, row=rest).row)
    second = log_add(block.column[0], *pairs(p, p, temperature=temperature, row=rest).row)
    return first, second
