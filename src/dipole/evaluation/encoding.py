"""What evaluation asks of a model: inputs and a role in, checked vectors out.

One small protocol, `encode(inputs, role) -> (n, dim)`, and what fits it: an Encoder, a
sentence-transformers model, a function, vectors made elsewhere (`stored`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dipole.data.inputs import described
from dipole.errors import InputError
from dipole.evaluation.stored_vectors import StoredVectors

Encode = Callable[[Sequence[Any], str], np.ndarray]
# Inputs encoded at a time: what a model makes on the way is dropped before the next ones.
ENCODE_ROWS = 65_536


# What reads a table as examples of a type.
_LOADERS = {
    "Labeled": "load_labeled", "Scored": "load_scored", "Ranked": "load_ranked",
    "Pairs": "load_pairs", "RetrievalData": "load_retrieval",
}  # fmt: skip


def given(data: Any, task: str, *kinds: str) -> Any:
    """The data of a task as one of these types of `dipole.data`; a table in memory becomes the
    first of them, by the columns that its loader takes."""
    import dipole.data
    from dipole.data.memory import is_readable

    if isinstance(data, tuple(getattr(dipole.data, kind) for kind in kinds)):
        return data
    if not is_readable(data):
        raise InputError(
            f"{task}: found {described(data)}; expected {' or '.join(kinds)}, or a table"
        )
    return getattr(dipole.data, _LOADERS[kinds[0]])(data, split="all")


def encode_function(encoder: Any, show_progress: bool = False) -> Encode:
    """(inputs, role) -> vectors, of whatever can encode.

    | found | called |
    |---|---|
    | an Encoder, anything with `encode(inputs, role)` | that |
    | a sentence-transformers model | `encode_query` or `encode_document`, by the role |
    | anything else with `encode` | `encode(inputs)` |
    | a function of (inputs, role), or of (inputs) | that |
    | a mapping id (or text) -> vector, or `StoredVectors` | looked up |

    Raises InputError for anything else (a path is no encoder yet: `load_encoder`, `load_vectors`).
    """
    if isinstance(encoder, StoredVectors):
        return encoder
    if isinstance(encoder, Mapping):
        return StoredVectors.of(encoder)
    if hasattr(encoder, "encode") and not isinstance(encoder, str):
        return _method(encoder, show_progress)
    if callable(encoder):
        if _takes(encoder, 2):
            return encoder
        return lambda inputs, role: encoder(inputs)
    raise InputError(
        f"found {type(encoder).__name__}; expected an encoder, a function (inputs, role) -> array, "
        "or a mapping id -> vector"
    )


def vectors_of(
    encode: Encode, inputs: Sequence[Any], role: str, ids: Sequence[str], what: str, system: str
) -> np.ndarray:
    """The checked vectors of `inputs` as (n, dim); stored ones are looked up by id, then by text.

    Encoded 65,536 at a time. Raises InputError: vectors that are not finite or of a wrong shape.
    """
    blocks = []
    for start in range(0, len(ids), ENCODE_ROWS):
        part = slice(start, start + ENCODE_ROWS)
        chosen = inputs[part]
        if isinstance(encode, StoredVectors):
            found = encode.of_items(ids[part], chosen, what)
        else:
            found = encode(chosen, role)
        blocks.append(finite(found, ids[part], what, system))
    if not blocks:
        raise InputError(f"{system}: no {what} to encode; expected at least one")
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def is_sparse(encoder: Any) -> bool:
    """Whether an encoder gives sparse vectors too: `encode_sparse(inputs, role)`, scipy's CSR."""
    return hasattr(encoder, "encode_sparse")


def finite(vectors: Any, ids: Sequence[str], what: str, system: str) -> np.ndarray:
    """The vectors of `ids` as an array (n, dim), or an error that names the first bad one."""
    if hasattr(vectors, "detach"):  # a tensor, maybe with a gradient, maybe on a device
        vectors = vectors.detach().cpu().float().numpy()
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or len(vectors) != len(ids):
        raise InputError(
            f"{system}: the vectors of {len(ids)} inputs have shape {vectors.shape}; "
            f"expected ({len(ids)}, dim)"
        )
    bad = np.flatnonzero(~np.isfinite(vectors).all(1))
    if len(bad):
        raise InputError(
            f"{system}: {len(bad)} of {len(ids)} {what} vectors are not finite, first of "
            f"{what} {ids[bad[0]]!r}; expected numbers"
        )
    return vectors


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1, float32 (float64 where they were); a row of zeros stays one."""
    dtype = np.float64 if vectors.dtype == np.float64 else np.float32
    vectors = np.asarray(vectors, dtype=dtype)
    # By the largest value first: the square of a small number must not become 0.
    largest = np.abs(vectors).max(1, keepdims=True, initial=0)
    vectors = np.divide(vectors, largest, out=np.zeros_like(vectors), where=largest > 0)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=vectors, where=length > 0)


def differing(vectors: np.ndarray, what: str, system: str) -> np.ndarray:
    """The vectors, or an error where all of them are the same up to float32 rounding."""
    if len(vectors) > 1 and not (np.abs(vectors - vectors[0]) > 1e-6 * _size(vectors)).any():
        raise InputError(
            f"{system}: all {len(vectors)} {what} have the same vector; expected vectors that "
            "differ (the model has collapsed, or knows none of the words)"
        )
    return vectors


def _size(vectors: np.ndarray) -> float:
    return float(np.abs(vectors[0]).max(initial=0)) or 1.0


def _method(encoder: Any, show_progress: bool) -> Encode:
    if _names(encoder.encode, "role"):
        more = {"show_progress": show_progress} if _names(encoder.encode, "show_progress") else {}
        return lambda inputs, role: encoder.encode(inputs, role, **more)
    bar = "show_progress_bar"
    more = {bar: show_progress} if _names(encoder.encode, bar) else {}
    by_role = {
        role: getattr(encoder, f"encode_{role}", encoder.encode) for role in ("query", "document")
    }
    return lambda inputs, role: by_role[role](list(inputs), **more)


def _names(function: Any, name: str) -> bool:
    """Whether a function has a parameter of this name, or takes any."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    # Of `encode(*args, **kwargs)` nothing is known but that it passes on what it is given.
    return name in parameters or (anything and len(parameters) <= 2)


def _takes(function: Any, count: int) -> bool:
    """Whether a function can be called with `count` arguments; one without a signature can."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return True
    return True
