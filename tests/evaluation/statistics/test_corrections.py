import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from dipole.errors import InputError
from dipole.evaluation.statistics.corrections import benjamini_hochberg, corrected, holm

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(p=p_values, alpha=st.floats(0.001, 0.5))
def test_holm_rejects_as_the_step_down_procedure_says(p, alpha):
    """From the smallest on, compare with alpha / (m - j + 1); stop at the first that is larger."""
    rejected = set()
    for j, index in enumerate(np.argsort(p, kind="stable")):
        if p[index] * (len(p) - j) > alpha:
            break
        rejected.add(int(index))
    assert set(np.flatnonzero(holm(p) <= alpha).tolist()) == rejected


@given(p=p_values, alpha=st.floats(0.001, 0.5))
def test_benjamini_hochberg_rejects_as_the_step_up_procedure_says(p, alpha):
    """The largest k with p_(k) <= k alpha / m: it and all smaller ones."""
    ordered = np.sort(p)
    m = len(p)
    adjusted = benjamini_hochberg(p)
    close = np.isclose(ordered * m / np.arange(1, m + 1), alpha, rtol=1e-9)
    if close.any():  # rounding decides
        return
    good = [k for k in range(1, m + 1) if ordered[k - 1] * m / k <= alpha]
    limit = ordered[max(good) - 1] if good else -1
    assert ((adjusted <= alpha) == (np.array(p) <= limit)).all()


@given(p=p_values)
def test_order_between_the_corrections(p):
    raw, fdr, family = np.array(p), benjamini_hochberg(p), holm(p)
    assert (raw <= fdr * (1 + 1e-12)).all()
    assert (fdr <= family * (1 + 1e-12)).all()
    assert (family <= np.minimum(1, raw * len(p)) * (1 + 1e-12)).all()


def test_known_values():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(
        benjamini_hochberg([0.01, 0.04, 0.03, 0.005]), [0.02, 0.04, 0.04, 0.02]
    )


def test_false_alarms_of_holm_in_a_family():
    """Ten true null hypotheses and one false: an alarm among the ten in at most 5 % of families."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2000, 11)) + np.r_[np.zeros(10), 4.0]
    adjusted = np.stack([holm(row) for row in 2 * scipy.stats.norm.sf(np.abs(z))])
    share = (adjusted[:, :10] <= 0.05).any(1).mean()
    assert abs(share - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 2000)
    assert (adjusted[:, 10] <= 0.05).mean() > 0.8


def test_missing_p_values_are_not_counted():
    np.testing.assert_allclose(holm([0.02, np.nan, 0.03]), [0.04, np.nan, 0.04])
    np.testing.assert_allclose(benjamini_hochberg([np.nan, 0.03]), [np.nan, 0.03])
    assert np.isnan(holm([np.nan])).all()
    assert np.isnan(benjamini_hochberg([np.nan])).all()
    assert holm([]).shape == (0,)


def test_by_name():
    assert corrected({"a": 0.02, "b": 0.5}) == {"a": 0.04, "b": 0.5}
    assert corrected({"a": 0.02, "b": 0.03}, "benjamini-hochberg") == {"a": 0.03, "b": 0.03}


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: holm([0.1, 1.2]), "found 1.2; expected numbers from 0 to 1"),
        (lambda: benjamini_hochberg([-0.1]), "found -0.1"),
        (lambda: holm([[0.1]]), "shape"),
        (lambda: corrected({"a": 0.1}, "none"), "found 'none'; expected holm or benjamini"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(InputError, match=match):
        call()
