"""Classes that nobody gave: clusters of all examples, found before the training or on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import torch
from torch import Tensor

from dipole.declared import NotNegative, Range
from dipole.errors import InputError
from dipole.sampling.clusters import pseudo_classes
from dipole.training.every import Every
from dipole.training.parts.base import Part, Setup

if TYPE_CHECKING:
    from dipole.training.material import Material


class PseudoLabels(Part):
    """Gives every row as its `labels` the cluster it is in, of `clusters` by k-means.

    Of the vectors of `model`, or of the encoder as it is: before the first step, and anew after
    every `every` epochs, or "500steps" (0: never).
    """

    takes = ("rows",)
    gives = ("labels",)

    clusters: Annotated[int, Range(2)]
    model: str | None = None
    every: NotNegative | str = 0

    def __post_init__(self) -> None:
        self.classes: Tensor
        self.register_buffer("classes", torch.zeros(0, dtype=torch.int64))
        if self.model is not None and self.every:
            raise InputError("found every with model, whose vectors stay; expected one of the two")
        Every.read(self.every)

    def bind(self, setup: Setup) -> None:
        if self.clusters > len(setup.examples):
            raise InputError(
                f"pseudo-labels: found clusters={self.clusters} for {len(setup.examples)} rows; "
                "expected as many rows or more"
            )
        self.classes = torch.zeros(len(setup.examples), dtype=torch.int64)

    def renews_every(self) -> float | str:
        return self.every

    def renew(self, material: Material) -> dict[str, Tensor]:
        _, vectors = material.vectors(self.model)
        return {
            "classes": torch.from_numpy(pseudo_classes(vectors, self.clusters, seed=material.seed))
        }

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return batch | {"labels": self.classes[batch["rows"]]}
