"""How far long work is: a bar on a terminal, lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dipole.showing import terminal

if TYPE_CHECKING:
    from rich.console import Console

# Seconds between two lines of a log, at most.
PAUSE = 30.0
# Work that is over before is not worth a line.
PATIENCE = 5.0

# (what is done, how many, of how many); the last is None where nobody knows.
Report = Callable[[str, int, int | None], None]


class Pace:
    """When a log is due a line: at every tenth of the work, and after 30 seconds without one."""

    def __init__(self, done: int = 0) -> None:
        self._done = done
        self._said_at = time.monotonic()

    def is_due(self, done: int, total: int | None) -> bool:
        """Whether a line is due now; that it was said is taken for granted."""
        now = time.monotonic()
        is_tenth = total is not None and (
            done * 10 // max(total, 1) > self._done * 10 // max(total, 1)
        )
        if not is_tenth and now - self._said_at < PAUSE:
            return False
        self._done, self._said_at = done, now
        return True


@contextmanager
def reporting(shown: bool = True) -> Iterator[Report]:
    """A function to call with (what is done, how many, of how many), on stderr.

    Several things may be done one after another: each has a bar, or lines, of its own.
    """
    if not shown:
        yield lambda what, done, total: None
        return

    console = terminal(error=True)
    if console.is_terminal:
        with _bars(console) as report:
            yield report
        return
    started, paces = time.monotonic(), dict[str, Pace]()

    def log(what: str, done: int, total: int | None) -> None:
        is_due = paces.setdefault(what, Pace()).is_due(done, total)
        if is_due and time.monotonic() - started > PATIENCE:
            of = "" if total is None else f" of {total:,}"
            console.print(f"{what} {done:,}{of}", soft_wrap=True)

    yield log


@contextmanager
def counting(what: str, total: int | None, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """A function to call with how many more are done of one thing."""
    done = 0

    with reporting(shown) as report:

        def count(more: int) -> None:
            nonlocal done
            done += more
            report(what, done, total)

        yield count


@contextmanager
def _bars(console: Console) -> Iterator[Report]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        yield show
