import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from dipole.errors import InputError
from dipole.evaluation.geometry import space as geometry_space
from dipole.evaluation.geometry.space import (
    Moments,
    average_cosine,
    effective_rank,
    iso_score,
    partition_isotropy,
    singular_values,
    uniformity,
    uniformity_floor,
    vectors_checked,
)


def cloud(seed, n=40, d=5, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def rows_of_one(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@settings(max_examples=20)
@given(seed=st.integers(0, 999), t=st.sampled_from([0.5, 2.0, 10.0]))
def test_uniformity_by_scipys_distances(seed, t):
    x = cloud(seed)
    expected = np.log(np.exp(-t * pdist(rows_of_one(x), "sqeuclidean")).mean())
    found, pairs = uniformity(x, t=t)
    assert found == pytest.approx(expected, abs=1e-9)
    assert pairs == 40 * 39 / 2
    assert uniformity(x[:15], x[15:], t=t)[0] == pytest.approx(found, abs=1e-12)


def test_uniformity_of_a_sample_is_near():
    x = cloud(1, n=2000)
    found, pairs = uniformity(x, rows=500)
    assert pairs == 500 * 499 / 2
    assert found == pytest.approx(uniformity(x)[0], abs=0.05)
    assert uniformity(x[:900], x[900:], rows=500)[0] == pytest.approx(found, abs=1e-9)


def test_collapse_is_the_worst_uniformity():
    assert uniformity(np.ones((5, 3)))[0] == pytest.approx(0, abs=1e-12)


@given(d=st.integers(1, 300), t=st.floats(0.1, 20))
def test_floor_is_the_hypergeometric_function(d, t):
    with np.errstate(all="ignore"):
        theirs = np.log(scipy.special.hyp0f1(d / 2, t * t)) - 2 * t
    if np.isfinite(theirs):
        assert uniformity_floor(d, t) == pytest.approx(theirs, rel=1e-7, abs=1e-7)


def test_floor_in_three_dimensions_by_hand():
    """x . y is uniform on [-1, 1]: the mean of exp(2 t (u - 1)) is (1 - exp(-4 t)) / (4 t)."""
    for t in (0.3, 2.0, 50.0, 1000.0):
        assert uniformity_floor(3, t) == pytest.approx(math.log(-math.expm1(-4 * t) / (4 * t)))


@pytest.mark.parametrize("d", [2, 8, 64])
def test_points_of_the_uniform_law_reach_the_floor(d):
    x = np.random.default_rng(0).normal(size=(5000, d))
    assert uniformity(x.astype(np.float32))[0] == pytest.approx(uniformity_floor(d), abs=0.02)


def test_average_cosine_by_a_double_loop():
    x = rows_of_one(cloud(2, shift=0.5))
    expected = np.mean([x[i] @ x[j] for i in range(40) for j in range(40) if i != j])
    assert average_cosine(Moments.of(x * 3)) == pytest.approx(expected)
    assert average_cosine(Moments.of(np.ones((4, 3)))) == pytest.approx(1)


def test_partition_isotropy_by_its_equation():
    x = rows_of_one(cloud(3, shift=0.5))
    z = [np.exp(x @ c).sum() for v in np.linalg.svd(x)[2] for c in (v, -v)]
    assert partition_isotropy(x * 7) == pytest.approx(min(z) / max(z))
    assert partition_isotropy(np.vstack([np.eye(4), -np.eye(4)])) == pytest.approx(1)


def test_iso_score_by_its_steps():
    """As in the paper's algorithm, with numpy's covariance and a rotation first."""
    x = cloud(4, n=200, d=6) * [3, 1, 1, 0.5, 0.1, 0.1] + 4
    centred = x - x.mean(0)
    rotated = centred @ np.linalg.svd(centred, full_matrices=False)[2].T
    v = np.diag(np.cov(rotated.T))
    v = v * math.sqrt(6) / np.linalg.norm(v)
    delta = np.linalg.norm(v - 1) / math.sqrt(2 * (6 - math.sqrt(6)))
    phi = (6 - delta**2 * (6 - math.sqrt(6))) ** 2 / 36
    assert iso_score(Moments.of(x)) == pytest.approx((6 * phi - 1) / 5)
    assert iso_score(Moments.of(x * 5 - 9)) == pytest.approx(iso_score(Moments.of(x)))


def test_iso_score_at_its_ends():
    assert iso_score(Moments.of(cloud(5, n=20_000, d=8))) > 0.95
    line = np.outer(np.linspace(-1, 1, 50), np.ones(8))
    assert iso_score(Moments.of(line)) == pytest.approx(0, abs=1e-9)
    assert math.isnan(iso_score(Moments.of(np.ones((5, 3)))))
    assert math.isnan(iso_score(Moments.of(np.arange(5.0)[:, None])))


@given(k=st.integers(1, 5))
def test_rank_of_a_frame_is_its_size(k):
    frame = np.tile(np.linalg.qr(cloud(6, n=7, d=7))[0][:k], (3, 1))
    assert effective_rank(singular_values(frame.T @ frame)) == pytest.approx(k)


def test_rank_and_spectrum_by_svd():
    x = cloud(7, n=60, d=8) * 2.0 ** -np.arange(8)
    s = np.linalg.svd(x, compute_uv=False)
    moments = Moments.of(x)
    np.testing.assert_allclose(singular_values(moments.raw_gram), s, rtol=1e-8)
    p = s / s.sum()
    assert effective_rank(s) == pytest.approx(np.exp(-(p * np.log(p)).sum()))
    constant = singular_values(Moments.of(np.ones((9, 4))).unit_gram)
    assert effective_rank(constant) == pytest.approx(1)
    assert math.isnan(effective_rank(np.zeros(3)))


def test_more_dimensions_than_vectors():
    x = cloud(8, n=5, d=30)
    s = singular_values(Moments.of(x).raw_gram)
    np.testing.assert_allclose(s[:5], np.linalg.svd(x, compute_uv=False), rtol=1e-8)
    assert (s[5:] == 0).all()


def test_blocks_do_not_change_the_result(monkeypatch):
    x = cloud(9, n=50).astype(np.float32)
    whole, isotropy = Moments.of(x), partition_isotropy(x)
    monkeypatch.setattr(geometry_space, "ROWS", 7)
    parts = Moments.of(x[:20], x[20:])
    np.testing.assert_allclose(parts.unit_gram, whole.unit_gram)
    np.testing.assert_allclose(parts.raw_sum, whole.raw_sum)
    assert parts.n == 50
    assert partition_isotropy(x[:20], x[20:]) == pytest.approx(isotropy)


def test_vectors_of_length_zero_are_counted():
    x = np.vstack([np.zeros((2, 3)), np.eye(3)])
    assert Moments.of(x).zeros == 2
    assert average_cosine(Moments.of(x)) == pytest.approx(0)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: vectors_checked(np.ones(3)), r"shape \(3,\); expected \(n, d\)"),
        (lambda: vectors_checked(np.ones((1, 3))), "found 1 vectors; expected at least 2"),
        (lambda: vectors_checked(np.ones((3, 0))), "expected"),
        (lambda: vectors_checked(np.array([[1.0], [np.nan]])), "row 1 holds a value that is not"),
        (lambda: uniformity(np.ones((1, 3))), "found 1 vector"),
        (lambda: uniformity(np.ones((2, 3)), t=0), "t is 0"),
        (lambda: uniformity_floor(0), "d is 0"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(InputError, match=match):
        call()
