"""A model of few words: the vector of a text is the normalised count of the words it holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dipole.encoders.base import Encoder, Features, Role
from dipole.retrieval import Document

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
VOCABULARY = [*DIGITS, "knot", "rope", "sail"]


class Words(Encoder):
    def __init__(self, name: str = "words") -> None:
        super().__init__()
        self.name = name
        self.dim = len(VOCABULARY)

    def prepare(self, inputs: Sequence[Any], role: Role = "document") -> Features:
        counts = [[text.lower().split().count(w) for w in VOCABULARY] for text in inputs]
        return {"counts": torch.tensor(counts, dtype=torch.float32).reshape(-1, self.dim)}

    def forward(self, features: Features) -> Tensor:
        return torch.nn.functional.normalize(features["counts"], dim=1)

    def settings(self) -> dict[str, Any]:
        return {"encoder": "Words", "name": self.name}

    def save(self, folder: str | Path) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, "config.json").write_text(json.dumps(self.settings()), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Words:
        return cls(json.loads(Path(folder, "config.json").read_text(encoding="utf-8"))["name"])


def numbered(start: int, stop: int, mark: str = "old") -> list[Document]:
    """7 -> "seven page old7": digits for the vector, one word of all texts, one of this alone."""
    return [
        Document(
            str(i),
            " ".join(DIGITS[int(digit)] for digit in str(i)) + f" page {mark}{i}",
            {"mark": mark, "number": i},
        )
        for i in range(start, stop)
    ]
