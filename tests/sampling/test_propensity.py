"""Weights by hand, distances by recursion, draws by counting."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.sampling.propensity import (
    draw,
    edit_distances,
    negative_weights,
    positive_weights,
    surface,
)

words = st.text(alphabet="abcé", max_size=7)


def recursive(a, b):
    @cache
    def distance(i, j):
        if not i or not j:
            return i + j
        return min(
            distance(i - 1, j) + 1,
            distance(i, j - 1) + 1,
            distance(i - 1, j - 1) + (a[i - 1] != b[j - 1]),
        )

    return distance(len(a), len(b))


@given(st.lists(st.tuples(words, words), max_size=6))
def test_distances_equal_the_recursion(pairs):
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    assert edit_distances(first, second).tolist() == [recursive(a, b) for a, b in pairs]
    for (a, b), found in zip(pairs, surface(first, second), strict=True):
        longer = max(len(a), len(b))
        assert found == pytest.approx(1 - recursive(a, b) / longer if longer else 1)


def test_weights_by_hand():
    meaning = np.array([[0.9, 0.8, 0.3]])
    look = np.array([[0.9, 0.01, 0.5]])
    # 0.9 / 0.9 : 0.8 / 0.05, cut at the 99th percentile of (1, 16): 1 + 0.99 * 15.
    high = 1 + 0.99 * 15
    np.testing.assert_allclose(
        positive_weights(meaning, look), [[1 / (1 + high), high / (1 + high), 0]]
    )
    np.testing.assert_allclose(negative_weights(meaning, look), [[0, 0, 1]])
    assert negative_weights(meaning, look, ceiling=0.1).sum() == 0
    assert positive_weights(meaning, np.full((1, 3), -1.0)).sum() == 0  # no candidates at all


def test_draws_follow_the_weights_and_the_epoch():
    weights = np.repeat([[0.2, 0.0, 0.6, 0.2]], 20000, axis=0)
    weights[0] = 0
    column = draw(weights, seed=1, epoch=0)
    assert column[0] == -1
    shares = np.bincount(column[1:], minlength=4) / 19999
    np.testing.assert_allclose(shares, [0.2, 0, 0.6, 0.2], atol=0.015)
    assert np.array_equal(column, draw(weights, seed=1, epoch=0))
    assert not np.array_equal(column, draw(weights, seed=1, epoch=1))
    with pytest.raises(InputError, match=r"weights: found shape \(2,\)"):
        draw(np.ones(2), seed=0, epoch=0)
