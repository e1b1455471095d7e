"""What all calls share: a forced executor, a forced tile size, bfloat16 tiles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Literal

from dipole.errors import InputError

Executor = Literal["dense", "tiled", "gathered", "ring"]
EXECUTORS: tuple[Executor, ...] = ("dense", "tiled", "gathered", "ring")

# Up to this many scores the whole matrix fits the cache and plain autograd is as fast.
SMALL = 128 * 128


@dataclass(frozen=True)
class Settings:
    """`executor` None chooses by size and processes; `tile` None chooses by cache.

    `bf16` multiplies matrices in bfloat16, everything else stays as it is; off unless asked for.
    """

    executor: Executor | None = None
    tile: tuple[int, int] | None = None
    bf16: bool = False


_DEFAULT = Settings()
_current: ContextVar[Settings] = ContextVar("dipole_kernel_settings", default=_DEFAULT)


def settings() -> Settings:
    """The settings in force here."""
    return _current.get()


@contextmanager
def using(
    *,
    executor: Executor | None = None,
    tile: tuple[int, int] | None = None,
    bf16: bool | None = None,
) -> Iterator[Settings]:
    """Force settings for every call inside; what is not given stays as it was.

    Example:
        >>> with using(executor="dense"):
        ...     loss = objective(anchor, positive)  # doctest: +SKIP
    """
    check_executor(executor)
    now = settings()
    if executor is None and tile is None and bf16 is None:
        yield now
        return
    chosen = replace(
        now,
        executor=now.executor if executor is None else executor,
        tile=now.tile if tile is None else tile,
        bf16=now.bf16 if bf16 is None else bf16,
    )
    token = _current.set(chosen)
    try:
        yield chosen
    finally:
        _current.reset(token)


def check_executor(name: str | None) -> None:
    """A one-line error for an executor that does not exist."""
    if name is not None and name not in EXECUTORS:
        raise InputError(f"executor: found {name!r}, expected one of {', '.join(EXECUTORS)}")
