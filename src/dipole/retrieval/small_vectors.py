"""Vectors of an index in fewer bits: signs find candidates, what is kept of each ranks them.

    float32   one column `vector`, searched as it is
    int8      `bits`, a sign of each number, to search by; `codes`, a byte each, to rank by
    ubinary   `bits` alone

Lance compares floats, and bits by their Hamming distance; it has no distance for bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dipole.encoders.quantizing import VectorPrecision, dequantize, quantize
from dipole.errors import InputError, optional

VECTOR, BITS, CODES = "vector", "bits", "codes"
# Precisions of an index: what an index of binary vectors holds are the bits of ubinary.
PRECISIONS = ("float32", "int8", "ubinary")
# Of int8, beside the table: the ranges of its first documents, for all that follow.
RANGES = "ranges.npy"


def check_precision(precision: str) -> None:
    """Raise InputError where no index is kept so."""
    if precision not in PRECISIONS:
        raise InputError(f"precision: found {precision!r}; expected {', '.join(PRECISIONS)}")


def fields(precision: VectorPrecision, dim: int) -> list[Any]:
    """The columns of a table for vectors of `dim` numbers."""
    pa = optional("pyarrow", "search")
    if precision == "float32":
        return [pa.field(VECTOR, pa.list_(pa.float32(), dim), nullable=False)]
    found = [pa.field(BITS, pa.list_(pa.uint8(), -(-dim // 8)), nullable=False)]
    if precision == "int8":
        found.append(pa.field(CODES, pa.list_(pa.int8(), dim), nullable=False))
    return found


def columns(vectors: np.ndarray, names: list[str], ranges: np.ndarray | None) -> dict[str, Any]:
    """Vectors (n, dim) as the columns that a table has of these names."""
    made = {
        VECTOR: lambda: np.asarray(vectors, dtype=np.float32),
        BITS: lambda: quantize(vectors, "ubinary"),
        CODES: lambda: quantize(vectors, "int8", ranges),
    }
    return {name: _column(made[name]()) for name in names if name in made}


def rescored(
    rows: list[dict[str, Any]], query: np.ndarray, ranges: np.ndarray | None, k: int
) -> list[dict[str, Any]]:
    """The best k of the rows by the dot product of the float query with what is kept of each.

    Of bits that is a vector of length 1 with their signs: its score is a coarse cosine.
    """
    if not rows:
        return []
    if CODES in rows[0]:
        assert ranges is not None
        vectors = dequantize(np.array([row[CODES] for row in rows], np.int8), ranges)
    else:
        bits = np.unpackbits(np.array([row[BITS] for row in rows], np.uint8), axis=1)
        vectors = (2.0 * bits[:, : len(query)] - 1) / len(query) ** 0.5
    scores = vectors @ query
    order = np.argsort(-scores, kind="stable")[:k]
    return [{**rows[i], "score": float(scores[i])} for i in order]


def read_ranges(folder: Path) -> np.ndarray | None:
    """The ranges of an index of int8, None where it has none."""
    path = folder / RANGES
    try:
        return np.asarray(np.load(path, allow_pickle=False)) if path.exists() else None
    except (OSError, ValueError, EOFError):
        raise InputError(f"{path}: broken; index again") from None


def _column(numbers: np.ndarray) -> Any:
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(numbers).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, numbers.shape[1])
