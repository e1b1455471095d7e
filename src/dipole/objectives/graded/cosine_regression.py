"""Cosine regression: the cosine of a pair is to be its score."""

from __future__ import annotations

from torch import Tensor

from dipole.kernels import own
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import reduce, unit


@register(
    "cosine-regression",
    paper="Reimers and Gurevych 2019, Sentence-BERT, arXiv 1908.10084; of a model's scores Cheng "
    "et al. 2023, Improving Contrastive Learning of Sentence Embeddings from AI Feedback, "
    "arXiv 2305.01918",
    system="claif",
    form="squared error of the cosine",
    related=("cosent", "pearson"),
    executors=(),
)
class CosineRegression(Objective):
    """With y_i the score of pair i, on the scale of a cosine,

        L_i = (cos(a_i, p_i) - y_i)^2.

    Scores of another range (0 to 5, say) have to be divided first: a cosine never reaches them.
    Pairs alone are compared, so that nothing drives unrelated texts apart but pairs of score 0.
    Shapes: anchor, positive (n, d); scores (n,).

    Example:
        >>> import torch
        >>> CosineRegression()(torch.eye(2), torch.eye(2), torch.tensor([1.0, 0.5])).item()
        0.125
    """

    def forward(self, anchor: Tensor, positive: Tensor, scores: Tensor) -> Tensor:
        cosines = own(unit(anchor), unit(positive))
        return reduce((cosines - scores.to(cosines.dtype)).square(), self.reduction)
