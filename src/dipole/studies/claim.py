"""What a claim is: arms that are trained on a bench or a function, and what must hold of them.

Claim(
    sentence="Without the positive in the denominator small batches learn more.",
    bench="views",
    arms={"dcl": {}, "ntxent": {"objective": "ntxent"}},
    primary=AtLeast("dcl", "ntxent", on="kNN accuracy"),
    reported="+5.6 points of kNN accuracy at batch 32 on CIFAR-10 (table 1)",
)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from dipole.errors import InputError

# Arm -> metric -> (seeds, items).
Outcome = Mapping[str, Mapping[str, np.ndarray]]
# The metric of numbers that no encoder was measured for.
VALUE = "value"
# Numbers of seeds at which a claim is looked at, none beyond.
LOOKS = (5, 10, 20)


@dataclass(frozen=True)
class Inequality:
    """sum_arm weight_arm m(arm) >= least, m the metric `on`, averaged over items and seeds.

    every: each seed must satisfy it, and nothing is estimated: for identities and bounds.
    within: the left side must not be further than this from `least`, on either side.
    """

    weights: Mapping[str, float]
    least: float
    on: str
    says: str
    every: bool = False
    within: float | None = None

    def left_side(self, outcome: Outcome) -> np.ndarray:
        """sum_arm weight_arm m(arm), seed by seed and item by item: (seeds, items)."""
        for arm in self.weights:
            if arm not in outcome or self.on not in outcome[arm]:
                there = ", ".join(outcome.get(arm, outcome)) or "nothing"
                what = f"{self.on!r} of {arm!r}" if arm in outcome else f"arm {arm!r}"
                raise InputError(f"claim: no {what}; found {there}")
        found = {arm: outcome[arm][self.on] for arm in self.weights}
        seeds = min(len(values) for values in found.values())  # later seeds are of some arms alone
        parts = [weight * found[arm][:seeds] for arm, weight in self.weights.items()]
        if len({part.shape for part in parts}) > 1:  # means where arms have items of their own
            parts = [part.mean(axis=1, keepdims=True) for part in parts]
        return np.asarray(sum(parts))


def AtLeast(  # noqa: N802
    arm: str, other: str | float, *, by: float = 0.0, on: str = VALUE, every: bool = False
) -> Inequality:
    """arm >= other + by; `other` is an arm or a number. Not worse by more than 1: by=-1.

    >>> AtLeast("dcl", "infonce", by=1.0, on="kNN accuracy").says
    'kNN accuracy: dcl >= infonce + 1'
    """
    if isinstance(other, str):
        says = f"{arm} >= {other}{_signed(by)}"
        return Inequality({arm: 1.0, other: -1.0}, by, on, _named(on, says), every)
    return Inequality({arm: 1.0}, other + by, on, _named(on, f"{arm} >= {other + by:g}"), every)


def AtMost(  # noqa: N802
    arm: str, other: str | float, *, by: float = 0.0, on: str = VALUE, every: bool = False
) -> Inequality:
    """arm <= other - by; `other` is an arm or a number.

    >>> AtMost("largest difference", 1e-6, every=True).says
    'largest difference <= 1e-06'
    """
    if isinstance(other, str):
        says = f"{arm} <= {other}{_signed(-by)}"
        return Inequality({arm: -1.0, other: 1.0}, by, on, _named(on, says), every)
    return Inequality({arm: -1.0}, by - other, on, _named(on, f"{arm} <= {other - by:g}"), every)


def Equal(  # noqa: N802
    arm: str, other: str | float, *, within: float, on: str = VALUE
) -> Inequality:
    """|arm - other| <= within: the whole interval of the difference lies there.

    >>> Equal("chunks of 16", "whole", within=0.5, on="MRR@10").says
    'MRR@10: chunks of 16 = whole, to 0.5'
    """
    says = _named(on, f"{arm} = {other}, to {within:g}")
    if isinstance(other, str):
        return Inequality({arm: 1.0, other: -1.0}, 0.0, on, says, within=within)
    return Inequality({arm: 1.0}, other, on, says, within=within)


@dataclass(frozen=True)
class Claim:
    """What a system promises, and the experiment that decides it; see docs/claims.md.

    Args:
        sentence: the promise in one sentence.
        primary: the inequality that decides, written down before the run.
        reported: the paper's own number for it, and where it stands.
        secondary: what is shown beside it, and decides nothing.
        bench: where the arms are trained (see bench.py).
        arms: name -> how it differs from the system's recipe, as settings of `dipole train`;
            `recipe` among them is that of another system.
        settings: what all arms have in the place of the bench's, `data` too; regime: why.
        tuned: setting -> values; every arm takes the one that is best on rows that no arm is judged
            by. Where arms have nothing in common to tune, arm -> (setting -> values), as many for
            each; an arm that is not named stays as it is, and the primary needs none of these.
        tuned_on: the data of that search, as `settings["data"]`; a fold that is there for it, or a
            fifth of the training rows, if none are given.
        measures: what is measured of each arm beside what the bench measures.
        experiment: (seed, quick) -> {name: number or (items,) array}, for what is no training of
            this kind: an identity, a toy whose truth is known. Its names are arms, their metric is
            "value".
        derive: outcome -> {name: (seeds,) or (seeds, items)}, numbers made of several arms.
        looks: numbers of seeds at which it is looked at, until it is decided.
        delta: a difference of the primary's numbers smaller than this is none; the bench's if none
            is given.
        needs: named data sets and packages, beside the bench's.
        notes: paragraphs of the page: what was chosen and why, what was tried.
        lesson: one sentence: what a practitioner learns from the verdict.
    """

    sentence: str
    primary: Inequality
    reported: str = ""
    secondary: Sequence[Inequality] = ()
    bench: str = ""
    arms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    regime: str = ""
    tuned: Mapping[str, Sequence[Any] | Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    tuned_on: str = ""
    measures: Sequence[str] = ()
    experiment: Callable[[int, bool], Mapping[str, float | np.ndarray]] | None = None
    derive: Callable[[Outcome], Mapping[str, np.ndarray]] | None = None
    looks: Sequence[int] = LOOKS
    delta: float | None = None
    needs: Sequence[str] = ()
    notes: str = ""
    lesson: str = ""

    def __post_init__(self) -> None:
        if not self.arms and self.experiment is None:
            raise InputError("claim: neither arms nor an experiment")
        if self.arms and not self.bench:
            raise InputError("claim: arms; expected the bench they are trained on")
        if self.settings and not self.regime:
            raise InputError("claim: settings of its own; expected regime=, why not the bench's")
        grids = self.grids()
        if not grids.keys() <= self.arms.keys() or len({len(grid) for grid in grids.values()}) > 1:
            raise InputError("claim: tuned; expected as many values for each arm, and arms by name")
        if grids and any(arm in self.arms and arm not in grids for arm in self.primary.weights):
            raise InputError("claim: tuned; expected all arms of the primary inequality, or none")
        if list(self.looks) not in (list(LOOKS[:n]) for n in (1, 2, 3)):
            raise InputError(f"claim: looks at {list(self.looks)}; expected the first of 5, 10, 20")

    def grids(self) -> dict[str, list[dict[str, Any]]]:
        """Arm -> the settings that it tries, where any are tuned."""
        of_arms: dict[str, Mapping[str, Any]] = {
            arm: own for arm, own in self.tuned.items() if isinstance(own, Mapping)
        }
        if self.tuned and not of_arms:
            of_arms = dict.fromkeys(self.arms, self.tuned)
        return {arm: _grid(own) for arm, own in of_arms.items()}


def _grid(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(values, one, strict=True)) for one in product(*values.values())]


def _named(on: str, says: str) -> str:
    return says if on == VALUE else f"{on}: {says}"


def _signed(by: float) -> str:
    return "" if by == 0 else f" {'-' if by < 0 else '+'} {abs(by):g}"
