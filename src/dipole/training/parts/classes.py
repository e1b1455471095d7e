"""Classes by number, for objectives that have something for each: a prior, a weight, a gate."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dipole.training.parts.base import Part, Setup


class Classes(Part):
    """`labels` as 0 to C - 1, whatever the data call their classes: in the order of their numbers,
    of names in that of their hashes."""

    takes = ("labels",)
    gives = ("labels",)

    def bind(self, setup: Setup) -> None:
        from dipole.training.known import class_numbers

        self.numbers: Tensor
        found = torch.from_numpy(np.unique(class_numbers(setup.examples)))
        self.register_buffer("numbers", found, persistent=False)

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        numbers = self.numbers.to(batch["labels"].device)
        return batch | {"labels": torch.searchsorted(numbers, batch["labels"])}
