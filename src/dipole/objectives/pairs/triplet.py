"""Triplet loss: the positive closer than the negative by a margin, and which negatives count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.kernels import (
    Mask,
    Modifier,
    Statistic,
    count,
    lists,
    maximum,
    minimum,
    own,
    pairs,
    top,
    total,
)
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.distances import Distance, distance
from dipole.objectives.labels.labelled import Labelled, labelled
from dipole.objectives.maths import everywhere, others, reduce, unit, unlike

Mining = Literal["hard", "semi-hard", "all", "active"]
# One block of negatives: statistics of its scores, given the masks that come on top of its own.
Block = Callable[[Callable[[list[Mask]], list[Statistic]]], tuple[Tensor, ...]]
SLOTS = 8  # positives of a row that one pass over the tiles serves


class _Triplets(Objective):
    """What both triplet objectives are made with."""

    margin: float | None = 0.2
    mining: Mining = "hard"
    distance: Distance = "squared"


@register(
    "triplet",
    paper="Schroff et al. 2015, FaceNet: A Unified Embedding for Face Recognition and Clustering, "
    "arXiv 1503.03832",
    system="crl-review",
    form="margin between two pairs",
    related=("triplet-batch", "energy-hinge", "n-pair"),
)
class Triplet(_Triplets):
    """With the distances D of unit vectors, squared or Euclidean, and N(i) the negatives of i,

        L_i = mean_{n in M(i)} max(0, D(a_i, p_i) - D(a_i, n) + margin);

    `margin=None` takes log(1 + exp(D(a_i, p_i) - D(a_i, n))) instead (the soft margin).
    N(i) is the row's own `candidates` if they are given (explicit triplets), else every other
    positive of the batch; and every `negative`. M(i) of N(i) by `mining`:

        hard       the closest negative
        semi-hard  the closest of those farther than the positive; if there is none, the farthest
        all        every one
        active     every one whose term is above 0

    The paper's settings are squared distances, 0.2 and `semi-hard`. A row without negatives is not
    counted.
    Shapes: anchor, positive (n, d); negative (m, d); candidates (n, k, d); ids (n,),
    negative_ids (m,): equal ids are never negatives of each other.

    Example:
        >>> import torch
        >>> Triplet(margin=1.0)(torch.eye(3), torch.eye(3))  # squared distances 0 and 2
        tensor(0.)
        >>> Triplet(margin=3.0)(torch.eye(3), torch.eye(3), candidates=torch.ones(3, 1, 3))
        tensor(2.1547)
    """

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        candidates: Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        a, p = unit(anchor), unit(positive)
        blocks = [_pairs(a, p, others(ids)) if candidates is None else _lists(a, unit(candidates))]
        if negative is not None:
            blocks.append(_pairs(a, unit(negative), unlike(ids, negative_ids)))
        rows, counted = _mined(own(a, p)[:, None], blocks, self.margin, self.mining, self.distance)
        return reduce(rows, self.reduction, counted)


@register(
    "triplet-batch",
    paper="Hermans et al. 2017, In Defense of the Triplet Loss for Person Re-Identification, "
    "arXiv 1703.07737",
    system="crl-review",
    form="margin between two pairs, labels",
    related=("triplet", "multi-similarity", "lifted"),
)
class BatchTriplet(_Triplets):
    """`Triplet` with every view as an anchor, the others of its class as positives, the rest as
    negatives: the mean over the triplets (i, p, n) that `mining` keeps,

        hard       the farthest positive and the closest negative, one triplet per anchor
        semi-hard  for every positive the closest negative that is farther than it; if there is
                   none, the farthest
        all        every positive with every negative
        active     those of them whose term is above 0

    taken anchor by anchor, then over the anchors (sentence-transformers and pytorch-metric-learning
    take one mean over all triplets of the batch; for classes of one size `all` and `semi-hard` are
    the same). Anchors without positives or without negatives are not counted. The paper prefers
    `hard`, `euclidean`, `margin=None`.
    Memory O(n (d + P)), time O(n^2 (d + P)), P the size of the largest class (`hard`: P = 1).
    Shapes: views (v, n, d), v views of n examples; labels (n,), without them every example is its
    own class; ids (n,): equal ids are never negatives. `none` returns (v, n).

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(2, 0)
        >>> BatchTriplet(margin=3.0)(z[None], labels=torch.tensor([0, 0, 1, 1]))
        tensor(1.)
    """

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        batch = labelled(views, labels, ids)
        rows, counted = triplet_rows(batch, self.margin, self.mining, self.distance)
        return batch.reduce(rows, self.reduction, counted)


def triplet_rows(
    batch: Labelled, margin: float | None, mining: Mining, distance: Distance
) -> tuple[Tensor, Tensor]:
    """One number per row, and whether it is counted."""
    x, y = batch.rows, batch.columns
    if mining == "hard":
        positives = pairs(x, y, row=[minimum(mask=batch.positive)]).row[0][:, None]
        positives = positives.where(positives.isfinite(), -torch.inf)
    else:
        sizes = [count(batch.positive), count(batch.negative)]
        friends, strangers = pairs(x.detach(), y.detach(), row=sizes).row
        most = max(1, int(everywhere(friends.where(strangers > 0, 0)).max()))
        positives = pairs(x, y, row=[top(most, mask=batch.positive)]).row[0]
    return _mined(positives, [_pairs(x, y, batch.negative)], margin, mining, distance)


def _mined(
    positives: Tensor, blocks: list[Block], margin: float | None, mining: Mining, kind: Distance
) -> tuple[Tensor, Tensor]:
    """Rows of scores with their positives (n, P), -inf where there are fewer, against negatives."""
    some = positives > -torch.inf
    reach = distance(positives.where(some, 0), kind)

    def term(gap: Tensor) -> Tensor:
        return F.softplus(gap) if margin is None else F.relu(gap + margin)

    if mining in ("all", "active"):
        # A positive that is not there lies at -inf: its terms and their gradients are 0.
        near = reach.where(some, -torch.inf).split(SLOTS, 1)
        sums, above = torch.stack([_all(slots, blocks, term, kind) for slots in near]).sum(0)
        (negatives,) = _sum(blocks, lambda mask: [count(mask)])
        size = above if mining == "active" else some.sum(1) * negatives
        return sums / size.clamp(min=1), some.any(1) & (negatives > 0)
    if mining == "hard":
        (hardest,) = _best(blocks, lambda mask: [maximum(mask=mask)])
        found = hardest[:, None]
    else:
        found = _semi_hard(positives, blocks)
    kept = some & found.isfinite()
    gap = reach - distance(found.where(kept, 0), kind)
    size = kept.sum(1)
    return (term(gap) * kept).sum(1) / size.clamp(min=1), size > 0


def _all(
    reach: Tensor, blocks: list[Block], term: Callable[[Tensor], Tensor], kind: Distance
) -> Tensor:
    """Sums over the triplets of positives at distances `reach`: of terms, of terms above 0."""

    def terms(score: Tensor, near: Tensor) -> Tensor:
        return term(near[:, :, None] - distance(score, kind)[:, None])

    mods = [
        Modifier(lambda s, near: terms(s, near).sum(1), row=reach),
        Modifier(lambda s, near: (terms(s, near) > 0).sum(1).to(s), row=reach.detach()),
    ]
    return torch.stack(_sum(blocks, lambda mask: [total(mod, mask=mask) for mod in mods]))


def _semi_hard(positives: Tensor, blocks: list[Block]) -> Tensor:
    """For each positive the score of its negative, (n, P)."""
    (farthest,) = _best(blocks, lambda mask: [minimum(mask=mask)], -1)
    found: list[Tensor] = []
    for slots in positives.detach().split(SLOTS, 1):
        closer = [Mask(lambda s, p: s < p, row=p) for p in slots.unbind(1)]
        found += _best(blocks, partial(_maxima, closer))
    best = torch.stack(found, 1)
    return best.where(best > -torch.inf, farthest[:, None])


def _maxima(closer: list[Mask], mask: list[Mask]) -> list[Statistic]:
    return [maximum(mask=[*mask, one]) for one in closer]


def _pairs(x: Tensor, y: Tensor, mask: Sequence[Mask]) -> Block:
    return lambda make: pairs(x, y, row=make(list(mask))).row


def _lists(x: Tensor, candidates: Tensor) -> Block:
    return lambda make: lists(x, candidates, row=make([]))


def _sum(blocks: list[Block], make: Callable[[list[Mask]], list[Statistic]]) -> list[Tensor]:
    found = [block(make) for block in blocks]
    return [torch.stack(same).sum(0) for same in zip(*found, strict=True)]


def _best(
    blocks: list[Block], make: Callable[[list[Mask]], list[Statistic]], sign: int = 1
) -> list[Tensor]:
    found = [block(make) for block in blocks]
    return [sign * (sign * torch.stack(same)).amax(0) for same in zip(*found, strict=True)]
