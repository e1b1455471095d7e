"""From numbers to a verdict: *holds*, *does not hold*, *undecided*."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dipole.studies.claim import Inequality, Outcome

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"
LEVEL = 0.95


@dataclass(frozen=True)
class Verdict:
    """One inequality: its left side, the least it may be, the interval, and what follows.

    low, high: 95 % interval of the left side for new seeds and new items (of one number per seed:
    new seeds); for `every` the smallest and largest seed. p: two-sided, of left side = least.
    """

    inequality: Inequality
    value: float
    low: float
    high: float
    p: float
    verdict: str
    seeds: int


def judge(inequality: Inequality, outcome: Outcome) -> Verdict:
    """Holds where the whole interval is at or above the least, does not where it is below."""
    from dipole.evaluation.statistics.over_seeds import nested_test

    left = inequality.left_side(outcome)
    least, seeds = inequality.least, len(left)
    per_seed = left.mean(axis=1)
    if inequality.every:
        low, high = float(per_seed.min()), float(per_seed.max())
        kept = HOLDS if low >= least else FAILS
        return Verdict(inequality, float(per_seed.mean()), low, high, float("nan"), kept, seeds)
    test = nested_test(left, np.full_like(left, least), level=LEVEL)
    margin, low, high = test.difference[:3]
    # One seed says nothing of another; nan (seeds that do not differ at all) decides nothing.
    kept = HOLDS if low >= 0 else FAILS if high < 0 else UNDECIDED
    kept = kept if seeds > 1 else UNDECIDED
    return Verdict(inequality, margin + least, low + least, high + least, test.p, kept, seeds)


def overall(verdicts: Sequence[Verdict]) -> str:
    """All must hold; one that does not is enough to say so.

    Every part is tested at its own level and all have to pass, which is no more likely by chance
    than that one passes: nothing is corrected for their number.
    """
    found = {verdict.verdict for verdict in verdicts}
    if found == {HOLDS}:
        return HOLDS
    return FAILS if FAILS in found else UNDECIDED
