"""Vectors made elsewhere, looked up by id or by text: they are measured as any model is."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dipole.errors import InputError

VECTOR_FILES = (".npy", ".npz")


class StoredVectors:
    """Keys and one row of an array for each; an Encoder whose answers are known already.

    A key is the id of an example, or its text where the example has several (a pair, a ranking).

    >>> StoredVectors(["a", "b"], np.eye(2))(["b"], "query")
    array([[0., 1.]])
    """

    def __init__(self, keys: Sequence[str], vectors: np.ndarray, name: str = "stored") -> None:
        if vectors.ndim != 2 or len(vectors) != len(keys):
            raise InputError(
                f"{name}: {len(keys)} keys and vectors of shape {vectors.shape}; "
                f"expected ({len(keys)}, dim)"
            )
        self.row = {str(key): row for row, key in enumerate(keys)}
        if len(self.row) != len(keys):
            raise InputError(
                f"{name}: {len(keys) - len(self.row)} keys stand there twice; expected each once"
            )
        self.vectors = vectors
        self.name = name

    @classmethod
    def of(cls, mapping: Mapping[str, Any], name: str = "stored") -> StoredVectors:
        """The same of a mapping key -> vector."""
        rows = [np.asarray(vector) for vector in mapping.values()]
        if len({row.shape for row in rows}) != 1 or rows[0].ndim != 1:
            raise InputError(
                f"{name}: {len(rows)} vectors of {len({row.shape for row in rows})} shapes; "
                "expected at least one, all of one length"
            )
        return cls(list(mapping), np.stack(rows), name)

    def __call__(self, inputs: Sequence[Any], role: str) -> np.ndarray:
        return self._look_up([str(text) for text in inputs], "input")

    def of_items(self, ids: Sequence[str], inputs: Sequence[Any], what: str) -> np.ndarray:
        """Vectors by id, or by text where the keys are texts."""
        by_text = ids[0] not in self.row and isinstance(inputs[0], str)
        return self._look_up(list(inputs) if by_text else list(ids), what)

    def holds(self, key: str) -> bool:
        """Whether there is a vector of this key."""
        return key in self.row

    def _look_up(self, keys: list[str], what: str) -> np.ndarray:
        missing = [key for key in keys if key not in self.row]
        if missing:
            raise InputError(
                f"{self.name}: no vector of {what} {missing[0][:60]!r} ({len(missing)} of "
                f"{len(keys)} missing); expected the ids of the data, or its texts"
            )
        return np.asarray(self.vectors[[self.row[key] for key in keys]])


def load_vectors(path: str | Path) -> StoredVectors:
    """StoredVectors vectors of a file: `.npz` with `ids` and `vectors`, or `.npy` beside a `.txt`.

    The text file has the name of the `.npy` and one key (id or text) per line, in the order of the
    rows. A `.npy` is memory-mapped, so it may be larger than memory.
    """
    path = Path(path)
    if path.suffix not in VECTOR_FILES or not path.is_file():
        raise InputError(f"{path}: no such file of vectors; expected .npy or .npz")
    try:
        if path.suffix == ".npy":
            names = path.with_suffix(".txt")
            if not names.is_file():
                raise InputError(f"{path}: no {names.name} beside it; expected one id per row")
            keys = names.read_text(encoding="utf-8").splitlines()
            return StoredVectors(keys, np.load(path, mmap_mode="r", allow_pickle=False), str(path))
        with np.load(path, allow_pickle=False) as file:
            found = set(file.files)
            if not {"ids", "vectors"} <= found:
                raise InputError(
                    f"{path}: found {', '.join(sorted(found))}; expected ids and vectors"
                )
            return StoredVectors([str(key) for key in file["ids"]], file["vectors"], str(path))
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: found no readable array ({error})") from None
