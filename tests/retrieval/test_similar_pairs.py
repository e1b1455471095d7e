"""Pairs and groups against the whole matrix, and against sentence-transformers."""

from __future__ import annotations

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.retrieval import communities, paraphrases

RNG = np.random.default_rng(0)


def crowded(n: int = 300, centres: int = 9) -> np.ndarray:
    """Rows in heaps of very different sizes, of different lengths."""
    heap = np.minimum(RNG.geometric(0.3, n) - 1, centres - 1)
    rows = RNG.normal(size=(centres, 16))[heap] + 0.35 * RNG.normal(size=(n, 16))
    return rows * RNG.uniform(0.1, 9, (n, 1))


def cosines(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


@pytest.mark.parametrize("most", [7, 500, 10**6])
@pytest.mark.parametrize("threshold", [-1.0, 0.5, 0.8])
def test_pairs_are_those_of_the_whole_matrix(
    monkeypatch: pytest.MonkeyPatch, most: int, threshold: float
) -> None:
    import dipole.retrieval.similar_pairs as room

    monkeypatch.setattr(room, "_ROWS", 37)  # several blocks, asked again with more
    monkeypatch.setattr(room, "_WIDTH", 3)
    monkeypatch.setattr(room, "_NUMBERS", 2000)
    vectors = crowded()
    matrix = cosines(vectors)
    pairs = [
        (-matrix[i, j], i, j) for i in range(300) for j in range(i + 1, 300)
        if matrix[i, j] >= threshold
    ]  # fmt: skip
    wanted = sorted(pairs)[:most]
    found = paraphrases(vectors, threshold=threshold, most=most)
    assert len(found.scores) == len(wanted)
    np.testing.assert_allclose(found.scores, [-score for score, _, _ in wanted], atol=1e-6)
    np.testing.assert_allclose(found.scores, matrix[tuple(found.rows.T)], atol=1e-6)
    assert len({tuple(pair) for pair in found.rows}) == len(wanted)
    assert (found.rows[:, 0] < found.rows[:, 1]).all()


def test_rows_that_are_equal_are_all_found() -> None:
    found = paraphrases(np.ones((150, 4)), threshold=0.99)
    assert len(found.scores) == 150 * 149 // 2
    (group,) = communities(np.ones((150, 4)), threshold=0.99)
    assert sorted(group) == list(range(150))


@pytest.mark.parametrize("threshold", [0.6, 0.8])
@pytest.mark.parametrize("min_size", [1, 2, 5])
def test_groups_are_those_of_the_rule(threshold: float, min_size: int) -> None:
    vectors = crowded()
    matrix = cosines(vectors.astype(np.float32))
    around = [np.flatnonzero(row >= threshold) for row in matrix]
    wanted, taken = [], set()
    for rows in sorted(around, key=len, reverse=True):
        left = set(rows.tolist()) - taken
        if len(rows) >= min_size and len(left) >= min_size:
            wanted.append(left)
            taken |= left
    found = communities(vectors, threshold=threshold, min_size=min_size)
    assert [set(group.tolist()) for group in found] == sorted(wanted, key=len, reverse=True)


def test_groups_are_those_of_sentence_transformers() -> None:
    util = pytest.importorskip("sentence_transformers.util")
    vectors = crowded().astype(np.float32)
    theirs = util.community_detection(vectors, threshold=0.8, min_community_size=4)
    ours = communities(vectors, threshold=0.8, min_size=4)
    assert [len(group) for group in ours] == [len(group) for group in theirs]
    assert {frozenset(map(int, group)) for group in ours} == {frozenset(g) for g in theirs}


def test_a_row_of_zeros_is_like_no_other() -> None:
    assert paraphrases(np.zeros((3, 2)), threshold=0.1).rows.shape == (0, 2)
    assert communities(np.zeros((3, 2)), threshold=0.1, min_size=2) == []


def test_bad_arguments_are_one_line() -> None:
    with pytest.raises(InputError, match=r"vectors: found shape \(3,\); expected \(n, dim\)"):
        paraphrases(np.ones(3))
    with pytest.raises(InputError, match="threshold"):
        communities(np.ones((3, 2)), threshold=2)
    with pytest.raises(InputError, match="most"):
        paraphrases(np.ones((3, 2)), most=0)
