"""Logits of lists, for the objectives that take them, of encoders that read one input at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.lists.listwise import list_scores
from dipole.objectives.maths import unit
from dipole.training.parts.base import Part


class Logits(Part):
    """The cosine of every anchor and each of its candidates over `temperature`, as `logits` (n, k);
    of graded pairs of each pair, (n, 1).

    What reads two inputs together gives its own, and these stay as they are. It comes by itself;
    named it has another temperature: `logits:temperature=0.1`.
    """

    takes = ("anchor",)
    may_take = ("positive", "candidates", "logits")
    gives = ("logits",)

    temperature: Positive = 0.05

    @classmethod
    def follows(cls, inputs: Mapping[str, bool], there: Collection[str]) -> bool:
        return "logits" in inputs and "logits" not in there

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if "logits" in batch:
            return batch
        anchor = unit(batch["anchor"])
        if "candidates" in batch:
            cosines = list_scores(anchor, unit(batch["candidates"]))
        else:
            cosines = torch.linalg.vecdot(anchor, unit(batch["positive"]))[:, None]
        return batch | {"logits": cosines / self.temperature}
