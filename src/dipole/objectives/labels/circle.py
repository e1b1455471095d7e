"""Circle loss: every pair sets its own pace by how far it is from where it should be."""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.kernels import Modifier, lse, pairs
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.labels.labelled import Labelled, labelled


def circle(
    views: Tensor,
    labels: Tensor | None = None,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 1 / 80,
    margin: float = 0.4,
    reduction: Reduction = "mean",
) -> Tensor:
    """With S = cosine, P(i) the others of i's class and N(i) the rest,

        L_i = log(1 + sum_{n in N(i)} exp( w-_in (S_in - margin)     / temperature)
                    * sum_{p in P(i)} exp(-w+_ip (S_ip - 1 + margin) / temperature))
        w-_in = max(0, S_in + margin), w+_ip = max(0, 1 + margin - S_ip), both detached.

    Anchors without positives or without negatives are not counted. Defaults: the paper's for
    retrieval (its gamma is 1/temperature = 80).
    Shapes: views (v, n, d), v views of n examples; labels (n,), without them every example is its
    own class; ids (n,): equal ids are never negatives. `none` returns (v, n).
    """
    check(views=views, labels=labels, ids=ids, temperature=temperature)
    batch = labelled(views, labels, ids)
    rows, counted = circle_rows(batch, temperature, margin)
    return batch.reduce(rows, reduction, counted)


def circle_rows(
    batch: Labelled, temperature: float | Tensor, margin: float
) -> tuple[Tensor, Tensor]:
    """One number per row, and whether it is counted."""

    def push(s: Tensor, t: Tensor) -> Tensor:
        return (s.detach() + margin).clamp(min=0) * (s - margin) / t

    def pull(s: Tensor, t: Tensor) -> Tensor:
        return (1 + margin - s.detach()).clamp(min=0) * (1 - margin - s) / t

    t = torch.as_tensor(temperature, dtype=batch.rows.dtype, device=batch.rows.device)
    asked = [
        lse(mod=Modifier(push, shared=t), mask=batch.negative),
        lse(mod=Modifier(pull, shared=t), mask=batch.positive),
    ]
    negatives, positives = pairs(batch.rows, batch.columns, row=asked).row
    return F.softplus(negatives + positives), negatives.isfinite() & positives.isfinite()


@register(
    "circle",
    paper="Sun et al. 2020, Circle Loss: A Unified Perspective of Pair Similarity Optimization, "
    "arXiv 2002.10857",
    system="multi-similarity",
    form="softplus of log-sum-exp, self-paced",
    related=("multi-similarity", "triplet-batch"),
)
class Circle(Objective):
    """`circle` with its settings.

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(2, 0)
        >>> Circle()(z[None], labels=torch.tensor([0, 0, 1, 1])).item() < 1e-6
        True
    """

    def __init__(
        self, temperature: float = 1 / 80, margin: float = 0.4, **common: Unpack[Common]
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature)
        self.margin = margin

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch; see `circle`."""
        return circle(
            views,
            labels,
            ids,
            temperature=self.temperature(),
            margin=self.margin,
            reduction=self.reduction,
        )
