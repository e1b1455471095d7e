"""A text's tokens as a bag: each token once, with how often it stands where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from dipole.encoders.base import Features

# The first position of each place: early words have a place each, later ones share.
PLACES = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512)


class Bag(NamedTuple):
    """Different (token, place) of a text, and how often each stands there; all (t,)."""

    tokens: np.ndarray
    places: np.ndarray
    counts: np.ndarray


def bag_of(tokens: np.ndarray, positions: np.ndarray, *, by_place: bool) -> Bag:
    """The bag of a text's tokens; without `by_place` all stand at place 0."""
    if by_place:
        places = np.searchsorted(PLACES, positions, side="right") - 1
    else:
        places = np.zeros_like(tokens)
    keys, counts = np.unique(tokens * len(PLACES) + places, return_counts=True)
    rows, places = np.divmod(keys, len(PLACES))
    return Bag(rows, places.astype(np.int8), counts.astype(np.float32))


def join(bags: Sequence[Bag]) -> Features:
    """Bags as flat tensors, (t,) each, and where every bag begins, `offsets` (n,)."""
    import torch

    lengths = np.array([0, *(len(bag.tokens) for bag in bags)], dtype=np.int64)
    empty = Bag(np.zeros(0, np.int64), np.zeros(0, np.int8), np.zeros(0, np.float32))
    tokens, places, counts = (np.concatenate(part) for part in zip(empty, *bags, strict=True))
    return {
        "tokens": torch.from_numpy(tokens),
        "places": torch.from_numpy(places.astype(np.int64)),
        "counts": torch.from_numpy(counts),
        "offsets": torch.from_numpy(np.cumsum(lengths)[:-1]),
    }
