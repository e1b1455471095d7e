"""Centroids that follow the training: hard negatives, and clusters of likely false ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive, Range, Share
from dipole.errors import InputError
from dipole.objectives.maths import everywhere
from dipole.sampling.clusters import pseudo_classes
from dipole.sampling.online_kmeans import assign, farthest_first, follow, mean_cosine
from dipole.training.every import Every
from dipole.training.parts.base import Part, Setup

if TYPE_CHECKING:
    from dipole.training.material import Material


class Centroids(Part):
    """Gives the objective each anchor's second nearest of `count` centroids as a `negative`, and
    the cluster it is in as its `labels`.

    Centroids start as a chain of unlike anchors of a batch (`farthest_first`), as soon as the mean
    cosine of its anchors falls below `start`: before, clusters mean nothing, and every anchor is
    its own. They follow the anchors of all processes by `rate`. With `every` they are the centres
    that k-means finds of all anchors, before the first step and anew after so many epochs, or
    "500steps". For `InfoNCE(symmetric=False) + 1e-3 * BidirectionalMargin()`.

    Source: Deng et al. 2023, ClusterNS, arXiv 2305.09892 (128 centroids for batches of 256, start
    0.4, rate 1e-3; the mean of the assigned anchors, where the released code takes their sum).
    """

    takes = ("anchor", "ids", "rows")
    gives = ("negative", "negative_ids", "negative_rows", "labels")

    count: Annotated[int, Range(2)]
    start: Annotated[float, Range()] = 0.4
    rate: Share = 1e-3
    every: Positive | str | None = None

    def __post_init__(self) -> None:
        self.vectors: Tensor
        self.register_buffer("vectors", torch.zeros(0, 0))
        self._arriving: tuple[Tensor, Tensor] | None = None
        if self.every is not None:
            Every.read(self.every)

    def bind(self, setup: Setup) -> None:
        if "negative" not in setup.inputs:
            raise InputError(
                "centroids: the objective takes no negatives; expected one with 'negative', as "
                "infonce + 0.001 bidirectional-margin"
            )

    def renews_every(self) -> float | str | None:
        return self.every

    def renew(self, material: Material) -> dict[str, Tensor]:
        anchors, _ = material.vectors(None)
        groups = pseudo_classes(anchors, min(self.count, len(anchors)), seed=material.seed)
        centres = [anchors[groups == group].mean(0) for group in np.unique(groups)]
        return {"vectors": F.normalize(torch.from_numpy(np.stack(centres)), dim=-1)}

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        anchors = F.normalize(batch["anchor"].detach().float(), dim=-1)
        self._arriving = anchors, batch["ids"]
        # A cluster of one's own: no other row has this number.
        labels = -1 - batch["rows"]
        if not len(self.vectors):
            return batch | {"labels": labels}
        nearest, second = assign(anchors, self.vectors)
        more = {"negative": self.vectors[second].to(batch["anchor"])}
        if "negative" in batch:
            more["negative"] = torch.cat([batch["negative"], more["negative"]])
        for name in {"negative_ids", "negative_rows"} & set(batch):  # copies of nothing, no one's
            none = batch[name].new_full((len(second),), -1)
            more[name] = torch.cat([batch[name], none])
        return batch | more | {"labels": nearest}

    def after_step(self) -> None:
        if self._arriving is None:  # the step was another task's
            return
        anchors, ids = (everywhere(x) for x in self._arriving)
        self._arriving = None
        if len(self.vectors):
            self.vectors = follow(self.vectors, anchors, self.rate)
            return
        chosen = anchors[_first_of_each(ids)]
        ready = len(chosen) >= self.count and mean_cosine(chosen) < self.start
        # Decided by the first process for all: a late digit may differ.
        if everywhere(torch.tensor([ready], device=chosen.device))[0]:
            self.vectors = farthest_first(chosen, self.count)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        # There are none before they start.
        self.vectors = torch.empty_like(state[f"{prefix}vectors"], device=self.vectors.device)
        super()._load_from_state_dict(state, prefix, *rest)


def _first_of_each(ids: Tensor) -> Tensor:
    """The first row of every different id, in the order of the rows."""
    values, inverse = torch.unique(ids, return_inverse=True)
    rows = torch.arange(len(ids), device=ids.device)
    first = torch.full_like(values, len(ids)).scatter_reduce_(0, inverse, rows, "amin")
    return first.sort().values
