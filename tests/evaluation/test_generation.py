"""Measures of generated text against loops over the equation."""

import math

import numpy as np
import pytest

from dipole.evaluation.generation import diversity, isotropy, repetition


def test_repetition_counts_in_each_text_and_adds_up():
    texts = ["a b a b a", "a b", "", "c"]
    # ab ba ab ba, ab: 5 bigrams, of which 2 + 1 are new in their text.
    assert repetition(texts, 2) == pytest.approx(2 / 5)
    assert repetition(texts, 3) == pytest.approx(1 / 3)  # aba bab aba
    assert math.isnan(repetition(["a"], 2))


def test_diversity_is_the_product():
    texts = ["a b a b a b c d e", "the cat sat on the mat and the cat sat"]
    wanted = math.prod(1 - repetition(texts, n) for n in (2, 3, 4))
    assert diversity(texts) == pytest.approx(wanted)
    assert 0 < wanted < 1


def test_isotropy_pools_all_pairs_of_the_corpus():
    rng = np.random.default_rng(0)
    texts = [rng.standard_normal((n, 6)) for n in (2, 5, 1)]
    cosines = [
        float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        for states in texts
        for i, a in enumerate(states)
        for j, b in enumerate(states)
        if i != j
    ]
    assert len(cosines) == 22
    assert isotropy(texts) == pytest.approx(1 - np.mean(cosines))
    wide = rng.standard_normal((400, 128))
    assert isotropy([wide]) == pytest.approx(1, abs=0.02)
    assert isotropy([np.tile(wide[:1], (4, 1))]) == pytest.approx(0, abs=1e-12)
    assert math.isnan(isotropy([np.ones((1, 3))]))
