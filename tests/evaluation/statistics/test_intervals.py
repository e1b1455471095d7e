import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.evaluation.statistics import resampling
from dipole.evaluation.statistics.intervals import (
    MEAN,
    Statistic,
    bootstrap_interval,
    bootstrap_intervals,
    paired_test,
    paired_tests,
)
from dipole.evaluation.statistics.resampling import resamples_of

values_of = st.lists(st.floats(0, 1, width=16), min_size=2, max_size=40).map(np.array)


def means(values, resamples, seed):
    """The bootstrap distribution, through the weights' own stream."""
    return np.concatenate(
        [[np.repeat(values, w.astype(int)).mean() for w in block]
         for block in resamples_of(len(values), resamples, seed)]
    )  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(values=values_of, level=st.sampled_from([0.5, 0.9, 0.95]))
def test_interval_equals_scipy_on_the_same_resamples(values, level):
    ours = bootstrap_interval(values, level=level, resamples=300, seed=5)
    assert ours.value == pytest.approx(values.mean(), rel=1e-12, abs=1e-300)
    if np.ptp(values) == 0:
        assert np.isnan([ours.low, ours.high]).all()
        return
    drawn = means(values, 300, 5)
    given_draws = scipy.stats._resampling.BootstrapResult(None, drawn, 0.0)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=0, confidence_level=level, method="BCa",
        bootstrap_result=given_draws, vectorized=False,
    ).confidence_interval  # fmt: skip
    # A resample that ties with the estimate up to rounding may fall on either side of it.
    ties = np.isclose(drawn, values.mean(), rtol=1e-12).any()
    tolerance = np.ptp(drawn) * 0.2 if ties else 1e-9
    assert ours.low == pytest.approx(theirs.low, abs=tolerance)
    assert ours.high == pytest.approx(theirs.high, abs=tolerance)


@settings(deadline=None, max_examples=40)
@given(
    # Whole numbers: scipy's tolerance is relative and misses ties around a difference of 1e-17.
    first=st.lists(st.sampled_from([0, 1, 2, 5, 10]), min_size=2, max_size=10).map(np.array),
    seed=st.integers(0, 99),
)
def test_exact_permutation_equals_scipy(first, seed):
    second = np.random.default_rng(seed).choice([0, 1, 2, 5, 10], len(first))
    ours = paired_test(first, second).p_permutation
    theirs = scipy.stats.permutation_test(
        (first, second), lambda a, b, axis: np.mean(a - b, axis), permutation_type="samples",
        n_resamples=np.inf, vectorized=True,
    ).pvalue  # fmt: skip
    assert ours == pytest.approx(theirs)


def test_drawn_permutation_is_near_the_exact_one():
    rng = np.random.default_rng(0)
    a, b = rng.random(12), rng.random(12) - 0.2
    exact = paired_test(a, b, resamples=5000).p_permutation  # 4,096 flips: all of them
    drawn = paired_test(a, b, resamples=4000).p_permutation
    assert drawn != exact
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact / 4000))


def test_two_sided_bootstrap_p_is_near_the_t_test():
    rng = np.random.default_rng(1)
    a = rng.random(300)
    b = a + rng.normal(0.02, 0.15, 300)
    expected = scipy.stats.ttest_rel(a, b).pvalue
    test = paired_test(a, b)
    assert test.p_bootstrap == pytest.approx(expected, abs=0.02)
    assert test.p_permutation == pytest.approx(expected, abs=0.02)
    assert test.items == 300


@settings(deadline=None, max_examples=30)
@given(values=values_of, shift=st.floats(-3, 3), seed=st.integers(0, 9))
def test_interval_moves_with_the_data(values, shift, seed):
    here = bootstrap_interval(values, resamples=200, seed=seed)
    there = bootstrap_interval(values * 2 + shift, resamples=200, seed=seed)
    assert there.value == pytest.approx(here.value * 2 + shift, abs=1e-9)
    if np.ptp(values) > 1e-3:
        assert there.low <= there.value <= there.high
        assert there.low == pytest.approx(here.low * 2 + shift, abs=0.3 * np.ptp(values))


def test_paired_test_is_antisymmetric_and_reproducible():
    rng = np.random.default_rng(2)
    a, b = rng.random(50), rng.random(50)
    forth, back = paired_test(a, b, seed=3), paired_test(b, a, seed=3)
    assert forth == paired_test(a, b, seed=3)
    assert forth != paired_test(a, b, seed=4)
    assert back.difference.value == -forth.difference.value
    assert back.p_permutation == forth.p_permutation
    assert back.p_bootstrap == forth.p_bootstrap


def test_blocks_do_not_change_the_result(monkeypatch):
    rng = np.random.default_rng(4)
    a, b = rng.random(40), rng.random(40)
    whole = bootstrap_interval(a), paired_test(a, b).p_bootstrap
    monkeypatch.setattr(resampling, "BLOCK", 1000)
    assert (bootstrap_interval(a), paired_test(a, b).p_bootstrap) == whole


def test_resamples_are_uniform_draws():
    counts = np.concatenate(list(resamples_of(5, 20_000, 0)))
    assert (counts.sum(1) == 5).all()
    # Multinomial: mean 1, variance 4/5, covariance -1/5.
    np.testing.assert_allclose(np.cov(counts.T), np.eye(5) - 1 / 5, atol=0.02)


def test_many_items_leave_out_groups(monkeypatch):
    values = np.random.default_rng(5).exponential(size=3000)
    grouped = bootstrap_interval(values, resamples=2000)
    monkeypatch.setattr(resampling, "JACKKNIFE_GROUPS", 3000)
    single = bootstrap_interval(values, resamples=2000)
    width = single.high - single.low
    assert grouped.low == pytest.approx(single.low, abs=width / 20)
    assert grouped.high == pytest.approx(single.high, abs=width / 20)


@pytest.mark.parametrize(("n", "least"), [(30, 0.90), (100, 0.92)])
def test_coverage(n, least):
    """The interval of a skewed metric holds the true mean about as often as it says."""
    ranks = np.concatenate([[0.0], 1 / np.arange(1, 11)])
    shares = np.array([0.3, 0.38, 0.1, 0.06, 0.04, 0.03, 0.03, 0.02, 0.02, 0.01, 0.01])
    rng = np.random.default_rng(6)
    held = []
    for trial in range(400):
        values = rng.choice(ranks, n, p=shares)
        low, high = bootstrap_interval(values, resamples=600, seed=trial)[1:]
        held.append(low <= ranks @ shares <= high)
    assert least <= np.mean(held) <= 0.98


def test_false_alarms():
    """Two systems that are the same up to chance differ at 5 % in about 5 % of the trials."""
    rng = np.random.default_rng(7)
    p = []
    for trial in range(300):
        a, b = rng.random((2, 40)) ** 2
        test = paired_test(a, b, resamples=400, seed=trial)
        p.append((test.p_permutation, test.p_bootstrap))
    share = (np.array(p) <= 0.05).mean(0)
    assert (share > 0.02).all()
    assert (share < 0.085).all()


def test_clusters_of_one_change_nothing():
    values, other = np.random.default_rng(8).random((2, 30))
    names = [f"query {i}" for i in range(30)]
    together = bootstrap_interval(values, clusters=names)
    assert together == pytest.approx(bootstrap_interval(values))
    test = paired_test(values, other, clusters=names)
    assert test[1:] == paired_test(values, other)[1:]


def test_rows_of_a_cluster_are_drawn_together():
    """Every query three times: as much information as the queries once."""
    values, other = np.random.default_rng(9).random((2, 30))
    names = np.repeat(np.arange(30), 3)
    thrice = bootstrap_interval(np.repeat(values, 3), clusters=names)
    assert thrice == pytest.approx(bootstrap_interval(values))
    test = paired_test(np.repeat(values, 3), np.repeat(other, 3), clusters=names)
    once = paired_test(values, other)
    assert test.difference == pytest.approx(once.difference)
    assert test[1:3] == once[1:3]
    assert test.items == 90


def test_clusters_of_different_size_weigh_as_their_rows():
    values, names = np.array([1.0, 1.0, 1.0, 0.0, 0.5]), ["a", "a", "a", "b", "c"]
    found = bootstrap_interval(values, clusters=names, resamples=500)
    assert found.value == pytest.approx(0.7)
    drawn = np.concatenate(list(resamples_of(3, 500, 0)))
    means = drawn @ [3.0, 0.0, 0.5] / (drawn @ [3, 1, 1])
    assert means.min() <= found.low <= found.value <= found.high <= means.max()
    exact = paired_test(values, np.zeros(5), clusters=names).p_permutation
    # Two clusters differ: 4 exchanges, of which 2 reach the observed difference.
    assert exact == pytest.approx(0.5)


@pytest.mark.parametrize("size", [1, 4])
def test_coverage_of_clustered_items(size):
    """Rows of a query share its difficulty: drawn together they cover, drawn alone they do not."""
    rng = np.random.default_rng(10)
    names = np.repeat(np.arange(40), size)
    held, blind = 0, 0
    for trial in range(300):
        values = np.repeat(rng.normal(size=40), size) + 0.5 * rng.normal(size=40 * size)
        low, high = bootstrap_interval(values, clusters=names, resamples=400, seed=trial)[1:]
        held += low <= 0 <= high
        low, high = bootstrap_interval(values, resamples=400, seed=trial)[1:]
        blind += low <= 0 <= high
    assert 0.93 - 3 * np.sqrt(0.07 * 0.93 / 300) <= held / 300 <= 0.985
    if size > 1:
        assert blind / 300 < 0.8  # rows are not independent: they must not be drawn as if


@pytest.mark.parametrize("values", [[0.3], [0.3] * 7, [0.1 + 0.2, 0.3, 0.3]])
def test_no_variation_no_interval(values):
    interval = bootstrap_interval(np.array(values), resamples=100)
    assert interval.value == pytest.approx(0.3)
    assert np.isnan(interval.low)
    assert np.isnan(interval.high)


def test_one_item_and_equal_systems():
    one = paired_test(np.array([1.0]), np.array([0.0]))
    assert one.difference.value == 1
    assert np.isnan([one.p_permutation, one.p_bootstrap]).all()
    same = np.random.default_rng(0).random(20)
    equal = paired_test(same, same, resamples=100)
    assert equal.difference.value == 0
    assert equal.p_permutation == equal.p_bootstrap == 1


def test_undefined_resamples_say_nothing():
    # The log of a mean that may be 0: such resamples are left out, the rest gives an interval.
    def estimate(values):
        mean = MEAN.estimate(values)

        def log_mean(weights):
            with np.errstate(divide="ignore"):
                return np.log(mean(weights))

        return log_mean

    values = np.array([0.0, 0.0, 1.0, 1.0])[:, None]
    (interval,) = bootstrap_intervals(
        values, Statistic(estimate, MEAN.moments, MEAN.of_sums), resamples=500
    )
    assert np.isfinite(interval).all()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: bootstrap_interval(np.array([])), "no items"),
        (lambda: bootstrap_interval(np.array([1.0, np.nan])), "item 1 has a value that is not"),
        (lambda: bootstrap_interval(np.ones(3), clusters=[1, 2]), "found 2 for 3 items"),
        (lambda: bootstrap_interval(np.ones(3), level=95), "level is 95"),
        (lambda: bootstrap_interval(np.ones(3), resamples=0), "resamples is 0"),
        (lambda: paired_test(np.ones(3), np.ones(2)), "3 and 2 items; expected the same"),
        (lambda: paired_tests(np.ones((2, 1)), np.full((2, 1), np.inf), MEAN), "not finite"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(InputError, match=match):
        call()
