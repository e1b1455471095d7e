"""All implementations of an objective at one size, by turns, each in its own process."""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import statistics
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.cases import Case
from benchmarks.worker import serve

START_SECONDS = 120
OUT_OF_MEMORY = "out of memory"
SMALL = 1024


@dataclass
class Row:
    """What was measured, one number of `seconds` and of `cpu` a step; or a `reason` why not."""

    objective: str
    implementation: str
    n: int
    d: int
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    growth: int | None = None
    loss: float | None = None
    reason: str | None = None

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    @property
    def cpu_median(self) -> float:
        """Seconds of all threads together."""
        return statistics.median(self.cpu)

    def add(self, seconds: float, cpu: float) -> None:
        """One step."""
        self.seconds.append(seconds)
        self.cpu.append(cpu)


@dataclass(frozen=True)
class Limits:
    """Of one step: `seconds` and `memory` (bytes of growth); of a session: `threads`."""

    seconds: float
    memory: int
    threads: int


def repeats(first: float) -> int:
    """How often a step of `first` seconds is timed after the first one, which is the warm-up.

    0: the first one is the figure; what it would warm up is nothing beside such a length.
    """
    for limit, count in ((0.05, 15), (0.5, 5), (2, 3), (8, 2)):
        if first < limit:
            return count
    return 0


class Turn:
    """A process that takes a step when asked."""

    def __init__(self, row: Row, limits: Limits) -> None:
        context = multiprocessing.get_context("forkserver")
        self.row, self.limits = row, limits
        self.pipe: Connection
        self.pipe, theirs = context.Pipe()
        what = (row.objective, row.implementation, row.n, row.d, limits.threads, limits.memory)
        self.process = context.Process(target=serve, args=(theirs, *what), daemon=True)
        self.process.start()
        theirs.close()
        self.left, self.stuck = 1, False

    def wait(self, seconds: float) -> Any:
        """The next answer; None, with the reason in the row, if there is none."""
        try:
            if not self.pipe.poll(seconds):
                self.stuck = True
                return self._stop(f"no answer within {seconds:.0f} s")
            kind, answer = self.pipe.recv()
        except EOFError:
            self.process.join()
            return self._stop(f"the process ended with code {self.process.exitcode}")
        if kind == "missing":
            return self._stop(f"not installed: {answer}")
        if kind == "failed":
            return self._stop(explain(answer, self.limits.memory))
        return kind, answer

    def step(self) -> None:
        """One step, its figures into the row."""
        self.pipe.send("step")
        got = self.wait(max(16, 2 * self.limits.seconds))
        if got is None:
            return
        self.left -= 1
        kind, answer = got
        if kind == "first":
            first, cpu, self.row.growth, self.row.loss = answer
            self.left = repeats(first)
            if not self.left:
                self.row.add(first, cpu)
        else:
            self.row.add(*answer)

    def close(self) -> None:
        """End the process: it is asked to, then made to."""
        with contextlib.suppress(OSError):
            self.pipe.send(None)
        self.process.join(0 if self.stuck else 10)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.pipe.close()

    def _stop(self, reason: str) -> None:
        self.row.reason, self.left = reason, 0


def run_session(
    case: Case, n: int, d: int, limits: Limits, before: list[Row], only: tuple[str, ...] = ()
) -> list[Row]:
    """A row per implementation; `before` are the rows of smaller n, which foretell the time."""
    rows = [
        Row(case.key, one.name, n, d)
        for one in case.implementations
        if not only or one.name in only
    ]
    turns = []
    for row in rows:
        row.reason = foretell(row, before, limits)
        if row.reason is None:
            turns.append(Turn(row, limits))
    try:
        for turn in turns:
            if turn.wait(START_SECONDS) is None:
                turn.left = 0
        while any(turn.left for turn in turns):
            for turn in turns:
                if turn.left:
                    turn.step()
    finally:
        for turn in turns:
            turn.close()
    return rows


def explain(error: str, memory: int) -> str:
    """An allocator's message in the words of the table."""
    asked = re.search(r"tried to allocate (\d+) bytes", error)
    if asked is None:
        return error
    size = f"{int(asked[1]) / 1e9:.1f} GB"
    return f"{OUT_OF_MEMORY}: asked for {size} more, beyond the limit of {memory / 1e9:.1f} GB"


def foretell(row: Row, before: list[Row], limits: Limits) -> str | None:
    """Why a row is not worth starting, judged by the same implementation at a smaller n."""
    same = [
        old
        for old in before
        if (old.objective, old.implementation, old.d) == (row.objective, row.implementation, row.d)
        and old.n < row.n
    ]
    if not same:
        return None
    old = max(same, key=lambda o: o.n)
    if old.reason is not None:
        if old.reason.startswith("not installed"):
            return old.reason
        if row.n > SMALL:
            return f"not tried: see n = {old.n:,}"
    # A small size is tried all the same: what it asks for is worth knowing.
    if row.n <= SMALL or not old.seconds:
        return None
    seconds = old.median * (row.n / old.n) ** 2
    if seconds > limits.seconds:
        return f"about {seconds:.0f} s, judged by n = {old.n:,}"
    growth = (old.growth or 0) * (row.n / old.n) ** 2
    # Growth that is already that of a matrix; a little growth may be anything.
    if (old.growth or 0) > 2**27 and growth > 2 * limits.memory:
        return f"about {growth / 1e9:.0f} GB, judged by n = {old.n:,}"
    return None
