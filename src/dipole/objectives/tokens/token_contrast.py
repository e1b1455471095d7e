"""Tokens of one text told from each other: the contrast of SimCTG."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from torch import Tensor

from dipole.declared import Range
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import total_everywhere, wide
from dipole.objectives.maths import unit


@register(
    "token-contrast",
    paper="Su et al. 2022, A Contrastive Framework for Neural Text Generation, arXiv 2202.06417",
    system="simctg",
    form="hinge on the cosines within a text",
    related=("next-token", "align-uniform"),
    rows=False,
    executors=(),
)
class TokenContrast(Objective):
    """With h_is the last states of the tokens of text i, one mean over all pairs s != t of tokens
    of one text, of all texts of the batch:

        L = mean max(0, margin - cos(h_is, h_is) + cos(h_is, h_it)),   cos(h_is, h_is) = 1

    so 0 where tokens are at least `margin` further from each other than from themselves, and
    `margin` where all are alike. With margin 2 it is linear in the cosines. Texts of a single token
    do not count; a batch of none else is 0. Memory: n t^2 cosines.
    Shapes: anchor (n, t, d), states; anchor_mask (n, t), False for padding.

    Example:
        >>> import torch
        >>> same, apart = torch.ones(1, 3, 1), torch.eye(3)[None]
        >>> TokenContrast()(same).item(), TokenContrast()(apart).item()
        (0.5, 0.0)
    """

    shapes: ClassVar[dict[str, str]] = {"anchor": "n t d", "anchor_mask": "n t"}

    margin: Annotated[float, Range(0, 2)] = 0.5

    def forward(self, anchor: Tensor, anchor_mask: Tensor | None = None) -> Tensor:
        states = unit(wide(anchor))
        if anchor_mask is None:
            anchor_mask = torch.ones(anchor.shape[:2], dtype=torch.bool, device=anchor.device)
        cosines = states @ states.transpose(1, 2)
        pairs = anchor_mask[:, :, None] & anchor_mask[:, None]
        pairs = pairs & ~torch.eye(anchor.shape[1], dtype=torch.bool, device=anchor.device)
        loss = (self.margin - 1 + cosines).clamp(min=0).masked_fill(~pairs, 0).sum()
        count = total_everywhere(pairs.sum().to(loss.dtype))
        return total_everywhere(loss) / count.clamp(min=1)
