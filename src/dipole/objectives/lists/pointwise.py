"""Pointwise: each candidate by itself is relevant or not, whatever stands beside it in its list."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.errors import InputError
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce

MASK = {"mask": "n k"}


@register(
    "pair-bce",
    paper="Nogueira and Cho 2019, Passage Re-ranking with BERT, arXiv 1901.04085",
    system="pair-bce",
    form="logistic regression of each pair",
    related=("ranknet", "list-softmax", "siglip"),
    executors=(),
)
class PairBCE(Objective):
    """With the logits s_ik of an anchor and its candidates and their relevance y_ik, 0 to 1,

        L_i = - mean_k [ positive_weight y_ik log sigmoid(s_ik) + (1 - y_ik) log sigmoid(-s_ik) ].

    `positive_weight` makes up for candidates of which few are relevant. Graded pairs have one
    candidate each, and their score is its relevance. Without either the first candidate is the
    relevant one.
    Shapes: logits (n, k); relevance (n, k); scores (n,), where there is no relevance; mask (n, k),
    False for padding: rows without any candidate are not counted.

    Raises:
        InputError: a relevance or a score below 0 or above 1.

    Example:
        >>> import torch
        >>> PairBCE()(torch.tensor([[9.0, -9.0]]), torch.tensor([[1.0, 0.0]])).item() < 0.001
        True
    """

    shapes = MASK

    positive_weight: Positive = 1.0

    def forward(
        self,
        logits: Tensor,
        relevance: Tensor | None = None,
        scores: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        s, kept = wide(logits), present(logits, mask)
        y = torch.where(kept, _target(s, relevance, scores), 0)
        each = -(self.positive_weight * y * F.logsigmoid(s) + (1 - y) * F.logsigmoid(-s))
        size = kept.sum(1)
        return reduce(
            torch.where(kept, each, 0).sum(1) / size.clamp(min=1), self.reduction, size > 0
        )


def present(logits: Tensor, mask: Tensor | None) -> Tensor:
    """Which candidates are there, (n, k)."""
    return torch.ones_like(logits, dtype=torch.bool) if mask is None else mask


def _target(logits: Tensor, relevance: Tensor | None, scores: Tensor | None) -> Tensor:
    """What is to be learnt of each candidate, 0 to 1: (n, k), or (n, 1) of all of a row."""
    if relevance is None and scores is None:
        first = torch.zeros_like(logits)
        first[:, 0] = 1
        return first
    name, found = ("scores", scores) if relevance is None else ("relevance", relevance)
    assert found is not None
    found = found.detach().to(logits.dtype)
    low, high = float(found.min()), float(found.max())
    if low < 0 or high > 1:
        raise InputError(
            f"{name}: found {low if low < 0 else high:g}, expected 0 to 1 (for other grades "
            "list-softmax, ranknet, plackett-luce or lambda-loss)"
        )
    return found if found.ndim == 2 else found[:, None]
