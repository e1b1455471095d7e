"""What a claim is: arms that are trained, or a function that is called, and what must hold of them.

Claim(
    sentence="Without the positive in the denominator small batches learn more.",
    data="stdlib-code",
    arms={"infonce": {"objective": "ntxent"}, "dcl": {"objective": "dcl"}},
    settings={"batch_size": 32},
    holds=[AtLeast("dcl", "infonce", by=1.0, on="MRR@10")],
)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dipole.errors import InputError

# Arm -> metric -> (seeds, items).
Outcome = Mapping[str, Mapping[str, np.ndarray]]
# The metric of numbers that no encoder was measured for.
VALUE = "value"


@dataclass(frozen=True)
class Inequality:
    """sum_arm weight_arm m(arm) >= least, m the metric `on`, averaged over items and seeds.

    every: each seed must satisfy it, and nothing is estimated: for identities and bounds.
    """

    weights: Mapping[str, float]
    least: float
    on: str
    says: str
    every: bool = False

    def left_side(self, outcome: Outcome) -> np.ndarray:
        """sum_arm weight_arm m(arm), seed by seed and item by item: (seeds, items)."""
        for arm in self.weights:
            if arm not in outcome or self.on not in outcome[arm]:
                found = ", ".join(outcome.get(arm, outcome)) or "nothing"
                what = f"{self.on!r} of {arm!r}" if arm in outcome else f"arm {arm!r}"
                raise InputError(f"claim: no {what}; found {found}")
        parts = [weight * outcome[arm][self.on] for arm, weight in self.weights.items()]
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


@dataclass(frozen=True)
class Claim:
    """What a system promises, and the experiment that shows it; see docs/claims.md.

    Args:
        sentence: the promise in one sentence; holds: the inequalities, all of which must hold.
        data: what every arm trains on (see `study.data`); arms: name -> settings of
            `dipole train`, beside `settings` that all share; measures: what is measured of each
            (names of `study.measures`, or functions as `module:function`); test: as in compare.
        experiment: (seed, quick) -> {name: number or (items,) array}, for what needs no training
            of this kind: an identity, a toy whose truth is known, a training loop of its own. Its
            names are arms, their metric is "value".
        derive: outcome -> {name: (seeds,) or (seeds, items)}, numbers made of several arms.
        seeds, budget: how many trainings of an arm, and how long each ("10epochs", "500steps").
        quick: settings of a quick run beside its few rows, steps and seeds.
        notes: paragraphs of the page: what was chosen and why, what was tried.
        picture: metric that is drawn; the first inequality's if empty.
    """

    sentence: str
    holds: Sequence[Inequality]
    data: str = ""
    arms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    measures: Sequence[str] = ()
    test: str | None = None
    experiment: Callable[[int, bool], Mapping[str, float | np.ndarray]] | None = None
    derive: Callable[[Outcome], Mapping[str, np.ndarray]] | None = None
    seeds: int = 5
    budget: str = "10epochs"
    quick: Mapping[str, Any] = field(default_factory=dict)
    notes: str = ""
    picture: str = ""

    def __post_init__(self) -> None:
        if not self.arms and self.experiment is None:
            raise InputError("claim: neither arms nor an experiment")
        if self.arms and not (self.data and self.measures):
            raise InputError("claim: arms; expected data and measures too")
        if not self.holds:
            raise InputError("claim: no inequality; expected what must hold")


def _named(on: str, says: str) -> str:
    return says if on == VALUE else f"{on}: {says}"


def _signed(by: float) -> str:
    return "" if by == 0 else f" {'-' if by < 0 else '+'} {abs(by):g}"
