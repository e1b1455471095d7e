"""What samplers and parts are made of that look at all examples, with their vectors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np

from dipole.data import Examples
from dipole.encoders.base import Encoder
from dipole.sampling.known import KnownPairs
from dipole.training.batches import LISTS, encoded_fields, role_of, unique_keys


@dataclass
class Material:
    """The examples and the encoder; vectors are computed when one asks for them."""

    examples: Examples
    encoder: Encoder
    batch_size: int
    seed: int
    show_progress: bool = False

    @cached_property
    def known(self) -> KnownPairs:
        """Which rows may not meet."""
        return KnownPairs(unique_keys(self.examples))

    def __len__(self) -> int:
        return len(self.examples)

    def vectors(self, model: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors of anchors and positives (n, dim): of `model` (then kept in the cache
        folder), or of the run's encoder as it is now. Examples without a partner give the same
        twice."""
        names = [name for name in encoded_fields(self.examples) if name not in LISTS]
        roles = [role_of(name, self.encoder) for name in names]
        sides = list(zip(names[:2], roles, strict=False))
        if model is None:
            found = [
                self.encoder.encode(self.examples.column(n), r, show_progress=self.show_progress)
                for n, r in sides
            ]
        else:
            from dipole.encoders import load_encoder
            from dipole.training.parts.stored_teacher import stored_vectors

            teacher = load_encoder(model)
            found = [
                stored_vectors(teacher, self.examples, n, r, show_progress=self.show_progress)
                for n, r in sides
            ]
        return _unit(found[0]), _unit(found[-1])


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: np.ndarray = vectors / np.where(length == 0, 1, length)
    return found


def digest(encoder: Encoder, materials: Sequence[Material]) -> str:
    """What must be the same on every process, or batches and weights would not fit together."""
    digest = sha256(json.dumps(encoder.settings(), sort_keys=True, default=str).encode())
    for one in materials:
        digest.update(one.known.keys.tobytes())
    shapes = [(name, tuple(x.shape)) for name, x in encoder.state_dict().items()]
    return f"{digest.hexdigest()} {[len(one) for one in materials]} {shapes}"
