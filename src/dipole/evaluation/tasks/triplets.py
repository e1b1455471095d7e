"""Triplets: is the positive nearer to the anchor than its negatives?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import Encode, encode_function, finite, given, unit
from dipole.evaluation.result import Result
from dipole.evaluation.statistics.intervals import MEAN

if TYPE_CHECKING:
    from dipole.data import Triplets
    from dipole.data.memory import Table

METRICS = ("accuracy",)
# Rows encoded at a time.
ROWS = 8_192


def evaluate_triplets(
    encoder: Any, data: Triplets | Table, *, system: str = "encoder", seed: int = 0,
    show_progress: bool = False,
) -> Result:  # fmt: skip
    """How often the cosine of anchor and positive is above that of anchor and negative.

        accuracy = mean over rows of the share of a row's negatives with cos(a, n) < cos(a, p)

    A tie is wrong. Anchors are encoded in the role "query", the others as "document". Kept for
    every row: accuracy.

    Raises InputError: rows without negatives, vectors that are not finite.
    """
    import dipole.data

    rows: Any = given(data, "triplets", "Pairs", "Triplets")
    if not isinstance(rows, dipole.data.Triplets):
        raise InputError(
            f"triplets: {rows.origin}: found no negatives; expected a column 'negative' (or make "
            "some: dipole mine)"
        )
    encode, n = encode_function(encoder, show_progress), len(rows)
    accuracy = np.empty(n)
    for start in range(0, n, ROWS):
        part = range(start, min(start + ROWS, n))
        accuracy[start : part.stop] = _block(encode, rows, part, system)
    return Result("triplets", system, "row", rows.ids, {"accuracy": accuracy}, METRICS, MEAN,
                  seed=seed)  # fmt: skip


def _block(encode: Encode, rows: Any, part: range, system: str) -> np.ndarray:
    """The accuracy of some rows."""
    taken = rows.take(part)
    negatives = [list(own) for own in taken["negatives"]]
    if bare := [i for i, own in enumerate(negatives) if not own]:
        raise InputError(
            f"triplets: row {part[bare[0]] + 1} ({taken['id'][bare[0]]}): found no negative; "
            "expected at least one"
        )
    owner = np.repeat(np.arange(len(part)), [len(own) for own in negatives])
    sides = {
        "query": taken["anchor"],
        "document": [*taken["positive"], *(text for own in negatives for text in own)],
    }
    a, other = (_vectors(encode, texts, role, system) for role, texts in sides.items())
    p, x = other[: len(part)], other[len(part) :]
    near = np.einsum("nd,nd->n", a, p)
    right = np.einsum("md,md->m", a[owner], x) < near[owner]
    return np.bincount(owner, right) / np.bincount(owner)


def _vectors(encode: Encode, texts: list[str], role: str, system: str) -> np.ndarray:
    names = [f"{role} {place + 1}" for place in range(len(texts))]
    return unit(finite(encode(texts, role), names, role, system).astype(np.float64))
