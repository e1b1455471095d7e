"""The losses that a training logs: the means of all steps and of each task, and the terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dipole.training.steps import Step

if TYPE_CHECKING:
    from dipole.training.tasks import Task


class Losses:
    """The losses since the last line of the log."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.names = [task.name for task in tasks]
        self.found: list[list[float]] = [[] for _ in tasks]

    def add(self, task: int, loss: float) -> None:
        """One more step is done."""
        self.found[task].append(loss)

    def means(self) -> dict[str, float]:
        """The mean of all steps, and of those of each task where there are several."""
        every = [loss for found in self.found for loss in found]
        means = {"loss": sum(every) / len(every)}
        for name, found in zip(self.names, self.found, strict=True):
            if name and found:
                means[f"loss/{name}"] = sum(found) / len(found)
        return means


def terms(tasks: Sequence[Task]) -> dict[str, float]:
    """The terms of sums of objectives and the losses of steps of one's own, by name."""
    found: dict[str, float] = {}
    for task in tasks:
        name = "losses" if isinstance(task.objective, Step) else "parts"
        parts = getattr(task.objective, name, None)
        of = f"{task.name}/" if task.name else ""
        found |= {f"loss/{of}{name}": float(value) for name, value in (parts or {}).items()}
    return found
