"""Classify-pair: what two texts are to each other, as one of C classes, told from their vectors."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Count
from dipole.encoders.pair_head import PairHead
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce


@register(
    "classify-pair",
    paper="Conneau et al. 2017, Supervised Learning of Universal Sentence Representations from "
    "Natural Language Inference Data, arXiv 1705.02364; scores between classes Tai et al. 2015, "
    "arXiv 1503.00075; in Cer et al. 2018, Universal Sentence Encoder, arXiv 1803.11175",
    system="universal-sentence-encoder",
    form="softmax over classes of pairs",
    related=("classify", "dse", "cosine-regression"),
    executors=(),
)
class ClassifyPair(Objective):
    """Cross-entropy of a hidden layer on two vectors, their products and their distances,

        l_i = log softmax(W2 relu(W1 [u_i; v_i; u_i * v_i; |u_i - v_i|] + b1) + b2)
        L_i = -(1 - r_i) l_i,k - r_i l_i,k+1,    k the whole part of the score y_i, r_i = y_i - k.

    The class of a pair is its score, from 0: of natural language inference 0, 1 and 2, say, for
    entailment, neutral and contradiction. A score between two classes (0 to 5 of relatedness)
    belongs to both. Vectors are taken as they are. The head is a `PairHead`: it is saved beside the
    run's encoder and judges pairs (`HeadScorer`). outputs: the number C of classes.
    Shapes: anchor u, positive v (n, d), d = `dim`; scores (n,), 0 to C - 1.

    Example:
        >>> import torch
        >>> objective = ClassifyPair(dim=8, outputs=3)
        >>> u, v = torch.randn(2, 4, 8)
        >>> objective(u, v, torch.tensor([0.0, 1.0, 2.0, 0.5])).shape
        torch.Size([])
    """

    dim: Count = 128
    outputs: Count = 3
    hidden: Count = 512
    seed: int = 0

    def make(self) -> None:
        self.head = PairHead(self.dim, self.outputs, self.hidden, self.seed)

    def forward(self, anchor: Tensor, positive: Tensor, scores: Tensor) -> Tensor:
        if anchor.shape[1] != self.dim:
            raise InputError(f"anchor: found shape {tuple(anchor.shape)}, expected (n, {self.dim})")
        outside = scores[(scores < 0) | (scores > self.outputs - 1)]
        if len(outside):
            raise InputError(
                f"scores: found {float(outside[0]):g}, expected a class, 0 to {self.outputs - 1} "
                "(--objective-option outputs=C for C classes)"
            )
        logs = F.log_softmax(self.head(wide(anchor), wide(positive)), 1)
        low = scores.long()
        share = (scores - low).to(logs.dtype)
        next_one = (low + 1).clamp(max=self.outputs - 1)
        here, there = (logs.gather(1, k[:, None])[:, 0] for k in (low, next_one))
        return reduce(-(1 - share) * here - share * there, self.reduction)
