import numpy as np
import pytest
from scipy import stats

from dipole.studies.claim import AtLeast, AtMost, Equal
from dipole.studies.verdict import (
    FAILS,
    HOLDS,
    LEVELS,
    NO_DIFFERENCE,
    REVERSED,
    UNDECIDED,
    judge,
    seeds_to_decide,
)


def outcome(difference, seeds=5, items=400, noise=1.0):
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(1, items)) * 5
    b = shared + noise * rng.normal(size=(seeds, items))
    return {"a": {"m": b + difference + noise * rng.normal(size=b.shape)}, "b": {"m": b}}


@pytest.mark.parametrize(
    ("by", "delta", "verdict"),
    [
        (1.0, None, HOLDS),
        (2.0, None, UNDECIDED),
        (2.0, 0.5, NO_DIFFERENCE),
        (2.0, 0.01, UNDECIDED),
        (3.0, 0.5, REVERSED),
        (3.0, None, REVERSED),
    ],
)
def test_a_difference_of_two(by, delta, verdict):
    found = judge(AtLeast("a", "b", by=by, on="m"), outcome(2.0), delta=delta)
    assert found.verdict == verdict
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(2.0, abs=0.2)
    assert (found.p < 0.05) == (verdict in (HOLDS, REVERSED))


@pytest.mark.parametrize(("by", "verdict"), [(1.8, HOLDS), (2.2, REVERSED)])
def test_the_direction_goes_before_the_size(by, verdict):
    found = judge(AtLeast("a", "b", by=by, on="m"), outcome(2.0, items=4000), delta=1.0)
    assert (found.verdict, found.why) == (verdict, "smaller than 1")


def test_more_looks_ask_for_wider_intervals():
    widths = []
    for looks in (1, 2, 3):
        found = judge(AtLeast("a", "b", on="m"), outcome(2.0), looks=looks)
        assert found.level == LEVELS[looks]
        widths.append(found.high - found.low)
    assert widths == sorted(widths)
    assert widths[0] < widths[2]


def test_all_looks_together_err_in_one_of_twenty():
    """Ten thousand claims without any effect, looked at with 5, 10 and 20 seeds."""
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(10_000, 20))
    wrong = np.zeros(len(draws), dtype=bool)
    for seeds in (5, 10, 20):
        some = draws[:, :seeds]
        t = some.mean(1) / (some.std(1, ddof=1) / np.sqrt(seeds))
        wrong |= np.abs(t) > stats.t.ppf((1 + LEVELS[3]) / 2, seeds - 1)
    assert wrong.mean() == pytest.approx(0.05, abs=0.006)


def test_an_equality_lies_within_its_bounds():
    for difference, verdict in ((0.0, HOLDS), (0.5, UNDECIDED), (1.0, FAILS)):
        found = judge(Equal("a", "b", within=0.5, on="m"), outcome(difference))
        assert found.verdict == verdict


def test_numbers_per_seed_are_a_t_test():
    values = np.array([[0.3], [0.5], [0.1], [0.4]])
    found = judge(AtLeast("x", 0.1), {"x": {"value": values}})
    scipy = stats.ttest_1samp(values[:, 0], 0.1)
    interval = scipy.confidence_interval(0.95)
    assert found.p == pytest.approx(scipy.pvalue, rel=1e-3)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_one_seed_decides_nothing():
    found = judge(AtLeast("a", "b", on="m"), outcome(2.0, seeds=1))
    assert (found.verdict, found.why) == (UNDECIDED, "one seed")


def test_seeds_that_do_not_differ_decide_nothing():
    same = {"x": {"value": np.ones((3, 1))}}
    assert judge(AtLeast("x", 0.0), same).verdict == UNDECIDED
    assert judge(AtLeast("x", 0.0, every=True), same).verdict == HOLDS


def test_every_seed_must_keep_it():
    values = {"x": {"value": np.array([[1e-9], [2e-7], [1e-8]])}}
    assert judge(AtMost("x", 1e-6, every=True), values).verdict == HOLDS
    assert judge(AtMost("x", 1e-7, every=True), values).verdict == FAILS


def test_how_many_seeds_would_decide():
    values = np.array([[0.0], [0.4], [-0.1], [0.3], [0.15]])
    found = judge(AtLeast("x", 0.0), {"x": {"value": values}})
    assert found.verdict == UNDECIDED
    needed = seeds_to_decide(found, None)
    assert needed == int(np.ceil(5 * ((found.high - found.low) / 2 / found.value) ** 2))
    assert needed > 5
