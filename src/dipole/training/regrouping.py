"""Groups of rows that are found anew on the way, with the encoder as it is then."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from dipole.sampling.plans import Plan
from dipole.training.every import Every
from dipole.training.run.processes import together


class Regrouped(nn.Module):
    """A plan made of groups, which `find` finds anew after every so many epochs or steps.

    The groups, and the epoch, its first step and (of steps) the step from which they hold, are
    buffers: a checkpoint has them, so a run that goes on has the groups that it had. An epoch in
    which they are found anew goes on with the new ones at the batch where it was. How many steps
    a training has is decided by the first groups (`shares.Batches`).
    """

    def __init__(
        self,
        first: np.ndarray,
        make: Callable[[np.ndarray], Plan],
        find: Callable[[], np.ndarray],
        every: Every,
    ) -> None:
        super().__init__()
        self.groups: Tensor
        self.since: Tensor
        self.register_buffer("groups", torch.from_numpy(first.astype(np.int64)))
        # Epoch, its first step, and if steps count that from which the groups hold.
        size = 3 if every.unit == "steps" else 2
        self.register_buffer("since", torch.zeros(size, dtype=torch.int64))
        self._make, self._find, self.every = make, find, every
        self.first = make(first)

    def plan(self) -> Plan:
        """The batches of the present groups."""
        return self._make(self.groups.cpu().numpy())

    @property
    def epoch(self) -> tuple[int, int]:
        """The epoch in which the groups were found, and its first step."""
        epoch, step, *_ = self.since.tolist()
        return epoch, step

    @property
    def end(self) -> tuple[float, float]:
        """The epoch and the step from which on they no longer hold; inf where it does not count."""
        count = int(self.every.count)
        if self.every.unit == "epochs":
            return int(self.since[0]) + count, math.inf
        return math.inf, int(self.since[2]) + count

    def regroup(self, epoch: int, start: int, step: int) -> None:
        """Find the groups that hold from `step` on, of an epoch that began at `start`; every
        process calls it together."""
        self.groups = torch.from_numpy(together(self._find).astype(np.int64)).to(self.groups)
        self.since = torch.tensor([epoch, start, step][: len(self.since)]).to(self.since)
