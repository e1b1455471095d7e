"""Bitext mining: is the translation of a sentence the nearest of all sentences?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import Encode, differing, encode_function, finite, given, unit
from dipole.evaluation.result import Result
from dipole.evaluation.statistics.intervals import Estimate, Statistic
from dipole.kernels.topk import top_k

if TYPE_CHECKING:
    from dipole.data import Pairs
    from dipole.data.memory import Table

METRICS = ("F1", "accuracy forward", "accuracy backward")
ROWS = 65_536


def evaluate_bitext(
    encoder: Any, data: Pairs | Table, *, system: str = "encoder", seed: int = 0,
    show_progress: bool = False,
) -> Result:  # fmt: skip
    """Find the positive of every anchor among all positives by cosine, and the other way round.

    accuracy forward: anchors whose nearest positive is their own. Backward: positives whose nearest
    anchor is their own. F1: of the mined pairs, those that are each other's nearest,

        F1 = 2 right / (mined + n)

    A text that stands on a side several times is found wherever it stands. Both sides are encoded
    in the role "query". Exact; n x n cosines never exist together. Kept for every pair: forward,
    backward, mined (its anchor is in a mined pair), right (that pair is this one).

    Raises InputError: fewer than 2 pairs, vectors that are not finite or all the same.
    """
    rows: Pairs = given(data, "bitext", "Pairs", "Triplets")
    n = len(rows)
    if n < 2:
        raise InputError(f"bitext: found {n} pair{'s'[: n != 1]}; expected at least 2")
    encode = encode_function(encoder, show_progress)
    sides, keys = [], []
    for field in ("anchor", "positive"):
        vectors = _side(encode, rows.column(field), rows.ids, system)
        sides.append(unit(differing(vectors, f"{field}s", system)))
        # Equal texts have one number: what is found is a text, not a row.
        keys.append(np.unique(rows.keys(field), return_inverse=True)[1])
    columns = mined(*sides, *keys)
    return Result("bitext", system, "pair", rows.ids, columns, METRICS, MINING, seed=seed)


def mined(
    first: np.ndarray, second: np.ndarray, first_key: np.ndarray, second_key: np.ndarray
) -> dict[str, np.ndarray]:
    """Per pair, 0 or 1: forward, backward, mined, right (`evaluate_bitext`), of unit vectors."""
    there = top_k(first, second, 1)[1][:, 0]
    back = top_k(second, first, 1)[1][:, 0]
    forward = second_key[there] == second_key
    # An anchor's nearest positive has that anchor (or its equal) as its nearest.
    each_other = first_key[back[there]] == first_key
    found = {
        "forward": forward,
        "backward": first_key[back] == first_key,
        "mined": each_other,
        "right": each_other & forward,
    }
    return {name: column.astype(float) for name, column in found.items()}


def _side(encode: Encode, texts: Sequence[str], ids: Sequence[str], system: str) -> np.ndarray:
    # An id names two texts here, so stored vectors are looked up by text.
    blocks = [
        finite(encode(texts[i : i + ROWS], "query"), ids[i : i + ROWS], "pair", system)
        for i in range(0, len(ids), ROWS)
    ]
    return np.concatenate(blocks)


def _of_sums(sums: np.ndarray, n: Any) -> np.ndarray:
    forward, backward, found, right = sums.T
    return np.stack([2 * right / (found + n), forward / n, backward / n], axis=1)


def _estimate(values: np.ndarray) -> Estimate:
    return lambda weights: _of_sums(weights @ values, weights.sum(1))


MINING = Statistic(_estimate, lambda values: values, _of_sums)
