"""Measures of generated text, and of the states that a language model has while it writes.

    rep-n = 1 - unique n-grams / n-grams,   diversity = (1 - rep-2) (1 - rep-3) (1 - rep-4)

Source: Su et al. 2022, SimCTG, arXiv 2202.06417; Su and Collier 2022, arXiv 2210.14140.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

import numpy as np

from dipole.evaluation.geometry.space import Moments


def repetition(texts: Iterable[str], n: int) -> float:
    """rep-n: which share of the n-grams repeats one that stands before it in its text.

    N-grams are of words between white space, unique ones are counted in each text and added up
    over the texts; nan without any. The published code leaves out the last n-gram of every text,
    and rounds to hundredths of a percent.

    >>> repetition(["a b a b", "a b"], 2)
    0.25
    """
    unique = total = 0
    for text in texts:
        words = text.split()
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        unique, total = unique + len(set(grams)), total + len(grams)
    return 1 - unique / total if total else float("nan")


def diversity(texts: Sequence[str]) -> float:
    """(1 - rep-2) (1 - rep-3) (1 - rep-4): 1 where nothing is said twice.

    >>> diversity(["all the words of this text differ"])
    1.0
    """
    return prod(1 - repetition(texts, n) for n in (2, 3, 4))


def isotropy(texts: Iterable[np.ndarray]) -> float:
    """How unlike the states of the tokens of one text are: 1 - their mean cosine.

        1 - sum_texts sum_{i != j} cos(h_i, h_j) / sum_texts n (n - 1)

    texts: states (n, d) of the tokens of each. 0 where they all point one way, 1 where they are
    spread evenly; all pairs of the corpus count alike.

    >>> isotropy([np.eye(3), np.ones((1, 3))]), round(isotropy([np.ones((4, 2))]), 9)
    (1.0, 0.0)
    """
    total, pairs = 0.0, 0
    for states in texts:
        moments = Moments.of(np.asarray(states, np.float64))
        n = moments.n
        total += float(moments.unit_sum @ moments.unit_sum - np.trace(moments.unit_gram))
        pairs += n * (n - 1)
    return 1 - total / pairs if pairs else float("nan")
