"""Matchers against loops written from the papers, on random matrices."""

import doctest
import importlib
from itertools import permutations

import numpy as np
import pytest

from dipole.aligning.words.matching import best_sources, best_targets, iterated, matched
from dipole.aligning.words.similarity import similarities
from dipole.aligning.words.thresholding import both_ways, entmax15, harmonic
from dipole.aligning.words.transport import costs, moved, plan, scaled
from dipole.errors import InputError

SHAPES = [(1, 4), (2, 5), (3, 3), (5, 4), (6, 9), (9, 6)]


def matrices(count=15):
    rng = np.random.default_rng(0)
    return [rng.random(shape) for shape in SHAPES for _ in range(count)]


def naive_itermax(s, rounds):
    m, n = s.shape
    best = {(i, j) for i in range(m) for j in range(n)
            if s[i, j] == s[i].max() and s[i, j] == s[:, j].max()}  # fmt: skip
    if min(m, n) <= 2:
        return best
    for _ in range(rounds - 1):
        rows, columns = {i for i, _ in best}, {j for _, j in best}
        if len(rows) == m or len(columns) == n:
            return best
        w = np.array([[(1.0, 0.9, 0.0)[(i in rows) + (j in columns)] for j in range(n)]
                      for i in range(m)]) * s  # fmt: skip
        best |= {(i, j) for i in range(m) for j in range(n)
                 if w[i, j] == w[i].max() and w[i, j] == w[:, j].max()
                 and not (i in rows and j in columns)}  # fmt: skip
    return best


@pytest.mark.parametrize("rounds", [1, 2, 4])
def test_itermax_as_written_in_loops(rounds):
    added = 0
    for s in matrices():
        assert iterated(s, rounds) == naive_itermax(s, rounds)
        added += len(iterated(s, rounds)) - len(best_sources(s) & best_targets(s))
    assert (added > 0) == (rounds > 1)


def test_the_matching_is_the_best_of_all():
    for s in matrices():
        m, n = s.shape
        if max(m, n) > 5:
            continue
        small = s if m <= n else s.T
        total = max(sum(small[i, j] for i, j in enumerate(p))
                    for p in permutations(range(max(m, n)), min(m, n)))  # fmt: skip
        found = matched(s)
        assert sum(s[i, j] for i, j in found) == pytest.approx(total)
        assert len({i for i, _ in found}) == len({j for _, j in found}) == min(m, n)


def test_a_similarity_in_loops():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(3, 4)), rng.normal(size=(5, 4))
    x[1] = 0
    found = similarities(x, y, 0.3)
    for i in range(3):
        for j in range(5):
            norms = np.linalg.norm(x[i]) * np.linalg.norm(y[j])
            cosine = x[i] @ y[j] / norms if norms else 0.0
            expected = (cosine + 1) / 2 * (1 - 0.3 * (i / 2 - j / 4) ** 2)
            assert found[i, j] == pytest.approx(expected, abs=1e-12)


def test_entmax_is_the_root_of_its_sum():
    from scipy.optimize import brentq

    rng = np.random.default_rng(2)
    for row in rng.normal(scale=3, size=(50, 7)):
        tau = brentq(lambda t, r=row: (np.clip(r / 2 - t, 0, None) ** 2).sum() - 1, -20, 20)
        expected = np.clip(row / 2 - tau, 0, None) ** 2
        assert entmax15(row) == pytest.approx(expected, abs=1e-9)
    assert (entmax15(np.array([5.0, 0.0, 0.0])) == [1, 0, 0]).all()


def test_thresholds_in_loops():
    rng = np.random.default_rng(3)
    for scores in rng.normal(scale=2, size=(20, 4, 5)):
        e = np.exp(scores)
        expected = {(i, j) for i in range(4) for j in range(5)
                    if e[i, j] / e[i].sum() > 0.2 and e[i, j] / e[:, j].sum() > 0.2}  # fmt: skip
        assert both_ways(scores, 0.2) == expected
    f, b = rng.random((5, 4)), rng.random((4, 5))
    expected = {(i, j) for i in range(4) for j in range(5)
                if 2 / (1 / f[j, i] + 1 / b[i, j]) > 0.5}  # fmt: skip
    assert harmonic(f, b, 0.5) == expected


def test_plans_satisfy_what_defines_them():
    rng = np.random.default_rng(4)
    cost = rng.random((4, 6))
    balanced = plan(cost, "balanced")
    assert balanced.sum(axis=1) == pytest.approx(np.full(4, 1 / 4), abs=1e-5)
    assert balanced.sum(axis=0) == pytest.approx(np.full(6, 1 / 6), abs=1e-5)
    partial = plan(cost, "partial", tau=0.5)
    assert partial.sum() == pytest.approx(2.0)
    assert (partial.sum(axis=1) <= 1 + 1e-6).all()
    assert (partial.sum(axis=0) <= 1 + 1e-6).all()
    # u = (a / K v)^(tau / (tau + eps)) at the fixed point, K = exp(-C / eps).
    tau, eps, K = 0.3, 0.1, np.exp(-cost / 0.1)
    u, v = np.ones(4), np.ones(6)
    for _ in range(2000):
        u = (1 / (K @ v)) ** (tau / (tau + eps))
        v = (1 / (K.T @ u)) ** (tau / (tau + eps))
    assert plan(cost, "unbalanced", tau=tau, eps=eps) == pytest.approx(u[:, None] * K * v, abs=1e-5)
    masses = (rng.random(4) + 0.5, rng.random(6) + 0.5)
    for _ in range(2000):
        u = (masses[0] / (K @ v)) ** (tau / (tau + eps))
        v = (masses[1] / (K.T @ u)) ** (tau / (tau + eps))
    found = plan(cost, "unbalanced", tau=tau, eps=eps, masses=masses)
    assert found == pytest.approx(u[:, None] * K * v, abs=1e-5)


def test_a_high_price_of_mass_that_stays_is_balanced():
    cost = np.random.default_rng(5).random((5, 5))
    strict = plan(cost, "unbalanced", tau=1e4)
    assert strict / strict.sum() == pytest.approx(plan(cost, "balanced"), abs=1e-3)


def test_edges_of_transport():
    assert (scaled(np.full((2, 2), 3.0)) == 1).all()
    assert moved(np.array([[0.4]]), 0.3) == {(0, 0)}
    assert (costs(np.ones((2, 3)), np.ones((2, 3))) == 0).all()
    with pytest.raises(InputError, match="problem: found 'exact'; expected balanced"):
        plan(np.ones((2, 2)), "exact")  # type: ignore[arg-type]


@pytest.mark.parametrize("module", ["differences", "matching", "measuring_nulls", "similarity",
                                    "thresholding", "transport"])  # fmt: skip
def test_docstrings(module):
    found = doctest.testmod(importlib.import_module(f"dipole.aligning.words.{module}"))
    assert found.attempted > 0
    assert found.failed == 0
