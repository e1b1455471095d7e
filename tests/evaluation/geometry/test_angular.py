"""Angles by arccos, where that is exact, and near 0 and pi, where it is not."""

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.evaluation.geometry.angular import angular_similarity


def test_it_is_one_less_the_angle():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 200, 5))
    cosines = (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    found = angular_similarity(x, 3 * y)
    np.testing.assert_allclose(found, 1 - np.arccos(cosines) / np.pi, rtol=1e-12)
    assert (np.argsort(found) == np.argsort(cosines)).all()


def test_small_and_flat_angles():
    small = np.array([1e-9, 1e-5, np.pi - 1e-9])
    x = np.tile([1.0, 0.0], (3, 1))
    y = np.stack([np.cos(small), np.sin(small)], 1)
    np.testing.assert_allclose(1 - angular_similarity(x, y), small / np.pi, rtol=1e-6)
    assert angular_similarity(x[:1], -x[:1]) == 0


def test_shapes_are_checked():
    with pytest.raises(InputError, match=r"found shapes \(2, 3\) and \(1, 3\); expected the same"):
        angular_similarity(np.ones((2, 3)), np.ones((1, 3)))
