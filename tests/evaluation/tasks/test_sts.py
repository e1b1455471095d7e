import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.data import Scored
from dipole.errors import InputError
from dipole.evaluation import compare, evaluate_sts
from dipole.evaluation.statistics.intervals import bootstrap_intervals, paired_tests
from dipole.evaluation.statistics.resampling import resamples_of
from dipole.evaluation.tasks import sts
from dipole.evaluation.tasks.sts import CORRELATIONS, correlations

grid = st.integers(0, 6).map(float)


@settings(deadline=None, max_examples=80)
@given(rows=st.lists(st.tuples(grid, grid), min_size=2, max_size=15), seed=st.integers(0, 99))
def test_weighted_correlations_are_those_of_the_resample_written_out(rows, seed):
    values = np.array(rows)
    if (np.ptp(values, axis=0) == 0).any():
        return
    weights = np.vstack([np.ones((1, len(rows))), *resamples_of(len(rows), 6, seed)])
    for row, found in zip(weights, correlations(values)(weights), strict=True):
        x, y = np.repeat(values, row.astype(int), axis=0).T
        if np.ptp(x) == 0 or np.ptp(y) == 0:
            assert np.isnan(found).all()
        else:
            expected = scipy.stats.spearmanr(x, y)[0], scipy.stats.pearsonr(x, y)[0]
            np.testing.assert_allclose(found, expected, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(grid, grid), min_size=3, max_size=12))
def test_moments_give_the_correlations(rows):
    values = np.array(rows)
    if (np.ptp(values, axis=0) == 0).any():
        return
    whole = correlations(values)(np.ones((1, len(rows))))[0]
    found = CORRELATIONS.of_sums(CORRELATIONS.moments(values).sum(0)[None], len(rows))[0]
    np.testing.assert_allclose(found, whole, atol=1e-9)


def test_permutation_equals_an_exchange_written_out():
    """All 2^7 exchanges of standardised cosines (ranks), one at a time, with scipy's Pearson."""
    rng = np.random.default_rng(5)
    gold, a, b = rng.standard_normal((3, 7))
    tests = paired_tests(np.column_stack([gold, a]), np.column_stack([gold, b]), CORRELATIONS)
    for test, transform in zip(tests, (scipy.stats.rankdata, np.array), strict=True):
        g, x, y = (scipy.stats.zscore(transform(v)) for v in (gold, a, b))
        differences = []
        for exchange in itertools.product([False, True], repeat=7):
            mixed = np.where(exchange, y, x), np.where(exchange, x, y)
            one, other = (scipy.stats.pearsonr(g, m)[0] for m in mixed)
            differences.append(abs(one - other))
        expected = np.mean(np.array(differences) >= differences[0] - 1e-9)
        assert test.p_permutation == pytest.approx(expected)


def correlated(rng, n, rho):
    x = rng.standard_normal(n)
    return x, rho * x + np.sqrt(1 - rho**2) * rng.standard_normal(n)


def test_interval_of_pearson_is_near_fishers():
    x, y = correlated(np.random.default_rng(0), 400, 0.7)
    result = evaluate_sts(*pairs_with_cosines(y / 10, gold=x))
    expected = scipy.stats.pearsonr(x, y).confidence_interval(0.95)
    assert result["Pearson"].low == pytest.approx(expected.low, abs=0.015)
    assert result["Pearson"].high == pytest.approx(expected.high, abs=0.015)


def test_coverage_of_spearman():
    """For normal variables, Spearman's true value is known: 6 / pi asin(rho / 2)."""
    rng, held = np.random.default_rng(1), []
    truth = 6 / np.pi * np.arcsin(0.8 / 2)
    for trial in range(150):
        values = np.column_stack(correlated(rng, 60, 0.8))
        low, high = bootstrap_intervals(values, CORRELATIONS, resamples=400, seed=trial)[0][1:]
        held.append(low <= truth <= high)
    assert 0.88 <= np.mean(held) <= 0.99


def test_false_alarms():
    """Two systems equally good up to chance: 5 % of the tests call them different."""
    rng, p = np.random.default_rng(2), []
    for trial in range(200):
        gold = rng.standard_normal(50)
        a, b = (gold + rng.standard_normal(50) for _ in range(2))
        tests = paired_tests(
            np.column_stack([gold, a]), np.column_stack([gold, b]), CORRELATIONS,
            resamples=300, seed=trial,
        )  # fmt: skip
        p.append([(t.p_permutation, t.p_bootstrap) for t in tests])
    share = (np.array(p) <= 0.05).mean(0)
    assert (share > 0.015).all()
    assert (share < 0.09).all()


def pairs_with_cosines(cosines, gold=None):
    """A function of texts and pairs such that pair i has cosine cosines[i]."""
    n = len(cosines)
    data = Scored.from_columns(
        {
            "first": [f"{i}a" for i in range(n)],
            "second": [f"{i}b" for i in range(n)],
            "score": list(map(float, range(n) if gold is None else gold)),
        }
    )

    def encode(texts, role):
        assert role == "query"
        c = np.array([cosines[int(t[:-1])] for t in texts])
        first = np.array([t.endswith("a") for t in texts])
        # Lengths differ from 1: the cosine must not see them.
        return np.where(first[:, None], [[3.0, 0.0]], 2 * np.column_stack([c, np.sqrt(1 - c**2)]))

    return encode, data


def test_evaluate_sts():
    cosines = np.array([0.1, 0.3, 0.2, 0.5, 0.9])
    result = evaluate_sts(*pairs_with_cosines(cosines), system="mine")
    np.testing.assert_allclose(result.per_item["cosine"], cosines, atol=1e-12)
    assert result.value("Spearman") == pytest.approx(0.9)
    assert result.value("Pearson") == pytest.approx(scipy.stats.pearsonr(cosines, range(5))[0])
    assert result.ids == ["1", "2", "3", "4", "5"]
    assert result["Spearman"].low < 0.9 < result["Spearman"].high


def test_blocks_do_not_change_the_result(monkeypatch):
    encode, data = pairs_with_cosines(np.linspace(0, 0.9, 10) ** 2)
    whole = evaluate_sts(encode, data).per_item["cosine"]
    monkeypatch.setattr(sts, "ROWS", 3)
    np.testing.assert_array_equal(evaluate_sts(encode, data).per_item["cosine"], whole)


def test_compare():
    rng = np.random.default_rng(3)
    gold = rng.uniform(0, 5, 80)
    good = evaluate_sts(*pairs_with_cosines(gold / 6 + rng.normal(0, 0.02, 80), gold))
    bad = evaluate_sts(*pairs_with_cosines(gold / 12 + rng.uniform(0, 0.5, 80), gold))
    tests = compare(good, bad)
    for metric in ("Spearman", "Pearson"):
        test = tests[metric]
        assert test.difference.value == pytest.approx(good.value(metric) - bad.value(metric))
        assert test.difference.low > 0
        assert test.p_permutation < 0.01
        assert test.p_bootstrap < 0.01


def test_zero_vector_has_cosine_zero():
    encode, data = pairs_with_cosines(np.array([0.9, 0.5, 0.3]))
    result = evaluate_sts(lambda t, r: encode(t, r) * (np.array(t)[:, None] != "0b"), data)
    assert result.per_item["cosine"][0] == 0


@pytest.mark.parametrize(
    ("cosines", "gold", "match"),
    [
        ([0.5], [1], "sts: found 1 pair; expected at least 2"),
        ([0.5, 0.5, 0.5], [1, 2, 3], "all 3 cosines of encoder are the same"),
        ([0.5, 0.4, 0.1], [2, 2, 2], "all 3 scores are the same"),
        ([0.5, np.nan, 0.1], [1, 2, 3], "encoder: 1 of 3 pair vectors are not finite, first of"),
    ],
)
def test_bad_input(cosines, gold, match):
    with pytest.raises(InputError, match=match):
        evaluate_sts(*pairs_with_cosines(np.array(cosines), gold))


def test_two_pairs_have_a_correlation_but_no_interval():
    result = evaluate_sts(*pairs_with_cosines(np.array([0.1, 0.5])))
    assert result.value("Spearman") == pytest.approx(1)
    assert np.isnan(result["Spearman"].low)
