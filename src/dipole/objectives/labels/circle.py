"""Circle loss: every pair sets its own pace by how far it is from where it should be."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.kernels import Modifier, lse, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.labels.labelled import labelled


@register(
    "circle",
    paper="Sun et al. 2020, Circle Loss: A Unified Perspective of Pair Similarity Optimization, "
    "arXiv 2002.10857",
    system="multi-similarity",
    form="softplus of log-sum-exp, self-paced",
    related=("multi-similarity", "triplet-batch"),
)
class Circle(Objective):
    """With S = cosine, P(i) the others of i's class and N(i) the rest,

        L_i = log(1 + sum_{n in N(i)} exp( w-_in (S_in - margin)     / temperature)
                    * sum_{p in P(i)} exp(-w+_ip (S_ip - 1 + margin) / temperature))
        w-_in = max(0, S_in + margin), w+_ip = max(0, 1 + margin - S_ip), both detached.

    Anchors without positives or without negatives are not counted. Defaults: the paper's for
    retrieval (its gamma is 1/temperature = 80).
    Shapes: views (v, n, d), v views of n examples; labels (n,), without them every example is its
    own class; ids (n,): equal ids are never negatives. `none` returns (v, n).

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(2, 0)
        >>> Circle()(z[None], labels=torch.tensor([0, 0, 1, 1])).item() < 1e-6
        True
    """

    temperature: Temperature = Temperature(1 / 80)
    margin: float = 0.4

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        batch = labelled(views, labels, ids)
        x, y, m = batch.rows, batch.columns, self.margin
        t = torch.as_tensor(self.temperature(), dtype=x.dtype, device=x.device)

        def push(s: Tensor, t: Tensor) -> Tensor:
            return (s.detach() + m).clamp(min=0) * (s - m) / t

        def pull(s: Tensor, t: Tensor) -> Tensor:
            return (1 + m - s.detach()).clamp(min=0) * (1 - m - s) / t

        asked = [
            lse(mod=Modifier(push, shared=t), mask=batch.negative),
            lse(mod=Modifier(pull, shared=t), mask=batch.positive),
        ]
        negatives, positives = pairs(x, y, row=asked).row
        counted = negatives.isfinite() & positives.isfinite()
        return batch.reduce(F.softplus(negatives + positives), self.reduction, counted)
