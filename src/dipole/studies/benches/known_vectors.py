"""A tower of vectors that were computed once: what is trained stands behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dipole.encoders.base import Encoder, Features, Role


class KnownVectors(Encoder):
    """The vectors of some texts, and of no others; with `rank` a trained map behind them,

        norm(v + U D v),   D and U of that rank, U from 0: at first v itself.

    Without, v as it is: nothing of it is trained, but an objective may have a head of its own.
    """

    training_defaults: ClassVar[dict[str, Any]] = Encoder.training_defaults | {
        "schedule": "constant"
    }

    def __init__(self, texts: list[str], dim: int, rank: int = 0) -> None:
        super().__init__()
        self.texts, self.dim, self.rank = texts, dim, rank
        self._number = {text: i for i, text in enumerate(texts)}
        self.vectors: Tensor
        self.register_buffer("vectors", torch.zeros(len(texts), dim))
        if rank:
            self.down, self.up = nn.Linear(dim, rank, bias=False), nn.Linear(rank, dim, bias=False)
            nn.init.zeros_(self.up.weight)

    @classmethod
    def of(cls, texts: Sequence[str], vectors: Tensor, rank: int = 0) -> KnownVectors:
        """A new one; the map draws from torch's generator."""
        self = cls(list(texts), vectors.shape[1], rank)
        self.vectors.copy_(vectors)
        return self

    def prepare(self, inputs: Sequence[Any], role: Role = "document") -> Features:
        return {"numbers": torch.tensor([self._number[text] for text in inputs])}

    def forward(self, features: Features) -> Tensor:
        found = self.vectors[features["numbers"]]
        if not self.rank:
            return found
        return nn.functional.normalize(found + self.up(self.down(found)), dim=-1)
