"""Which of an anchor's candidates may be its negatives, and which of these are taken."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dipole.errors import InputError


class Filters(BaseModel):
    """Of the ranked candidates of an anchor, positives and copies left out, those that

        skip < rank <= depth,   least <= s(a, c) <= most,
        s(a, c) <= s(a, p) - margin,   s(a, c) <= s(a, p) - (1 - share) |s(a, p)|

    may be negatives; `pick` takes some of them. `share` is the percentage of the positive's score
    (0.95: at most 95 %; a relative margin m is a share of 1 - m), `margin` the absolute one.
    Source: de Souza P. Moreira et al. 2024, NV-Retriever, arXiv 2407.15831 (TopK-PercPos 0.95,
    TopK-MarginPos 0.05 on cosines).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    negatives: int = Field(5, ge=1, description="Negatives per row, at most.")
    skip: int = Field(
        0, ge=0, description="Leave out the nearest so many: they may be unmarked positives."
    )
    depth: int = Field(100, ge=1, description="Look no further than this rank.")
    margin: float | None = Field(
        None, description="A negative scores at least this much below the positive."
    )
    share: float | None = Field(
        None,
        gt=0,
        le=1,
        description="A negative scores at most this share of the positive (0.95: 95 %).",
    )
    most: float | None = Field(None, description="A negative scores at most this.")
    least: float | None = Field(None, description="A negative scores at least this.")
    pick: Literal["top", "random", "propensity"] = Field(
        "top",
        description="top: the nearest that may be; random: any of them; propensity: those whose "
        "words are near and whose meaning is not.",
    )
    seed: int = Field(0, ge=0, description="Seed of random and propensity.")

    @model_validator(mode="after")
    def _window(self) -> Filters:
        if self.skip >= self.depth:
            raise ValueError(f"depth {self.depth}; expected more than skip ({self.skip})")
        return self

    def allowed(
        self, known: np.ndarray, own: np.ndarray, scores: np.ndarray, rank_by: np.ndarray
    ) -> np.ndarray:
        """(b, k) bool: who may be a negative.

        known (b, k): positives and copies; own (b,) and scores (b, k): of whoever judges;
        rank_by (b, k): the first stage's scores, best first, -inf where there is no candidate.
        """
        free = ~known & np.isfinite(rank_by)
        rank = free.cumsum(1)
        kept = free & (rank > self.skip) & (rank <= self.depth)
        positive = own[:, None]
        if self.margin is not None:
            kept &= scores <= positive - self.margin
        if self.share is not None:
            kept &= scores <= positive - (1 - self.share) * np.abs(positive)
        if self.most is not None:
            kept &= scores <= self.most
        if self.least is not None:
            kept &= scores >= self.least
        return kept

    def take(
        self, kept: np.ndarray, rows: np.ndarray, documents: np.ndarray, weights: np.ndarray | None
    ) -> np.ndarray:
        """(b, k) int64: columns of the negatives, first choice first; -1 where no more are left.

        Random choices are weighted and without replacement (the largest log(u) / weight, Efraimidis
        and Spirakis 2006), u a hash of (seed, row, document): no block size enters.
        """
        size = min(self.negatives, kept.shape[1])
        if self.pick == "top":
            key = -np.arange(kept.shape[1], dtype=np.float64)[None].repeat(len(kept), 0)
        else:
            u = uniform(self.seed, rows[:, None], documents)
            key = np.log(u) / (np.ones_like(u) if weights is None else weights)
        key = np.where(kept, key, -np.inf)
        order = np.argsort(-key, axis=1, kind="stable")[:, :size]
        return np.where(np.take_along_axis(key, order, 1) > -np.inf, order, -1)


def make_filters(**settings: Any) -> Filters:
    """Checked `Filters`; what is wrong is said in one line."""
    try:
        return Filters(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:
            raise InputError(str(first["ctx"]["error"])) from None
        name, message = first["loc"][0], first["msg"][0].lower() + first["msg"][1:]
        raise InputError(f"{name}: {first['input']!r}; {message}") from None


def uniform(seed: int, row: np.ndarray, document: np.ndarray) -> np.ndarray:
    """Numbers in (0, 1) that depend on (seed, row, document) alone, by SplitMix64's mixing."""
    mixed = np.full(np.broadcast_shapes(row.shape, document.shape), seed, dtype=np.uint64)
    for part in (row, document):
        mixed = _mix(mixed + part.astype(np.uint64))
    return ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def _mix(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))
