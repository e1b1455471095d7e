import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.evaluation.statistics.intervals import MEAN, bootstrap_interval, paired_test
from dipole.evaluation.statistics.over_seeds import (
    nested_interval,
    nested_intervals,
    nested_test,
    nested_tests,
)
from dipole.evaluation.tasks.sts import CORRELATIONS


@settings(max_examples=30)
@given(
    values=st.lists(st.floats(0, 1, width=16), min_size=2, max_size=8),
    level=st.sampled_from([0.5, 0.9, 0.99]),
)
def test_one_number_per_seed_is_the_t_interval(values, level):
    found = nested_interval(np.array(values), level=level)
    assert found.per_seed == tuple(values)
    assert found.value == pytest.approx(np.mean(values), abs=1e-12)
    assert found.covers == "new seeds"
    if np.ptp(values) == 0:
        assert np.isnan([found.low, found.high]).all()
        return
    theirs = scipy.stats.ttest_1samp(values, 0).confidence_interval(level)
    assert (found.low, found.high) == pytest.approx(tuple(theirs))


@settings(max_examples=30)
@given(seed=st.integers(0, 999), seeds=st.integers(2, 6), effect=st.floats(-2, 2))
def test_one_number_per_seed_is_the_paired_t_test(seed, seeds, effect):
    a, b = np.random.default_rng(seed).normal(size=(2, seeds))
    a = a + effect
    found = nested_test(a, b)
    theirs = scipy.stats.ttest_rel(a, b)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-4)
    assert found.difference.value == pytest.approx(np.mean(a - b))


def test_one_seed_is_the_interval_and_the_test_over_items():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 1, 60))
    one = nested_interval(a)
    assert one[:3] == pytest.approx(bootstrap_interval(a[0]))
    assert np.isnan(one.seed_error)
    assert (one.covers, one.items) == ("new items", 60)
    test, theirs = nested_test(a, b), paired_test(a[0], b[0])
    assert test.difference[:3] == pytest.approx(theirs.difference)
    assert test.p == theirs.p_permutation


def test_both_sources_add_up_as_squares():
    """Written out: the arms of the items' interval and of the seeds' t meet at right angles."""
    rng = np.random.default_rng(1)
    values = rng.random((3, 80)) ** 3 + rng.normal(size=(3, 1)) * 0.05
    found = nested_interval(values, level=0.9)
    mean, low, high = bootstrap_interval(values.mean(0), level=0.9)
    per_seed = values.mean(1)
    arm = scipy.stats.t.ppf(0.95, 2) * per_seed.std(ddof=1) / np.sqrt(3)
    assert found.per_seed == pytest.approx(tuple(per_seed))
    assert found.seed_error == pytest.approx(scipy.stats.sem(per_seed))
    assert found.low == pytest.approx(mean - np.sqrt((mean - low) ** 2 + arm**2))
    assert found.high == pytest.approx(mean + np.sqrt((high - mean) ** 2 + arm**2))
    assert found.covers == "new seeds and new items"


@settings(max_examples=20)
@given(seed=st.integers(0, 999), effect=st.floats(0, 0.4))
def test_p_and_interval_agree(seed, effect):
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 3, 30))
    test = nested_test(a + effect, b, resamples=500)
    assert (test.p < 0.05) == (not test.difference.low <= 0 <= test.difference.high)
    assert 0 < test.p <= 1
    assume(test.p < 1)  # no interval has a level of 0
    at_p = nested_test(a + effect, b, resamples=500, level=1 - test.p).difference
    assert min(abs(at_p.low), abs(at_p.high)) == pytest.approx(0, abs=1e-3)


def test_other_statistics_are_estimated_per_seed():
    rng = np.random.default_rng(2)
    gold = rng.normal(size=50)
    systems = [
        [np.column_stack([gold, gold + rng.normal(size=50) * noise]) for _ in range(3)]
        for noise in (0.5, 2.0)
    ]
    spearman, pearson = nested_intervals(systems[0], CORRELATIONS, resamples=500)
    for found, theirs in ((spearman, scipy.stats.spearmanr), (pearson, scipy.stats.pearsonr)):
        assert found.per_seed == pytest.approx([theirs(*one.T)[0] for one in systems[0]])
        assert found.low < found.value < found.high
    tests = nested_tests(*systems, CORRELATIONS, resamples=500)
    assert tests[0].difference.value > 0
    assert max(test.p for test in tests) < 0.05


def truth(rng, seeds, items, by_seed, by_item, noise):
    """y_si = a_s + b_i + e_si, items skewed as metrics are, all of mean 0."""
    return (
        by_seed * rng.normal(size=(seeds, 1))
        + by_item * (rng.exponential(size=(1, items)) - 1)
        + noise * rng.normal(size=(seeds, items))
    )


@pytest.mark.parametrize(
    ("seeds", "by_seed", "noise", "most"),
    [(2, 0.0, 1, 1.0), (2, 0.5, 1, 1.0), (3, 0.0, 0, 0.98), (3, 0.2, 1, 1.0), (3, 2.0, 1, 0.98),
     (5, 0.3, 0, 0.985), (5, 0.5, 1, 0.99)],
)  # fmt: skip
def test_coverage(seeds, by_seed, noise, most):
    """The interval holds the true mean at least as often as it says, whatever the seeds do."""
    rng = np.random.default_rng(3)
    trials = 400
    held = 0
    for trial in range(trials):
        values = truth(rng, seeds, 60, by_seed, 1.0, noise)
        low, high = nested_interval(values, resamples=400, seed=trial)[1:3]
        held += low <= 0 <= high
    # Skewed items cost the bootstrap about 2 points; 3 standard errors of 400 trials are 3.3.
    assert 0.93 - 0.033 <= held / trials <= most


def test_a_bootstrap_over_few_seeds_would_not_cover():
    """Why there is a t in it: drawing three seeds again holds the truth far less than 95 %."""
    rng = np.random.default_rng(4)
    held = 0
    for trial in range(300):
        values = truth(rng, 3, 60, 1.0, 1.0, 1.0)
        low, high = bootstrap_interval(values.mean(1), resamples=300, seed=trial)[1:]
        held += low <= 0 <= high
    assert held / 300 < 0.85


def test_false_alarms_between_two_systems():
    rng = np.random.default_rng(5)
    p = []
    for trial in range(300):
        shared = truth(rng, 3, 40, 0.0, 1.0, 0.0)  # hard items are hard for both
        a, b = (shared + truth(rng, 3, 40, 0.2, 0.3, 0.3) for _ in range(2))
        p.append(nested_test(a, b, resamples=300, seed=trial).p)
    assert (np.array(p) <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_clusters_go_together():
    rng = np.random.default_rng(6)
    wide = np.repeat(rng.normal(size=(3, 20)), 5, axis=1)
    names = np.repeat(np.arange(20), 5)
    together = nested_interval(wide, clusters=names, resamples=500)
    apart = nested_interval(wide, resamples=500)
    assert together.high - together.low > apart.high - apart.low
    assert together.value == pytest.approx(wide.mean())


def test_nothing_differs():
    same = np.random.default_rng(7).random((3, 10))
    test = nested_test(same, same)
    assert test.difference.value == 0
    assert test.p == 1
    assert np.isnan([test.difference.low, test.difference.high]).all()
    alone = nested_interval(np.array([0.3]))
    assert np.isnan([alone.low, alone.high]).all()
    assert alone.covers == "nothing"
    assert np.isnan(nested_test(np.array([0.3]), np.array([0.2])).p)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: nested_interval(np.zeros((2, 2, 2))), "expected \\(seeds, items\\)"),
        (lambda: nested_interval(np.zeros((0, 3))), "expected \\(seeds, items\\)"),
        (lambda: nested_interval(np.array([[1.0, np.nan]])), "not finite"),
        (lambda: nested_test(np.zeros((2, 3)), np.zeros((3, 3))), "the same seeds and the same"),
        (lambda: nested_intervals([np.zeros((2, 1)), np.zeros((3, 1))], MEAN), "one mean per seed"),
        (lambda: nested_intervals([], MEAN), "no seeds"),
        (
            lambda: nested_tests([np.zeros((2, 1))], [np.zeros((3, 1))], MEAN),
            "same seeds and items",
        ),
        (lambda: nested_interval(np.ones((2, 3)), clusters=["a"]), "found 1 for 3 items"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(InputError, match=match):
        call()
