"""DeGLA: a clean global contrast, and a picture's own wrong captions that act on it alone."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.systems.base import System
from dipole.training.batches import padded
from dipole.training.parts.base import Part
from dipole.training.recipe import Recipe


class OwnNegatives(Part):
    """The negatives that a row lists as its own `candidates`, (n, k, d), `mask` False for padding;
    the teacher's vectors of them go the same way."""

    takes = ("negative", "negative_rows", "rows", "teacher_negative")
    gives = ("candidates", "teacher_candidates", "mask")

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        owners = batch["negative_rows"]
        mine = batch["rows"][:, None] == owners
        count = mine.sum(1)
        places = torch.arange(int(count.max()) if len(owners) else 0, device=owners.device)
        mask = places < count[:, None]
        order = mine.nonzero()[:, 1]  # a row's one after the other
        made = {"mask": mask, "candidates": padded(batch["negative"][order], mask)}
        if "teacher_negative" in batch:
            made["teacher_candidates"] = padded(batch["teacher_negative"][order], mask)
        return batch | made


SYSTEM = System(
    id="degla",
    paper=(
        "Hu et al. 2025, Decoupled Global-Local Alignment for Improving Compositional "
        "Understanding, arXiv 2504.16801"
    ),
    # An image or text, its caption, and wrong captions of it (the paper's are written by a language
    # model); the slow teacher is that of both towers.
    recipe=Recipe(
        wants=["triplets"],
        objective="degla",
        objective_options={"local": 0.1, "distil": 1.28, "text_temperature": 0.1},
        temperature=0.07,
        parts=[
            {"teacher": {"decay": 0.9996}},
            {"dipole.systems.vision_language.degla:OwnNegatives": {}},
        ],
    ),
)
