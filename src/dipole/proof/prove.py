"""Runs a claim's experiment and judges it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import dipole
from dipole.data.cache import digest
from dipole.errors import DipoleError, InputError, RunError
from dipole.files import replaced
from dipole.lock import Lock
from dipole.studies.budget import parse_budget
from dipole.studies.cells import Cell, default_root
from dipole.studies.claim import VALUE, Claim, Outcome
from dipole.studies.digest import code_of
from dipole.studies.measures import as_arrays
from dipole.studies.running import FAILED, Row, Watch, collect, run_study
from dipole.studies.verdict import Verdict, judge, overall
from dipole.systems import recipe_places
from dipole.systems.base import System

QUICK_SEEDS, QUICK_BUDGET = 2, "3steps"
BUDGETS = ("epochs", "max_steps")


@dataclass(frozen=True)
class Proof:
    """A system, its claim as it was run, what came out, and what that means."""

    system: System
    claim: Claim
    outcome: Outcome
    verdicts: Sequence[Verdict]
    rows: Sequence[Row] = field(default_factory=tuple)
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """*holds*, *does not hold* or *undecided*."""
        return overall(self.verdicts)


def prove(
    system: System,
    *,
    quick: bool = False,
    seeds: int | None = None,
    jobs: int | None = None,
    root: Path | None = None,
    watch: Watch | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Proof:
    """Judge the claim of a system: train the arms (those not trained yet), call the experiment.

    quick: two seeds of three steps on few rows; shows that the claim runs, and nothing else.

    Raises InputError for a system without a claim, RunError where an arm cannot be trained: without
    it nothing can be judged.
    """
    started = time.monotonic()
    root = root or default_root()
    claim = _claim_of(system)
    claim = replace(claim, seeds=QUICK_SEEDS) if quick else claim
    claim = claim if seeds is None else replace(claim, seeds=seeds)
    outcome: dict[str, dict[str, np.ndarray]] = {}
    rows: list[Row] = []
    if claim.arms:
        budget = parse_budget(QUICK_BUDGET if quick else claim.budget)
        jobs = 0 if quick else jobs
        rows = run_study(cells_of(claim, quick), budget, root, jobs=jobs, watch=watch)
        for row in rows:
            if row.state == FAILED:
                raise RunError(f"{row.cell.arm}, seed {row.cell.seed}: {row.error}")
        outcome |= collect(rows)
    if claim.experiment is not None:
        for name, values in _experiment(system.id, claim, quick, root, say).items():
            outcome[name] = {VALUE: values}
    if claim.derive is not None:
        for name, found in claim.derive(outcome).items():
            outcome[name] = {VALUE: np.asarray(found, dtype=np.float64).reshape(len(found), -1)}
    verdicts = [judge(inequality, outcome) for inequality in claim.holds]
    return Proof(system, claim, outcome, verdicts, rows, time.monotonic() - started)


def cells_of(claim: Claim, quick: bool = False) -> list[Cell]:
    """Every arm at every seed; seeds of all arms are the same, so their batches are.

    An arm with `epochs` or `max_steps` of its own has these as its budget (as many seen images in
    fewer steps, say).
    """
    cells = []
    for seed in range(claim.seeds):
        for arm, own in claim.arms.items():
            settings = {"data": claim.data, **claim.settings, **own}
            budget = {name: settings.pop(name) for name in BUDGETS if name in settings}
            if quick:
                settings, budget = settings | dict(claim.quick), {}
            cells.append(
                Cell(arm, seed, settings, tuple(claim.measures), budget or None, claim.test, quick)
            )
    return cells


def _claim_of(system: System) -> Claim:
    if system.claim is None:
        raise InputError(f"claim: {system.id} has none; expected a system with one (dipole prove)")
    return system.claim


def _experiment(
    id: str, claim: Claim, quick: bool, root: Path, say: Callable[[str], None]
) -> dict[str, np.ndarray]:
    """Name -> (seeds, items); what a seed gave is kept, under a name made of the code behind it."""
    function = claim.experiment
    assert function is not None
    code = code_of([f"{function.__module__}:{function.__qualname__}"], recipe_places())
    per_seed = []
    for seed in range(claim.seeds):
        key = digest(dipole.__version__, code, seed, quick)
        path = root / "experiments" / f"{id}-{key}.npz"
        lock = Lock(path.with_suffix(".lock"), f"{path.stem}: another proof", wait=True)
        with lock:
            if not path.exists():
                say(f"{id}: experiment, seed {seed + 1} of {claim.seeds}")
                arrays = _one_seed(function, seed, quick)
                with replaced(path) as new:
                    np.savez_compressed(new, **arrays)  # type: ignore[arg-type]
        with np.load(path, allow_pickle=False) as stored:
            per_seed.append({name: stored[name] for name in stored.files})
    return {name: np.stack([arrays[name] for arrays in per_seed]) for name in per_seed[0]}


def _one_seed(
    function: Callable[[int, bool], Any], seed: int, quick: bool
) -> dict[str, np.ndarray]:
    try:
        return as_arrays(function(seed, quick))
    except DipoleError:
        raise
    except Exception as error:  # anyone's code: the other claims of `--all` go on
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise RunError(
            f"experiment, seed {seed}: {type(error).__name__}: {error} "
            f"({place.filename}:{place.lineno})"
        ) from error
