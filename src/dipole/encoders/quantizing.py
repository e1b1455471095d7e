"""Vectors in fewer bits: a byte a number, or a bit. Values as in sentence-transformers."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from dipole.errors import InputError

VectorPrecision = Literal["float32", "int8", "ubinary", "binary"]
PRECISIONS: tuple[str, ...] = get_args(VectorPrecision)


def quantize(
    vectors: np.ndarray, precision: VectorPrecision, ranges: np.ndarray | None = None
) -> np.ndarray:
    """Vectors (n, dim) at a precision.

        int8:     floor((v_d - low_d) / step_d) - 128,  step_d = (high_d - low_d) / 255, cut to
                  -128 ... 127;  int8 (n, dim)
        ubinary:  1 where v_d > 0, else 0, eight to a byte, the first the highest;
                  uint8 (n, ceil(dim / 8))
        binary:   the same bytes less 128;  int8 (n, ceil(dim / 8))

    Args:
        ranges: (2, dim), the lowest and the highest value of every number (`ranges_of`); int8
            alone takes them. None: of these vectors. What is compared must have the same.

    Raises:
        InputError: no such precision; ranges of another shape, or for a precision without any.

    Source: scalar and binary quantisation of sentence-transformers (`quantize_embeddings`).

    Example:
        >>> quantize(np.array([[0.1, -0.2, 0.3]]), "ubinary")
        array([[160]], dtype=uint8)
    """
    check_precision(precision, ranges)
    if precision == "float32":
        return vectors.astype(np.float32, copy=False)
    if precision == "int8":
        low, step = _steps(ranges_of(vectors) if ranges is None else ranges, vectors.shape[1])
        return (np.clip(np.floor((vectors - low) / step), 0, 255) - 128).astype(np.int8)
    bits = np.packbits(vectors > 0, axis=1)
    return bits if precision == "ubinary" else (bits.astype(np.int16) - 128).astype(np.int8)


def dequantize(codes: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Vectors (n, dim) float32 that int8 codes stand for: the middle of the step of each."""
    low, step = _steps(ranges, codes.shape[1])
    return np.asarray((codes.astype(np.float32) + 128.5) * step + low, dtype=np.float32)


def ranges_of(vectors: np.ndarray) -> np.ndarray:
    """The lowest and the highest value of every number, (2, dim) float32."""
    return np.stack([vectors.min(0), vectors.max(0)]).astype(np.float32)


def check_precision(precision: str, ranges: np.ndarray | None = None) -> None:
    """Raise InputError where it is none, or has no ranges and is given some."""
    if precision not in PRECISIONS:
        raise InputError(f"precision: found {precision!r}; expected {', '.join(PRECISIONS)}")
    if ranges is not None and precision != "int8":
        raise InputError(f"ranges: found some for {precision}; expected them with int8 alone")


def _steps(ranges: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    if ranges.shape != (2, dim):
        raise InputError(
            f"ranges: found {ranges.shape}; expected (2, {dim}), the lowest and the highest value "
            "of every number"
        )
    low, high = ranges.astype(np.float32)
    step = (high - low) / 255
    return low, np.where(step == 0, 1, step)
