"""Many comparisons at once: p-values that say how often *any* of them, or how many, are false."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dipole.errors import InputError


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjusted p-values that hold the chance of even one false alarm (family-wise error).

        p~_(k) = max_{j <= k} min(1, (m - j + 1) p_(j)),   p_(1) <= ... <= p_(m)

    Reject where p~ <= 0.05; needs nothing of how the tests depend on each other. A p-value that
    does not exist (nan) stays so and is not counted. (Holm, Scandinavian Journal of Statistics 6,
    1979.)

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values, found = _p_values(p)
    m = len(found)
    order = np.argsort(found, kind="stable")
    adjusted = np.empty(m)
    steps = np.minimum(1, found[order] * np.arange(m, 0, -1))
    adjusted[order] = np.maximum.accumulate(steps)
    values[~np.isnan(values)] = adjusted
    return values


def benjamini_hochberg(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjusted p-values that hold the expected share of false alarms among the alarms (FDR).

        p~_(k) = min_{j >= k} min(1, m p_(j) / j)

    For many questions, some of which may be wrong; for tests that are independent or positively
    dependent. nan stays nan. (Benjamini and Hochberg, Journal of the Royal Statistical Society B
    57, 1995; computed by scipy.)

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.04, 0.04]
    """
    from scipy.stats import false_discovery_control

    values, found = _p_values(p)
    if len(found):
        values[~np.isnan(values)] = false_discovery_control(found)
    return values


CORRECTIONS = {"holm": holm, "benjamini-hochberg": benjamini_hochberg}


def corrected(tests: Mapping[str, float], method: str = "holm") -> dict[str, float]:
    """Name -> adjusted p-value, of name -> p-value; method `holm` or `benjamini-hochberg`."""
    if method not in CORRECTIONS:
        raise InputError(f"correction: found {method!r}; expected {' or '.join(CORRECTIONS)}")
    adjusted = CORRECTIONS[method](list(tests.values()))
    return dict(zip(tests, map(float, adjusted), strict=True))


def _p_values(p: Sequence[float] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = np.array(p, dtype=np.float64)
    if values.ndim != 1:
        raise InputError(f"p-values: found shape {values.shape}; expected a list of numbers")
    found = values[~np.isnan(values)]
    if len(found) and not (found.min() >= 0 and found.max() <= 1):
        bad = found.min() if found.min() < 0 else found.max()
        raise InputError(f"p-values: found {bad:g}; expected numbers from 0 to 1")
    return values, found
