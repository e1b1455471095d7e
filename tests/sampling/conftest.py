"""A tower without weights whose vectors are written in the texts: "3 -1 2" is (3, -1, 2)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dipole.encoders.base import Encoder


class Written(Encoder):
    """The numbers of a text are its vector; words after them are not read."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.encoded: list[str] = []

    def prepare(self, inputs, role="document"):
        self.encoded += inputs
        vectors = [[float(x) for x in text.split()[: self.dim]] for text in inputs]
        return {"vectors": torch.tensor(vectors, dtype=torch.float32).reshape(-1, self.dim)}

    def forward(self, features):
        return features["vectors"]

    def settings(self):
        return {"dim": self.dim}


def written(vectors: np.ndarray, name: str = "") -> list[str]:
    return [" ".join(f"{x:.6f}" for x in v) + f" {name}{i}" for i, v in enumerate(vectors)]


@pytest.fixture
def tower():
    return Written


@pytest.fixture
def texts():
    return written
