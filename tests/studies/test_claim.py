import numpy as np
import pytest

from dipole.errors import InputError
from dipole.studies.claim import AtLeast, AtMost, Claim, Equal, Inequality

OUTCOME = {
    "a": {"acc": np.array([[1.0, 2.0], [3.0, 4.0]]), "rank": np.array([[7.0], [8.0]])},
    "b": {"acc": np.array([[0.0, 1.0], [1.0, 1.0]])},
}


def test_left_side_is_linear_and_paired():
    two = Inequality({"a": 2.0, "b": -1.0}, 0.0, "acc", "2a >= b")
    assert two.left_side(OUTCOME).tolist() == [[2.0, 3.0], [5.0, 7.0]]


@pytest.mark.parametrize(
    ("inequality", "weights", "least", "says"),
    [
        (AtLeast("a", "b", by=1, on="acc"), {"a": 1, "b": -1}, 1, "acc: a >= b + 1"),
        (AtLeast("a", "b", by=-1, on="acc"), {"a": 1, "b": -1}, -1, "acc: a >= b - 1"),
        (AtLeast("a", 2.0, by=1, on="acc"), {"a": 1}, 3, "acc: a >= 3"),
        (AtMost("a", "b", by=1, on="acc"), {"a": -1, "b": 1}, 1, "acc: a <= b - 1"),
        (AtMost("x", 1e-6, every=True), {"x": -1}, -1e-6, "x <= 1e-06"),
        (Equal("a", "b", within=0.5, on="acc"), {"a": 1, "b": -1}, 0, "acc: a = b, to 0.5"),
        (Equal("x", 2.0, within=0.5), {"x": 1}, 2.0, "x = 2.0, to 0.5"),
    ],
)
def test_forms(inequality, weights, least, says):
    assert (inequality.weights, inequality.least, inequality.says) == (weights, least, says)


def test_arms_with_items_of_their_own_meet_in_their_means():
    outcome = {"a": {"m": np.array([[1.0, 3.0]])}, "b": {"m": np.array([[1.0, 1.0, 4.0]])}}
    assert AtLeast("a", "b", on="m").left_side(outcome).tolist() == [[0.0]]


def test_what_is_not_there_is_named():
    with pytest.raises(InputError, match="no arm 'c'; found a, b"):
        AtLeast("c", "a", on="acc").left_side(OUTCOME)
    with pytest.raises(InputError, match="'rank' of 'b'; found acc"):
        AtLeast("a", "b", on="rank").left_side(OUTCOME)


def test_later_seeds_may_be_of_some_arms_alone():
    outcome = {"a": {"m": np.array([[1.0], [2.0], [3.0]])}, "b": {"m": np.array([[1.0], [1.0]])}}
    assert AtLeast("a", "b", on="m").left_side(outcome).tolist() == [[0.0], [1.0]]


def test_a_claim_must_say_all():
    primary = AtLeast("a", 0.0)
    with pytest.raises(InputError, match="neither arms nor an experiment"):
        Claim("", primary)
    with pytest.raises(InputError, match="arms; expected the bench they are trained on"):
        Claim("", primary, arms={"a": {}})
    with pytest.raises(InputError, match="expected regime=, why not the bench's"):
        Claim("", primary, bench="views", arms={"a": {}}, settings={"epochs": 3})
    with pytest.raises(InputError, match=r"looks at \[3\]; expected the first of 5, 10, 20"):
        Claim("", primary, bench="views", arms={"a": {}}, looks=[3])


def tuned(**grids):
    arms = {"a": {}, "b": {}, "c": {}}
    return Claim("", AtLeast("a", "b", on="m"), bench="views", arms=arms, tuned=grids)


def test_arms_try_the_same_values_or_as_many_of_their_own():
    shared = tuned(temperature=[0.1, 0.2], epochs=[1]).grids()
    assert shared.keys() == {"a", "b", "c"}
    assert shared["c"] == [{"temperature": t, "epochs": 1} for t in (0.1, 0.2)]
    apart = tuned(a={"temperature": [0.1, 0.2]}, b={"margin": [1, 2]}).grids()
    assert apart == {
        "a": [{"temperature": 0.1}, {"temperature": 0.2}], "b": [{"margin": 1}, {"margin": 2}]
    }  # fmt: skip
    assert tuned().grids() == {}


@pytest.mark.parametrize(
    "grids",
    [
        {"a": {"temperature": [0.1, 0.2]}, "b": {"margin": [1]}},
        {"a": {"temperature": [0.1, 0.2]}},
        {"a": {"temperature": [0.1]}, "b": {"margin": [1]}, "d": {"margin": [1]}},
    ],
)
def test_no_arm_is_searched_more_than_another(grids):
    with pytest.raises(InputError, match="claim: tuned; expected"):
        tuned(**grids)
