"""Many systems on the same seeds and items: who is best, and who cannot be told from the best."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.statistics.intervals import RESAMPLES
from dipole.evaluation.statistics.over_seeds import NestedInterval, nested_interval, nested_test


class Standing(NamedTuple):
    """A system's place: its score, and its distance to the system with the best score.

    p: that the best only looks better than this system, corrected for the number of systems;
    nan for the best itself. tied: the system may be the best (p > 1 - level, or no p exists).
    """

    system: str
    score: NestedInterval
    behind: NestedInterval
    p: float
    tied: bool


def leaderboard(
    systems: Mapping[str, np.ndarray],
    *,
    left: Collection[str] = (),
    higher_is_better: bool = True,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Standing]:
    """The systems in order, best first, and which of them form a tie with the best.

    systems: name -> (seeds, items) or (seeds,), as in `nested_test`; one seed is (1, items).
    left: systems that were left out early and have fewer seeds, the first ones: they are compared
        with the best, which is one of the others, on those alone.

        p_i = min(1, (k - 1) p(best better than i, one-sided)),   tied: p_i > 1 - level

    In 95 % of such tables the system that is truly the best is among the tied: leaving it out takes
    one false alarm in k - 1 one-sided tests (Bonferroni). It does not matter that the best was
    chosen by looking. A tie is no proof of equality, only of too little data to tell.

    Raises InputError where the systems were not measured on the same seeds and items.

    >>> rng = np.random.default_rng(0)
    >>> base = rng.random((3, 200))
    >>> near = base + 0.001 * rng.normal(size=(3, 200))
    >>> table = leaderboard({"a": base, "b": near, "c": base / 2})
    >>> [(place.system, place.tied) for place in table]
    [('a', True), ('b', True), ('c', False)]
    """
    if not systems:
        raise InputError("leaderboard: no systems; expected at least one")
    tables = {name: np.asarray(values, dtype=np.float64) for name, values in systems.items()}
    first_name = next((name for name in tables if name not in left), next(iter(tables)))
    first = tables[first_name]
    for name, table in tables.items():
        expected = first[: len(table)].shape if name in left else first.shape
        if table.shape != expected:
            raise InputError(
                f"leaderboard: {name} has shape {table.shape}, {first_name} {first.shape}; "
                "expected the same seeds and items"
            )

    def scored(values: np.ndarray) -> NestedInterval:
        return nested_interval(
            values, clusters=clusters, level=level, resamples=resamples, seed=seed
        )

    scores = {name: scored(table) for name, table in tables.items()}
    sign = -1 if higher_is_better else 1
    names = sorted(tables, key=lambda name: sign * scores[name].value)
    best = next(name for name in names if name not in left or name == first_name)
    nothing = NestedInterval(0.0, math.nan, math.nan, (0.0,) * len(first), math.nan, 0)
    places = [Standing(best, scores[best], nothing, math.nan, True)]
    for name in names:
        if name == best:
            continue
        seeds = len(tables[name])
        test = nested_test(
            tables[name], tables[best][:seeds],
            clusters=clusters, level=level, resamples=resamples, seed=seed,
        )  # fmt: skip
        # One-sided: the best is the better one by construction.
        p = min(1.0, (len(names) - 1) * test.p / 2)
        tied = math.isnan(p) or p > 1 - level
        places.append(Standing(name, scores[name], test.difference, p, tied))
    return places
