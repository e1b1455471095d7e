import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.evaluation.bounds.sufficiency import (
    contrastive_information,
    mutual_information,
    sufficiency_bound,
    sufficiency_gap,
)


@given(seed=st.integers(0, 9999))
def test_mutual_information_equals_scikit_learn(seed):
    counts = np.random.default_rng(seed).integers(0, 5, (4, 3))
    counts[0, 0] += 1
    theirs = sklearn.metrics.mutual_info_score(None, None, contingency=counts)
    assert mutual_information(counts) == pytest.approx(theirs, abs=1e-12)


def test_a_gap_by_hand():
    """Two sure states merged into one: log 2 is lost, which was all there was."""
    assert sufficiency_gap(np.eye(2), [0, 0]) == pytest.approx(math.log(2))
    assert sufficiency_gap(np.eye(2), ["a", "b"]) == 0
    # Four states, two of which say the same: merging those loses nothing.
    joint = np.array([[0.2, 0.0], [0.1, 0.0], [0.0, 0.4], [0.15, 0.15]])
    assert sufficiency_gap(joint, [0, 0, 1, 2]) == pytest.approx(0, abs=1e-15)
    # State 3 merged with 2, row by row: KL of (0, 1) and (1/2, 1/2) from (3/14, 11/14).
    q = np.array([0.15, 0.55]) / 0.7
    of_third = (math.log(0.5 / q[0]) + math.log(0.5 / q[1])) / 2
    lost = 0.4 * math.log(1 / q[1]) + 0.3 * of_third
    assert sufficiency_gap(joint, [0, 0, 1, 1]) == pytest.approx(lost)


@settings(max_examples=60)
@given(seed=st.integers(0, 9999), codes=st.integers(1, 6))
def test_the_excess_error_is_below_the_bound(seed, codes):
    """All laws of two views with a label of the second: the theorem on exact tables."""
    rng = np.random.default_rng(seed)
    joint = rng.dirichlet(np.full(6 * 8, rng.choice([0.05, 0.5, 5]))).reshape(6, 8)
    f = rng.integers(0, codes, 6)
    label = rng.integers(0, 3, 8)
    of_label = np.stack([joint[:, label == y].sum(1) for y in range(3)], 1)  # p(z1, y)
    merged = np.stack([of_label[f == c].sum(0) for c in range(codes)])
    # Sums in two orders: what is 0 comes out as 1e-16 or so.
    excess = round(of_label.max(1).sum() - merged.max(1).sum(), 12)
    gap = sufficiency_gap(joint, f.tolist())
    majority = min(max(of_label.sum(0).max(), 1e-9), 1 - 1e-9)
    found = sufficiency_bound(gap, majority=majority, measured=excess)
    assert found.holds
    # And in log loss: the label's information that f loses.
    lost = mutual_information(of_label) - mutual_information(merged)
    assert lost <= gap + 1e-9


def test_views_whose_label_is_wrong():
    found = sufficiency_bound(0.0, mismatch=0.1, measured=0.15)
    assert found.value == pytest.approx(0.2)
    assert found.holds
    assert not found.vacuous
    assert sufficiency_bound(1.0).vacuous


def test_contrastive_information_of_a_channel_that_is_known():
    """z2 = z1 of 4 sure states with the best scores: I = log 4, and never above log K."""
    rng = np.random.default_rng(0)
    states = rng.integers(0, 4, 400)
    joint = np.eye(4) / 4
    with np.errstate(divide="ignore"):
        best = np.log(joint / (1 / 16))  # log p(z2 | z1) / p(z2)
    scores = np.maximum(best, -1e6)[states][:, states]
    value, ceiling = contrastive_information(scores)
    assert ceiling == pytest.approx(math.log(400))
    assert value == pytest.approx(math.log(4), abs=0.05)
    sure = contrastive_information(1e3 * np.eye(5))
    assert sure[0] == pytest.approx(sure[1]) == pytest.approx(math.log(5))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: mutual_information([[0.5, -0.1]]), "expected \\(a, b\\) with probabilities"),
        (lambda: mutual_information(np.zeros((2, 2))), "probabilities"),
        (lambda: sufficiency_gap(np.eye(2), [0]), "found 1 for 2 items"),
        (lambda: sufficiency_bound(-0.1), "gap -0.1"),
        (lambda: contrastive_information(np.ones((3, 2))), "K >= n"),
        (lambda: contrastive_information([[np.nan]]), "not finite"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(InputError, match=match):
        call()
