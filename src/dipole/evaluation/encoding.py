"""What evaluation asks of a model: texts and a role in, checked vectors out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dipole.errors import InputError

Encode = Callable[[Sequence[str], str], np.ndarray]


def encode_function(encoder: Any, show_progress: bool = False) -> Encode:
    """(texts, role) -> vectors, of an Encoder or of a function that is already that."""
    if hasattr(encoder, "encode") and not isinstance(encoder, str):  # a path is no encoder yet
        return lambda texts, role: encoder.encode(texts, role, show_progress=show_progress)
    if callable(encoder):
        return encoder
    raise InputError(
        f"found {type(encoder).__name__}; expected an encoder or a function (texts, role) -> array"
    )


def finite(vectors: Any, ids: Sequence[str], what: str, system: str) -> np.ndarray:
    """The vectors of `ids` as an array (n, dim), or an error that names the first bad one."""
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or len(vectors) != len(ids):
        raise InputError(
            f"{system}: the vectors of {len(ids)} texts have shape {vectors.shape}; "
            f"expected ({len(ids)}, dim)"
        )
    bad = np.flatnonzero(~np.isfinite(vectors).all(1))
    if len(bad):
        raise InputError(
            f"{system}: {len(bad)} of {len(ids)} {what} vectors are not finite, first of "
            f"{what} {ids[bad[0]]!r}; expected numbers"
        )
    return vectors
