"""Search for settings: trials of a training, the worse ones stopped early, all of it resumable."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dipole.errors import DipoleError, InputError, RunError, optional
from dipole.files import remove_folder, sweep, write_text
from dipole.lock import LOCK, Lock
from dipole.training.run.observers import ValidationRecord, watching
from dipole.training.run.origin import DATA, ChangedDataError

JOURNAL = "journal.log"
STUDY = "tune"


@dataclass(frozen=True)
class Space:
    """What is searched: a range (low, high), taken by its logarithm, or a list of choices."""

    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    choices: dict[str, Sequence[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.ranges and not self.choices:
            raise InputError("space: found nothing to search; expected a range or choices")
        for name, (low, high) in self.ranges.items():
            if not (0 < low < high and math.isfinite(high)):
                raise InputError(f"{name}: found {low:g}:{high:g}, expected LOW:HIGH above 0")
        for name, values in self.choices.items():
            if not values or len(set(values)) < len(values):
                raise InputError(f"{name}: found {list(values)}, expected different choices")

    def draw(self, trial: Any) -> dict[str, Any]:
        """One setting of everything, by the search's sampler."""
        drawn = {n: trial.suggest_categorical(n, list(v)) for n, v in self.choices.items()}
        return drawn | {n: trial.suggest_float(n, *r, log=True) for n, r in self.ranges.items()}


@dataclass(frozen=True)
class Trial:
    """One training of a search; state: complete, pruned or failed."""

    number: int
    state: str
    value: float | None
    settings: dict[str, Any]
    step: int | None = None
    error: str = ""


def tune(
    space: Space,
    out: str | Path,
    *,
    trials: int = 20,
    seed: int = 0,
    keep: int = 3,
    told: Callable[[Trial], None] | None = None,
    **settings: Any,
) -> list[Trial]:
    """Search `space` for the settings of `dipole.fit` with the best validation, best first.

    The sampler is optuna's tree-structured Parzen estimator; a trial whose validation at some step
    is below the median of what others had there is stopped (MedianPruner, after five whole ones).
    The search lies in `out`: the journal of all trials, a run for each unfinished one and for the
    `keep` best. The same call again goes on, with a trial that was stopped from its checkpoint,
    until `trials` are complete, pruned or failed (a trial fails where its settings do not go
    together, with the reason).

    Args:
        seed: of the search and of every training.
        settings: those of `dipole.fit`, all trials alike; `validation` is needed.

    Raises:
        InputError: nothing to measure by; another search in `out`; its data have changed.
        RunError: no trial was complete; another process searches in `out`.

    Example:
        >>> space = Space(ranges={"temperature": (0.01, 0.5)})
        >>> tune(space, "runs/search", data="pairs.csv", validation=0.1)  # doctest: +SKIP
    """
    optuna = optional("optuna", "tune")
    if settings.get("validation") is None:
        raise InputError("validation: found none; expected a file, split or fraction to tune by")
    with Lock(Path(out) / LOCK, f"{out}: another search"):
        return _search(optuna, space, Path(out), trials, seed, keep, told, settings)


def _search(
    optuna: Any,
    space: Space,
    folder: Path,
    trials: int,
    seed: int,
    keep: int,
    told: Callable[[Trial], None] | None,
    settings: dict[str, Any],
) -> list[Trial]:
    asked = {"space": [space.ranges, space.choices], "settings": _plain(settings), "seed": seed}
    _same_search(folder, asked)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    backend = _journal(optuna, folder / JOURNAL)
    storage = optuna.storages.JournalStorage(backend)
    study = optuna.create_study(
        storage=storage,
        study_name=STUDY,
        load_if_exists=True,
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
    )
    _take_up_again(optuna, study)
    while (done := _finished(optuna, study)) < trials:
        # A sampler is a function of what it has seen and its seed: a resumed search draws anew.
        study.sampler = optuna.samplers.TPESampler(seed=seed + done, n_startup_trials=8)
        trial = study.ask()
        drawn = space.draw(trial)
        found = _try(optuna, study, trial, folder, settings | drawn | {"seed": seed})
        _drop_runs(folder, _ranked(optuna, study), keep)
        if told is not None:
            told(found)
    ranked = _ranked(optuna, study)
    if not ranked or ranked[0].value is None:
        error = next((t.error for t in ranked if t.error), "all were pruned")
        raise RunError(f"{folder}: no trial of {trials} was complete; the last: {error}")
    return ranked


def run_folder(out: str | Path, settings: dict[str, Any]) -> Path:
    """Where the run of a trial lies: by what it tries, so that it is found again."""
    text = json.dumps(settings, sort_keys=True)
    return Path(out) / "trials" / hashlib.sha256(text.encode()).hexdigest()[:12]


class _Held:
    """The journal's lock: that of the search. One of its own would outlive a kill."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def _journal(optuna: Any, path: Path) -> Any:
    """The journal; a line that a kill cut is dropped: with others behind it, it is unreadable."""
    if path.exists():
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)

    return optuna.storages.journal.JournalFileBackend(str(path), lock_obj=_Held())


def _try(optuna: Any, study: Any, trial: Any, folder: Path, settings: dict[str, Any]) -> Trial:
    from dipole.training.fit import fit
    from dipole.training.loop import InterruptedRunError
    from dipole.training.recipe import Recipe

    last = 0

    def watch(record: ValidationRecord) -> None:
        nonlocal last
        last = record.step
        trial.report(record.value, last)
        if trial.should_prune():
            raise optuna.TrialPruned

    state, value, error = optuna.trial.TrialState.COMPLETE, None, ""
    out = run_folder(folder, trial.params)
    try:
        with _same_data(folder, out, settings), watching(on_validate=watch):
            run = fit(
                out=out,
                recipe=Recipe(),
                resume=True,
                show_progress=False,
                # A model of Python's is trained in place: every trial has its own.
                **{
                    k: copy.deepcopy(v) if hasattr(v, "parameters") else v
                    for k, v in settings.items()
                },
            )
        value, last = run.result["best"], run.result["step"]
    except optuna.TrialPruned:
        state = optuna.trial.TrialState.PRUNED
        value = trial.study.trials[trial.number].intermediate_values[last]
    except InterruptedRunError as stop:
        raise InterruptedRunError(
            f"stopped in trial {trial.number}, saved; the same command goes on"
        ) from stop
    except ChangedDataError:
        raise  # of all trials, not of this one
    except DipoleError as failure:
        state, error = optuna.trial.TrialState.FAIL, str(failure)
        trial.set_user_attr("error", error)
    trial.set_user_attr("step", last)
    study.tell(trial, value if state == optuna.trial.TrialState.COMPLETE else None, state=state)
    return Trial(trial.number, state.name.lower(), value, dict(trial.params), last, error)


def _take_up_again(optuna: Any, study: Any) -> None:
    """Trials that were running when the search was stopped are tried again first."""
    for trial in study.trials:
        if trial.state == optuna.trial.TrialState.RUNNING:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            if trial.params:
                study.enqueue_trial(trial.params)


def _finished(optuna: Any, study: Any) -> int:
    """Trials with an end of their own: stopped ones, which come again, do not count."""
    state = optuna.trial.TrialState
    return sum(
        t.state in (state.COMPLETE, state.PRUNED)
        or (t.state == state.FAIL and "error" in t.user_attrs)
        for t in study.trials
    )


def _ranked(optuna: Any, study: Any) -> list[Trial]:
    """Complete ones, best first, then pruned ones, then failures."""
    states = optuna.trial.TrialState
    order = {states.COMPLETE: 0, states.PRUNED: 1, states.FAIL: 2}
    found = []
    for t in study.trials:
        if t.state not in order or (t.state == states.FAIL and "error" not in t.user_attrs):
            continue
        value = t.value
        if t.state == states.PRUNED and t.intermediate_values:
            value = t.intermediate_values[max(t.intermediate_values)]
        error, step = t.user_attrs.get("error", ""), t.user_attrs.get("step")
        trial = Trial(t.number, t.state.name.lower(), value, dict(t.params), step, error)
        found.append((order[t.state], -(value if value is not None else -math.inf), trial))
    return [trial for _, _, trial in sorted(found, key=lambda x: (x[0], x[1], x[2].number))]


def _drop_runs(folder: Path, ranked: list[Trial], keep: int) -> None:
    """Only the best runs stay on the disk."""
    best = {run_folder(folder, t.settings) for t in ranked[:keep] if t.state == "complete"}
    for path in (folder / "trials").glob("*"):
        if path not in best:
            remove_folder(path)


@contextmanager
def _same_data(folder: Path, run: Path, settings: dict[str, Any]) -> Iterator[None]:
    """Tie a trial to the data of the first that read them alike: their values are compared."""
    objective = hashlib.sha256(str(settings.get("objective")).encode()).hexdigest()[:12]
    kept = folder / "data" / f"{objective}.json"
    if kept.exists() and not (run / DATA).exists():
        run.mkdir(parents=True, exist_ok=True)
        write_text(run / DATA, kept.read_text(encoding="utf-8"))
    try:
        yield
    finally:
        if (run / DATA).exists() and not kept.exists():
            kept.parent.mkdir(exist_ok=True)
            write_text(kept, (run / DATA).read_text(encoding="utf-8"))


def _same_search(folder: Path, asked: dict[str, Any]) -> None:
    """Remember what a folder searches, or refuse to search something else in it."""
    sweep(folder)
    path = folder / "search.json"
    text = json.dumps(asked, indent=1, sort_keys=True, default=list)
    if path.exists():
        if path.read_text(encoding="utf-8") != text:
            raise InputError(
                f"{folder}: found another search there; expected the same space and settings, or "
                "a new folder"
            )
        return
    if any(child.name != LOCK for child in folder.iterdir()):
        raise InputError(f"{folder}: exists; expected a new folder, or that of this search")
    write_text(path, text)


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as json: an object by its name."""
    json_types = (str, int, float, bool, list, dict, type(None))
    return {k: v if isinstance(v, json_types) else repr(v) for k, v in settings.items()}
