"""What a person sees of a run, and what stays of it: the bar, metrics.jsonl, the trackers."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dipole.errors import InputError
from dipole.files import write_text
from dipole.progress import Pace
from dipole.showing import terminal

METRICS = "metrics.jsonl"
# Seconds between two numbers beside a live bar.
_BLINK = 0.5


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
    write_text(path, "".join(f"{line}\n" for line in kept))


def check_trackers(names: Sequence[str]) -> None:
    """Trackers that a run asks for are installed; said before the training, not after it."""
    for name in names:
        module = "torch.utils.tensorboard" if name == "tensorboard" else name
        try:
            importlib.import_module(module)
        except ImportError:
            raise InputError(
                f"--track {name}: {name} is not installed; expected: pip install {name}"
            ) from None


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

    Without a terminal (a log file, CI) it prints a line at every tenth of the steps and every 30
    seconds instead. Loss and speed are means since it last showed them.
    """

    def __init__(self, total: int, done: int, *, shown: bool) -> None:
        self.console = terminal(error=True)
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
        self.pace = Pace(done)
        self._forget()

    def __enter__(self) -> Bar:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def update(self, step: int, loss: float, examples: int) -> None:
        """One more step is done, of so many examples."""
        self.losses.append(loss)
        self.examples += examples
        passed = time.monotonic() - self.since
        if self.is_live and (passed > _BLINK or step == self.total):
            mean, speed = self._means(passed)
            self.progress.update(
                self.task, completed=step, loss=f"{mean:.4f}", speed=f"{speed:,.0f}"
            )
        elif self.prints and self.pace.is_due(step, self.total):
            mean, speed = self._means(passed)
            self.console.print(
                f"step {step}/{self.total}  loss {mean:.4f}  {speed:,.0f} examples/s"
            )

    def say(self, text: str) -> None:
        """A line above the bar."""
        if self.is_live or self.prints:
            self.console.print(text)

    def _means(self, passed: float) -> tuple[float, float]:
        """Loss of a step and examples per second since the last time, which is now."""
        means = sum(self.losses) / len(self.losses), self.examples / max(passed, 1e-9)
        self._forget()
        return means

    def _forget(self) -> None:
        self.losses: list[float] = []
        self.examples = 0
        self.since = time.monotonic()
