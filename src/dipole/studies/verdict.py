"""From numbers to a verdict: which way a difference goes, or that there is none, or not yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dipole.studies.claim import Inequality, Outcome

HOLDS, REVERSED, NO_DIFFERENCE, UNDECIDED = "holds", "reversed", "no difference", "undecided"
# Of what is no direction: an equality, an identity, a bound.
FAILS = "does not hold"
VERDICTS = (HOLDS, NO_DIFFERENCE, REVERSED, FAILS, UNDECIDED)
# Level of each interval by the number of looks that are planned, so that all together err in one of
# 20 (Pocock, Biometrika 64, 1977, table 1: nominal levels 0.0294 and 0.0221).
LEVELS = {1: 0.95, 2: 0.9706, 3: 0.9779}


@dataclass(frozen=True)
class Verdict:
    """One inequality: its left side, the least it may be, the interval, and what follows.

    low, high: interval of the left side for new seeds and new items (of one number per seed: new
    seeds); for `every` the smallest and largest seed. p: two-sided, of left side = least. why:
    what else the verdict needs to be understood.
    """

    inequality: Inequality
    value: float
    low: float
    high: float
    p: float
    verdict: str
    seeds: int
    level: float
    why: str = ""


def judge(
    inequality: Inequality, outcome: Outcome, *, delta: float | None = None, looks: int = 1
) -> Verdict:
    """Direction first: *holds* where the whole interval is above the least, *reversed* where it is
    below, *no difference* where it is within delta of it, else *undecided*.

    delta: None: a difference of any size counts. An equality holds where the interval lies within
    its bounds, and does not where it lies outside. looks: how often the claim may be looked at.
    """
    from dipole.evaluation.statistics.over_seeds import nested_test

    left = inequality.left_side(outcome)
    least, seeds, level = inequality.least, len(left), LEVELS[looks]
    per_seed = left.mean(axis=1)
    if inequality.every:
        low, high = float(per_seed.min()), float(per_seed.max())
        kept = HOLDS if low >= least else FAILS
        return Verdict(inequality, float(per_seed.mean()), low, high, float("nan"), kept, seeds, 1)
    test = nested_test(left, np.full_like(left, least), level=level)
    margin, low, high = test.difference[:3]
    # One seed says nothing of another; nan (seeds that do not differ at all) decides nothing.
    kept, why = _kept(inequality, low, high, delta) if seeds > 1 else (UNDECIDED, "one seed")
    return Verdict(
        inequality, margin + least, low + least, high + least, test.p, kept, seeds, level, why
    )


def _kept(inequality: Inequality, low: float, high: float, delta: float | None) -> tuple[str, str]:
    within = inequality.within
    if within is not None:
        if -within <= low and high <= within:
            return HOLDS, ""
        return (FAILS if low > within or high < -within else UNDECIDED), ""
    small = delta is not None and -delta <= low and high <= delta
    if low > 0 or high < 0:
        return (HOLDS if low > 0 else REVERSED), f"smaller than {delta:g}" if small else ""
    return (NO_DIFFERENCE if small else UNDECIDED), ""


def seeds_to_decide(verdict: Verdict, delta: float | None) -> int | None:
    """How many seeds would bring the interval of an undecided one off 0, or inside delta, were the
    difference what it is now and all spread that of seeds; None where no number would."""
    margin = verdict.value - verdict.inequality.least
    half = (verdict.high - verdict.low) / 2
    room = max(abs(margin), (delta or 0.0) - abs(margin))
    if not room > 0 or not half > 0:
        return None
    return int(np.ceil(verdict.seeds * (half / room) ** 2))
