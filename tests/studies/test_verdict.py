import numpy as np
import pytest
from scipy import stats

from dipole.studies.claim import AtLeast, AtMost
from dipole.studies.verdict import FAILS, HOLDS, UNDECIDED, judge, overall


def outcome(difference, seeds=5, items=400, noise=1.0):
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(1, items)) * 5
    b = shared + noise * rng.normal(size=(seeds, items))
    return {"a": {"m": b + difference + noise * rng.normal(size=b.shape)}, "b": {"m": b}}


@pytest.mark.parametrize(("by", "verdict"), [(1.0, HOLDS), (2.0, UNDECIDED), (3.0, FAILS)])
def test_a_difference_of_two(by, verdict):
    found = judge(AtLeast("a", "b", by=by, on="m"), outcome(2.0))
    assert found.verdict == verdict
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(2.0, abs=0.2)
    assert (found.p < 0.05) == (verdict != UNDECIDED)


def test_numbers_per_seed_are_a_t_test():
    values = np.array([[0.3], [0.5], [0.1], [0.4]])
    found = judge(AtLeast("x", 0.1), {"x": {"value": values}})
    scipy = stats.ttest_1samp(values[:, 0], 0.1)
    interval = scipy.confidence_interval(0.95)
    assert found.p == pytest.approx(scipy.pvalue, rel=1e-3)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_one_seed_decides_nothing():
    assert judge(AtLeast("a", "b", on="m"), outcome(2.0, seeds=1)).verdict == UNDECIDED


def test_seeds_that_do_not_differ_decide_nothing():
    same = {"x": {"value": np.ones((3, 1))}}
    assert judge(AtLeast("x", 0.0), same).verdict == UNDECIDED
    assert judge(AtLeast("x", 0.0, every=True), same).verdict == HOLDS


def test_every_seed_must_keep_it():
    values = {"x": {"value": np.array([[1e-9], [2e-7], [1e-8]])}}
    assert judge(AtMost("x", 1e-6, every=True), values).verdict == HOLDS
    assert judge(AtMost("x", 1e-7, every=True), values).verdict == FAILS


def test_all_must_hold():
    holds = judge(AtLeast("a", "b", on="m"), outcome(2.0))
    unknown = judge(AtLeast("a", "b", by=2.0, on="m"), outcome(2.0))
    fails = judge(AtLeast("a", "b", by=3.0, on="m"), outcome(2.0))
    assert overall([holds, holds]) == HOLDS
    assert overall([holds, unknown]) == UNDECIDED
    assert overall([holds, unknown, fails]) == FAILS
