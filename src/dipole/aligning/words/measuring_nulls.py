"""Measures that count words without a link as well: for texts of which much has no counterpart."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

import numpy as np

from dipole.aligning.words.links import Links


class Rates(NamedTuple):
    """Means over sentence pairs; F1 is that of the two means."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """2 P R / (P + R); 0 where both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


class WithNulls(NamedTuple):
    """Of links alone, of words without a link alone, and of both counted together."""

    links: Rates
    nulls: Rates
    total: Rates


def with_nulls(
    found: Sequence[Links], gold: Sequence[Links], lengths: Sequence[tuple[int, int]]
) -> WithNulls:
    """Precision and recall of every sentence pair, averaged: of links, of null words, of both.

        precision = |A & G| / |A|,   recall = |A & G| / |G|

    Both are 1 where A and G are empty, and 0 / 0 is 0 elsewhere. A null word is one of either
    sentence without a link; in the total it is a member of A and G like a link.

    Args:
        lengths: words of source and target of every pair.

    Source: Arase, Bao, Yokoi 2023, Unbalanced Optimal Transport for Unbalanced Word Alignment,
    arXiv 2306.04116, section 5.2 and its code.

    >>> found = with_nulls([frozenset({(0, 0)})], [frozenset({(0, 0), (1, 1)})], [(2, 2)])
    >>> round(found.links.f1, 3), found.nulls.recall
    (0.667, 0.0)
    """
    rows = []
    for a, g, size in zip(found, gold, lengths, strict=True):
        nulls_a, nulls_g = nulls(a, *size), nulls(g, *size)
        rows.append([_rates(a, g), _rates(nulls_a, nulls_g), _rates(nulls_a | a, nulls_g | g)])
    means = np.array(rows).mean(axis=0)
    return WithNulls(*(Rates(float(p), float(r)) for p, r in means))


def nulls(links: Links, source: int, target: int) -> set[object]:
    """The words without a link, as ("source", i) or ("target", j)."""
    with_link = {("source", i) for i, _ in links} | {("target", j) for _, j in links}
    every = {("source", i) for i in range(source)} | {("target", j) for j in range(target)}
    return {*(every - with_link)}


def _rates(found: Set[object], gold: Set[object]) -> tuple[float, float]:
    if not found and not gold:
        return 1.0, 1.0
    right = len(found & gold)
    return right / len(found) if found else 0.0, right / len(gold) if gold else 0.0
