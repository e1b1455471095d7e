import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.evaluation.bounds import centres as bounds_centres
from dipole.evaluation.bounds.centres import nearest_centre_bound


def drawn(seed, noise, views=2, n=24, classes=3, strays=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    x = np.eye(8)[labels] + noise * rng.normal(size=(n, 8))
    x[:strays] = rng.normal(size=(strays, 8))
    return x + noise / 3 * rng.normal(size=(views, n, 8)), labels


def test_a_case_by_hand():
    """Two classes, all views of class 0 at (1, 0), of class 1 at (0, 1) but for one stray example.

    Class 1: three of four examples at (0, 1), one at (1, 0). With sigma = 3/4 three of each class
    are kept, so D = 0, q = 3/4 for both and, with epsilon = 0, rho = 2 (1 - 3/4).
    """
    f = np.zeros((2, 8, 2))
    f[:, :4, 0] = f[:, 7, 0] = 1
    f[:, 4:7, 1] = 1
    labels = [0] * 4 + [1] * 4
    found = nearest_centre_bound(f, labels, sigmas=(0.75,), epsilons=(0.0,))
    # mu_0 = (1, 0), mu_1 = (1/4, 3/4): |mu_1|^2 = 10/16, the product 1/4.
    assert found.parts["largest cosine product of centres"] == pytest.approx(0.25)
    assert found.parts["room: rho + sqrt(2 rho) must be below"] == pytest.approx(1 - 3 / 16 - 0.25)
    assert found.parts["smallest rho of any sigma, epsilon"] == pytest.approx(0.5)
    # 0.5 + 1 is more than there is room for: nothing is said.
    assert found.value == 1
    assert found.vacuous
    assert found.measured == pytest.approx(1 / 8)
    assert "does not hold" in found.assumptions[1]


def test_collapsed_classes_have_no_error():
    f, labels = drawn(0, 0.0)
    found = nearest_centre_bound(f, labels)
    assert found.value == 0
    assert found.measured == 0
    assert found.parts["rho"] == pytest.approx(0)
    assert found.trivial == pytest.approx(2 / 3)
    assert not found.vacuous


def test_a_stray_costs_its_share():
    f, labels = drawn(1, 0.0, n=400, classes=2)
    f[:, 0] = f[:, 1]  # one of class 0 lies with class 1
    found = nearest_centre_bound(f, labels)
    assert found.measured == pytest.approx(1 / 400)
    assert found.measured <= found.value <= 0.011
    assert found.parts["sigma"] == 0.99


@settings(max_examples=60)
@given(
    seed=st.integers(0, 9999), noise=st.sampled_from([0.0, 0.003, 0.01, 0.03, 0.3]),
    strays=st.integers(0, 2), classes=st.integers(2, 4),
)  # fmt: skip
def test_the_error_is_below_the_bound(seed, noise, strays, classes):
    f, labels = drawn(seed, noise, n=60, classes=classes, strays=strays)
    assert nearest_centre_bound(f, labels).holds


def test_it_says_something_of_tight_classes():
    found = nearest_centre_bound(*drawn(2, 0.003))
    assert found.value < found.trivial
    assert found.parts["alignment"] > 0


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: nearest_centre_bound(np.ones((3, 2)), [1, 2]), "expected finite"),
        (lambda: nearest_centre_bound(np.full((1, 2, 2), math.nan), [1, 2]), "expected finite"),
        (lambda: nearest_centre_bound(np.ones((2, 3, 2)), [1, 2]), "2 labels of 3 examples"),
        (lambda: nearest_centre_bound(np.ones((2, 3, 2)), [1, 1, 1]), "all labels are the same"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(InputError, match=match):
        call()


def test_too_many(monkeypatch):
    monkeypatch.setattr(bounds_centres, "MOST", 100)
    with pytest.raises(InputError, match="expected at most 5"):
        nearest_centre_bound(*drawn(0, 0.1))
