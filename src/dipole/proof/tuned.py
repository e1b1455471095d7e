"""The value of a setting that suits each arm, chosen on rows that no arm is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dipole.data.functions import takes_fold
from dipole.errors import RunError
from dipole.studies.bench import bench
from dipole.studies.budget import parse_budget
from dipole.studies.cells import Cell
from dipole.studies.claim import Claim
from dipole.studies.running import FAILED, Watch, run_study
from dipole.training.recipe import LENGTH, over

# Seeds of the search, none of which is judged.
SEEDS = (1000, 1001)
# Share of the training rows that the search measures on, where there is nothing else for it.
HELD_OUT = "0.2"


def tuned_arms(
    claim: Claim,
    arms: Mapping[str, Mapping[str, Any]],
    root: Path,
    *,
    jobs: int | None = None,
    watch: Watch | None = None,
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """The arms with the best of `claim.tuned` for each, and what was chosen.

    Every arm tries the same values (or as many of its own), at two seeds that are not judged: on
    the rows that the claim names, on the fold that is there to tune on, or on a fifth of the
    training rows that is held out. The bench's metric decides.
    """
    where = bench(claim.bench)
    cells, of = [], []
    for arm, grid in claim.grids().items():
        for values in grid:
            for seed in SEEDS:
                tried = over(arms[arm], values)
                apart: dict[str, Any] = {"test": claim.tuned_on or HELD_OUT}
                if where.folds and not claim.tuned_on and takes_fold(tried["data"]):
                    apart = {"fold": where.folds}
                budget = {name: tried.pop(name) for name in LENGTH if name in tried}
                cells.append(Cell(arm, seed, tried, where.measures, budget, **apart))
                of.append((arm, values))
    rows = run_study(cells, parse_budget("1epochs"), root, jobs=jobs, alone=False, watch=watch)
    best: dict[str, tuple[float, dict[str, Any]]] = {}
    for start in range(0, len(rows), len(SEEDS)):
        several = rows[start : start + len(SEEDS)]
        for row in several:
            if row.state == FAILED:
                raise RunError(f"{row.cell.arm}, tuning: {row.error}")
        value = sum(float(row.metrics[where.metric].mean()) for row in several) / len(several)
        arm, values = of[start]
        if arm not in best or value > best[arm][0]:
            best[arm] = (value, values)
    chosen = {arm: values for arm, (_, values) in best.items()}
    return {arm: over(own, chosen.get(arm, {})) for arm, own in arms.items()}, chosen
