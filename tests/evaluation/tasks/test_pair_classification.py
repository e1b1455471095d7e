import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from dipole.data import Scored
from dipole.errors import InputError
from dipole.evaluation import compare
from dipole.evaluation.tasks.pair_classification import (
    average_precision,
    best_threshold,
    evaluate_pair_classification,
)


def task(cosines, labels):
    """A function of texts and pairs such that pair i has cosine cosines[i]."""
    n = len(cosines)
    data = Scored.from_columns(
        {
            "first": [f"{i}a" for i in range(n)],
            "second": [f"{i}b" for i in range(n)],
            "score": [float(label) for label in labels],
        }
    )

    def encode(texts):
        c = np.array([cosines[int(t[:-1])] for t in texts])
        first = np.array([t.endswith("a") for t in texts])
        return np.where(first[:, None], [[3.0, 0.0]], 2 * np.column_stack([c, np.sqrt(1 - c**2)]))

    return encode, data


def test_average_precision_is_that_of_the_resample_written_out():
    rng = np.random.default_rng(0)
    label, score = rng.integers(0, 2, 15), rng.integers(0, 6, 15) / 6
    estimate = average_precision(np.column_stack([label, score]))
    for weights in [np.ones(15), *rng.multinomial(15, np.full(15, 1 / 15), 40)]:
        rows = np.repeat(np.arange(15), weights.astype(int))
        expected = average_precision_score(label[rows], score[rows])
        assert estimate(weights[None].astype(float))[0] == pytest.approx(expected)
    assert np.isnan(estimate((label[None] == 0) * 1.0)[0])


@pytest.mark.parametrize("metric", ["accuracy", "F1"])
def test_best_threshold_against_every_threshold(metric):
    rng = np.random.default_rng(1)
    for _ in range(60):
        n = int(rng.integers(2, 12))
        scores, label = rng.integers(0, 5, n) / 5, rng.random(n) < 0.5
        if label.all() or not label.any():
            continue

        def good(threshold, scores=scores, label=label):
            called = scores > threshold
            if metric == "accuracy":
                return (called == label).mean()
            return f1_score(label, called, zero_division=0)

        found = best_threshold(scores, label, metric)
        best = max(good(t) for t in [-np.inf, *np.unique(scores), np.inf])
        assert good(found) == pytest.approx(best)


def test_neighbouring_floats_are_kept_apart():
    low = np.float64(0.5)
    found = best_threshold(
        np.array([np.nextafter(low, 1), low]), np.array([True, False]), "accuracy"
    )
    assert low <= found < np.nextafter(low, 1)


def test_a_perfect_system():
    cosines = np.r_[np.linspace(0.6, 0.9, 20), np.linspace(0.0, 0.3, 30)]
    result = evaluate_pair_classification(*task(cosines, [1] * 20 + [0] * 30))
    assert [result.value(m) for m in ("AP", "accuracy", "F1")] == [1, 1, 1]
    assert "chosen on the other half: 0.4" in result.notes[0]


def test_each_half_is_judged_by_the_other():
    rng = np.random.default_rng(2)
    label = rng.random(200) < 0.3
    cosines = np.clip(0.2 * label + rng.normal(0.4, 0.15, 200), -0.99, 0.99)
    result = evaluate_pair_classification(*task(cosines, label), seed=5)
    # The halves again, from the outside: every threshold and what it says of the other half.
    halves = [np.zeros(200, bool), np.zeros(200, bool)]
    order = np.random.default_rng(5)
    for offset, kind in enumerate((True, False)):
        rows = order.permutation(np.flatnonzero(label == kind))
        halves[offset][rows[::2]] = True
        halves[1 - offset][rows[1::2]] = True
    right = np.empty(200, bool)
    called = np.empty(200, bool)
    for one, other in (halves, halves[::-1]):
        assert abs(int(label[one].sum()) - int(label[other].sum())) <= 1
        c = result.per_item["cosine"]
        right[one] = (c[one] > best_threshold(c[other], label[other], "accuracy")) == label[one]
        called[one] = c[one] > best_threshold(c[other], label[other], "F1")
    np.testing.assert_array_equal(result.per_item["right"], right)
    assert result.value("accuracy") == pytest.approx(right.mean())
    assert result.value("F1") == pytest.approx(f1_score(label, called))
    assert result.value("AP") == pytest.approx(average_precision_score(label, cosines))
    for metric in ("AP", "accuracy", "F1"):
        assert result[metric].low < result.value(metric) < result[metric].high


def test_compare():
    rng = np.random.default_rng(3)
    label = np.arange(120) % 2
    good, bad = (
        evaluate_pair_classification(*task(0.4 * label + rng.uniform(0, spread, 120), label))
        for spread in (0.45, 0.59)
    )
    worse = evaluate_pair_classification(*task(rng.uniform(0, 0.9, 120), label))
    tests = compare(good, worse)
    assert tests["AP"].difference.low > 0
    assert np.isnan(tests["AP"].p_permutation)
    for test in tests.values():
        assert test.p_bootstrap < 0.01
    assert tests["accuracy"].p_permutation < 0.01
    assert good.value("AP") >= bad.value("AP")


@pytest.mark.parametrize(
    ("cosines", "labels", "match"),
    [
        ([0.1, 0.2, 0.3, 0.4], [1, 1, 1, 1], "the scores of 4 pairs have 1 different values"),
        ([0.1, 0.2, 0.3, 0.4], [1, 2, 3, 1], "have 3 different values; expected two"),
        ([0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0], "found 1 pair of a kind; expected at least 2"),
        ([0.5, 0.5, 0.5, 0.5], [1, 1, 0, 0], "all 4 cosines are the same"),
        ([0.5, np.nan, 0.5, 0.5], [1, 1, 0, 0], "1 of 4 pair vectors are not finite, first of"),
        ([], [], "the scores of 0 pairs have 0 different values"),
    ],
)
def test_bad_input(cosines, labels, match):
    with pytest.raises(InputError, match=match) as error:
        evaluate_pair_classification(*task(np.array(cosines), labels))
    assert "\n" not in str(error.value)
