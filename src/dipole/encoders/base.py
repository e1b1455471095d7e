"""What every tower is: inputs -> features (on the CPU) -> unit vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor, nn

Role = Literal["query", "document"]
Features = dict[str, Tensor]


class Encoder(nn.Module):
    """A tower: an encoder with its head, for one modality.

    `prepare` turns raw inputs into tensors (tokenises; no gradient, no weights), `forward` turns
    these into one vector per input. Training calls the two itself; everybody else calls `encode`.
    """

    dim: int

    def prepare(self, inputs: Sequence[Any], role: Role = "document") -> Features:
        """Tensors of a batch of inputs; everything `forward` needs."""
        raise NotImplementedError

    def forward(self, features: Features) -> Tensor:
        """One L2-normalised vector per input, (n, dim)."""
        raise NotImplementedError

    def encode(
        self, inputs: Sequence[Any], role: Role = "document", *, show_progress: bool = False
    ) -> np.ndarray:
        """Vectors of any number of inputs in their order, float32, (n, dim)."""
        raise NotImplementedError

    def save(self, folder: str | Path) -> None:
        """Write weights (safetensors) and settings (json) that `load_encoder` reads."""
        raise NotImplementedError
