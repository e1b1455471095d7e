import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.evaluation.bounds import theorems as bounds
from dipole.evaluation.bounds.theorems import Bound, mean_classifier_bound


def loss(v):
    return math.log2(1 + math.exp(-v))


def test_a_case_by_hand():
    """Three points on a line: 1 and 3 of class 0, -1 of class 1."""
    found = mean_classifier_bound([[1.0], [3.0], [-1.0]], [0, 0, 1])
    # rho = 2/3, 1/3.
    assert found.parts["tau"] == pytest.approx(5 / 9)
    # Means 2 and -1; the tasks (0, 1) and (1, 0) have the same weight.
    assert found.measured == pytest.approx(
        (loss(1 * 3) + loss(3 * 3)) / 2 / 2 + loss(-1 * (-1 - 2)) / 2
    )
    points = {0: [1.0, 3.0], 1: [-1.0]}
    everyone = [(1.0, 0), (3.0, 0), (-1.0, 1)]
    total = same = 0.0
    for x, c in everyone:
        for near in points[c]:
            for far, other in everyone:
                weight = 1 / 3 / len(points[c]) / 3
                total += weight * loss(x * (near - far))
                same += weight * loss(x * (near - far)) * (c == other)
    assert found.parts["L_un"] == pytest.approx(total)
    assert found.parts["L_un, x- of the same class"] == pytest.approx(same / (5 / 9))
    assert found.value == pytest.approx((total - 5 / 9) / (4 / 9))
    # Class 0 has variance 1 and mean norm 2, class 1 none.
    assert found.parts["s(f)"] == pytest.approx(2 / 3 * 1 * 2)
    assert found.parts["accuracy of the mean classifier"] == pytest.approx(1)
    assert found.error == 0
    assert found.holds
    assert found.vacuous == (found.value >= 1)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 9999), classes=st.integers(2, 6), scale=st.floats(0.01, 5),
    apart=st.floats(0, 3),
)  # fmt: skip
def test_the_theorem_holds_for_every_representation(seed, classes, scale, apart):
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(classes), rng.integers(0, classes, 20)]
    x = scale * (rng.normal(size=(len(labels), 3)) + apart * rng.normal(size=(classes, 3))[labels])
    found = mean_classifier_bound(x, labels)
    assert found.holds
    assert found.error == 0


def test_drawn_triples_are_near_all_of_them(monkeypatch):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 80)
    x = rng.normal(size=(80, 3)) + 2 * rng.normal(size=(4, 3))[labels]
    exact = mean_classifier_bound(x, labels)
    monkeypatch.setattr(bounds, "TRIPLES", 0)
    monkeypatch.setattr(bounds, "DRAWN", 200_000)
    drawn = mean_classifier_bound(x, labels)
    assert 0 < drawn.error < 0.05
    assert drawn.value == pytest.approx(exact.value, abs=4 * drawn.error)
    assert drawn.measured == exact.measured


def test_nothing_learnt_is_vacuous():
    found = mean_classifier_bound(np.zeros((6, 2)), [0, 0, 0, 1, 1, 1])
    assert found.measured == pytest.approx(1)
    assert found.value == pytest.approx(1)
    assert found.vacuous
    assert found.parts["accuracy of the mean classifier"] == pytest.approx(0.5)
    assert "vacuous" in found.lines()[0]
    good = mean_classifier_bound(5 * np.eye(4), range(4))
    assert not good.vacuous
    assert "assumes positives are two independent draws" in "\n".join(good.lines())


def test_not_measured():
    bound = Bound("x", math.nan, 0.5, 1.0, ())
    assert bound.holds is None
    assert "not measured <= 0.5" in bound.lines()[0]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: mean_classifier_bound(np.ones((3, 2)), [1, 1, 1]), "all labels are the same"),
        (lambda: mean_classifier_bound(np.ones((3, 2)), [1, 2]), "2 labels of 3 vectors"),
        (lambda: mean_classifier_bound([[np.nan], [1.0]], [1, 2]), "row 0 holds a value"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(InputError, match=match):
        call()
