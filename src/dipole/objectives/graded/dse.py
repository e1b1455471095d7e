"""DSE: a light head on two vectors learns the logits of a model that reads both texts together."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Count, Share
from dipole.encoders.pair_head import PairHead
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce
from dipole.objectives.sets.gml import check_classes


@register(
    "dse",
    paper="Barkan et al. 2019, Scalable Attentive Sentence-Pair Modeling via Distilled Sentence "
    "Embedding, arXiv 1908.05161",
    system="dse",
    form="regression on a teacher's logits",
    related=("margin-mse", "kl-listwise", "cadet"),
    executors=(),
)
class DSE(Objective):
    """With the head's logits y of a pair (of C classes, or one number) and a teacher's t,

        L_i = distil sum_c (y_ic - t_ic)^2 + (1 - distil) T_i,
        T_i = - log softmax_c(y_i)[label_i],    or, of one number, (y_i - score_i)^2.

    Without labels (or scores) it is the first part alone, without a teacher the second. `distil` is
    1/2 where both are there; a number above 0 that is given needs a teacher. A score and what the
    teacher says of the pair are of one unit, as the head is to give both. The head, a `PairHead`,
    is learnt; `objective.head(u, v)` then judges pairs of vectors that were encoded once each.
    outputs: C classes, or 1 for a graded score.
    Shapes: anchor, positive (n, dim), not normalised; teacher_scores (n, outputs); labels (n,), 0
    to C - 1; scores (n,).

    Example:
        >>> import torch
        >>> objective = DSE(dim=8, outputs=1)
        >>> u, v = torch.randn(2, 4, 8)
        >>> objective(u, v, teacher_scores=torch.randn(4, 1), scores=torch.rand(4)).shape
        torch.Size([])
    """

    dim: Count = 384
    outputs: Count = 1
    hidden: Count = 512
    distil: Share | None = None
    seed: int = 0

    def make(self) -> None:
        self.head = PairHead(self.dim, self.outputs, self.hidden, self.seed)

    def inputs(self) -> dict[str, bool]:
        """A training that says how much to distil needs what is distilled."""
        return super().inputs() | {"teacher_scores": bool(self.distil)}

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        teacher_scores: Tensor | None = None,
        labels: Tensor | None = None,
        scores: Tensor | None = None,
    ) -> Tensor:
        if anchor.shape[1] != self.dim:
            raise InputError(f"anchor: found shape {tuple(anchor.shape)}, expected (n, {self.dim})")
        if teacher_scores is not None and teacher_scores.shape[1] != self.outputs:
            raise InputError(
                f"teacher_scores: found shape {tuple(teacher_scores.shape)}, "
                f"expected (n, {self.outputs})"
            )
        logits = self.head(wide(anchor), wide(positive))
        return self.of_logits(logits, teacher_scores, labels, scores)

    def of_logits(
        self,
        logits: Tensor,
        teacher_scores: Tensor | None = None,
        labels: Tensor | None = None,
        scores: Tensor | None = None,
    ) -> Tensor:
        """The loss of logits (n, outputs)."""
        truth, taught = None, None
        if self.outputs > 1 and labels is not None:
            check_classes("labels", labels, self.outputs)
            truth = F.cross_entropy(logits, labels, reduction="none")
        elif self.outputs == 1 and scores is not None:
            truth = (logits[:, 0] - scores.to(logits.dtype)).square()
        if teacher_scores is not None:
            taught = (logits - teacher_scores.detach().to(logits.dtype)).square().sum(1)
        if truth is not None and taught is not None:
            share = 0.5 if self.distil is None else self.distil
            return reduce(share * taught + (1 - share) * truth, self.reduction)
        only = taught if truth is None else truth
        if only is None:
            wanted = "labels" if self.outputs > 1 else "scores"
            raise InputError(f"{wanted}: found none, expected {wanted}, teacher_scores or both")
        return reduce(only, self.reduction)
