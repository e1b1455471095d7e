"""Measures with null words, by a count of each word, and differences by the papers' loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dipole.aligning.words.differences import left_out, of_words, unaligned
from dipole.aligning.words.measuring_nulls import with_nulls

SIZE = (3, 4)
links = st.frozensets(st.tuples(st.integers(0, 2), st.integers(0, 3)))


@given(st.lists(st.tuples(links, links), min_size=1, max_size=4))
def test_links_and_nulls_by_counting(rows):
    found, gold = map(list, zip(*rows, strict=True))
    got = with_nulls(found, gold, [SIZE] * len(rows))
    sums = np.zeros((3, 2))
    for a, g in rows:
        sets = []
        for one in (a, g):
            nulls = [("s", i) for i in range(SIZE[0]) if all(i != k for k, _ in one)]
            nulls += [("t", j) for j in range(SIZE[1]) if all(j != k for _, k in one)]
            sets.append((list(one), nulls, [*one, *nulls]))
        for n, (mine, theirs) in enumerate(zip(*sets, strict=True)):
            right = sum(x in theirs for x in mine)
            both_empty = not mine and not theirs
            sums[n] += [
                right / len(mine) if mine else float(both_empty),
                right / len(theirs) if theirs else float(both_empty),
            ]
    for rates, (precision, recall) in zip(got, sums / len(rows), strict=True):
        assert (rates.precision, rates.recall) == pytest.approx((precision, recall))
        total = precision + recall
        assert rates.f1 == pytest.approx(2 * precision * recall / total if total else 0.0)


def test_differences_in_loops():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 5)), rng.normal(size=(3, 5))

    def cosine(x, y):
        return x @ y / np.linalg.norm(x) / np.linalg.norm(y)

    expected = [1 - max(cosine(x, y) for y in b) for x in a]
    assert unaligned(a, b) == pytest.approx(expected)
    whole = cosine(a.mean(0), b.mean(0))
    expected = [(cosine(np.delete(a, i, 0).mean(0), b.mean(0)) - whole + 1) / 2 for i in range(4)]
    assert left_out(a, b) == pytest.approx(expected)
    assert of_words(np.array([1.0, 2.0, 6.0]), [[0, 2], [1]]).tolist() == [3.5, 2.0]
