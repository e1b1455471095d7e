"""How far long work is: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds between two lines of a log.
_PAUSE = 30.0


@contextmanager
def telling() -> Iterator[Callable[[str, int, int], None]]:
    """A function to call with (what is done, how many, of how many)."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    if not sys.stderr.isatty():
        said_at = time.monotonic()

        def say(what: str, done: int, total: int) -> None:
            nonlocal said_at
            if time.monotonic() - said_at > _PAUSE:
                print(f"{what} {done:,} of {total:,}", file=sys.stderr)
                said_at = time.monotonic()

        yield say
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, int] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)  # type: ignore[arg-type]

        yield show
