"""A look into a training from outside: functions that are called at every step and validation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

from dipole.errors import InputError


class StopTraining(Exception):  # noqa: N818 (it is no error, as StopIteration is none)
    """Raised in `on_step` or `on_validate`: end the training after this step, in good order.

    The model is measured once more if there is a validation, the run is written as any other, and
    `run.result["stopped"]` has the reason. Of several stages it ends the one that is running.

    Example:
        >>> def enough(record):
        ...     if record.value > 0.9:
        ...         raise StopTraining("good enough")
    """


@dataclass(frozen=True)
class StepRecord:
    """What `on_step` is given: the step that was just done, from 1, of `total`.

    loss: of this batch; learning_rate: that it was made with; gradient_norm: before clipping, None
    with `clip_norm=0`; source: the data set of the batch, "" if there is only one.
    """

    step: int
    total: int
    loss: float
    learning_rate: float
    gradient_norm: float | None
    source: str


@dataclass(frozen=True)
class ValidationRecord:
    """What `on_validate` is given: `value` is that of `measure`, higher is better.

    values: everything that was measured; best: the best value up to here, of step `best_step`.
    """

    step: int
    total: int
    measure: str
    value: float
    values: Mapping[str, float]
    best: float
    best_step: int


OnStep = Callable[[StepRecord], object]
OnValidate = Callable[[ValidationRecord], object]


class _Watching(NamedTuple):
    on_step: OnStep | None = None
    on_validate: OnValidate | None = None


_NOBODY = _Watching()
_watching: ContextVar[_Watching] = ContextVar("watching", default=_NOBODY)


def _takes_one(given: object) -> bool:
    if not callable(given):
        return False
    try:
        inspect.signature(given).bind(None)
    except TypeError:
        return False
    except ValueError:  # of C, without a signature
        pass
    return True


@contextmanager
def watching(
    on_step: OnStep | None = None, on_validate: OnValidate | None = None
) -> Iterator[None]:
    """Call these functions in the trainings of this block; those of a block around it stay where
    nothing is given."""
    for name, given in (("on_step", on_step), ("on_validate", on_validate)):
        if given is not None and not _takes_one(given):
            raise InputError(f"{name}: found {given!r}; expected a function of one record")
    around = _watching.get()
    token = _watching.set(_Watching(on_step or around.on_step, on_validate or around.on_validate))
    try:
        yield
    finally:
        _watching.reset(token)


def sees_steps() -> bool:
    """Whether anybody wants to know of every step."""
    return _watching.get().on_step is not None


def told(record: StepRecord | ValidationRecord) -> str:
    """Tell whoever watches; why the training is to stop, "" if it is not."""
    watcher = _watching.get()
    try:
        if isinstance(record, StepRecord) and watcher.on_step is not None:
            watcher.on_step(record)
        if isinstance(record, ValidationRecord) and watcher.on_validate is not None:
            watcher.on_validate(record)
    except StopTraining as stop:
        return str(stop) or "asked to"
    return ""
