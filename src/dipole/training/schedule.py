"""The learning rate as a function of the step, so that there is no state to save."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from dipole.courses import Course

if TYPE_CHECKING:
    from dipole.training.config import Config

Schedule = Literal["linear", "cosine", "constant"]


def rate_at(step: int, *, total: int, warmup: int, schedule: Schedule) -> float:
    """Fraction of the peak learning rate at `step` (0-based) of `total`.

    Rises as (step + 1) / warmup, then falls to zero along a line or half a cosine, or stays.

    >>> [round(rate_at(s, total=5, warmup=2, schedule="linear"), 3) for s in range(5)]
    [0.5, 1.0, 1.0, 0.667, 0.333]
    """
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(total - warmup, 1)
    if schedule == "linear":
        return max(1.0 - done, 0.0)
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))
    return 1.0


def warmup_steps(warmup: float, total: int) -> int:
    """Steps of warm-up: a number of steps, or below 1 a fraction of all steps."""
    return round(warmup * total) if warmup < 1 else int(warmup)


def share_done(step: int, total: int) -> float:
    """How much of a training is done at `step` (0-based): 0 at the first, 1 at the last."""
    return min(step / max(total - 1, 1), 1.0)


def decay_at(config: Config, done: float) -> float:
    """The weight decay when this share of the training is done."""
    found = config.weight_decay
    course = Course.read(found) if isinstance(found, str) else None
    return course.at(done) if course else float(found or 0.0)
