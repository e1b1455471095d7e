"""Average precision made smooth: the step of a rank is a sigmoid, or distances fall into bins."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Count, Positive
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce, unit
from dipole.objectives.whole_batch import positions, whole_batch


@register(
    "smooth-ap",
    paper="Brown et al. 2020, Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval, "
    "arXiv 2007.12163",
    system="smooth-ap",
    form="average precision, its steps as sigmoids",
    related=("fast-ap", "multi-similarity", "listmle"),
    executors=(),
)
class SmoothAP(Objective):
    """With s_ij = cosine, P(i) the rows of i's class and g(x) = sigmoid(x / temperature),

        L_i = 1 - 1/|P(i)| sum_{j in P(i)}  (1 + sum_{k in P(i), k != j} g(s_ik - s_ij))
                                          / (1 + sum_{k != j}            g(s_ik - s_ij)).

    A row is the first of its own list, as in the authors' code. One without another of its class
    is not counted. Keeps n v scores for every pair of a class.
    Shapes: views (v, n, d), v views of n examples; labels (n,), without them every example is its
    own class. `none` returns (v, n).

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(2, 0)
        >>> SmoothAP()(z[None], labels=torch.tensor([0, 0, 1, 1])).item() < 1e-6
        True
    """

    temperature: Positive = 0.01

    def forward(self, views: Tensor, labels: Tensor | None = None) -> Tensor:
        v, n, _ = views.shape
        z, same = _same(views, labels)
        scores = unit(z) @ unit(whole_batch(z)).T
        size = same.sum(1)
        # The places of each row's own class, the same number for all, padded.
        places = same.to(torch.int8).topk(int(size.max()), dim=1, sorted=True).indices
        there = same.gather(1, places)
        gap = scores[:, None, :] - scores.gather(1, places)[:, :, None]
        above = torch.sigmoid(gap / self.temperature)
        above = above.scatter(2, places[:, :, None], 0.0)  # k != j
        # 1 - (1 + a) / (1 + a + b) as b / (1 + a + b), which keeps the digits of a small b.
        wrong = (above * ~same[:, None, :]).sum(2) / (1 + above.sum(2))
        rows = wrong.masked_fill(~there, 0).sum(1) / size
        return reduce(rows.view(n, v).T, self.reduction, (size > 1).view(n, v).T)


@register(
    "fast-ap",
    paper="Cakir et al. 2019, Deep Metric Learning to Rank, CVPR 2019",
    system="fast-ap",
    form="average precision of distances in soft bins",
    related=("smooth-ap", "multi-similarity"),
    executors=(),
)
class FastAP(Objective):
    """With the squared distances 2 - 2 cosine of row i to the others, each shared between the two
    nearest of bins + 1 points of 0 ... 4, h_b the number at point b, h+_b of those of i's class, H
    and H+ their sums up to b,

        L_i = 1 - 1/|P(i)| sum_b  h+_b H+_b / H_b.

    A row without another of its class is not counted. Keeps bins times the scores.
    Shapes: views (v, n, d), v views of n examples; labels (n,), without them every example is its
    own class. `none` returns (v, n).

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(2, 0)
        >>> FastAP()(z[None], labels=torch.tensor([0, 0, 1, 1])).item()
        0.0
    """

    bins: Count = 10

    def forward(self, views: Tensor, labels: Tensor | None = None) -> Tensor:
        v, n, _ = views.shape
        z, same = _same(views, labels)
        own = positions(n * v, z.device)
        others = torch.arange(same.shape[1], device=z.device) != own[:, None]
        near, size = same & others, (same & others).sum(1)
        far = 2 - 2 * unit(z) @ unit(whole_batch(z)).T
        points = torch.linspace(0, 4, self.bins + 1, dtype=z.dtype, device=z.device)
        shares = F.relu(1 - (far[:, :, None] - points).abs() * (self.bins / 4))
        ours = (shares * near[:, :, None]).sum(1)
        every = (shares * others[:, :, None]).sum(1).cumsum(1)
        # Where nothing came so far there is nothing to divide, and no gradient.
        found = ours * ours.cumsum(1) / every.masked_fill(every == 0, 1)
        precision = found.sum(1) / size.clamp(min=1)
        return reduce((1 - precision).view(n, v).T, self.reduction, (size > 0).view(n, v).T)


def _same(views: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """This process's rows (n v, d), and which rows of all processes are of their class."""
    v, n, _ = views.shape
    z = wide(views).transpose(0, 1).reshape(n * v, -1)
    classes = positions(n, z.device) if labels is None else labels
    classes = classes.repeat_interleave(v)
    return z, classes[:, None] == whole_batch(classes)
