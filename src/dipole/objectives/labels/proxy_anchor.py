"""Proxy anchor: a learnt vector for each class pulls its own and pushes the rest of the batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.registry import register
from dipole.objectives.labels.margin_softmax import ClassVectors
from dipole.objectives.whole_batch import whole_batch


@register(
    "proxy-anchor",
    paper="Kim et al. 2020, Proxy Anchor Loss for Deep Metric Learning, arXiv 2003.13911",
    system="proxy-anchor",
    form="log-sum-exp of each class over the batch",
    related=("arcface", "multi-similarity", "binomial-deviance"),
    rows=False,
    executors=(),
)
class ProxyAnchor(ClassVectors):
    """With s_ic = cos(a_i, w_c), w_c the learnt vector of class c and C+ the classes in the batch,

        L = 1/|C+| sum_{c in C+} log(1 + sum_{i: y_i = c}  exp((margin - s_ic) / temperature))
          + 1/C    sum_c         log(1 + sum_{i: y_i != c} exp((margin + s_ic) / temperature)).

    Defaults: the paper's scale of 32 and margin of 0.1. Its vectors w_c learn at 100 times the rate
    of the tower there. The sums are over the batches of all processes.
    Shapes: anchor (n, d), d = `dim`; labels (n,), 0 to `classes` - 1 (part `classes` numbers them).

    Example:
        >>> objective = ProxyAnchor(classes=3, dim=8)
        >>> objective(torch.randn(4, 8), torch.tensor([0, 0, 1, 2])).shape
        torch.Size([])
    """

    temperature: Positive = 1 / 32
    margin: float = 0.1

    def forward(self, anchor: Tensor, labels: Tensor) -> Tensor:
        cosines, labels = whole_batch(self.cosines(anchor, labels)), whole_batch(labels)
        own = F.one_hot(labels, self.classes).bool()
        pull = ((self.margin - cosines) / self.temperature).masked_fill(~own, -torch.inf)
        push = ((self.margin + cosines) / self.temperature).masked_fill(own, -torch.inf)
        here = own.any(0)
        # softplus(logsumexp) is log(1 + sum exp); a class without an entry adds 0.
        near = F.softplus(_lse(pull))[here].sum() / here.sum().clamp(min=1)
        return near + F.softplus(_lse(push)).mean()


def _lse(x: Tensor) -> Tensor:
    """log sum_i exp x_ic; -inf, and no gradient, where all are -inf."""
    empty = (x == -torch.inf).all(0)
    return x.masked_fill(empty, 0).logsumexp(0).masked_fill(empty, -torch.inf)
