"""Runs the cells of a study, several at a time in processes of their own, and collects them.

What a cell is decides its folder, so a study that was stopped, or killed, finds what is done and
goes on in the middle of what is not. A cell that fails is a line, not an end.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from dipole.devices import environment
from dipole.errors import RunError
from dipole.files import write_text
from dipole.studies.budget import Budget
from dipole.studies.cells import Cell, Cost
from dipole.studies.worker import (
    CELL,
    COST,
    ERROR,
    LOG,
    RUN,
    SPEED,
    STOPPED,
    attempt,
    measured_path,
)

_POLL_SECONDS = 0.2
WAITS, SPEEDS, TRAINS, DONE, FAILED = "waits", "measures its speed", "trains", "done", "failed"


class InterruptedStudyError(RunError):
    """The user stopped the study; it can go on."""

    exit_code = STOPPED


@dataclass
class Row:
    """Where a cell stands, for whoever watches."""

    cell: Cell
    folder: Path
    state: str = WAITS
    step: int = 0
    loss: float | None = None
    error: str = ""

    @cached_property
    def metrics(self) -> dict[str, np.ndarray]:
        """Metric -> (items,), of a cell that is done."""
        found: dict[str, np.ndarray] = {}
        for name in self.cell.measures:
            with np.load(measured_path(self.folder, name), allow_pickle=False) as arrays:
                found |= {metric: arrays[metric] for metric in arrays.files}
        return found

    @cached_property
    def cost(self) -> Cost:
        """What its training took."""
        return Cost(**json.loads((self.folder / COST).read_text(encoding="utf-8")))


Watch = Callable[[Sequence[Row]], None]


def run_study(
    cells: Sequence[Cell],
    budget: Budget,
    root: Path,
    *,
    jobs: int | None = None,
    alone: bool = True,
    watch: Watch | None = None,
) -> list[Row]:
    """Train and measure all cells under the budget; a row per cell, done or failed.

    jobs: trainings at a time, in as many processes; 0: one after the other in this process, which
    measures no memory. alone: a new process for every cell, so that its peak memory is its own;
    else cells follow one another, which saves the seconds that a process takes to start.

    A budget in seconds becomes steps by the speed of each arm's first cell, measured once and kept,
    so a study that goes on has the same steps.

    Raises InterruptedStudyError on Ctrl-C, after the runs have saved where they are.
    """
    for cell in cells:
        _budgeted(cell, budget, 1.0).check()
    watch = watch or (lambda rows: None)
    jobs = default_jobs() if jobs is None else jobs
    root.mkdir(parents=True, exist_ok=True)
    if budget.unit == "seconds":
        rows = _with_measured_speed(cells, budget, root, jobs, alone, watch)
    else:
        rows = [_row(_budgeted(cell, budget), root) for cell in cells]
    _run([row for row in rows if row.state == WAITS], rows, jobs, alone, watch)
    return rows


def default_jobs() -> int:
    """Two processes with one thread each beat one with two."""
    return min(2, os.cpu_count() or 1)


def _with_measured_speed(
    cells: Sequence[Cell], budget: Budget, root: Path, jobs: int, alone: bool, watch: Watch
) -> list[Row]:
    trials: dict[str, Row] = {}
    for cell in cells:
        trials.setdefault(cell.arm, _row(cell, root))
    waiting = [row for row in trials.values() if not (row.folder / SPEED).exists()]
    _run(waiting, list(trials.values()), jobs, alone, watch, only_speed=True)
    rows = []
    for cell in cells:
        trial = trials[cell.arm]
        if trial.state == FAILED:
            rows.append(Row(cell, trial.folder, FAILED, error=trial.error))
        else:
            speed = json.loads((trial.folder / SPEED).read_text(encoding="utf-8"))
            rows.append(_row(_budgeted(cell, budget, speed["steps_per_second"]), root))
    return rows


def _budgeted(cell: Cell, budget: Budget, steps_per_second: float | None = None) -> Cell:
    """The cell under the budget, unless it has its own."""
    if cell.budget is not None:
        return cell
    return replace(cell, budget=budget.settings(steps_per_second))


def _row(cell: Cell, root: Path) -> Row:
    row = Row(cell, cell.folder(root))
    if _is_done(row):
        row.state = DONE
    return row


def _is_done(row: Row) -> bool:
    needed = [row.folder / COST, *(measured_path(row.folder, m) for m in row.cell.measures)]
    return all(path.exists() for path in needed)


def _run(
    waiting: list[Row],
    rows: Sequence[Row],
    jobs: int,
    alone: bool,
    watch: Watch,
    *,
    only_speed: bool = False,
) -> None:
    """Work off the waiting rows, `jobs` at a time."""
    queue = list(waiting)
    workers = [_Worker(jobs) for _ in range(min(jobs, len(queue)))]
    watch(rows)
    try:
        while queue and not jobs:
            _do(queue.pop(0), only_speed)
            watch(rows)
        while queue or any(worker.row for worker in workers):
            for worker in workers:
                if worker.row is not None:
                    _look(worker, only_speed, alone)
                if worker.row is None and queue:
                    worker.begin(queue.pop(0), only_speed)
            watch(rows)
            if any(worker.row for worker in workers):
                time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        done = sum(row.state == DONE for row in rows)
        raise InterruptedStudyError(
            f"stopped with {done} of {len(rows)} runs done; to go on: the same command again"
        ) from None
    finally:
        _stop(workers)


def _do(row: Row, only_speed: bool) -> None:
    """Work at a row in this process."""
    _prepare(row)
    code = attempt(row.folder, only_speed=only_speed)
    if code == STOPPED:  # the run has saved where it is
        raise KeyboardInterrupt
    _ended(row, code, only_speed)


def _prepare(row: Row) -> None:
    row.folder.mkdir(parents=True, exist_ok=True)
    write_text(row.folder / CELL, row.cell.to_json())


class _Worker:
    """A process that works at a cell, and at the next one once it is done."""

    def __init__(self, jobs: int) -> None:
        self.row: Row | None = None
        self._threads = max(1, (os.cpu_count() or 1) // jobs)
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self, row: Row, only_speed: bool) -> None:
        """Start with a row, in a new process where there is none yet."""
        _prepare(row)
        if self.process is None:
            with (row.folder / LOG).open("wb") as log:
                self.process = self._started(log)
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it died: the next look says how
            self.process.stdin.write(json.dumps([str(row.folder), only_speed]).encode() + b"\n")
            self.process.stdin.flush()
        self.row, row.state = row, SPEEDS if only_speed else TRAINS

    def _started(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "dipole.studies.worker"],
            env={"OMP_NUM_THREADS": str(self._threads), "OMP_WAIT_POLICY": "passive"}
            | os.environ
            | environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches the study, which tells its runs
        )
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        return process

    def answer(self) -> int | None:
        """The exit code of its row, or of the process where that ended; None while it works."""
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return int(line)
        return self.process.poll()

    def is_gone(self) -> bool:
        """Whether the process has ended by itself."""
        return self.process is not None and self.process.poll() is not None

    def end(self) -> None:
        """Let the process go."""
        if self.process is not None:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            with suppress(BrokenPipeError):
                self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()
        self.process = None


def _look(worker: _Worker, only_speed: bool, alone: bool) -> None:
    """Take in what a worker has done since."""
    row = worker.row
    assert row is not None
    code = worker.answer()
    if code is None:
        last = _last_line(row.folder / RUN / "metrics.jsonl")
        row.step, row.loss = last.get("step", row.step), last.get("loss", row.loss)
        return
    worker.row = None
    if alone or code == STOPPED or worker.is_gone():
        worker.end()
    _ended(row, code, only_speed)


def _ended(row: Row, code: int, only_speed: bool) -> None:
    """The state of a row whose work ended with an exit code (negative: a signal)."""
    if code == 0:
        row.state = WAITS if only_speed else DONE
        return
    row.state = FAILED
    error = row.folder / ERROR
    if error.exists():
        row.error = error.read_text(encoding="utf-8")
    elif code < 0:
        row.error = f"its process was ended by {signal.Signals(-code).name} (out of memory?)"
    else:
        row.error = f"its process left with exit code {code}; see {row.folder / LOG}"


def _last_line(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            lines = file.read().splitlines()
        found = json.loads(lines[-1])
    except (OSError, ValueError, IndexError):
        return {}
    return found if "loss" in found else {}


def _stop(workers: Sequence[_Worker]) -> None:
    """Ask the processes that work to save and leave, and wait for all."""
    for worker in workers:
        if worker.row is not None and worker.process is not None:
            worker.process.send_signal(signal.SIGTERM)
    for worker in workers:
        worker.end()


def collect(rows: Sequence[Row]) -> dict[str, dict[str, np.ndarray]]:
    """Arm -> metric -> (seeds, items), of the arms all of whose seeds are done; (seeds, 1) means of
    the items where every seed has its own.

    What a training took is there too: "peak memory" (MB) and "seconds".
    """
    arms: dict[str, list[Row]] = {}
    for row in rows:
        arms.setdefault(row.cell.arm, []).append(row)
    found = {}
    for arm, members in arms.items():
        if any(row.state != DONE for row in members):
            continue
        members.sort(key=lambda row: row.cell.seed)
        per_seed = [row.metrics for row in members]
        folds = any(row.cell.is_of_fold for row in members)
        found[arm] = {name: _stacked([m[name] for m in per_seed], folds) for name in per_seed[0]}
        costs = [row.cost for row in members]
        found[arm]["peak memory"] = np.array([[cost.peak_mb] for cost in costs])
        found[arm]["seconds"] = np.array([[cost.seconds] for cost in costs])
    return found


def _stacked(values: Sequence[np.ndarray], folds: bool) -> np.ndarray:
    return np.stack([one.mean(keepdims=True) for one in values] if folds else list(values))
