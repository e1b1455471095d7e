"""Inputs that repeat are encoded once: found again by their content, whatever their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from dipole.data.same import exact_key
from dipole.errors import InputError

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder, Role


class Once:
    """The m different ones of n inputs, in an order that does not depend on theirs.

    keys: (m,) hashes of their content, sorted; inputs: they themselves, read where they are
    touched; rows: (n,) which of them each input is. `keys` may be given, (n,), if they are known.

    >>> once = Once(["a", "b", "a"])
    >>> len(once.inputs), [once.inputs[row] for row in once.rows]
    (2, ['a', 'b', 'a'])
    """

    def __init__(self, inputs: Sequence[Any], keys: np.ndarray | None = None) -> None:
        found = _keys(inputs) if keys is None else keys
        self.keys, first, self.rows = np.unique(found, return_index=True, return_inverse=True)
        self.inputs = _Some(inputs, first)


def encode_once(
    encoder: Encoder, inputs: Sequence[Any], role: Role
) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of the different inputs, (m, dim), and which of them each is, (n,)."""
    once = Once(inputs)
    return encoder.encode(once.inputs, role), once.rows


class Stored:
    """Vectors of inputs by their content, in place of a tower that does not change."""

    def __init__(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        self.keys, self.vectors = keys, vectors

    @classmethod
    def of(
        cls, tower: Encoder, inputs: Sequence[Any], role: Role, *, show_progress: bool = False
    ) -> Stored:
        """Every different input encoded once."""
        once = Once(inputs)
        return cls(once.keys, tower.encode(once.inputs, role, show_progress=show_progress))

    def __call__(self, inputs: Sequence[Any]) -> Tensor:
        """(n, dim)."""
        keys = _keys(inputs)
        places = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        if (self.keys[places] != keys).any():
            raise InputError("a locked tower: found an input that was not encoded before training")
        return torch.from_numpy(self.vectors[places])


class _Some(Sequence[Any]):
    """Some of a sequence's values, read where they are touched."""

    def __init__(self, values: Sequence[Any], rows: np.ndarray) -> None:
        self.values, self.rows = values, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return _Some(self.values, self.rows[index])
        return self.values[int(self.rows[index])]


def _keys(inputs: Sequence[Any]) -> np.ndarray:
    return np.fromiter(map(exact_key, inputs), np.uint64, len(inputs))
