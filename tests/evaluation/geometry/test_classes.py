import math

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.evaluation.geometry import classes as geometry_classes
from dipole.evaluation.geometry.classes import Classes, neural_collapse, tolerance

rng = np.random.default_rng(0)


def data(n=60, d=6, k=4):
    x = rng.normal(size=(n, d)) + 0.5
    return x / np.linalg.norm(x, axis=1, keepdims=True), rng.integers(0, k, n)


def test_tolerance_by_a_double_loop():
    x, y = data()
    same = [x[i] @ x[j] for i in range(60) for j in range(60) if i != j and y[i] == y[j]]
    mean, raw = tolerance(Classes.of(x * 3, y))
    assert mean == pytest.approx(np.mean(same))
    assert raw == pytest.approx(np.sum(same) / (60 * 59))


def test_nobody_has_a_companion():
    mean, raw = tolerance(Classes.of(np.eye(3), ["a", "b", "c"]))
    assert math.isnan(mean)
    assert raw == 0


def test_collapse_by_its_equations(monkeypatch):
    x, y = data()
    means = np.stack([x[y == c].mean(0) for c in range(4)])
    centred = means - means.mean(0)
    within = sum(np.outer(a - means[c], a - means[c]) for a, c in zip(x, y, strict=True)) / 60
    between = centred.T @ centred / 4
    monkeypatch.setattr(geometry_classes, "ROWS", 7)
    found = neural_collapse(Classes.of(x, y))
    expected = np.trace(within @ np.linalg.pinv(between, rcond=1e-10)) / 4
    assert found.within == pytest.approx(expected)
    norms = np.linalg.norm(centred, axis=1)
    cosines = [
        centred[a] @ centred[b] / norms[a] / norms[b] for a in range(4) for b in range(4) if a != b
    ]
    assert found.norm_spread == pytest.approx(norms.std() / norms.mean())
    assert found.cosine_mean == pytest.approx(np.mean(cosines))
    assert found.cosine_std == pytest.approx(np.std(cosines))
    gram = means @ means.T
    expected = np.linalg.norm(gram / np.linalg.norm(gram) - np.eye(4) / 2)
    assert found.to_frame == pytest.approx(expected)


def test_a_simplex_and_a_frame():
    """Orthogonal class means are a frame; centred they are a simplex."""
    x, y = np.repeat(np.eye(5)[:4], 3, axis=0), np.repeat(np.arange(4), 3)
    found = neural_collapse(Classes.of(x, y))
    assert found.within == pytest.approx(0, abs=1e-12)
    assert found.cosine_mean == pytest.approx(-1 / 3)
    for zero in (found.norm_spread, found.cosine_std, found.to_simplex, found.to_frame):
        assert zero == pytest.approx(0, abs=1e-7)
    moved = np.repeat(np.eye(5)[:4] + np.array([9, 0, 0, 0, 0]), 3, axis=0)
    lopsided = neural_collapse(Classes.of(moved, y))
    assert lopsided.to_frame > 0.5


def test_class_means_that_are_one_point():
    x = np.vstack([np.eye(2), -np.eye(2)])
    found = neural_collapse(Classes.of(np.vstack([x, x]), np.repeat([0, 1], 4)))
    assert found.within == math.inf
    assert math.isnan(found.cosine_mean)
    constant = neural_collapse(Classes.of(np.ones((4, 2)), [0, 0, 1, 1]))
    assert math.isnan(constant.cosine_mean)


def test_bad_input():
    with pytest.raises(InputError, match="found 1 class"):
        neural_collapse(Classes.of(np.eye(3), [1, 1, 1]))
    with pytest.raises(InputError, match=r"labels have shape \(2,\); expected \(3,\)"):
        Classes.of(np.eye(3), [1, 2])
