"""Mega-batching: a margin for the pair, and one for the hardest negative of a large batch."""

from __future__ import annotations

from torch import Tensor

from dipole.kernels import maximum, own, pairs
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import others, reduce, unit


@register(
    "mega-batch-margin",
    paper="Wieting and Gimpel 2018, ParaNMT-50M: Pushing the Limits of Paraphrastic Sentence "
    "Embeddings with Millions of Machine Translations, arXiv 1711.05732",
    system="mega-batch-margin",
    form="two margins, the hardest negative",
    related=("triplet", "energy-hinge"),
)
class MegaBatchMargin(Objective):
    """With c_ij = cos(a_i, p_j),

        L_i = max(0, positive_margin - c_ii) + max(0, max_{j != i} c_ij - negative_margin).

    The paper chooses the hardest negative in a batch of batches and has one margin between the two
    cosines; these two margins are those of sentence-transformers. Give it the largest batch that
    you can (`--chunk`). A row without negatives has the first term alone.
    Shapes: anchor, positive (n, d); ids (n,): equal ids are never negatives.

    Example:
        >>> import torch
        >>> MegaBatchMargin()(torch.eye(3), torch.eye(3)).item()
        0.0
        >>> MegaBatchMargin(negative_margin=-0.5)(torch.eye(3), torch.eye(3)).item()
        0.5
    """

    positive_margin: float = 0.8
    negative_margin: float = 0.3

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        a, p = unit(anchor), unit(positive)
        (hardest,) = pairs(a, p, row=[maximum(mask=others(ids))]).row
        hardest = hardest.where(hardest.isfinite(), self.negative_margin)
        near = (self.positive_margin - own(a, p)).clamp(min=0)
        return reduce(near + (hardest - self.negative_margin).clamp(min=0), self.reduction)
