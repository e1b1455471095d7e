import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.evaluation.geometry import pairs as geometry_pairs
from dipole.evaluation.geometry.pairs import (
    alignment,
    centroid_distance,
    cosines_of,
    length_bias,
    pair_cosines,
    random_pairs,
    separability,
    threshold,
)

rng = np.random.default_rng(0)


def rows_of_one(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("alpha", [1.0, 2.0, 3.0])
def test_alignment_by_a_loop(monkeypatch, alpha):
    x, y = rng.normal(size=(2, 30, 4))
    pairs = zip(rows_of_one(x), rows_of_one(y), strict=True)
    expected = np.mean([np.linalg.norm(a - b) ** alpha for a, b in pairs])
    assert alignment(x, y, alpha) == pytest.approx(expected)
    monkeypatch.setattr(geometry_pairs, "ROWS", 7)
    assert alignment(x, y, alpha) == pytest.approx(expected)


def test_alignment_is_two_minus_two_cosines():
    x, y = rng.normal(size=(2, 30, 4))
    assert alignment(x, y) == pytest.approx(2 - 2 * pair_cosines(x, y).mean())


def test_random_pairs_are_uniform_and_never_the_same_row():
    i, j = random_pairs(30, 500)
    assert (i != j).all()
    assert len(i) == 500
    i, j = random_pairs(400, 100_000)
    assert (i != j).all()
    counts = np.bincount(np.concatenate([i, j]), minlength=400)
    assert scipy.stats.chisquare(counts).pvalue > 1e-4
    i, j = random_pairs(4, 100)
    assert sorted(zip(i.tolist(), j.tolist(), strict=True)) == [
        (a, b) for a in range(4) for b in range(4) if a != b
    ]


cosines = st.lists(st.floats(-1, 1, width=16), min_size=1, max_size=60).map(np.array)


@given(positive=cosines, random=cosines, share=st.sampled_from([0.05, 0.2, 0.5]))
def test_threshold_is_the_smallest_that_few_random_pairs_reach(positive, random, share):
    found = threshold(positive, random, share)
    assert (random >= found.value).mean() <= share
    below = np.nextafter(found.value, -np.inf)
    assert (random >= below).mean() > share
    assert found.recall == (positive >= found.value).mean()


@given(positive=cosines, random=cosines)
def test_equal_error_is_where_both_errors_cross(positive, random):
    found = threshold(positive, random)
    misses = (positive < found.equal_error_at).mean()
    alarms = (random >= found.equal_error_at).mean()
    assert found.equal_error == pytest.approx((misses + alarms) / 2)
    gaps = [abs((positive < t).mean() - (random >= t).mean()) for t in np.union1d(positive, random)]
    assert abs(misses - alarms) == pytest.approx(min(gaps))


def test_equal_error_and_overlap_of_two_normal_laws():
    """N(0.5, 0.1) and N(0.1, 0.1) cross half way: both errors are Phi(-2)."""
    a, b = (rng.normal(mean, 0.1, 200_000) for mean in (0.5, 0.1))
    found = threshold(a, b)
    assert found.equal_error_at == pytest.approx(0.3, abs=0.005)
    assert found.equal_error == pytest.approx(scipy.stats.norm.cdf(-2), abs=0.001)
    assert found.overlap == pytest.approx(2 * scipy.stats.norm.cdf(-2), abs=0.002)
    assert found.value == pytest.approx(scipy.stats.norm.isf(0.05, 0.1, 0.1), abs=0.002)


def test_overlap_at_its_ends():
    assert threshold(np.full(9, 0.9), np.full(9, 0.1)).overlap == 0
    assert threshold(np.ones(9), np.ones(7)).overlap == pytest.approx(1)


def test_centroid_distance():
    x, y = rng.normal(size=(30, 4)) + 1, rng.normal(size=(20, 4))
    expected = np.linalg.norm(rows_of_one(x).mean(0) - rows_of_one(y).mean(0))
    assert centroid_distance(x, y) == pytest.approx(expected)
    assert centroid_distance(np.eye(3), -np.eye(3)) == pytest.approx(2 / math.sqrt(3))


def test_separability_of_one_cloud_and_of_two():
    x, y = rng.normal(size=(2, 300, 8))
    assert separability(x, y) == pytest.approx(0.5, abs=0.1)
    assert separability(x, y + np.array([3, 0, 0, 0, 0, 0, 0, 0])) > 0.9
    assert separability(x, x + 0.01 * y) == pytest.approx(0.5, abs=0.1)  # partners nearly alike
    assert math.isnan(separability(x[:9], y[:9]))


def test_length_bias_is_found_where_it_is():
    lengths = rng.integers(5, 500, 400)
    direction = np.r_[1.0, np.zeros(7)]
    plain = rng.normal(size=(400, 8))
    biased = plain + 6 * (lengths[:, None] / 500 - 0.5) * direction
    found, none = length_bias(biased, lengths), length_bias(plain, lengths)
    assert found["pairs"] < -0.3
    assert all(abs(value) < 0.15 for value in none.values())
    longer = length_bias(rows_of_one(plain) * lengths[:, None], lengths)
    assert longer["norm"] == pytest.approx(1, abs=1e-4)
    same = length_bias(rows_of_one(plain), np.full(400, 7))
    assert all(math.isnan(value) for value in same.values())
    assert math.isnan(length_bias(rows_of_one(plain), lengths)["norm"])


def test_cosines_of_rows():
    x = rng.normal(size=(10, 3))
    found = cosines_of(x, np.array([0, 3]), x, np.array([5, 3]))
    unit = rows_of_one(x)
    assert found == pytest.approx([unit[0] @ unit[5], 1.0])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: alignment(np.ones((2, 3)), np.ones((3, 3))), "expected the same"),
        (lambda: threshold(np.array([]), np.ones(2)), "positive cosines are empty"),
        (lambda: threshold(np.ones(2), np.array([np.nan])), "random cosines are empty or not"),
        (lambda: threshold(np.ones(2), np.ones(2), 0), "share is 0"),
        (lambda: length_bias(np.ones((3, 2)), np.ones(2)), "one finite number per vector"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(InputError, match=match):
        call()
