"""A tiny tower with dropout, so that a replayed random number shows in the weights."""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from dipole.data import Pairs
from dipole.encoders.base import Encoder


class TinyEncoder(Encoder):
    """Letters -> mean of letter vectors -> dropout -> linear."""

    dim = 8
    training_defaults: ClassVar = {
        "batch_size": 8,
        "epochs": 2,
        "learning_rate": 1e-2,
        "schedule": "linear",
    }

    def __init__(self) -> None:
        super().__init__()
        self.letters = nn.Embedding(128, 16)
        self.dropout = nn.Dropout(0.3)
        self.linear = nn.Linear(16, 8)

    def prepare(self, inputs, role="document"):
        counts = torch.zeros(len(inputs), 128)
        for row, text in enumerate(inputs):
            for letter in text:
                counts[row, ord(letter) % 128] += 1
        return {"counts": counts}

    def forward(self, features):
        pooled = self.dropout(features["counts"] @ self.letters.weight)
        return nn.functional.normalize(self.linear(pooled), dim=-1)

    def settings(self):
        return {"kind": "tiny"}

    def save(self, folder):
        save_file(self.state_dict(), folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps({"encoder": "TinyEncoder"}))

    @classmethod
    def load(cls, folder):
        encoder = cls()
        encoder.load_state_dict(load_file(folder / "model.safetensors"))
        return encoder


def load_tiny(folder):
    """In place of `load_encoder`: the tiny tower of a folder or a run."""
    folder = Path(folder)
    return TinyEncoder.load(folder / "model" if (folder / "model").exists() else folder)


def word_pairs(count=50):
    """Pairs of words that share letters."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, 6)) for _ in range(count)]
    shuffled = ["".join(rng.permutation(list(word))) for word in words]
    return Pairs.from_columns({"anchor": words, "positive": shuffled})


@pytest.fixture
def tiny_encoder(monkeypatch):
    """A fresh tiny tower; runs made with it load again."""
    import dipole.encoders

    monkeypatch.setattr(dipole.encoders, "load_encoder", load_tiny)
    torch.manual_seed(0)
    return TinyEncoder()


@pytest.fixture(scope="session")
def pairs():
    """50 pairs of words that share letters."""
    return word_pairs(50)
