"""A study while it runs: a live table on a terminal, a line per finished run elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from dipole.studies.running import Row, Watch


@contextmanager
def watching(console: Console) -> Iterator[Watch]:
    """`with watching(console) as watch: run_study(..., watch=watch)`."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    from rich.live import Live

    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield lambda rows: live.update(table_of(rows))


def table_of(rows: Sequence[Row]) -> Table:
    """One line per arm: its runs, what the one that trains is at, what went wrong."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("runs", justify="right", no_wrap=True)
    table.add_column("step", justify="right", no_wrap=True)
    table.add_column("loss", justify="right", no_wrap=True)
    table.add_column("")
    for arm, members in _by_arm(rows).items():
        done = [row for row in members if row.state == "done"]
        running = [row for row in members if row.process is not None]
        failed = [row for row in members if row.state == "failed"]
        now = running[-1] if running else None
        state = Text(failed[0].error, style="red") if failed else Text(now.state if now else "")
        table.add_row(
            Text(arm),
            f"{len(done)}/{len(members)}",
            str(now.step) if now else "",
            f"{now.loss:.3f}" if now and now.loss is not None else "",
            state,
        )
    return table


class _Lines:
    """Says once of every run that it is done or failed."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.said: set[int] = set()
        self.is_first = True

    def __call__(self, rows: Sequence[Row]) -> None:
        from rich.text import Text

        for row in rows:
            if id(row) in self.said or row.state not in ("done", "failed"):
                continue
            self.said.add(id(row))
            if self.is_first and row.state == "done":
                continue  # was there before
            failed = Text.assemble(("failed", "red"), f" {row.error}")
            end = failed if row.state == "failed" else "done"
            self.console.print(f"{row.cell.arm}, seed {row.cell.seed}:", end, soft_wrap=True)
        self.is_first = False


def _by_arm(rows: Sequence[Row]) -> dict[str, list[Row]]:
    arms: dict[str, list[Row]] = {}
    for row in rows:
        arms.setdefault(row.cell.arm, []).append(row)
    return arms
