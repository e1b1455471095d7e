"""Lists for objectives that compare an anchor's own candidates, and a teacher's scores of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.objectives.maths import everywhere
from dipole.objectives.whole_batch import whole_batch
from dipole.training.parts.base import Part


def takes_lists(inputs: Mapping[str, bool]) -> bool:
    """Whether an objective, or a part of a sum, cannot do without candidates of each anchor."""
    return inputs.get("candidates", False)


class Lists(Part):
    """Every anchor's `candidates` from the batch: its positive, then all other positives and all
    negatives of all processes, (n, N + M, d); copies of its positive are masked.

    The teacher's vectors go the same way, so that a list can be distilled from pairs. In memory a
    list is a copy of the batch for every anchor: for batches of hundreds, not of thousands.
    """

    # Not the negatives that a queue or centroids add: of these no teacher says anything.
    takes = ("positive", "ids", "rows")
    may_take = ("teacher_positive", "teacher_negative", "teacher_columns")
    gives = ("candidates", "candidate_ids", "mask", "teacher_candidates", "teacher_scores")

    @classmethod
    def follows(cls, inputs: Mapping[str, bool], there: Collection[str]) -> bool:
        return takes_lists(inputs) and "candidates" not in there

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if "candidates" in batch:
            return batch
        names = {"positive": "ids", "negative": "negative_ids"}
        names = {name: ids for name, ids in names.items() if name in batch}
        columns = torch.cat([whole_batch(batch[name]) for name in names])
        ids = torch.cat([everywhere(batch[name]) for name in names.values()])
        rows = everywhere(batch["rows"])
        own = (rows == batch["rows"][:, None]).int().argmax(1, keepdim=True)
        turned = (own + torch.arange(len(rows), device=own.device)) % len(rows)
        rest = torch.arange(len(rows), len(columns), device=own.device).expand(len(own), -1)
        order = torch.cat([turned, rest], 1)
        mask = ids[order] != ids[own]
        mask[:, 0] = True
        made = {"candidates": columns[order], "candidate_ids": ids[order], "mask": mask}
        if "teacher_positive" in batch:
            theirs = torch.cat([everywhere(batch[f"teacher_{name}"]) for name in names])
            made["teacher_candidates"] = theirs[order]
        if "teacher_columns" in batch:  # scores of the same columns, by one that reads pairs
            made["teacher_scores"] = batch["teacher_columns"].gather(1, order)
        return batch | made


class Scores(Part):
    """The teacher's cosines, from the `teacher_` vectors of those before: of every anchor's
    `candidates` (n, k) if there are lists, else of all positives of all processes (n, N)."""

    takes = ("teacher_anchor",)
    may_take = ("teacher_positive", "teacher_candidates")
    gives = ("teacher_scores",)

    @classmethod
    def follows(cls, inputs: Mapping[str, bool], there: Collection[str]) -> bool:
        return "teacher_scores" in inputs and "teacher_anchor" in there

    @torch.no_grad()
    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        anchor = F.normalize(batch["teacher_anchor"].float(), dim=-1)
        name = "candidates" if "teacher_candidates" in batch else "positive"
        others = F.normalize(batch[f"teacher_{name}"].float(), dim=-1)
        if name == "candidates":
            scores = torch.einsum("nd,nkd->nk", anchor, others)
        else:
            scores = anchor @ everywhere(others).T
        return batch | {"teacher_scores": scores}
