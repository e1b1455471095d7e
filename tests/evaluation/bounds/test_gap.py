import math

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.evaluation.bounds.gap import gap_growth, linear_gap_bound


def tuples(n, k, p=4, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    near = x + 0.3 * rng.normal(size=(n, p))
    far = rng.normal(size=(n, k, p))
    unit = [v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (near, far)]
    return x, *unit


def test_a_case_by_hand():
    """One anchor (1, 0), positive (1, 0), negatives (0, 1) twice: |x+ - x-|^2 = 2 each."""
    x, near, far = np.array([[1.0, 0]]), np.array([[1.0, 0]]), np.array([[[0, 1.0], [0, 1.0]]])
    found = linear_gap_bound(x, near, far, norm=1.0, dim=2, delta=0.05)
    largest = math.log(1 + 2 * math.exp(2))
    assert found.trivial == pytest.approx(largest)
    norms = 2 * math.sqrt(2) * math.sqrt(4) + 3 * largest * math.sqrt(math.log(80) / 2)
    assert found.parts["by norms"] == pytest.approx(norms)
    parameters = largest * math.sqrt((4 * math.log(1 + 16) + math.log(40)) / 2) + 1
    assert found.parts["by parameters"] == pytest.approx(parameters)
    assert found.value == min(found.parts["by norms"], found.parts["by parameters"])
    assert found.vacuous
    assert found.holds is None


def test_growth_with_the_number_of_negatives():
    """16 times the negatives: the first bound grows as sqrt(k), the second as log k."""
    few, many = (
        linear_gap_bound(*tuples(100_000 // k, k), norm=1.0, dim=2) for k in (1, 16)
    )  # the same number of rows in memory
    n = (100_000, 100_000 // 16)
    scale = math.sqrt(n[1] / n[0])
    first = [
        b.parts["by norms"] - 3 * b.trivial * math.sqrt(math.log(80) / (2 * m))
        for b, m in zip((few, many), n, strict=True)
    ]
    assert first[1] * scale / first[0] == pytest.approx(4, rel=0.05)
    second = [b.parts["by parameters"] for b in (few, many)]
    assert second[1] * scale / second[0] < 2.2


def test_no_vacuous_bound_with_enough_tuples():
    found = linear_gap_bound(*tuples(50_000, 1), norm=1.0, dim=2)
    assert not found.vacuous


def test_the_rademacher_complexity_is_below_its_bound():
    """E sup over U, by the largest eigenvalue for drawn signs: what the first term must exceed."""
    x, near, far = tuples(60, 3)
    rng = np.random.default_rng(1)
    differences = near[:, None] - far
    sups = []
    for _ in range(200):
        signs = rng.choice([-1.0, 1.0], size=(60, 3))
        a = np.einsum("ij,ijp,iq->pq", signs, differences, x)
        sups.append(max(np.linalg.eigvalsh((a + a.T) / 2)[-1], 0))
    squares = (x**2).sum(1) * (differences**2).sum((1, 2))
    assert 0.2 * math.sqrt(squares.sum()) < np.mean(sups) <= math.sqrt(squares.sum())


def test_measured_gaps_stay_below():
    """Features that were made to fit few tuples: the gap to fresh tuples is within the bound."""

    def mean_loss(u, x, near, far):
        v = ((x @ u.T)[:, None] * ((near[:, None] - far) @ u.T)).sum(-1)
        return np.log1p(np.exp(-v).sum(1)).mean()

    train, test = tuples(40, 4, seed=2), tuples(4000, 4, seed=3)
    rng = np.random.default_rng(4)
    tried = [u / np.linalg.norm(u) for u in rng.normal(size=(500, 2, 4))]
    best = min(tried, key=lambda u: mean_loss(u, *train))
    gap = mean_loss(best, *test) - mean_loss(best, *train)
    assert linear_gap_bound(*train, norm=1.0, dim=2, gap=gap).holds


def test_growth_recovers_its_law():
    k = [1, 4, 16, 64, 256]
    logarithmic = gap_growth(k, 0.1 + 0.05 * np.log(k))
    assert logarithmic.logarithmic == pytest.approx((0.1, 0.05))
    assert logarithmic.log_residual < 1e-12 < logarithmic.sqrt_residual
    root = gap_growth(k, 0.1 * np.sqrt(k))
    assert root.square_root == pytest.approx((0, 0.1), abs=1e-12)
    assert root.ratio == pytest.approx(16)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: linear_gap_bound(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3)), 1, 1), "k, p"),
        (
            lambda: linear_gap_bound(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 1, 3)), 0, 1),
            "norm 0",
        ),
        (
            lambda: linear_gap_bound(
                np.full((2, 3), np.nan), np.ones((2, 3)), np.ones((2, 1, 3)), 1, 1
            ),
            "anchors are empty or not finite",
        ),
        (lambda: gap_growth([1, 2], [0.1, 0.2]), "at least 3 numbers"),
        (lambda: gap_growth([1, 2, 3], [0.1, 0.2, np.nan]), "not finite"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(InputError, match=match):
        call()
