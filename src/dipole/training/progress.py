"""What a person sees of a run, and what stays of it: the bar, metrics.jsonl, the trackers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

METRICS = "metrics.jsonl"


def trim_metrics(path: Path, step: int) -> None:
    """Drop the lines of steps after `step`, and a line that a kill cut: they come again."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, KeyError):
            break
    temporary = path.with_suffix(".new")
    temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    temporary.replace(path)


class Metrics:
    """Appends one line of json per logged step, and hands the numbers to the trackers."""

    def __init__(self, path: Path, accelerator: Any) -> None:
        self.path = path
        self.accelerator = accelerator

    def write(self, step: int, values: dict[str, Any]) -> None:
        if not self.accelerator.is_main_process:
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        if self.accelerator.trackers:
            self.accelerator.log(values, step=step)


class Bar:
    """The progress bar: steps, loss, examples per second, time left.

    Without a terminal (a log file, CI) it prints a line now and then instead.
    """

    def __init__(self, total: int, done: int, *, shown: bool) -> None:
        self.console = Console(stderr=True)
        self.total = total
        self.is_live = shown and self.console.is_terminal
        self.prints = shown and not self.is_live
        self.progress = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("{task.fields[speed]} examples/s"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.is_live,
            transient=False,
        )
        self.task = self.progress.add_task(
            "training", total=total, completed=done, loss="-", speed="-"
        )

    def __enter__(self) -> Bar:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def update(self, step: int) -> None:
        """One more step is done."""
        self.progress.update(self.task, completed=step)

    def show(self, step: int, loss: float, speed: float) -> None:
        """New numbers beside the bar."""
        self.progress.update(self.task, loss=f"{loss:.4f}", speed=f"{speed:,.0f}")
        if self.prints and (step == self.total or step % max(self.total // 10, 1) == 0):
            self.console.print(
                f"step {step}/{self.total}  loss {loss:.4f}  {speed:,.0f} examples/s"
            )

    def say(self, text: str) -> None:
        """A line above the bar."""
        if self.is_live or self.prints:
            self.console.print(text, highlight=False)
