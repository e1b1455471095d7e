"""Reading the batches of a task: its rows, this process's part of them, its views."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from dipole.training.batches import Batch, collate
from dipole.training.rendering import Columns, render
from dipole.training.towers import masks_copies

if TYPE_CHECKING:
    from dipole.training.config import Config
    from dipole.training.material import Material
    from dipole.training.tasks import Task


class Reader:
    """Reads the batches of the task of this number."""

    def __init__(
        self, task: Task, number: int, material: Material, config: Config, device: torch.device
    ) -> None:
        self.task, self.number, self.material = task, number, material
        self.chunk, self.seed = config.chunk, config.seed
        self.views = [view.to(device) for view in task.views]
        self.sides = [replace(one, view=one.view.to(device)) for one in task.sides]
        # Only listed and remembered negatives can be left out; a plan keeps the others apart.
        self._leaves_out = bool(task.parts) or "negatives" in task.examples.FIELDS
        self._masks_copies = masks_copies(task.objective)
        self._of_anchors = any("no_negative_anchors" in part.taken() for part in task.parts)

    def read(self, step: int, rows: np.ndarray, rank: int, processes: int) -> Batch:
        """This process's part of a batch, or all of one that has no row for each process."""
        replicated = 1 < processes > len(rows)
        known = self.material.known
        no_negatives = no_negative_anchors = None
        if self._leaves_out and known.keys.shape[1] == 2:  # of all processes
            own = not self._masks_copies
            no_negatives = known.no_negatives(rows, own=own)
            if self._of_anchors:
                no_negative_anchors = known.no_negatives(rows, own=own, side=1)
        shares = [rows] if replicated else np.array_split(rows, processes)
        own_share = 0 if replicated else rank
        batch = collate(
            self.task.examples,
            shares[own_share],
            self.material.encoder,
            chunk=self.chunk,
            views=self.views,
            sides=self.sides,
            seed=(self.seed, step),
            start=sum(map(len, shares[:own_share])),
            total=len(rows),
            replicated=replicated,
            no_negatives=no_negatives,
            no_negative_anchors=no_negative_anchors,
        )
        return replace(batch, task=self.number, source=self.task.name)

    def render(self, columns: Columns) -> Columns:
        """The columns with the views of features drawn."""
        return render(columns, self.views, self.chunk, self.sides)
