"""Runs a claim's experiment, look by look, and judges it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import dipole
from dipole.data.cache import digest
from dipole.data.functions import takes_fold
from dipole.errors import DipoleError, InputError, RunError
from dipole.files import replaced
from dipole.lock import Lock
from dipole.proof.needs import MissingError, check_needs
from dipole.proof.tuned import tuned_arms
from dipole.proof.untrained import untrained_arms
from dipole.studies.bench import Bench, bench, numbers
from dipole.studies.budget import parse_budget
from dipole.studies.cells import Cell, default_root
from dipole.studies.claim import VALUE, Claim, Outcome
from dipole.studies.digest import code_of
from dipole.studies.measures import as_arrays
from dipole.studies.running import FAILED, Row, Watch, collect, run_study
from dipole.studies.verdict import REVERSED, UNDECIDED, Verdict, judge
from dipole.systems import recipe_places
from dipole.systems.base import System
from dipole.systems.parity import is_compared, parity_of
from dipole.training.recipe import LENGTH, read_recipe

QUICK_SEEDS, QUICK_STEPS = 1, 2
# Every cell has a length of its own: that of its bench.
_NO_BUDGET = parse_budget("1epochs")
# Beside the numbers of an experiment's seed: the seconds of CPU that they took.
_SPENT = "seconds of CPU"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Proof:
    """A system, its claim, what came out, and what that means.

    arms: settings of each; tuned: of these, the values that were chosen; untrained: what the
    baseline has before its training, metric by metric, where the bench does not say.
    """

    system: System
    outcome: Outcome
    primary: Verdict
    secondary: Sequence[Verdict] = ()
    arms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tuned: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: Sequence[Row] = ()
    seconds: float = 0.0
    full: bool = False
    untrained: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def claim(self) -> Claim:
        """The system's claim."""
        return claim_of(self.system)

    @property
    def bench(self) -> Bench | None:
        """Where it was decided."""
        return bench(self.claim.bench) if self.claim.bench else None

    @property
    def verdict(self) -> str:
        """That of the primary inequality."""
        return self.primary.verdict


def prove(
    system: System,
    *,
    quick: bool = False,
    full: bool = False,
    jobs: int | None = None,
    root: Path | None = None,
    watch: Watch | None = None,
    say: Say = lambda line: None,
) -> Proof:
    """Judge the claim of a system: train the arms (those not trained yet), call the experiment.

    At 5 seeds, then 10, then 20, until the primary inequality is decided. quick: one seed of two
    steps on few rows; shows that the claim runs, and nothing else. full: the bench's budget for a
    machine with a GPU.

    Raises InputError for a system without a claim, MissingError where data are not there, RunError
    where an arm cannot be trained: without it nothing can be judged.
    """
    root = root or default_root()
    claim = claim_of(system)
    if full:
        _check_full(claim)
    if not quick:
        check_needs([*claim.needs, *(bench(claim.bench).needs if claim.bench else ())])
    arms, chosen = arms_of(system, full=full), dict[str, dict[str, Any]]()
    if claim.tuned and not quick:
        arms, chosen = tuned_arms(claim, arms, root, jobs=jobs, watch=watch)
    outcome: dict[str, dict[str, np.ndarray]] = {}
    rows: list[Row] = []
    spent = 0.0
    for look in [QUICK_SEEDS] if quick else _looks(claim):
        some = arms if look == claim.looks[0] or quick else _of_primary(claim, arms)
        cells = cells_of(claim, some, look, quick)
        rows = [
            *(row for row in rows if row.cell.arm not in some),
            *_run(cells, root, jobs, quick, watch),
        ]
        outcome, spent = _outcome(system, claim, rows, look, quick, root, say)
        primary = judge(claim.primary, outcome, delta=delta_of(claim), looks=len(_looks(claim)))
        if primary.verdict != UNDECIDED:
            break
    before: dict[str, dict[str, float]] = {}
    if is_elsewhere(claim) and not quick and claim.primary.on == bench(claim.bench).metric:
        before = untrained_arms(claim, [row.cell for row in rows], root)
    return Proof(
        system, outcome, _defended(system, primary, outcome, before, full),
        [judge(one, outcome) for one in claim.secondary],
        arms, chosen, rows, sum(row.cost.cpu_seconds for row in rows) + spent, full, before,
    )  # fmt: skip


def claim_of(system: System) -> Claim:
    """The claim of a system; an InputError where it has none."""
    if system.claim is None:
        raise InputError(f"claim: {system.id} has none; expected a system with one (dipole prove)")
    return system.claim


def arms_of(system: System, *, full: bool = False) -> dict[str, dict[str, Any]]:
    """Arm -> its settings: the recipe on the bench, and how the arm differs."""
    claim = claim_of(system)
    found = {}
    for name, given in claim.arms.items():
        own = dict(given)
        recipe = own.pop("recipe", system.recipe)
        base = {} if recipe is None else read_recipe(recipe)
        found[name] = bench(claim.bench).arm(base, claim.settings, own, full=full)
    return found


def cells_of(
    claim: Claim, arms: Mapping[str, Mapping[str, Any]], seeds: int, quick: bool = False
) -> list[Cell]:
    """Every arm at every seed; seeds of all arms are the same, so their batches are."""
    cells = []
    for seed in range(seeds):
        for arm, given in arms.items():
            where, settings = bench(claim.bench), dict(given)
            budget = {name: settings.pop(name) for name in LENGTH if name in settings}
            fold = seed if where.folds and takes_fold(settings["data"]) else None
            if quick:  # bfloat16 is slow on many processors
                budget, settings["precision"] = {"max_steps": QUICK_STEPS}, "fp32"
            measures = (*where.measures, *claim.measures)
            cells.append(Cell(arm, seed, settings, measures, budget, quick=quick, fold=fold))
    return cells


def is_elsewhere(claim: Claim) -> bool:
    """Whether it has data or a tower of its own, of which the bench's numbers say nothing."""
    return bool({"data", "encoder"} & claim.settings.keys())


def delta_of(claim: Claim) -> float | None:
    """A difference of the primary's numbers smaller than this is none."""
    if claim.delta is not None or not claim.bench:
        return claim.delta
    where = bench(claim.bench)
    return where.delta if claim.primary.on == where.metric else None


def _check_full(claim: Claim) -> None:
    """Raise MissingError where there is no larger budget than the bench's."""
    if not claim.bench or not bench(claim.bench).full:
        what = f"the bench {claim.bench}" if claim.bench else "a claim without a bench"
        raise MissingError(f"--budget full: {what} has no full budget; leave it out")


def _looks(claim: Claim) -> list[int]:
    """The looks that there are seeds for: an identity is looked at once, folds are only so many."""
    most = bench(claim.bench).folds if claim.bench else 0
    found = [look for look in claim.looks if not most or look <= most]
    if not found:
        raise InputError(f"bench {claim.bench}: {most} folds, and no look at so few seeds")
    return found[:1] if claim.primary.every else found


def _of_primary(
    claim: Claim, arms: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Mapping[str, Any]]:
    """The arms that the primary inequality needs; all where it is of numbers made of several."""
    needed = claim.primary.weights
    return {arm: arms[arm] for arm in needed} if needed.keys() <= arms.keys() else arms


def _run(
    cells: Sequence[Cell], root: Path, jobs: int | None, quick: bool, watch: Watch | None
) -> list[Row]:
    if not cells:
        return []
    jobs = 0 if quick else jobs
    rows = run_study(cells, _NO_BUDGET, root, jobs=jobs, alone=False, watch=watch)
    for row in rows:
        if row.state == FAILED:
            raise RunError(f"{row.cell.arm}, seed {row.cell.seed}: {row.error}")
    return rows


def _outcome(
    system: System, claim: Claim, rows: Sequence[Row], seeds: int, quick: bool, root: Path, say: Say
) -> tuple[dict[str, dict[str, np.ndarray]], float]:
    """The numbers of arms and experiment, and the seconds of CPU that the latter took."""
    outcome, spent = collect(rows), 0.0
    if claim.experiment is not None:
        if claim.primary.on != VALUE:  # it decides nothing: the first look is enough
            seeds = min(seeds, claim.looks[0])
        own = _experiment(system.id, claim, seeds, quick, root, say)
        spent = float(own.pop(_SPENT).sum())
        outcome |= {name: {VALUE: values} for name, values in own.items()}
    if claim.derive is not None:
        for name, found in claim.derive(outcome).items():
            outcome[name] = {VALUE: np.asarray(found, dtype=np.float64).reshape(len(found), -1)}
    return outcome, spent


def _defended(
    system: System, primary: Verdict, outcome: Outcome, before: Mapping[str, Mapping[str, float]],
    full: bool,
) -> Verdict:  # fmt: skip
    """The verdict that can be defended: no *reversed* of what nobody compared with the authors'
    code, none at all on a bench without room or where the baseline is no better than a tower that
    was never trained."""
    claim, on = claim_of(system), primary.inequality.on
    if primary.verdict == REVERSED and not is_compared(system.id):
        code = "the authors' code has another loss than the paper"
        why = code if parity_of(system.id) else "nothing is compared with the authors' code"
        why = f"the other way round here, and {why}"
        return replace(primary, verdict=UNDECIDED, why=why)
    if not claim.bench or on != bench(claim.bench).metric:
        return primary
    known = None if is_elsewhere(claim) else numbers().get(claim.bench)
    if known is not None and not known.admitted and not full:
        why = f"the bench {claim.bench} has too little room"
        return replace(primary, verdict=UNDECIDED, why=why)
    if bench(claim.bench).pretrained:
        return primary
    for arm, weight in primary.inequality.weights.items():
        found = float(outcome[arm][on].mean())
        start = before.get(arm, {}).get(on)
        if start is None and known is not None and not full:
            start = known.untrained
        if weight < 0 and start is not None and found <= start:
            why = f"no headroom: {arm} has {found:.1f}, an untrained tower {start:.1f}"
            return replace(primary, verdict=UNDECIDED, why=why)
    return primary


def _experiment(
    id: str, claim: Claim, seeds: int, quick: bool, root: Path, say: Say
) -> dict[str, np.ndarray]:
    """Name -> (seeds, items); what a seed gave is kept, under a name made of the code behind it."""
    function = claim.experiment
    assert function is not None
    code = code_of([f"{function.__module__}:{function.__qualname__}"], recipe_places())
    per_seed = []
    for seed in range(seeds):
        key = digest(dipole.__version__, code, seed, quick)
        path = root / "experiments" / f"{id}-{key}.npz"
        lock = Lock(path.with_suffix(".lock"), f"{path.stem}: another proof", wait=True)
        with lock:
            if not path.exists():
                say(f"{id}: experiment, seed {seed + 1} of {seeds}")
                began = time.process_time()
                arrays = _one_seed(function, seed, quick)
                arrays[_SPENT] = np.array([time.process_time() - began])
                with replaced(path) as new:
                    np.savez_compressed(new, **arrays)  # type: ignore[arg-type]
        with np.load(path, allow_pickle=False) as stored:
            nothing = {_SPENT: np.zeros(1)}  # of one that was kept before this was
            per_seed.append(nothing | {name: stored[name] for name in stored.files})
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
