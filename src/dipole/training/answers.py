"""Preferences in a training: which answers an objective needs, and how a policy is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from dipole.data import Examples, Preferences
from dipole.errors import InputError

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder
    from dipole.training.parts import Part

ACCURACY, MARGIN = "preference accuracy", "reward margin"


def check_answers(objective: nn.Module, examples: Examples) -> None:
    """Raise InputError where an objective cannot learn from these answers: a pair needs two that
    are not rated alike, a list two or more, single answers ratings of 0 and 1."""
    from dipole.objectives.preferences.answers import Preference

    if not isinstance(examples, Preferences):
        return
    for part in objective.modules():
        if isinstance(part, Preference):
            _check(part.answers, getattr(part, "name", "") or type(part).__name__, part, examples)


def _check(form: str, name: str, part: nn.Module, examples: Preferences) -> None:
    where = f"data: {examples.origin}"
    for row, (answers, ratings) in enumerate(
        zip(examples.column("answers"), examples.column("ratings"), strict=True)
    ):
        count = len(answers)
        if (form == "pair" and count != 2) or (form == "list" and count < 2):
            found = "one answer and none beside it" if count == 1 else f"{count} answers"
            wants = "a chosen and a rejected answer" if form == "pair" else "two answers or more"
            others = "bco, kto, ulma take single ones" if count == 1 else "nca, infonca take lists"
            raise InputError(
                f"{where}: row {examples.ids[row]}: found {found}; {name} needs {wants} of every "
                f"prompt ({others})"
            )
        if form == "pair" and ratings[0] == ratings[1]:
            raise InputError(
                f"{where}: row {examples.ids[row]}: found two answers rated {ratings[0]:g}; "
                f"{name} needs one that is better"
            )
        other = next((r for r in ratings if r not in (0, 1)), None)
        if form == "points" and other is not None and not getattr(part, "continuous", False):
            raise InputError(
                f"{where}: row {examples.ids[row]}: found the rating {other:g}; {name} takes good "
                "(1, true) and bad answers (0, false); expected these, or --objective ulma with "
                "--objective-option continuous=true"
            )


def preference_measure(
    examples: Preferences, parts: Sequence[Part]
) -> Callable[[Encoder], dict[str, float]]:
    """How often the better of two answers has the higher reward (ties count half), and by how much
    it is higher on average, in nats.

    The reward is log pi(y|x) - log ref(y|x) where the training has a reference, which is asked
    here and now; else log pi(y|x) / |y|. Compared are the answers of a prompt whose ratings
    differ; where no prompt has two such, all good ones (rated above 0.5) with all bad ones.
    """
    from dipole.language.stored import log_probs_of
    from dipole.training.parts.reference import Reference

    reference = next((part for part in parts if isinstance(part, Reference)), None)
    start = None if reference is None else reference.log_probs(examples).sums()
    better, worse = _compared(examples)
    if not len(better):
        raise InputError(
            f"validation: {examples.origin}: found no two answers of which one is better; expected "
            "some"
        )

    def measure(encoder: Encoder) -> dict[str, float]:
        found = log_probs_of(encoder, examples)
        sums = np.array([part.sum(dtype=np.float64) for part in found])
        lengths = np.array([len(part) for part in found])
        reward = sums / lengths if start is None else sums - start
        margin = reward[better] - reward[worse]
        return {
            ACCURACY: float(((margin > 0) + 0.5 * (margin == 0)).mean()),
            MARGIN: float(margin.mean()),
        }

    return measure


def _compared(examples: Preferences) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the better and of the worse answers of all comparisons."""
    pairs: list[tuple[int, int]] = []
    every: list[float] = []
    for ratings in examples.column("ratings"):
        own = range(len(every), len(every) + len(ratings))
        every += ratings
        pairs += [(i, j) for i, j in product(own, own) if every[i] > every[j]]
    if pairs:
        found = np.array(pairs, dtype=np.int64)
        return found[:, 0], found[:, 1]
    good, bad = (np.flatnonzero((np.array(every) > 0.5) == kind) for kind in (True, False))
    return np.repeat(good, len(bad)), np.tile(bad, len(good))
