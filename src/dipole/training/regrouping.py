"""Groups of rows that are found anew on the way, with the encoder as it is then."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from dipole.sampling.plans import Plan
from dipole.training.run.processes import together


class Regrouped(nn.Module):
    """A plan made of groups, which `find` finds anew after every `every` epochs.

    The groups, and the epoch and step from which they hold, are buffers: a checkpoint has them, so
    a run that goes on in the middle of an epoch has the groups that it had. How many steps a
    training has is decided by the first groups (`shares.Batches`).
    """

    def __init__(
        self,
        first: np.ndarray,
        make: Callable[[np.ndarray], Plan],
        find: Callable[[], np.ndarray],
        every: int,
    ) -> None:
        super().__init__()
        self.groups: Tensor
        self.since: Tensor
        self.register_buffer("groups", torch.from_numpy(first.astype(np.int64)))
        self.register_buffer("since", torch.zeros(2, dtype=torch.int64))  # epoch, step
        self._make, self._find, self.every = make, find, every
        self.first = make(first)

    def plan(self) -> Plan:
        """The batches of the present groups."""
        return self._make(self.groups.cpu().numpy())

    @property
    def end(self) -> int:
        """The epoch from which on they no longer hold."""
        return int(self.since[0]) + self.every

    def regroup(self, step: int) -> None:
        """Find the groups that hold from `step` on; every process calls it together."""
        self.groups = torch.from_numpy(together(self._find).astype(np.int64)).to(self.groups)
        self.since = torch.tensor([self.end, step]).to(self.since)
