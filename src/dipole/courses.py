"""A setting that changes from the first step to the last: `cosine:0.04:0.4`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from dipole.errors import InputError

Shape = Literal["linear", "cosine"]


@dataclass(frozen=True)
class Course:
    """The value of a setting as a function of the share d of the training that is done.

        linear   start + (end - start) d
        cosine   end + (start - end) (1 + cos(2 pi waves d)) / 2

    Half a wave, if not given, goes from start to end; five waves go there and back five times.

    Sources: of the weight decay, Caron et al. 2021, DINO, arXiv 2104.14294; of the temperature, in
    waves, Kukleva et al. 2023, Temperature Schedules for Self-Supervised Contrastive Methods on
    Long-Tail Data, arXiv 2303.13664.

    Example:
        >>> [round(Course("cosine", 0.1, 0.5).at(d), 3) for d in (0, 0.5, 1)]
        [0.1, 0.3, 0.5]
        >>> [round(Course("cosine", 1, 0.1, waves=2).at(d), 3) for d in (0, 0.25, 0.5)]
        [1.0, 0.1, 1.0]
    """

    shape: Shape
    start: float
    end: float
    waves: float = 0.5

    @classmethod
    def read(cls, text: str) -> Course | None:
        """From `SHAPE:START:END`, of a cosine also `cosine:START:END:WAVES`; None: it is none."""
        shape, *numbers = text.split(":")
        try:
            values = [float(number) for number in numbers]
        except ValueError:
            return None
        most = {"linear": 2, "cosine": 3}.get(shape, 0)
        if not 2 <= len(values) <= most or not all(0 <= v < math.inf for v in values):
            return None
        return cls(shape, *values)  # type: ignore[arg-type]

    def at(self, done: float) -> float:
        """The value when this share of the training is done, 0 to 1."""
        if self.shape == "linear":
            return self.start + (self.end - self.start) * done
        wave = (1 + math.cos(2 * math.pi * self.waves * done)) / 2
        return self.end + (self.start - self.end) * wave


def checked_course(name: str, value: Any, *, above: bool) -> Any:
    """A number as it is, of a text that is a number the number, or a course that can be read.

    above: 0 is no value of the setting.
    """
    if value is None:
        return None
    expected = "expected a number above 0" if above else "expected a number of 0 or more"
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            course = Course.read(value)
            if course is None or (above and min(course.start, course.end) == 0):
                raise InputError(
                    f"{name}: found {value!r}, {expected}, or how it changes: cosine:START:END, "
                    "linear:START:END or cosine:START:END:WAVES"
                ) from None
            return value
    if not isinstance(value, int | float) or value < 0 or (above and value == 0):
        raise InputError(f"{name}: found {value!r}, {expected}")
    if not math.isfinite(value):
        raise InputError(
            f"{name}: found {value}, {expected.replace('a number', 'a finite number')}"
        )
    return value
