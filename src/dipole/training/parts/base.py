"""What stands between the encoder and the objective: a queue, a teacher, mixed negatives."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from dipole.encoders.base import Features


class Part(nn.Module):
    """A module that adds named tensors to a batch, or replaces them, before the objective sees it.

    Its buffers and weights are in the checkpoints, so what it remembers is resumed. Parts stand in
    a row; each sees what those before it made. A subclass overrides what it needs.
    """

    def encode(self, columns: Mapping[str, list[Features]]) -> dict[str, Tensor]:
        """Vectors of columns that the encoder then leaves alone, and any others."""
        return {}

    def before(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The batch as the objective is to see it."""
        return batch

    def after_step(self) -> None:
        """Called when the optimiser has taken its step, on every process."""
