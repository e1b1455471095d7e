"""A light head that judges two vectors, and a run's encoder with its head as a judge of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dipole.data.inputs import batch_of
from dipole.encoders.base import Encoder, Role
from dipole.encoders.folder import read_json, read_weights, write_json, write_weights
from dipole.encoders.hub import locate
from dipole.encoders.loading import load_encoder
from dipole.encoders.once import encode_once
from dipole.errors import InputError

NOTE, WEIGHTS = "pair_head.json", "pair_head.safetensors"
# Pairs of vectors that the head judges at a time.
BLOCK = 8192


class PairHead(nn.Module):
    """y = W2 relu(W1 [u; v; u * v; |u - v|]): (n, dim) and (n, dim) to (n, outputs).

    `seed` draws the first weights, so that every process starts with the same.
    """

    def __init__(self, dim: int, outputs: int, hidden: int = 512, seed: int = 0) -> None:
        super().__init__()
        self.dim, self.outputs, self.hidden = dim, outputs, hidden
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first, self.last = nn.Linear(4 * dim, hidden), nn.Linear(hidden, outputs)

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        pair = torch.cat([u, v, u * v, (u - v).abs()], -1)
        logits: Tensor = self.last(F.relu(self.first(pair)))
        return logits


class HeadScorer:
    """An encoder and the head that was trained with it: texts are encoded once each, pairs of
    vectors judged by the head.

    Example:
        >>> scorer = HeadScorer.load("runs/dse")  # doctest: +SKIP
        >>> scorer.score(["open a file"], ["reads a file from the disk"])  # doctest: +SKIP
    """

    def __init__(self, encoder: Encoder, head: PairHead, role: Role = "document") -> None:
        self.encoder, self.head, self.role = encoder, head.eval(), role

    @classmethod
    def load(cls, source: str | Path) -> HeadScorer:
        """From a run or its model folder.

        Raises:
            InputError: no head there, or one whose vectors are not the encoder's.
        """
        folder = locate(source)
        if not (folder / NOTE).is_file():
            raise InputError(
                f"{source}: no head for pairs; expected a run of an objective that has one, as dse"
            )
        note, encoder = read_json(folder / NOTE), load_encoder(source)
        head = PairHead(note["dim"], note["outputs"], note["hidden"])
        if head.dim != encoder.dim:
            raise InputError(
                f"{folder / NOTE}: of vectors of {head.dim} numbers, and the encoder's have "
                f"{encoder.dim}; expected the encoder it was trained with"
            )
        head.load_state_dict(read_weights(folder / WEIGHTS))
        return cls(encoder, head, note["role"])

    @torch.inference_mode()
    def score(self, first: Sequence[Any], second: Sequence[Any]) -> np.ndarray:
        """One number per pair, (n,) float32, or of a head of several outputs all, (n, outputs)."""
        first, second = batch_of(first, "score: first"), batch_of(second, "score: second")
        if len(first) != len(second):
            raise InputError(f"score: found {len(first)} and {len(second)} texts, expected as many")
        sides = [
            (torch.from_numpy(vectors), torch.from_numpy(rows))
            for vectors, rows in (
                encode_once(self.encoder, first, self.role),
                encode_once(self.encoder, second, "document"),
            )
        ]
        device = self.head.first.weight.device
        parts = [torch.zeros(0, self.head.outputs)]
        for start in range(0, len(first), BLOCK):
            u, v = (x[rows[start : start + BLOCK]].to(device) for x, rows in sides)
            parts.append(self.head(u, v).float().cpu())
        found: np.ndarray = torch.cat(parts).numpy()
        return found[:, 0] if self.head.outputs == 1 else found

    def to(self, device: str) -> HeadScorer:
        """On a device."""
        self.encoder.to(device)
        self.head.to(device)
        return self

    def settings(self) -> dict[str, Any]:
        """What beside the weights decides the scores; part of the fingerprint."""
        return {"scorer": "HeadScorer", "encoder": self.encoder.settings(), "role": self.role}

    def weights(self) -> dict[str, Tensor]:
        """All tensors."""
        head = {f"pair_head.{name}": x for name, x in self.head.state_dict().items()}
        return self.encoder.weights() | head


def head_of(module: nn.Module) -> PairHead | None:
    """The head for pairs in an objective, if it has one."""
    return next((part for part in module.modules() if isinstance(part, PairHead)), None)


def write_head(head: PairHead, role: Role, folder: Path) -> None:
    """Beside the encoder that it was trained with; `role`: the side of the first of two."""
    note = {"dim": head.dim, "outputs": head.outputs, "hidden": head.hidden, "role": role}
    write_json(folder / NOTE, note)
    write_weights(folder / WEIGHTS, {n: x.detach().cpu() for n, x in head.state_dict().items()})


def has_head(source: str | Path) -> bool:
    """Whether a run or a model folder has a head for pairs."""
    return (locate(source) / NOTE).is_file()
