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
    "Natural Language Inference Data, arXiv 1705.02364; in Cer et al. 2018, Universal Sentence "
    "Encoder, arXiv 1803.11175",
    system="universal-sentence-encoder",
    form="softmax over classes of pairs",
    related=("classify", "dse", "cosine-regression"),
    executors=(),
)
class ClassifyPair(Objective):
    """Cross-entropy of a hidden layer on two vectors, their distances and their products,

        L_i = -log softmax(W2 relu(W1 [u_i; v_i; u_i * v_i; |u_i - v_i|] + b1) + b2)_{y_i}.

    The class of a pair stands in its score, a whole number from 0: of natural language inference
    0, 1 and 2 for entailment, neutral and contradiction, say. Vectors are taken as they are. The
    head is a `PairHead`; it is saved beside the run's encoder and judges pairs (`HeadScorer`).
    Shapes: anchor u, positive v (n, d), d = `dim`; scores (n,), 0 to C - 1.

    Example:
        >>> import torch
        >>> objective = ClassifyPair(dim=8, outputs=3)
        >>> u, v = torch.randn(2, 4, 8)
        >>> objective(u, v, torch.tensor([0.0, 1.0, 2.0, 0.0])).shape
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
        classes = scores.long()
        wrong = scores[(classes != scores) | (classes < 0) | (classes >= self.outputs)]
        if len(wrong):
            raise InputError(
                f"scores: found {float(wrong[0]):g}, expected the class of the pair, a whole number"
                f" from 0 to {self.outputs - 1} (--objective-option outputs=C)"
            )
        logits = self.head(wide(anchor), wide(positive))
        return reduce(F.cross_entropy(logits, classes, reduction="none"), self.reduction)
