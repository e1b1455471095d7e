"""DSE: a light head on two vectors learns the logits of a model that reads both texts together."""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.errors import InputError
from dipole.objectives.contract.base import Common, Objective, Reduction
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce
from dipole.objectives.sets.gml import check_classes


class PairHead(nn.Module):
    """y = W2 relu(W1 [u; v; u * v; |u - v|]): (n, dim) and (n, dim) to (n, outputs).

    `seed` draws the first weights, so that every process starts with the same.
    """

    def __init__(self, dim: int, outputs: int, hidden: int = 512, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first, self.last = nn.Linear(4 * dim, hidden), nn.Linear(hidden, outputs)
        self.dim = dim

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        pair = torch.cat([u, v, u * v, (u - v).abs()], -1)
        logits: Tensor = self.last(F.relu(self.first(pair)))
        return logits


def dse(
    logits: Tensor,
    teacher_scores: Tensor | None = None,
    labels: Tensor | None = None,
    scores: Tensor | None = None,
    *,
    distil: float = 0.5,
    reduction: Reduction = "mean",
) -> Tensor:
    """With a pair's logits y (of C classes, or one number) and a teacher's t,

        L_i = distil sum_c (y_ic - t_ic)^2 + (1 - distil) T_i,
        T_i = - log softmax_c(y_i)[label_i],    or, of one number, (y_i - score_i)^2.

    Without labels (or scores) it is the first part alone, without a teacher the second.
    Shapes: logits, teacher_scores (n, C); labels (n,), 0 to C - 1; scores (n,).
    """
    check(
        logits=logits,
        teacher_scores=teacher_scores,
        labels=labels,
        scores=scores,
        shapes={"logits": "n c"},
    )
    classes, truth, taught = logits.shape[1], None, None
    if classes > 1 and labels is not None:
        check_classes("labels", labels, classes)
        truth = F.cross_entropy(logits, labels, reduction="none")
    elif classes == 1 and scores is not None:
        truth = (logits[:, 0] - scores.to(logits.dtype)).square()
    if teacher_scores is not None:
        taught = (logits - teacher_scores.detach().to(logits.dtype)).square().sum(1)
    if truth is not None and taught is not None:
        return reduce(distil * taught + (1 - distil) * truth, reduction)
    only = taught if truth is None else truth
    if only is None:
        wanted = "labels" if classes > 1 else "scores"
        raise InputError(f"{wanted}: found none, expected {wanted}, teacher_scores or both")
    return reduce(only, reduction)


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
    """`dse` with its head, learnt; `outputs` classes, or 1 for a graded score.

    `objective.head(u, v)` then judges pairs of vectors that were encoded once each.

    Example:
        >>> import torch
        >>> objective = DSE(dim=8, outputs=1)
        >>> u, v = torch.randn(2, 4, 8)
        >>> objective(u, v, teacher_scores=torch.randn(4, 1), scores=torch.rand(4)).shape
        torch.Size([])
    """

    def __init__(
        self,
        dim: int = 384,
        outputs: int = 1,
        *,
        hidden: int = 512,
        distil: float = 0.5,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        if not 0 <= distil <= 1:
            raise InputError(f"distil: found {distil!r}, expected a number from 0 to 1")
        if outputs < 1:
            raise InputError(f"outputs: found {outputs}, expected 1 or more")
        self.head = PairHead(dim, outputs, hidden, seed)
        self.outputs = outputs
        self.distil = distil

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        teacher_scores: Tensor | None = None,
        labels: Tensor | None = None,
        scores: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch; see `dse`. Shapes: anchor, positive (n, dim), not normalised."""
        check(
            anchor=anchor,
            positive=positive,
            teacher_scores=teacher_scores,
            labels=labels,
            scores=scores,
        )
        if anchor.shape[1] != self.head.dim:
            raise InputError(
                f"anchor: found shape {tuple(anchor.shape)}, expected (n, {self.head.dim})"
            )
        if teacher_scores is not None and teacher_scores.shape[1] != self.outputs:
            raise InputError(
                f"teacher_scores: found shape {tuple(teacher_scores.shape)}, "
                f"expected (n, {self.outputs})"
            )
        logits = self.head(wide(anchor), wide(positive))
        return dse(
            logits, teacher_scores, labels, scores, distil=self.distil, reduction=self.reduction
        )
